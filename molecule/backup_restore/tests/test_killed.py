# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`kill -9` of the whole of backup.yml and of restore.yml, when something certain has been written; the next run goes on from there."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from copies import Copies
from customer import CLOSED
from playbook import SECONDS, Player, Run
from sandbox import Sandbox, eventually
from test_restore import MARK, MARKS, SITE, UNMARK

POLL_SECONDS = 0.005


@pytest.fixture
def marked(sandbox: Sandbox, copies: Copies) -> Iterator[None]:
    """A row that no backup has tells the database in use before from the restored one."""
    sandbox.psql(MARK, copies.database)
    yield
    sandbox.psql(UNMARK, copies.database)


def kill_when(run: Run, written: Callable[[Run], object], what: str) -> None:
    """Kill it at once; a run that ends before has proven nothing."""
    deadline = time.monotonic() + SECONDS
    try:
        while not written(run):
            assert run.process.poll() is None, f"the run ended before {what}:\n{run.output}"
            assert time.monotonic() < deadline, f"not within {SECONDS} s: {what}\n{run.output}"
            time.sleep(POLL_SECONDS)
    finally:
        run.kill()


def events(run: Run, name: str) -> list[str]:
    """Those of a record that may not be there yet."""
    return run.record.events(name) if (run.records / "latest" / "incident.json").exists() else []


def test_killed_backups_leave_no_half_one(player: Player, copies: Copies, proven: Path, seeded_rows: str) -> None:
    """While the dump is written, while it is restored to be compared, and when it has its name: what has a name is whole, at any moment."""
    kept, life = copies.take(proven).name, copies.server_life()
    with copies.names() as names:
        points: dict[str, Callable[[Run], object]] = {
            "the dump is written": lambda _run: [one for one in copies.folder.glob(".passing-*/database.dump") if one.stat().st_size],
            "it is restored": lambda _run: f"{copies.database}_backup_check" in names(),
            "it has its name": lambda _run: [name for name in copies.in_folder() if not name.startswith(".") and name != kept],
        }
        for what, written in points.items():
            run = player.start("-e", f"circuit_sage_backup_dir={copies.folder}", playbook="playbooks/backup.yml")
            kill_when(run, written, what)
            assert run.record.outcome is None
            for name in copies.in_folder():
                if not name.startswith("."):
                    copies.look(backup=name)
            eventually(lambda: not copies.programs(), 10, "no program is at work in the container")
    named = [name for name in copies.in_folder() if not name.startswith(".")]
    assert len(named) == 2 and kept in named

    done = player.play("-e", f"circuit_sage_backup_dir={copies.folder}", playbook="playbooks/backup.yml")
    assert (done.status, done.record.outcome) == (0, "resolved"), done.output
    assert len(copies.in_folder()) == 3 and set(named) < set(copies.in_folder())
    assert copies.databases() == copies.there
    assert copies.server_life() == life


def test_killed_restores_never_lose_the_old_database(sandbox: Sandbox, player: Player, copies: Copies, proven: Path, marked: None) -> None:
    """While the backup is restored beside, when the application is closed, when the names are exchanged; undo gives it back."""
    copies.take(proven)
    old, life = copies.there[copies.database], copies.server_life()
    site = sandbox.on_edge(SITE)
    given = {
        "circuit_sage_backup_dir": str(copies.folder),
        "restore_database": copies.database,
        "incident_approve": "restore",
        "restore_safety_dump": False,
    }
    killed = ""
    with copies.names() as names:
        # When it is killed, whether the database in use is the old one then, whether the application is closed.
        points: tuple[tuple[str, Callable[[Run], object], str, bool], ...] = (
            ("it is restored beside", lambda _run: f"{copies.database}_restore" in names(), "1", False),
            ("it is closed", lambda run: events(run, "proof"), "1", True),
            ("the names are exchanged", lambda _run: [name for name in names() if "_before_" in name], "0", True),
        )
        for what, written, in_use, closed in points:
            run = player.start("-e", json.dumps(given), playbook="playbooks/restore.yml")
            kill_when(run, written, what)
            assert run.record.outcome is None
            assert old in copies.databases().values()
            assert sandbox.psql(MARKS, copies.database) == in_use
            assert (sandbox.ask(f"{sandbox.edge_url}/api/subscriptions") == (503, CLOSED)) is closed
            # nginx opens by itself, should nobody come.
            assert (" for 4 minutes" in " ".join(events(run, "act"))) is closed
            killed = run.record.content["id"]
    assert list(sandbox.lock_file.parent.glob(f"circuit-sage-watch-{killed}*")) == []

    undo = player.play("-e", f"incident={killed}", playbook="playbooks/undo.yml")
    assert (undo.status, undo.record.outcome) == (0, "resolved"), undo.output
    assert copies.databases()[copies.database] == old
    (undone,) = copies.databases().keys() - copies.there.keys()
    assert "_undone_" in undone
    assert sandbox.psql(MARKS, copies.database) == "1"
    assert sandbox.on_edge(SITE) == site
    assert sandbox.ask(f"{sandbox.edge_url}/api/subscriptions")[0] == 401
    assert copies.server_life() == life
