# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run promises (docs/contract.md): looking changes nothing, limits and holds are kept, the unknown is left alone, one at a time."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from playbook import Player, Run
from sandbox import Sandbox, eventually


def last_words(run: Run) -> str:
    """The last thing that the run says of its outcome, on one line."""
    return run.said().rpartition(" escalated ")[2]


def assert_left_alone(run: Run, changes: dict[str, str]) -> None:
    """The run escalated, without a change by its own word or to be seen, and kept the evidence."""
    assert run.status != 0, run.output
    assert run.record.outcome == "escalated", run.output
    assert run.record.content["changes"] == []
    assert run.record.events("act") == []
    assert changes == {}
    assert "observations.json" in run.record.evidence()


# Healthy


@pytest.mark.parametrize("arguments", [(), ("--check",), ("-e", "incident_mode=diagnose")], ids=["run", "check", "diagnose"])
def test_healthy_is_left_alone(sandbox: Sandbox, player: Player, arguments: tuple[str, ...]) -> None:
    """Whichever way it is asked: outcome healthy, no change by its own count, and none to be seen."""
    before = sandbox.snapshot()
    run = player.play("-v", *arguments)
    assert run.status == 0, run.output
    assert run.record.outcome == "healthy"
    assert run.changed == 0
    assert sandbox.snapshot().changes_since(before) == {}
    assert run.record.wrong_modes() == []
    assert not sandbox.lock_file.exists()


# Limits, holds and approval


@pytest.fixture
def hold(sandbox: Sandbox) -> Iterator[str]:
    """Somebody keeps the system as it is."""
    reason = "kept for the police until Friday"
    sandbox.hold_file.write_text(f"{reason}\n", encoding="utf-8")
    yield reason
    sandbox.hold_file.unlink()


def test_paused_with_diagnose_hold_and_approval(sandbox: Sandbox, player: Player, hold: str) -> None:
    """`diagnose` names the cause and changes nothing; a hold keeps it paused and says how to approve; who approves gets it mended."""
    with sandbox.fault("postgres_paused"):
        broken = sandbox.snapshot()

        looked = player.play("-e", "incident_mode=diagnose")
        assert looked.status == 0, looked.output
        assert looked.record.outcome == "diagnosed"
        assert looked.record.causes == ["postgres_paused"]
        assert sandbox.snapshot().changes_since(broken) == {}

        held = player.play()
        assert_left_alone(held, sandbox.snapshot().changes_since(broken))
        assert hold in last_words(held)
        assert "incident_approve=postgres_paused" in last_words(held)

        approved = player.play("-e", "incident_approve=postgres_paused")
        assert approved.status == 0, approved.output
        assert approved.record.outcome == "resolved"
        assert sandbox.is_healthy()


def test_hold_keeps_a_role_without_login(sandbox: Sandbox, player: Player, hold: str) -> None:
    """It may have been locked on purpose: PostgreSQL is not even stopped."""
    with sandbox.fault("role_nologin"):
        broken = sandbox.snapshot()
        held = player.play()
        assert_left_alone(held, sandbox.snapshot().changes_since(broken))
        assert held.record.causes[0] == "role_nologin"
        assert hold in last_words(held)


def test_risk_limit(sandbox: Sandbox, player: Player) -> None:
    """Above the limit nothing is done and the last message says how to approve; what is approved by name is done below the same limit."""
    with sandbox.fault("database_not_accepting"):
        broken = sandbox.snapshot()
        stopped = player.play("-e", "incident_risk_limit=safe")
        assert_left_alone(stopped, sandbox.snapshot().changes_since(broken))
        assert stopped.record.causes == ["database_not_accepting"]
        assert "incident_approve=database_not_accepting" in last_words(stopped)

        approved = player.play("-e", "incident_risk_limit=safe", "-e", "incident_approve=database_not_accepting")
        assert approved.status == 0, approved.output
        assert approved.record.outcome == "resolved"


# The unknown, and what looks like a known cause and is none


@dataclass(frozen=True)
class Oddity:
    """A fault that no cause describes, as SQL to the database `postgres`; `{role}` and `{database}` are filled in."""

    inject: str
    revert: str
    words: str


# The server says of it "password authentication failed", as of a wrong one.
EXPIRED = Oddity(
    """ALTER ROLE "{role}" VALID UNTIL '2001-01-01'""",
    """UPDATE pg_authid SET rolvaliduntil = NULL WHERE rolname = '{role}'""",
    "has expired",
)

ODDITIES = {
    "search_path_elsewhere": Oddity(
        """ALTER ROLE "{role}" SET search_path = nowhere""", """ALTER ROLE "{role}" RESET search_path""", "does not exist"
    ),
    # Read only for the role and not for the database: to reset the database's setting would change nothing.
    "role_read_only": Oddity(
        """ALTER ROLE "{role}" SET default_transaction_read_only = on""",
        """SET default_transaction_read_only = off; ALTER ROLE "{role}" RESET default_transaction_read_only""",
        "read-only transaction",
    ),
}


