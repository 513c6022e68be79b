# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`kill -9` of a run at the points where a remedy has done half of its work: nothing is lost, and the next run ends what is left."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from playbook import SECONDS, Player, Run
from sandbox import POLL_SECONDS, Sandbox, Snapshot

Point = Callable[[Sandbox, Run, Snapshot], bool]


def told(event: str) -> Point:
    """The run has written this event into its record."""

    def look(_sandbox: Sandbox, run: Run, _broken: Snapshot) -> bool:
        return (run.records / "latest").exists() and bool(run.record.events(event))

    return look


def env_file_written(sandbox: Sandbox, _run: Run, broken: Snapshot) -> bool:
    """The env file is another one than under the fault."""
    return sandbox.digest(sandbox.env_file) != broken.files[sandbox.env_file.name]


def backend_replaced(sandbox: Sandbox, _run: Run, broken: Snapshot) -> bool:
    """The old container is gone; the new one is there or not yet."""
    found = sandbox.containers().get("backend")
    return found is None or found.identity != broken.containers["backend"].identity


def backend_restarted(sandbox: Sandbox, _run: Run, broken: Snapshot) -> bool:
    """The backend begins another life in the same container, by itself, since its sessions were ended."""
    return sandbox.containers()["backend"].started_at != broken.containers["backend"].started_at


def postgres_down(sandbox: Sandbox, _run: Run, _broken: Snapshot) -> bool:
    """PostgreSQL has been stopped for the sake of the remedy."""
    return sandbox.state("postgres") == "exited"


def postgres_up(sandbox: Sandbox, _run: Run, _broken: Snapshot) -> bool:
    """PostgreSQL has been started; nobody has looked at it yet."""
    return sandbox.state("postgres") == "running"


def one_shot_there(sandbox: Sandbox, _run: Run, _broken: Snapshot) -> bool:
    """The container of the single-user mode is there."""
    return sandbox.one_shot in sandbox.containers()


def role_altered(sandbox: Sandbox, run: Run, _broken: Snapshot) -> bool:
    """The container of the single-user mode has ended after it was seen at work, and PostgreSQL is still down."""
    state = sandbox.state(sandbox.one_shot)
    if state == "running":
        run.seen.add("one-shot")
    return "one-shot" in run.seen and state != "running"


def setting_reset(sandbox: Sandbox, _run: Run, broken: Snapshot) -> bool:
    """The database's setting is gone, and the backend's sessions that kept it are ended."""
    return sandbox.database_state() != broken.database


POINTS: list[tuple[str, str, Point]] = [
    ("app_password_wrong", "evidence-kept", told("kept")),
    ("app_password_wrong", "act-begun", told("act")),
    ("app_password_wrong", "env-file-written", env_file_written),
    ("app_password_wrong", "backend-replaced", backend_replaced),
    ("role_nologin", "act-begun", told("act")),
    ("role_nologin", "postgres-down", postgres_down),
    ("role_nologin", "one-shot-there", one_shot_there),
    ("role_nologin", "role-altered", role_altered),
    ("postgres_stopped", "act-begun", told("act")),
    ("postgres_stopped", "postgres-up", postgres_up),
    ("database_read_only", "setting-reset", setting_reset),
    ("database_read_only", "backend-restarted", backend_restarted),
]


def kill_at(point: Point, sandbox: Sandbox, run: Run, broken: Snapshot) -> None:
    """Watch the run and kill it at the point; a run that ends before it has proven nothing."""
    deadline = time.monotonic() + SECONDS
    try:
        while not point(sandbox, run, broken):
            assert run.process.poll() is None, f"the run ended before it could be killed:\n{run.output}"
            assert time.monotonic() < deadline, f"the point did not come:\n{run.output}"
            time.sleep(POLL_SECONDS / 5)
    finally:
        run.kill()


@pytest.mark.parametrize(("fault", "point"), [(fault, point) for fault, _name, point in POINTS], ids=[f"{p[0]}-{p[1]}" for p in POINTS])
def test_next_run_converges(sandbox: Sandbox, player: Player, seeded_rows: str, fault: str, point: Point) -> None:
    """The killed run left its story and its lock; the next takes the lock over, ends what is left, and nothing is lost."""
    sane = sandbox.snapshot()
    with sandbox.fault(fault):
        broken = sandbox.snapshot()
        killed = player.start()
        kill_at(point, sandbox, killed, broken)

        record = killed.record
        assert record.outcome is None
        assert record.events("opened")
        assert record.wrong_modes() == []
        assert fault in record.causes or not record.events("cause")
        assert sandbox.lock_file.exists()

        after = player.play()
        assert after.status == 0, after.output
        assert after.record.outcome in ("resolved", "healthy"), after.output
        assert record.content["id"] in " ".join(after.record.events("lock"))
        assert record.outcome is None

        assert sandbox.is_healthy()
        sandbox.prove_write()
        assert sandbox.rows() == seeded_rows
        assert sandbox.containers().keys() == sane.containers.keys()
        assert sandbox.digest(sandbox.env_file) == sane.files[sandbox.env_file.name]
        assert sandbox.volumes() == sane.volumes
        assert not sandbox.lock_file.exists()
