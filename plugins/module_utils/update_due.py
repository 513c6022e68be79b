# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When the next update of an incident is due, and when the next level of the escalation path is to be called. Pure."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping, Sequence

from .outbox import Message
from .status_message import STATUSES, shifted


def last_update(messages: Sequence[Message]) -> Message | None:
    """The newest message that tells of the incident itself, no reminder and no acknowledgement; an update by hand counts."""
    return next((one for one in reversed(messages) if one.audience == "internal" and one.status in (*STATUSES, "Escalated")), None)


def due_at(messages: Sequence[Message], minutes: Mapping[str, int]) -> str | None:
    """When the team has to hear of it again; None when it heard that all is over, or of nothing."""
    last = last_update(messages)
    return shifted(last.at, minutes[last.severity]) if last and last.status != "Resolved" else None


def reminder_name(messages: Sequence[Message], due: str | None, now: str) -> str | None:
    """The name of the reminder that is to be sent now: one for each update that is overdue."""
    last = last_update(messages)
    if not due or not last or now < due:
        return None
    name = f"reminder-after-{last.name}"
    return None if any(one.name == name for one in messages) else name


def next_level(desk: Mapping[str, t.Any], path: Sequence[t.Any], minutes: int, now: str) -> int | None:
    """The level that is to be called now, from 1, since nobody has acknowledged: the one after that of the last call, a while ago."""
    called = desk["levels"]
    if desk["over"] or desk["acknowledged"] or not called or len(called) >= len(path) or now < shifted(called[-1]["at"], minutes):
        return None
    return len(called) + 1
