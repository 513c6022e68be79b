# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restoring: what is refused, what is exchanged, what is undone, and that the old database is never lost."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from copies import Copies
from leaks import Arguments
from playbook import Player
from sandbox import Sandbox, eventually

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError

MARK = "INSERT INTO invoices (invoice_number, company_id) SELECT 'after the backup', id FROM companies ORDER BY id LIMIT 1"
MARKS = "SELECT count(*) FROM invoices WHERE invoice_number = 'after the backup'"
END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname IN ('{0}', '{1}')"
EXCHANGE = 'BEGIN; ALTER DATABASE "{0}" RENAME TO taken_back; ALTER DATABASE "{1}" RENAME TO "{0}"; COMMIT'
UNMARK = "DELETE FROM invoices WHERE invoice_number = 'after the backup'"


def changed(path: Path, **values: Any) -> None:
    """Write something else into a manifest."""
    manifest = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**manifest, **values}), encoding="utf-8")


def truncated(folder: Path) -> None:
    """Half a file."""
    file = folder / "database.dump"
    file.write_bytes(file.read_bytes()[:1000])


def spoiled(folder: Path) -> None:
    """One byte is another one."""
    file = folder / "database.dump"
    content = bytearray(file.read_bytes())
    content[5000] ^= 1
    file.write_bytes(bytes(content))


def plain_text(folder: Path) -> None:
    """Something else with the right checksum."""
    import hashlib

    text = b"-- PostgreSQL database dump"
    (folder / "database.dump").write_bytes(text)
    changed(folder / "manifest.json", bytes=len(text), sha256=hashlib.sha256(text).hexdigest())


@pytest.mark.parametrize(
    ("spoil", "given", "words"),
    [
        (truncated, {}, "database.dump is truncated: 1000 bytes, not"),
        (spoiled, {}, "has another checksum than its manifest says"),
        (plain_text, {}, "is no dump in PostgreSQL's custom format"),
        (
            lambda folder: changed(folder / "manifest.json", system_identifier="1"),
            {},
            "is of another cluster .* give restore_system_identifier=1 ",
        ),
        (
            lambda folder: changed(folder / "manifest.json", server_version="99.1", server_version_num=990_001),
            {},
            "is of PostgreSQL 99.1, which",
        ),
        (lambda folder: changed(folder / "manifest.json", database="other"), {"backup": True}, "is of the database other, not of"),
        (lambda folder: (folder / "manifest.json").write_text("{}"), {"backup": True}, "is no manifest of a backup that backup.yml made"),
        (lambda folder: (folder / "manifest.json").unlink(), {"backup": True}, "so backup.yml has not made it"),
        (lambda folder: changed(folder / "manifest.json", verified_at=None), {}, "has no verified backup of"),
        (lambda _folder: None, {"database": "nowhere"}, "the server has no database nowhere; it has "),
        (lambda _folder: None, {"backup": "/nowhere/database.dump"}, "there is no backup /nowhere/database.dump"),
        (lambda _folder: None, {"keep_free_mb": 999_999_999}, "the disk of the database has "),
    ],
)
def test_what_cannot_be_restored_is_refused_before_anything_is_touched(
    copies: Copies, proven: Path, spoil: Callable[[Path], Any], given: dict[str, Any], words: str
) -> None:
    """In one sentence."""
    folder = copies.take(proven)
    spoil(folder)
    given = {**given, "backup": str(folder / "database.dump")} if given.get("backup") is True else given
    for act in (copies.look, lambda **more: copies.restore("loaded", **more)):
        with pytest.raises(IncidentError, match=words):
            act(**given)
    assert copies.databases() == copies.there


def test_without_its_approval_it_only_says_how_to_go_on(sandbox: Sandbox, player: Player, copies: Copies, proven: Path) -> None:
    """Nothing is changed, and the command is told."""
    copies.take(proven)
    before = sandbox.snapshot()
    given = {"circuit_sage_backup_dir": str(copies.folder), "restore_database": copies.database}
    run = player.play("-e", json.dumps(given), playbook="playbooks/restore.yml")
    assert (run.status, run.record.outcome) == (2, "escalated"), run.output
    assert "-e incident_approve=restore" in run.said()
    assert run.record.content["changes"] == []
    assert sandbox.snapshot().changes_since(before) == {}