@contextmanager
def odd(sandbox: Sandbox, oddity: Oddity) -> Iterator[None]:
    """Bring it about and take it back."""
    names = {"role": sandbox.env["POSTGRES_USER"], "database": sandbox.env["POSTGRES_DB"]}
    said = sandbox.psql(oddity.inject.format(**names))
    assert "ERROR" not in said, said
    try:
        yield
    finally:
        said = sandbox.psql(oddity.revert.format(**names))
        assert "ERROR" not in said, said
        sandbox.restore()


@pytest.mark.parametrize("name", ODDITIES)
def test_unknown_fault_is_left_alone(sandbox: Sandbox, player: Player, name: str) -> None:
    """No cause is made up for it, evidence is kept, nothing is touched, and the last message says what was seen."""
    with odd(sandbox, ODDITIES[name]):
        broken = sandbox.snapshot()
        run = player.play()
        assert_left_alone(run, sandbox.snapshot().changes_since(broken))
        assert run.record.causes == []
        assert "unknown" in last_words(run)
        assert ODDITIES[name].words in last_words(run)
        assert ODDITIES[name].words in run.record.report


def test_an_expired_password_is_told_from_a_wrong_one(sandbox: Sandbox, player: Player) -> None:
    """Nobody has recorded until when it was to hold: it is named, and a person says until when."""
    with odd(sandbox, EXPIRED):
        broken = sandbox.snapshot()
        run = player.play()
        assert_left_alone(run, sandbox.snapshot().changes_since(broken))
        assert run.record.causes == ["password_expired"]
        assert EXPIRED.words in run.said()
        assert "VALID UNTIL" in last_words(run)


def test_a_stopped_backend_is_started_whoever_is_asked(sandbox: Sandbox, player: Player) -> None:
    """Somebody stopped it, and the database is well: service_outage's cause is named and mended, and nothing else is touched."""
    sandbox.docker.api.stop(sandbox.backend_container, timeout=2)
    try:
        broken = sandbox.snapshot()
        run = player.play()
        assert (run.status, run.record.outcome, run.record.causes) == (0, "resolved", ["backend_stopped"]), run.output
        assert sandbox.snapshot().changes_since(broken).keys() == {"backend"}
    finally:
        sandbox.docker.api.start(sandbox.backend_container)
        sandbox.restore()


def test_the_frontend_gets_its_network_back(sandbox: Sandbox, player: Player) -> None:
    """With the address that the compose file gives it; nothing is restarted."""
    name = f"{sandbox.project}-frontend"
    (attached,) = sandbox.docker.containers.get(name).attrs["NetworkSettings"]["Networks"].items()
    network = sandbox.docker.networks.get(attached[0])
    network.disconnect(name)
    try:
        broken = sandbox.snapshot()
        run = player.play()
        assert (run.status, run.record.outcome, run.record.causes) == (0, "resolved", ["network_detached"]), run.output
        assert sandbox.snapshot().changes_since(broken).keys() == {"frontend"}
        now = sandbox.docker.containers.get(name).attrs["NetworkSettings"]["Networks"]
        assert now[attached[0]]["IPAddress"] == attached[1]["IPAddress"]
    finally:
        if attached[0] not in sandbox.docker.containers.get(name).attrs["NetworkSettings"]["Networks"]:
            network.connect(name, aliases=["frontend"], ipv4_address=attached[1]["IPAddress"])
        sandbox.restore()


def test_idle_transaction_that_blocks_nobody(sandbox: Sandbox, player: Player) -> None:
    """It is nobody's fault and nobody waits: healthy, and it is still there afterwards."""
    with open_transaction(sandbox, "LOCK TABLE users IN ACCESS SHARE MODE") as pid:
        run = player.play()
        assert run.status == 0, run.output
        assert run.record.outcome == "healthy"
        assert sandbox.psql(f"SELECT state FROM pg_stat_activity WHERE pid = {pid}") == "idle in transaction"  # noqa: S608


@contextmanager
def open_transaction(sandbox: Sandbox, statement: str) -> Iterator[int]:
    """A psql in the database's container that sits in a transaction; its backend's process id."""
    command = ["docker", "exec", "-i", sandbox.postgres_container, "psql", "-XqAt", "-U", sandbox.env["POSTGRES_USER"]]
    command += ["-d", sandbox.env["POSTGRES_DB"]]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(f"BEGIN; {statement}; SELECT pg_backend_pid();\n")
        process.stdin.flush()
        try:
            yield int(process.stdout.readline())
        finally:
            process.stdin.close()
            process.wait(timeout=10)


# Two causes at once


