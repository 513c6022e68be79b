# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Maintenance mode in the database: what visitors meet, who owns it, and that it is off again whatever becomes of its owner."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playbook import Player
from sandbox import Sandbox, eventually

ROW = "SELECT to_jsonb(t) FROM system_settings t WHERE key = 'maintenance_mode'"
OTHER = """UPDATE system_settings SET updated_by = NULL, value = '{"enabled": true, "owner": "ben@ops", "incident": "I-7", "since": "SINCE",
  "expires_at": "UNTIL", "note": "kept"}' WHERE key = 'maintenance_mode'"""
CLOSED = '{"success":false,"error":{"message":"Service is currently under maintenance. Please check back later."},"maintenance":true}'
# A play of somebody's own, around whose work the application is closed.
AROUND = """
- name: A migration
  hosts: circuit_sage
  gather_facts: false
  tasks:
    - name: Open the incident
      ansible.builtin.import_role:
        name: circuit_sage.incident_response.open_incident
      vars:
        open_incident_kind: migration
        open_incident_title: A migration
        open_incident_severity: P4
    - name: Migrate while the application is closed
      block:
        - name: Close it
          ansible.builtin.include_role:
            name: circuit_sage.incident_response.maintenance
            tasks_from: begin.yml
          vars:
            maintenance_reason: migration 42
        - name: Migrate
          ansible.builtin.command:
            argv: "{{ work }}"
          changed_when: true
      always:
        - name: Open it again
          ansible.builtin.include_role:
            name: circuit_sage.incident_response.maintenance
            tasks_from: end.yml
        - name: Close the incident
          circuit_sage.incident_response.incident_close:
            judgement: {outcome: escalated, text: it failed, impact: [none]}
"""


def row(sandbox: Sandbox) -> dict[str, Any]:
    """The row as it is."""
    found: dict[str, Any] = json.loads(sandbox.psql(ROW, sandbox.env["POSTGRES_DB"]))
    return found


def api(sandbox: Sandbox) -> tuple[int, Any]:
    """What a customer meets through nginx; a status of 401 is the application at work."""
    return sandbox.ask(f"{sandbox.edge_url}/api/subscriptions")


def told(since: str, until: str) -> str:
    """Somebody else's mode."""
    return OTHER.replace("SINCE", since).replace("UNTIL", until)


@pytest.fixture(autouse=True)
def put_back(sandbox: Sandbox) -> Iterator[dict[str, Any]]:
    """Off before and after, as the seed has it."""
    before = row(sandbox)
    assert before["value"] == {"enabled": False}
    yield before
    statement = "UPDATE system_settings SET value = '{\"enabled\": false}' WHERE key = 'maintenance_mode'"
    sandbox.psql(statement, sandbox.env["POSTGRES_DB"])


@pytest.fixture
def around(tmp_path: Path) -> str:
    """The play of somebody's own."""
    path = tmp_path / "migration.yml"
    path.write_text(AROUND, encoding="utf-8")
    return str(path)


def test_on_is_owned_and_no_fault_and_undone_exactly(sandbox: Sandbox, player: Player, put_back: dict[str, Any]) -> None:
    wanted = ("-e", "maintenance=on", "-e", "maintenance_minutes=30", "-e", "maintenance_reason=migration", "-v")
    checked = player.play(*wanted, "--check", "--diff")
    assert (checked.status, checked.changed, checked.record.outcome) == (0, 0, "diagnosed"), checked.output
    assert row(sandbox) == put_back

    done = player.play(*wanted)
    assert (done.status, done.changed, done.record.outcome) == (0, 1, "resolved"), done.output
    assert api(sandbox) == (503, CLOSED)
    # What has to stay open: pages, the sign-in, the health of the backend.
    assert sandbox.ask(f"{sandbox.edge_url}/api/auth/login", "POST", {"email": "nobody@example.com", "password": "no"})[0] == 401
    assert sandbox.is_healthy()
    value = row(sandbox)["value"]
    incident = done.record.content["id"]
    assert (value["enabled"], value["incident"], value["minutes"], value["reason"]) == (True, incident, 30, "migration")
    assert "@" in value["owner"] and "run" not in value
    assert f"until {value['expires_at']}" in done.said()

    again = player.play(*wanted)
    assert (again.status, again.changed, again.record.outcome) == (0, 0, "healthy"), again.output
    assert "already on" in again.said() and row(sandbox)["value"] == value

    outage = player.play("-v", playbook="playbooks/service_outage.yml")
    assert (outage.status, outage.changed, outage.record.outcome) == (0, 0, "healthy"), outage.output
    assert outage.record.causes == ["maintenance_owned"]

    undone = player.play("-e", f"incident={incident}", playbook="playbooks/undo.yml", say_records=False)
    assert undone.status == 0 and "1 rows restored" in undone.said(), undone.output
    assert row(sandbox) == put_back
    assert api(sandbox)[0] == 401


