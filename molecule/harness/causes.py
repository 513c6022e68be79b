# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tests of every fault of an incident: named with `--check`, which leaves it; mended and proven; left alone by another run when mended.

A fault whose outcome is `escalated` is named, and nothing is touched: it waits for a person. One that is `healthy` is told and harmless.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from leaks import Arguments, files_of, leaks
from playbook import Player, Run
from sandbox import SECRETS, Sandbox, Snapshot, faults

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.cause_catalog import all_causes

CAUSES = {cause["id"]: cause for cause in all_causes()}


@dataclass(frozen=True)
class Story:
    """One fault from its beginning to the run after its end."""

    expect: dict[str, Any]
    broken: Snapshot
    checked: Run
    after_check: Snapshot
    still_bites: bool
    mended: Run
    after: Snapshot
    healthy: bool
    again: Run
    after_again: Snapshot
    leaked: list[str]

    @property
    def cause(self) -> str:
        """The cause that the fault is."""
        return str(self.expect["cause"])

    @property
    def mends(self) -> bool:
        """Whether the fault is one that the run mends."""
        return bool(self.expect["outcome"] == "resolved")


@pytest.fixture(scope="module")
def story(request: pytest.FixtureRequest, sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """The fault, a run with --check, a real run, another run: once for all tests of this fault."""
    fault = request.param
    expect, incident = (faults.load(fault)[key] for key in ("expect", "incident"))
    player = Player(tmp_path_factory.mktemp(fault) / "records", incident)
    secrets = {name: sandbox.env[name] for name in SECRETS} | sandbox.square_tokens
    secrets["the role's verifier"] = sandbox.psql(f"SELECT rolpassword FROM pg_authid WHERE rolname = '{sandbox.env['POSTGRES_USER']}'")  # noqa: S608
    assert secrets["the role's verifier"].startswith("SCRAM-SHA-256$")
    with sandbox.fault(fault):
        broken = sandbox.snapshot()
        secrets["the password under the fault"] = sandbox.env["POSTGRES_PASSWORD"]
        with Arguments() as arguments:
            # As talkative as it can be made.
            checked = player.play("--check", "--diff", "-vvvv")
            after_check, still_bites = sandbox.snapshot(), sandbox.bites_within(fault, 10)
            mended = player.play("--diff", "-vvvv")
        # Some remedies make new ones.
        secrets |= {f"{name} afterwards": sandbox.env[name] for name in SECRETS}
        healthy, after = sandbox.is_healthy(), sandbox.snapshot()
        assert arguments.looks > 10
        places = {"the output of --check": checked.output, "the output": mended.output, "arguments": arguments.text}
        leaked = leaks(places | files_of(player.records), secrets)
        # What waits for a person was left as it is: another run would be the same one.
        again = mended if expect["outcome"] == "escalated" else player.play("-v")
        after_again = sandbox.snapshot()
        yield Story(expect, broken, checked, after_check, still_bites, mended, after, healthy, again, after_again, leaked)


def failed_with(run: Run) -> str:
    """What to look at when an assertion about a run fails."""
    return f"{' '.join(run.command)} ended with {run.status}\n{run.output}"


def test_check_names_cause_and_plan(story: Story) -> None:
    """--check makes the whole diagnosis: the right cause first, the plan named, or why nothing is planned."""
    record = story.checked.record
    assert story.checked.status == 0, failed_with(story.checked)
    assert record.outcome == ("healthy" if story.expect["outcome"] == "healthy" else "diagnosed")
    assert record.causes[0] == story.cause
    assert story.cause in story.checked.stdout
    if story.mends:
        remedy = CAUSES[story.cause]["remedy"]
        assert record.events("plan")[0].startswith(f"{remedy} ("), record.content["timeline"]
        assert remedy in story.checked.stdout
    else:
        assert record.events("plan") == []
        assert record.events("left", "harmless")


def test_check_changes_nothing(story: Story) -> None:
    """Containers, files, database and volumes are as the fault left them, and it still bites."""
    assert story.after_check.changes_since(story.broken) == {}
    assert story.still_bites
    assert story.checked.changed == 0
    assert story.checked.record.content["changes"] == []


def test_run(story: Story) -> None:
    """The cause comes first; what the run did, it says; the service serves at the very moment a run ends that mended it."""
    record = story.mended.record
    assert story.mended.status == (2 if story.expect["outcome"] == "escalated" else 0), failed_with(story.mended)
    assert record.outcome == story.expect["outcome"]
    assert record.causes[0] == story.cause
    assert all(change["component"] and change["action"] and change["undo"] for change in record.content["changes"])
    if story.mends:
        assert {finding["status"] for finding in record.content["findings"]} == {"mended"}
        assert record.content["changes"]
        # The remedy may be to wait.
        assert story.mended.changed > 0 or story.expect.get("waits")
        assert story.healthy
    else:
        assert record.content["changes"] == []
        assert story.mended.changed == 0


def test_only_what_is_broken_is_touched(story: Story) -> None:
    """`expect.touches` names the only components that may be different, `expect.restarts` the only containers with a new life."""
    changes = story.after.changes_since(story.broken)
    touches = set(story.expect["touches"])
    assert changes.keys() <= touches | ({"database"} if "postgres" in touches else set()), changes
    restarted = {
        name
        for name, container in story.after.containers.items()
        if name not in story.broken.containers or container.started_at != story.broken.containers[name].started_at
    }
    assert restarted <= set(story.expect.get("restarts", [])), changes


def test_writes_and_rows(story: Story, sandbox: Sandbox, seeded_rows: str) -> None:
    """A row goes through nginx, the backend and its pool into the database, and all that was seeded is there unchanged."""
    # What waits for a person may have no database to ask; the rows are counted again when all faults are taken back.
    if story.mends:
        sandbox.prove_write()
        assert sandbox.rows() == seeded_rows


def test_lock_is_given_back(story: Story, sandbox: Sandbox) -> None:
    """Nobody has to wait for its expiry."""
    assert story.mended.record.outcome
    assert not sandbox.lock_file.exists()


def test_record(story: Story) -> None:
    """Private, with evidence that is proven by its checksums, and a report that names the cause."""
    record = story.mended.record
    assert record.wrong_modes() == []
    names = record.evidence()
    assert "observations.json" in names
    assert any("postgres" in name for name in names), names
    assert any("backend" in name for name in names), names
    assert story.cause in record.report
    assert CAUSES[story.cause]["title"] in record.report
    assert story.expect["outcome"].capitalize() in record.report
    assert record.events("opened")
    assert record.events(story.expect["outcome"])


def test_no_secret_leaves(story: Story) -> None:
    """Not at -vvvv with --diff, not in the record, not in the arguments of any process. test_secrets.py proves that the search finds."""
    assert story.leaked == []


def test_second_run_leaves_it_alone(story: Story) -> None:
    """What is mended is healthy: no change by the run's own count, and none to be seen. What waits for a person is as it was."""
    if story.mends or story.expect["outcome"] == "healthy":
        assert story.again.status == 0, failed_with(story.again)
        assert story.again.record.outcome == "healthy"
        assert story.again.changed == 0
    assert story.after_again.changes_since(story.after) == {}