@pytest.mark.parametrize(
    ("injected", "causes"),
    [
        (("database_read_only", "postgres_stopped"), ["postgres_stopped", "database_read_only"]),
        (("role_nologin", "postgres_paused"), ["postgres_paused", "role_nologin"]),
        (("app_password_wrong", "network_detached"), ["network_detached", "app_password_wrong"]),
    ],
    ids="+".join,
)
def test_two_causes_in_one_run(sandbox: Sandbox, player: Player, injected: tuple[str, ...], causes: list[str]) -> None:
    """Both are named, the one that hides the other first, and one run mends both in this order."""
    with sandbox.fault(*injected):
        run = player.play()
        assert run.status == 0, run.output
        assert run.record.outcome == "resolved"
        assert [cause for cause in run.record.causes if cause in causes] == causes
        planned = [text.partition(" (")[0] for text in run.record.events("plan")]
        assert len(planned) == len(set(planned))
        assert sandbox.is_healthy()
        sandbox.prove_write()


# One run at a time


def claim(**changes: Any) -> str:
    """A lock as another machine's run holds it now."""
    now = datetime.now(timezone.utc)
    held = {"incident": "20260101-000000-db_failure-beef", "owner": "somebody@elsewhere", "pid": 4711, "boot": "another", "ticks": "1"}
    held |= {"taken_at": now.isoformat(timespec="seconds"), "expires_at": (now + timedelta(minutes=30)).isoformat(timespec="seconds")}
    return json.dumps(held | changes)


@pytest.fixture
def lock(sandbox: Sandbox) -> Iterator[Path]:
    """The path of the lock, with nothing left there afterwards."""
    assert not sandbox.lock_file.exists()
    yield sandbox.lock_file
    sandbox.lock_file.unlink(missing_ok=True)


def test_two_runs_at_once(sandbox: Sandbox, tmp_path: Path) -> None:
    """The first mends; the second refuses at once, names the first's incident and touches nothing."""
    with sandbox.fault("postgres_stopped"):
        first = Player(tmp_path / "first", "db_failure").start()
        eventually(sandbox.lock_file.exists, 60, "the first run has the lock")
        second = Player(tmp_path / "second", "db_failure").play()
        refused_while_first_ran = first.process.poll() is None
        first.wait()
        assert refused_while_first_ran, "the first run had ended before the second; nothing was tried"
        assert first.status == 0, first.output
        assert first.record.outcome == "resolved"
        assert second.status != 0
        assert first.record.content["id"] in second.said()
        assert second.record.outcome == "escalated"
        assert second.record.events("seen", "act") == []
        assert not sandbox.lock_file.exists()


def test_lock_of_another_machine_is_respected(sandbox: Sandbox, player: Player, lock: Path) -> None:
    """Its process cannot be looked up, so it is believed until it expires. Who only looks is told, and may look."""
    lock.write_text(claim(), encoding="utf-8")
    before = sandbox.snapshot()
    refused = player.play()
    assert refused.status != 0
    assert "20260101-000000-db_failure-beef" in refused.said()
    assert "somebody@elsewhere" in refused.said()
    looked = player.play("--check")
    assert looked.status == 0, looked.output
    assert "20260101-000000-db_failure-beef" in looked.said()
    assert lock.read_text(encoding="utf-8").count("beef") == 1
    assert sandbox.snapshot().changes_since(before) == {}


def test_stale_locks_are_taken_over(player: Player, lock: Path) -> None:
    """That of a process on this machine that has ended, and that of another machine that has expired."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    ended = subprocess.Popen(["true"])
    ended.wait(timeout=10)
    stale = {
        "has ended": claim(pid=ended.pid, boot=boot, ticks="12345"),
        "expired": claim(expires_at=(datetime.now(timezone.utc) - timedelta(seconds=1)).isoformat(timespec="seconds")),
    }
    for reason, content in stale.items():
        lock.write_text(content, encoding="utf-8")
        run = player.play()
        assert run.status == 0, run.output
        assert run.record.outcome == "healthy"
        assert reason in " ".join(run.record.events("lock"))
        assert "20260101-000000-db_failure-beef" in " ".join(run.record.events("lock"))
        assert not lock.exists()


@pytest.mark.parametrize("content", ["garbage\n", "", "[]", '{"incident": "x"}'], ids=["text", "empty", "list", "half"])
def test_garbage_lock_is_refused(sandbox: Sandbox, player: Player, lock: Path, content: str) -> None:
    """Whoever wrote it, it is not ours to remove: the path is named."""
    lock.write_text(content, encoding="utf-8")
    before = sandbox.snapshot()
    run = player.play()
    assert run.status != 0
    assert str(lock) in run.said()
    assert "Traceback" not in run.output
    assert lock.read_text(encoding="utf-8") == content
    assert sandbox.snapshot().changes_since(before) == {}