def test_anothers_is_not_switched_off_without_approval(sandbox: Sandbox, player: Player) -> None:
    sandbox.psql(told("2026-11-30T01:00:00Z", "2999-01-01T00:00:00Z"), sandbox.env["POSTGRES_DB"])
    before = row(sandbox)
    refused = player.play("-e", "maintenance=off")
    assert (refused.status, refused.record.outcome) == (2, "escalated")
    assert "owned by ben@ops (incident I-7), until 2999-01-01T00:00:00Z" in refused.said()
    assert "incident_approve=maintenance" in refused.said()
    assert row(sandbox) == before

    approved = player.play("-e", "maintenance=off", "-e", "incident_approve=maintenance")
    assert (approved.status, approved.record.outcome) == (0, "resolved"), approved.output
    assert row(sandbox)["value"] == {"enabled": False, "note": "kept"}
    assert api(sandbox)[0] == 401


def test_what_is_overdue_is_told_and_ends(sandbox: Sandbox, player: Player) -> None:
    """Nobody has to approve it."""
    sandbox.psql(told("2026-11-30T01:00:00Z", "2026-11-30T02:00:00Z"), sandbox.env["POSTGRES_DB"])
    status = player.play("-v")
    assert (status.status, status.changed, status.record.outcome) == (0, 0, "diagnosed"), status.output
    assert "overdue since 2026-11-30T02:00:00Z" in status.said()
    ended = player.play("-e", "maintenance=expire")
    assert (ended.status, ended.record.outcome) == (0, "resolved"), ended.output
    assert api(sandbox)[0] == 401


def test_off_again_when_the_work_failed(sandbox: Sandbox, player: Player, around: str) -> None:
    run = player.play(
        "-e", '{"work": ["curl", "-sf", "-o", "/dev/null", "EDGE/api/subscriptions"]}'.replace("EDGE", sandbox.edge_url), playbook=around
    )
    assert run.status == 2 and run.record.content["changes"][0]["component"] == "database", run.output
    # What curl met, and why the work failed.
    assert "non-zero return code" in run.said() and "503 (closed)" in run.said()
    assert row(sandbox)["value"] == {"enabled": False}
    assert api(sandbox)[0] == 401


def test_off_again_when_the_run_was_killed(sandbox: Sandbox, player: Player, around: str) -> None:
    """The next run of any kind that looks sees that its owner is gone."""
    run = player.start("-e", '{"work": ["sleep", "600"]}', playbook=around)
    # Asked of the row: nginx limits who asks it again and again, and answers that with 503 too.
    eventually(lambda: row(sandbox)["value"]["enabled"] and run.record.events("proof"), 60, "the application is closed")
    assert row(sandbox)["value"]["run"]["pid"] == run.process.pid
    run.kill()
    assert api(sandbox) == (503, CLOSED)
    mended = player.play(playbook="playbooks/service_outage.yml")
    assert (mended.status, mended.record.outcome, mended.record.causes) == (0, "resolved", ["maintenance_stuck"]), mended.output
    assert api(sandbox)[0] == 401


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("maintenance=maybe", "value of maintenance must be one of: on, off, status, expire, got: maybe"),
        ("maintenance=on maintenance_minutes=0", "maintenance_minutes is 0; give 1 to 1440"),
    ],
)
def test_bad_input_is_refused(sandbox: Sandbox, player: Player, put_back: dict[str, Any], given: str, sentence: str) -> None:
    run = player.play("-e", given)
    assert run.status == 2 and sentence in run.said(), run.output
    assert row(sandbox) == put_back
