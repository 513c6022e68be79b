# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restoring: what is refused, what is exchanged, what is undone, and that the old database is never lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from copies import Copies
from customer import Customer
from leaks import Arguments
from playbook import Player
from sandbox import Sandbox, eventually

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError

SITE = "cat /etc/nginx/sites-available/circuit-sage; ls /etc/nginx"
MARK = "INSERT INTO invoices (invoice_number, company_id) SELECT 'after the backup', id FROM companies ORDER BY id LIMIT 1"
MARKS = "SELECT count(*) FROM invoices WHERE invoice_number = 'after the backup'"
MODE = "SELECT value FROM system_settings WHERE key = 'maintenance_mode'"
SET_MODE = "UPDATE system_settings SET value = '{}' WHERE key = 'maintenance_mode'"
OPEN: dict[str, Any] = {"enabled": False}
BENS = {"enabled": True, "owner": "ben@ops", "incident": "I-7", "since": "2026-11-30T01:00:00Z", "expires_at": "2999-01-01T00:00:00Z"}
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


def test_what_somebody_else_keeps_closed_is_refused(sandbox: Sandbox, player: Player, copies: Copies, proven: Path) -> None:
    """Before anything is touched, with the owner's name."""
    copies.take(proven)
    given = {"circuit_sage_backup_dir": str(copies.folder), "restore_database": copies.database, "incident_approve": "restore"}
    sandbox.psql(SET_MODE.format(json.dumps(BENS)), copies.database)
    try:
        run = player.play("-e", json.dumps(given), playbook="playbooks/restore.yml")
    finally:
        sandbox.psql(SET_MODE.format(json.dumps(OPEN)), copies.database)
    assert (run.status, run.record.outcome) == (2, "escalated"), run.output
    assert "owned by ben@ops (incident I-7), until 2999-01-01T00:00:00Z" in run.said()
    assert "incident_approve=maintenance,restore" in run.said()
    assert copies.databases() == copies.there


def test_maintenance_mode_stays_as_it_is_across_the_exchange(sandbox: Sandbox, copies: Copies, proven: Path, seeded_rows: str) -> None:
    """The backup knows it off; it goes along on, and off again when it is taken back."""
    copies.take(proven)
    sandbox.psql(SET_MODE.format(json.dumps(BENS)), copies.database)
    copies.restore("loaded")
    assert copies.restore("swapped")["changed"]
    assert json.loads(sandbox.psql(MODE, copies.database)) == BENS
    sandbox.psql(SET_MODE.format(json.dumps(OPEN)), copies.database)
    assert copies.restore("swapped_back")["changed"]
    assert json.loads(sandbox.psql(MODE, copies.database)) == OPEN
    assert copies.databases()[copies.database] == copies.there[copies.database]
    eventually(sandbox.is_healthy, 30, "the service is healthy again")


def test_restored_proven_and_undone_while_a_customer_writes(sandbox: Sandbox, player: Player, copies: Copies, seeded_rows: str) -> None:
    """What was written after the backup is kept beside, and comes back. Who asks meanwhile is told to come again, or served whole."""
    copies.create()
    sandbox.psql(MARK, copies.database)
    site = sandbox.on_edge(SITE)
    given = {"circuit_sage_backup_dir": str(copies.folder), "restore_database": copies.database, "incident_approve": "restore"}
    with Customer(sandbox) as customer, Arguments() as arguments:
        run = player.play("-e", json.dumps(given), "-vvvv", playbook="playbooks/restore.yml")
        eventually(lambda: customer.accepted()[1], 10, "the customer is served again")
    record = run.record
    assert (run.status, record.outcome) == (0, "resolved"), run.output
    assert sandbox.psql(MARKS, copies.database) == "0"
    assert sandbox.is_healthy()
    assert " RTO " in record.events("resolved")[0]
    assert " RPO " in record.events("resolved")[0]
    (old,) = (name for name in copies.databases() if "_before_" in name)
    assert old in " ".join(change["action"] for change in record.content["changes"])
    assert sandbox.psql(MARKS, old) == "1"
    assert_served_whole(customer, old, copies.database)
    customer.put_back(copies.database)
    assert sandbox.rows() == seeded_rows
    assert sandbox.on_edge(SITE) == site
    assert record.wrong_modes() == []
    assert any("dumped" in text for text in record.events("did"))
    assert any("the API was closed for" in text for text in record.events("meanwhile"))
    secret = sandbox.env["POSTGRES_PASSWORD"]
    assert secret not in run.output + arguments.text
    assert not sandbox.lock_file.exists()

    with Customer(sandbox) as customer:
        undo = player.play("-e", f"incident={record.content['id']}", playbook="playbooks/undo.yml")
        eventually(lambda: customer.accepted()[1], 10, "the customer is served again")
    assert (undo.status, undo.record.outcome) == (0, "resolved"), undo.output
    (restored,) = (name for name in copies.databases() if "_undone_" in name)
    assert_served_whole(customer, restored, copies.database)
    assert sandbox.psql(MARKS, copies.database) == "1"
    assert sandbox.on_edge(SITE) == site
    again = player.play("-e", f"incident={record.content['id']}", playbook="playbooks/undo.yml")
    assert (again.status, again.record.outcome) == (0, "healthy"), again.output
    assert "it is taken back already" in again.said()
    customer.put_back(copies.database)
    sandbox.psql(UNMARK, copies.database)


def assert_served_whole(customer: Customer, away: str, in_use: str) -> None:
    """Every write is in the database that it was answered from; the others were refused, with a time to come again."""
    before, after = customer.accepted()
    assert customer.phone(away) == before[-1]
    assert customer.phone(in_use) == after[-1]
    refused = customer.refused()
    assert refused and all(one.retry_after for one in refused)
    assert len(before) + len(after) + len(refused) == len(customer.answers), customer.answers


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
