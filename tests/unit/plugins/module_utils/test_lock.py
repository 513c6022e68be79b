# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lock of a stack: who holds it, who may take it over, what the second run is told."""

from __future__ import annotations

import os
import subprocess
from datetime import datetime, timedelta, timezone

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import lock
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError


def held_by(pid: int, seconds: int = 600) -> dict[str, object]:
    return lock.read(lock.claim("20261123-1-db_failure-ab12", pid, "deploy", seconds), "/run/lock/x")


def test_a_live_owner_keeps_its_lock() -> None:
    held = held_by(os.getpid())
    assert lock.stale(held) is None
    # A long run outlives the time after which a lock expires whose owner nobody can look up.
    assert lock.stale(held, datetime.now(timezone.utc) + timedelta(seconds=601)) is None


def test_the_lock_of_a_dead_process_may_be_taken() -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        held = held_by(process.pid)
        assert lock.stale(held) is None
        process.kill()
    assert "has ended" in str(lock.stale(held))


def test_a_process_that_is_dead_and_not_yet_reaped_counts_as_ended() -> None:
    with subprocess.Popen(["true"]) as process:
        held = {**held_by(process.pid), "ticks": "1"}
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert lock.start_ticks(process.pid) is None
        assert "has ended" in str(lock.stale(held))


def test_a_pid_that_was_used_again_is_another_process() -> None:
    held = {**held_by(os.getpid()), "ticks": "1"}
    assert "has ended" in str(lock.stale(held))


def test_an_owner_on_another_machine_is_believed_until_the_lock_expires() -> None:
    held = {**held_by(1), "boot": "another boot", "ticks": "1"}
    assert lock.stale(held) is None
    later = datetime.now(timezone.utc) + timedelta(seconds=601)
    assert "expired" in str(lock.stale(held, later))


@pytest.mark.parametrize("text", ["", "not json", "[]", "{}", '{"expires_at": "tomorrow"}'])
def test_a_file_that_is_no_lock_is_refused_by_name(text: str) -> None:
    with pytest.raises(IncidentError, match="/run/lock/x cannot be read"):
        lock.read(text, "/run/lock/x")


def test_the_second_run_is_told_the_first_by_name() -> None:
    sentence = lock.refusal(held_by(4711))
    assert "20261123-1-db_failure-ab12" in sentence
    assert "deploy@" in sentence
    assert "4711" in sentence


def test_each_project_has_a_lock_of_its_own() -> None:
    assert lock.lock_path("/run/lock/", "a") == "/run/lock/circuit-sage-incident-a.lock"
    assert lock.lock_path("/run/lock", "a") != lock.lock_path("/run/lock", "b")
