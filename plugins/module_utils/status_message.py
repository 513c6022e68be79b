# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a message of an incident says, in the template of the incident response guide, for the team and for the public. Pure."""

from __future__ import annotations

import typing as t
from datetime import datetime, timedelta

Mapping = dict[str, t.Any]

# The statuses of the guide, and what a run or a person says besides.
STATUSES = ("Investigating", "Identified", "Monitoring", "Resolved")
# What the public is told of each; nothing of it comes from the record.
_PUBLIC = {
    "Investigating": "We are looking into a problem with Circuit Sage.",
    "Identified": "We have found the cause of the problem and are working on it.",
    "Monitoring": "The problem is mended, and we are watching whether it stays so.",
    "Resolved": "The problem is solved.",
    "Escalated": "The problem persists. More of our engineers are working on it.",
}
# A status page knows the guide's four.
PUBLIC_STATUS = {"Escalated": "Identified"}
# What is said of these is a matter of the law and of a person, never of a run; and where the answer is no, the public hears nothing.
NEVER_PUBLIC_BY_ITSELF = ("security_incident", "security_rotation", "block_ips", "ip_block")
# How many entries of the timeline a message shows, the newest.
_SHOWN = 12


class Text(t.NamedTuple):
    """A message as a person reads it."""

    subject: str
    body: str


def clock(stamp: str) -> str:
    """The time of a stamp in UTC, as a person reads it."""
    return f"{stamp[:10]} {stamp[11:16]} UTC"


def shifted(stamp: str, minutes: float) -> str:
    """A stamp, some minutes later."""
    return (datetime.fromisoformat(stamp) + timedelta(minutes=minutes)).isoformat(timespec="milliseconds")


def _body(status: str, summary: str, impact: list[str], timeline: list[str], due: str | None, page: str) -> str:
    parts = [
        f"Status: {status}",
        f"Summary:\n{summary}",
        "Impact:\n" + "\n".join(impact),
        "Timeline:\n" + "\n".join(timeline),
        "Next Update:\n" + (f"By {clock(due)}" if due else "None, the incident is over"),
    ]
    return "\n\n".join([*parts, *([f"For updates, visit: {page}"] if page else [])]) + "\n"


def internal(content: Mapping, status: str, summary: str, impact: list[str], due: str | None, page: str) -> Text:
    """What the team is told, from the record."""
    events = [entry for entry in content["timeline"] if entry["event"] != "told"][-_SHOWN:]
    timeline = [f"- {entry['at'][11:19]} UTC - {entry['event']}: {entry['text']}" for entry in events]
    lines = [f"- {line}" for line in impact] or ["- Not known yet."]
    body = _body(status, summary, lines, timeline, due, page)
    return Text(
        f"[INCIDENT] {content['title']} - {status} ({content['severity']}, {content['host']})",
        f"{body}\nIncident: {content['id']} ({content['severity']} on {content['host']})\n",
    )


def external(
    kind: str, status: str, impact: Mapping, told: t.Sequence[tuple[str, str]], due: str | None, page: str, summary: str = ""
) -> Text:
    """What the public is told: sentences written before, of an incident's *kind* and *status*; *told* says when it was told what."""
    shown = PUBLIC_STATUS.get(status, status)
    timeline = [f"- {clock(at)} - {PUBLIC_STATUS.get(one, one)}" for at, one in told]
    over = status == "Resolved"
    affected = "Everything works again." if over else impact.get(kind) or "Some features of Circuit Sage may not work."
    return Text(
        f"[INCIDENT] Circuit Sage service disruption - {shown}",
        _body(shown, summary or _PUBLIC[status], [affected], timeline, None if over else due, page),
    )


def as_file(text: Text) -> str:
    """The message as a file that a person can edit."""
    return f"Subject: {text.subject}\n\n{text.body}"


def from_file(content: str) -> Text:
    """The message of such a file; without a subject the first line is one."""
    head, _end, body = content.partition("\n")
    return Text(head.removeprefix("Subject:").strip(), body.strip("\n") + "\n")


def summary_section(body: str) -> str:
    """What stands under `Summary:`, for where the rest of the template has its own fields."""
    _before, found, rest = body.partition("Summary:\n")
    return rest.partition("\n\n")[0] if found else body.strip()
