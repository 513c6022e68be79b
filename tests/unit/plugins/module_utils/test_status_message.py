# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What messages say, and when the next is due."""

from __future__ import annotations

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import status_message, update_due
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.outbox import Message

NOON = "2026-11-30T12:00:00.000+00:00"
RECORD = {
    "id": "20261130-120000-db_failure-ab12",
    "kind": "db_failure",
    "title": "Database connection failure",
    "host": "production1",
    "severity": "P1",
    "timeline": [
        {"at": NOON, "event": "opened", "text": "Database connection failure on production1"},
        {"at": NOON, "event": "told", "text": "Investigating for slack"},
    ],
}


def test_the_template_of_the_guide_for_the_team() -> None:
    text = status_message.internal(
        RECORD, "Investigating", "the login is refused", [], status_message.shifted(NOON, 15), "https://s.example.com"
    )
    assert text.subject == "[INCIDENT] Database connection failure - Investigating (P1, production1)"
    assert [line for line in text.body.splitlines() if line.endswith(":")] == ["Summary:", "Impact:", "Timeline:", "Next Update:"]
    assert text.body.startswith("Status: Investigating\n")
    assert "By 2026-11-30 12:15 UTC" in text.body
    assert "For updates, visit: https://s.example.com" in text.body
    assert "Investigating for slack" not in text.body


@pytest.mark.parametrize("status", [*status_message.STATUSES, "Escalated"])
def test_the_public_hears_nothing_of_the_inside(status: str) -> None:
    text = status_message.external("db_failure", status, {"db_failure": "Signing in may fail."}, [(NOON, status)], NOON, "")
    assert "production1" not in text.subject + text.body
    assert ("Signing in may fail." in text.body) == (status != "Resolved")
    assert "- 2026-11-30 12:00 UTC - " in text.body
    assert f"Status: {status_message.PUBLIC_STATUS.get(status, status)}\n" in text.body


def test_the_public_is_told_what_a_person_says() -> None:
    text = status_message.external("other", "Identified", {}, [], None, "", "We change a disk.")
    assert status_message.summary_section(text.body) == "We change a disk."
    assert "Some features" in text.body
    assert status_message.summary_section("only this\n") == "only this"


def test_a_file_that_a_person_edits() -> None:
    text = status_message.Text("[INCIDENT] x", "Status: y\n\nSummary:\nz\n")
    assert status_message.from_file(status_message.as_file(text)) == text
    assert status_message.from_file("x\nbody") == status_message.Text("x", "body\n")


def message(name: str, status: str, at: str = NOON, audience: str = "internal") -> Message:
    return Message(name, status, "P1", audience, ["slack"], at)


def test_when_the_next_update_is_due() -> None:
    told = [message("investigating", "Investigating"), message("acknowledged", "Acknowledged", "2026-11-30T12:09:00.000+00:00")]
    minutes = {"P1": 15}
    due = update_due.due_at(told, minutes)
    assert due == "2026-11-30T12:15:00.000+00:00"
    assert update_due.reminder_name(told, due, "2026-11-30T12:14:00.000+00:00") is None
    assert update_due.reminder_name(told, due, "2026-11-30T12:16:00.000+00:00") == "reminder-after-investigating"
    told.append(message("reminder-after-investigating", "Reminder"))
    assert update_due.reminder_name(told, due, "2026-11-30T12:17:00.000+00:00") is None
    told.append(message("resolved", "Resolved"))
    assert update_due.due_at(told, minutes) is None
    assert update_due.reminder_name(told, None, NOON) is None
    assert update_due.due_at([], minutes) is None
    assert update_due.due_at([message("a", "Investigating", audience="external")], minutes) is None


def test_which_level_is_called_next() -> None:
    desk = {"levels": [{"level": 1, "at": NOON}], "acknowledged": None, "over": False}
    late = "2026-11-30T12:06:00.000+00:00"
    assert update_due.next_level(desk, [1, 2], 5, "2026-11-30T12:04:00.000+00:00") is None
    assert update_due.next_level(desk, [1, 2], 5, late) == 2
    assert update_due.next_level(desk, [1], 5, late) is None
    assert update_due.next_level({**desk, "acknowledged": {"by": "Ada"}}, [1, 2], 5, late) is None
    assert update_due.next_level({**desk, "over": True}, [1, 2], 5, late) is None
    assert update_due.next_level({**desk, "levels": []}, [1, 2], 5, late) is None