def test_restored_proven_and_undone(sandbox: Sandbox, player: Player, copies: Copies, seeded_rows: str) -> None:
    """What was written after the backup is gone, is kept beside, and comes back; the service is away for the exchange alone."""
    copies.create()
    sandbox.psql(MARK, copies.database)
    given = {"circuit_sage_backup_dir": str(copies.folder), "restore_database": copies.database, "incident_approve": "restore"}
    with Arguments() as arguments:
        run = player.play("-e", json.dumps(given), "-vvvv", playbook="playbooks/restore.yml")
    record = run.record
    assert (run.status, record.outcome) == (0, "resolved"), run.output
    assert sandbox.psql(MARKS, copies.database) == "0"
    assert sandbox.rows() == seeded_rows
    assert sandbox.is_healthy()
    sandbox.prove_write()
    assert " RTO " in record.events("resolved")[0]
    assert " RPO " in record.events("resolved")[0]
    (change,) = record.content["changes"]
    old = change["action"].split()[2].rstrip(",")
    assert sandbox.psql(MARKS, old) == "1"
    assert record.wrong_modes() == []
    assert any("dumped" in text for text in record.events("did"))
    secret = sandbox.env["POSTGRES_PASSWORD"]
    assert secret not in run.output + arguments.text
    assert not sandbox.lock_file.exists()

    undo = player.play("-e", f"incident={record.content['id']}", playbook="playbooks/undo.yml", say_records=False)
    assert undo.status == 0, undo.output
    assert sandbox.psql(MARKS, copies.database) == "1"
    eventually(sandbox.is_healthy, 30, "the service is healthy again")
    again = player.play("-e", f"incident={record.content['id']}", playbook="playbooks/undo.yml", say_records=False)
    assert "it is taken back already" in again.said()
    sandbox.psql(UNMARK, copies.database)


def test_what_is_not_proven_is_taken_back(sandbox: Sandbox, player: Player, copies: Copies, seeded_rows: str) -> None:
    """A backup that lacks a table of the application restores well, and does not serve: the old database gets its name again."""
    sandbox.psql("ALTER TABLE system_settings RENAME TO system_settings_away", copies.database)
    try:
        copies.create()
    finally:
        sandbox.psql("ALTER TABLE system_settings_away RENAME TO system_settings", copies.database)
    given = {
        "circuit_sage_backup_dir": str(copies.folder),
        "restore_database": copies.database,
        "incident_approve": "restore",
        "restore_safety_dump": False,
    }
    run = player.play("-e", json.dumps(given), playbook="playbooks/restore.yml")
    assert (run.status, run.record.outcome) == (2, "escalated"), run.output
    assert "the old database has its name again" in run.said()
    assert "system_settings" in run.said()
    eventually(sandbox.is_healthy, 60, "the service is healthy again")
    assert sandbox.rows() == seeded_rows


@pytest.mark.parametrize(("step", "milliseconds"), [("ready", 150), ("ready", 700), ("loaded", 30)])
def test_a_killed_restore_never_loses_the_old_database(
    sandbox: Sandbox, copies: Copies, proven: Path, seeded_rows: str, step: str, milliseconds: int
) -> None:
    """Killed while it loads or while it exchanges, one whole database has the name; the next run ends what it wants."""
    copies.take(proven)
    life = copies.server_life()
    process = copies.start("loaded", "swapped")
    assert process.stdout is not None
    while process.stdout.readline().strip() != step:
        assert process.poll() is None
    time.sleep(milliseconds / 1000)
    process.kill()
    process.wait(timeout=10)
    eventually(lambda: not copies.programs(), 10, "no program is at work in the container")
    assert sandbox.rows() == seeded_rows
    old = copies.there[copies.database]
    assert old in copies.databases().values()
    eventually(lambda: _restored(copies, "20261130-030000-restore-cd34"), 10, "the next run restores")
    assert sandbox.rows() == seeded_rows
    assert old in copies.databases().values()
    assert copies.server_life() == life
    # So that the next test finds the database that it knows.
    name = next(name for name, number in copies.databases().items() if number == old)
    sandbox.psql(END.format(copies.database, name))
    sandbox.psql(EXCHANGE.format(copies.database, name))
    eventually(sandbox.is_healthy, 30, "the service is healthy again")


def _restored(copies: Copies, incident: str) -> bool:
    """Whether a restore went through; not while the server has not yet noticed that the one before has gone."""
    try:
        copies.restore("loaded", incident=incident)
        copies.restore("swapped", incident=incident)
    except IncidentError as error:
        assert "another backup or restore is at work" in str(error)
        return False
    return True
