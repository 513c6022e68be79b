# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The review of an incident: check lists, the report's action items, a person's own, with owner, severity and due date. Pure."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, timezone

from .errors import IncidentError
from .notify_settings import SEVERITIES
from .page_words import clean, line
from .report import clock, follow_ups, left_alone, prevention, status

Mapping = dict[str, t.Any]

# The guide's two dates. What is still wrong waits no longer than the first.
SOON_HOURS, WEEK_HOURS = 24, 168
# Letters of the id that an action item of a person's own gets from its text.
_ID_LENGTH = 40


def check_asked(asked: Mapping) -> None:
    """Raise for what cannot be right whatever the incident is."""
    for name, severity in asked["severities"].items():
        if severity not in SEVERITIES:
            raise IncidentError(f"incident_review_severities gives {name} {severity}; there are {', '.join(SEVERITIES)}")
    for item in asked["items"]:
        if not str(item.get("text") or "").strip():
            raise IncidentError("an item of incident_review_items has no text; say what is to be done")
        if item.get("severity") and item["severity"] not in SEVERITIES:
            raise IncidentError(f"incident_review_items gives {item['text']!r} {item['severity']}; there are {', '.join(SEVERITIES)}")
    both = sorted(set(asked["done"]) & set(asked["not_done"]))
    if both:
        raise IncidentError(f"{both[0]} stands in incident_review_done and in incident_review_not_done; leave it in one of them")


def due_at(text: t.Any, where: str) -> str:
    """A date, which means its end, or a time, as the record's times are written."""
    written = str(text).strip()
    try:
        moment = datetime.fromisoformat(written.replace("Z", "+00:00"))
    except ValueError:
        raise IncidentError(f"{where} says {written}, which is no date; write it as 2026-12-01, or 2026-12-01T15:00Z") from None
    if re.fullmatch(r"\d{4}-\d\d-\d\d", written):
        moment += timedelta(days=1, seconds=-1)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return moment.astimezone(timezone.utc).isoformat(timespec="seconds")


def _after(record: Mapping, hours: float) -> str:
    """So many hours after the incident was over, or, when it is not, after the last that is known of it."""
    last = record["resolved_at"] or (record["timeline"][-1]["at"] if record["timeline"] else record["opened_at"])
    return (datetime.fromisoformat(last.replace("Z", "+00:00")) + timedelta(hours=hours)).isoformat(timespec="seconds")


def _free(name: str, taken: Iterable[str]) -> str:
    number, found = 1, name
    while found in taken:
        number += 1
        found = f"{name}_{number}"
    return found


def _wanted(record: Mapping, checklists: Sequence[Mapping]) -> list[Mapping]:
    """The items that the record and the check lists ask for."""
    items: dict[str, Mapping] = {}
    asked = [(name, f"{name}: {text}", SOON_HOURS) for name, text in left_alone(record)]
    asked += [(name, f"{name}: {text}", WEEK_HOURS) for name, text in follow_ups(record)]
    asked += [(one["id"], one["text"], one["hours"]) for one in checklists]
    for name, text, hours in asked:
        free = _free(name, items)
        items[free] = {
            "id": free,
            "text": text,
            "severity": record["severity"],
            "owner": "",
            "due": _after(record, hours),
            "done_at": None,
            "issue": None,
        }
    return list(items.values())


def _own(record: Mapping, given: Sequence[Mapping], items: dict[str, Mapping]) -> None:
    """Take in a person's own items; one with the same text is the same."""
    for one in given:
        text = str(one["text"]).strip()
        known = next((item for item in items.values() if item["text"] == text), None)
        if known is None:
            name = re.sub(r"[^a-z0-9]+", "_", text.lower())[:_ID_LENGTH].strip("_") or "item"
            known = {"id": _free(name, items), "text": text, "severity": record["severity"], "owner": "", "done_at": None, "issue": None}
            known["due"] = _after(record, WEEK_HOURS)
            items[known["id"]] = known
        if one.get("due"):
            known["due"] = due_at(one["due"], f"incident_review_items, {text!r},")
        known.update({key: one[key] for key in ("owner", "severity") if one.get(key)})


