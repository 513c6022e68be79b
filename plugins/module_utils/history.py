# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All incidents of a record folder: read, told apart from what is none, counted and timed.

Times are those of the timeline, in seconds since the incident was opened, which is when somebody started a playbook: to detect, until the
first ``cause``; to mitigate, until the first ``proof`` after the last ``act``; to resolve, until ``resolved_at``.
"""

from __future__ import annotations

import json
import math
import os
import statistics
import typing as t
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta
from pathlib import Path

from .timestamps import seconds_between

Mapping = dict[str, t.Any]

# The folder of the history's own files, beside the records.
FOLDER = "history"
TIMES = ("detect", "mitigate", "resolve")
# What a run was that is no incident: nothing was wrong, it only looked, or it did planned work such as a backup.
APART = ("healthy", "diagnosed", "planned")
# Planned work also where it was refused or failed.
_WORK = ("backup", "restore", "maintenance", "undo")
# So many periods make a trend that can be looked at.
_MOST_PERIODS = 36
_DAY = 86400.0


class Incident(t.NamedTuple):
    """What the history keeps of a record."""

    name: str
    kind: str
    host: str
    severity: str
    # An outcome, `open`, or one of APART.
    state: str
    opened_at: str
    # Each with id, title and layer.
    causes: Sequence[tuple[str, str, str]]
    times: dict[str, float | None]
    # The open action items of its review, by severity.
    todo: dict[str, int]


class Unreadable(t.NamedTuple):
    """A folder that is no record, or a damaged one, with why."""

    name: str
    why: str


def _times(record: Mapping) -> dict[str, float | None]:
    opened, last_act = record["opened_at"], None
    first: dict[str, float | None] = {"cause": None, "proof": None}
    for entry in record["timeline"]:
        event = entry["event"]
        if event == "act":
            last_act, first["proof"] = entry["at"], None
        elif event in first and first[event] is None and (event == "cause" or last_act):
            first[event] = seconds_between(opened, entry["at"])
    resolved = seconds_between(opened, record["resolved_at"]) if record["resolved_at"] else None
    return {"detect": first["cause"], "mitigate": first["proof"], "resolve": resolved}


def _todo(folder: str) -> dict[str, int]:
    try:
        with open(f"{folder}/review.json", "rb") as file:  # noqa: PTH123 - ten thousand times
            items = json.loads(file.read())["items"]
    except FileNotFoundError:
        return {}
    return dict(Counter(str(item["severity"]) for item in items if not item["done_at"]))


def read_one(folder: str, name: str) -> Incident | Unreadable:
    """What a folder holds."""
    try:
        with open(f"{folder}/incident.json", "rb") as file:  # noqa: PTH123 - ten thousand times
            record = json.loads(file.read())
        causes = [
            (str(one["id"]), str(one["title"]), str(one["layer"]))
            for one in record["findings"]
            if not one.get("harmless") and one.get("status") != "harmless"
        ]
        outcome = record["outcome"]
        kind, host, severity = (str(record[key]) for key in ("kind", "host", "severity"))
        is_work = bool(outcome) and (kind in _WORK or (outcome == "resolved" and not causes))
        state = "planned" if is_work else outcome or "open"
        if seconds_between("1970-01-01T00:00:00+00:00", record["opened_at"]) is None:
            raise ValueError("opened_at is no time")
        return Incident(name, kind, host, severity, state, record["opened_at"], causes, _times(record), _todo(folder))
    except FileNotFoundError:
        return Unreadable(name, "it has no incident.json")
    except KeyError as error:
        return Unreadable(name, f"it has no {error.args[0]}")
    except (OSError, ValueError, TypeError, AttributeError) as error:
        return Unreadable(name, " ".join(str(error).split())[:200])


def read(base: Path) -> tuple[list[Incident], list[Unreadable]]:
    """The incidents in order of time, and the folders that are none."""
    found: list[Incident] = []
    unreadable: list[Unreadable] = []
    with os.scandir(base) as entries:
        for entry in entries:
            # `latest` is a link, and what begins with a dot is the outbox's.
            if entry.is_dir(follow_symlinks=False) and not entry.name.startswith(".") and entry.name != FOLDER:
                one = read_one(entry.path, entry.name)
                (found if isinstance(one, Incident) else unreadable).append(one)  # type: ignore[arg-type]
    return sorted(found, key=lambda one: (one.opened_at, one.name)), sorted(unreadable)


def spread(values: Iterable[float | None]) -> Mapping:
    """How many, their median, the value that nine of ten do not pass, the longest and the sum; null where there are none."""
    known = sorted(value for value in values if value is not None)
    if not known:
        return {"count": 0, "median": None, "p90": None, "longest": None, "sum": 0.0}
    return {
        "count": len(known),
        "median": statistics.median(known),
        "p90": known[math.ceil(0.9 * len(known)) - 1],
        "longest": known[-1],
        "sum": sum(known),
    }


def timed(incidents: Sequence[Incident]) -> Mapping:
    """The spread of each time."""
    return {name: spread(one.times[name] for one in incidents) for name in TIMES}


def _groups(incidents: Sequence[Incident], key: Callable[[Incident], str]) -> dict[str, list[Incident]]:
    groups: dict[str, list[Incident]] = {}
    for one in incidents:
        groups.setdefault(key(one), []).append(one)
    return groups


def causes(incidents: Sequence[Incident]) -> list[Mapping]:
    """Each cause with how often it was found, the most repeated first; of those alike the latest."""
    groups: dict[str, list[tuple[Incident, str, str]]] = {}
    for one in incidents:
        for name, title, layer in one.causes:
            groups.setdefault(name, []).append((one, title, layer))
    rows = [
        {
            "id": name,
            "title": there[-1][1],
            "layer": there[-1][2],
            "count": len(there),
            "first": there[0][0].opened_at,
            "last": there[-1][0].opened_at,
            "hosts": sorted({one[0].host for one in there}),
            "resolve": spread(one[0].times["resolve"] for one in there),
        }
        for name, there in groups.items()
    ]
    return sorted(sorted(rows, key=lambda row: str(row["last"]), reverse=True), key=lambda row: -int(row["count"]))


def _period_of(days: float) -> Callable[[str], str]:
    """How a time's period is called: its day, month or year, whichever makes no more than can be looked at."""
    length = 10 if days < _MOST_PERIODS else 7 if days < _MOST_PERIODS * 28 else 4
    return lambda stamp: stamp[:length]


