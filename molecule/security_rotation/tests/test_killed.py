# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rotation that is killed with -9, after each of its steps and anywhere: the next one ends it, and no secret is lost."""

from __future__ import annotations

import random
import time

import pytest
from made_system import MadeSystem

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.rotation_journal import STEPS, STEPS_BACK


# With one role the steps differ from where the file is written.
@pytest.mark.parametrize(("method", "steps"), [("alternating", STEPS), ("single", ("credentials_set", "file_written", "proven"))])
def test_killed_after_each_step_it_is_ended_by_the_next_run(system: MadeSystem, method: str, steps: tuple[str, ...]) -> None:
    """Forward, since nothing failed; each rotation begins where the one before has ended."""
    for step in steps:
        before = system.env
        # After the last step there is little left to do, and the run may have ended before it is killed.
        assert system.killed_at(step, database_method=method) or step == "published", step
        if system.journal["ended"] is None:
            system.assert_nothing_is_unknown()
            system.rotate(database_method=method)
        system.assert_whole()
        assert system.journal["ended"] == "finished", step
        assert all(system.env[name] != before[name] for name in ("POSTGRES_PASSWORD", "JWT_SECRET", "ENCRYPTION_KEY")), step
        assert (system.env["POSTGRES_USER"] != before["POSTGRES_USER"]) == (method == "alternating"), step


@pytest.mark.parametrize(("method", "steps"), [("alternating", STEPS_BACK), ("single", STEPS_BACK[:2])])
def test_killed_on_the_way_back_it_goes_on_back(system: MadeSystem, method: str, steps: tuple[str, ...]) -> None:
    """The proof fails in the first run only, and still the second one does not turn round."""
    before = system.env
    for step in steps:
        system.killed_at(step, fails=True, database_method=method)
        system.assert_nothing_is_unknown()
        if system.journal["ended"] is None:
            system.rotate(database_method=method)
        system.assert_whole()
        assert system.journal["ended"] == "rolled back", step
        assert system.env == before, step


@pytest.mark.parametrize("fails", [False, True], ids=["forward", "back"])
def test_what_is_stored_until_the_end_of_a_backend_is_brought_over(system: MadeSystem, fails: bool) -> None:
    """Under the key that the backend has which is made anew: the old one on the way forward, the new one on the way back."""
    system.rotate(fails=fails, stores="connected meanwhile")
    assert system.journal["ended"] == ("rolled back" if fails else "finished")
    found = system.decrypted(system.env["ENCRYPTION_KEY"])
    assert [value for place, value in found.items() if system.plain[place] != value] == ["connected meanwhile"]


def test_killed_anywhere_twenty_times(system: MadeSystem) -> None:
    """At random moments, with both ways and both methods, and sometimes again while the kill before is made good."""
    seed = random.randrange(10**6)  # noqa: S311 - no secret
    print(f"seed {seed}")
    chance = random.Random(seed)  # noqa: S311 - no secret
    started = time.monotonic()
    system.rotate()
    whole = time.monotonic() - started
    for _kill in range(20):
        given = {"database_method": chance.choice(["alternating", "single"]), "fails": chance.random() < 0.3}
        process = system.start(**given)
        # The first part is the start of Python.
        time.sleep(chance.uniform(0.2, 1.0) * whole)
        process.kill()
        process.wait(timeout=10)
        if system.journal.get("ended") is None:
            system.assert_nothing_is_unknown()
        if chance.random() < 0.7:
            system.rotate()
            system.assert_whole()
    system.rotate()
    system.assert_whole()