def _check_names(record: Mapping, asked: Mapping, items: Mapping) -> None:
    for setting in ("done", "not_done", "owners", "due", "severities"):
        for name in asked[setting]:
            if name not in items:
                raise IncidentError(
                    f"incident_review_{setting} names {name}, which is no action item of {record['id']}; there are {', '.join(items)}"
                )


def made(record: Mapping, old: Mapping | None, checklists: Sequence[Mapping], asked: Mapping, now: str) -> Mapping:
    """The review with all that is asked for; *old* is what there was before. What a person wrote there stays."""
    check_asked(asked)
    before = old or {"made_at": now, "closed_at": None, "root_cause": "", "prevention": "", "items": []}
    items: dict[str, Mapping] = {item["id"]: dict(item) for item in before["items"]}
    for item in _wanted(record, checklists):
        items.setdefault(item["id"], item)
    _own(record, asked["items"], items)
    _check_names(record, asked, items)
    for name, item in items.items():
        item["owner"] = asked["owners"].get(name) or item["owner"] or asked["owner"]
        item["severity"] = asked["severities"].get(name, item["severity"])
        if name in asked["due"]:
            item["due"] = due_at(asked["due"][name], f"incident_review_due for {name}")
        if name in asked["done"]:
            item["done_at"] = item["done_at"] or now
        if name in asked["not_done"]:
            item["done_at"] = None
    review = {key: record[key] for key in ("id", "title", "kind", "host", "severity", "outcome", "opened_at", "resolved_at")}
    review |= {"made_at": before["made_at"], "closed_at": before["closed_at"]}
    review |= {name: asked[name] or before[name] for name in ("root_cause", "prevention")}
    return {**review, "items": list(items.values())}


def open_items(review: Mapping, severity: str | None = None) -> list[Mapping]:
    """The items that are to be done, of one severity or of all."""
    return [item for item in review["items"] if not item["done_at"] and severity in (None, item["severity"])]


def settle(review: Mapping, close: bool, now: str) -> None:
    """Close the review when that is asked for. One with open P1 items cannot be, and is not any more."""
    waiting = open_items(review, "P1")
    if not waiting:
        review["closed_at"] = review["closed_at"] or (now if close else None)
        return
    review["closed_at"] = None
    if close:
        number = "1 P1 action item is" if len(waiting) == 1 else f"{len(waiting)} P1 action items are"
        names = ", ".join(item["id"] for item in waiting)
        raise IncidentError(f"{review['id']} cannot be closed: {number} open ({names}); do them and name them in incident_review_done")


def markdown(review: Mapping) -> str:
    """Return `review.md`."""
    lines = [
        f"# Review: {line(review['title'])}",
        "",
        f"**Incident**: {review['id']}  ",
        f"**Severity**: {review['severity']}  ",
        f"**Status**: {status(review)}  ",
        f"**Review**: {'closed ' + clock(review['closed_at']) if review['closed_at'] else 'open'}",
        "",
        "## Root Cause",
        "",
        clean(review["root_cause"]) or "See the report; nothing was added to it.",
        "",
        "## Prevention",
        "",
        clean(prevention(review)),
        "",
        "## Action Items",
        "",
        "| | item | id | severity | owner | due | done | issue |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for item in sorted(review["items"], key=lambda item: item["due"]):
        done = clock(item["done_at"]) if item["done_at"] else ""
        cells = ["☑" if item["done_at"] else "☐", item["text"], f"`{item['id']}`", item["severity"], item["owner"] or "nobody yet"]
        cells += [clock(item["due"]), done, item["issue"]["url"] if item["issue"] else ""]
        lines.append("| " + " | ".join(line(cell).replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"