def _following(period: str) -> str:
    """The period after one."""
    if len(period) == 4:
        return f"{int(period) + 1:04d}"
    if len(period) == 7:
        year, month = int(period[:4]), int(period[5:])
        return f"{year + month // 12:04d}-{month % 12 + 1:02d}"
    return (date.fromisoformat(period) + timedelta(days=1)).isoformat()


def periods(incidents: Sequence[Incident]) -> list[Mapping]:
    """The trend: for each day, month or year from the first to the last how many incidents of each severity, and their times."""
    if not incidents:
        return []
    days = (seconds_between(incidents[0].opened_at, incidents[-1].opened_at) or 0.0) / _DAY
    name_of = _period_of(days)
    groups = _groups(incidents, lambda one: name_of(one.opened_at))
    rows: list[Mapping] = []
    name, last = name_of(incidents[0].opened_at), name_of(incidents[-1].opened_at)
    while name <= last:
        there = groups.get(name, [])
        rows.append(
            {"period": name, "count": len(there), "severities": dict(Counter(one.severity for one in there)), "times": timed(there)}
        )
        name = _following(name)
    return rows


def summary(found: Sequence[Incident], unreadable: Sequence[Unreadable], made_at: str) -> Mapping:
    """All that the pages tell: `history.json`."""
    incidents = [one for one in found if one.state not in APART]
    kinds, severities = _groups(incidents, lambda one: one.kind), _groups(incidents, lambda one: one.severity)
    by_cause = causes(incidents)
    return {
        "made_at": made_at,
        "incidents": len(incidents),
        "first": incidents[0].opened_at if incidents else None,
        "last": incidents[-1].opened_at if incidents else None,
        "apart": {state: sum(one.state == state for one in found) for state in APART},
        "states": dict(Counter(one.state for one in incidents)),
        "labels": [
            {"kind": kind, "severity": severity, "outcome": state, "count": count}
            for (kind, severity, state), count in sorted(Counter((one.kind, one.severity, one.state) for one in found).items())
        ],
        "times": timed(incidents),
        "causes": by_cause,
        "repeated": sum(row["count"] > 1 for row in by_cause),
        "kinds": [{"kind": name, "count": len(kinds[name]), "times": timed(kinds[name])} for name in sorted(kinds)],
        "severities": [{"severity": name, "count": len(severities[name]), "times": timed(severities[name])} for name in sorted(severities)],
        "periods": periods(incidents),
        "todo": dict(sum((Counter(one.todo) for one in found), Counter())),
        "unreadable": [one._asdict() for one in unreadable],
    }
