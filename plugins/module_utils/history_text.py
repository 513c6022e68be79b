# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The history of all incidents as Markdown, and as metrics for Prometheus' textfile collector. Pure."""

from __future__ import annotations

import typing as t
from collections.abc import Iterable, Sequence
from datetime import datetime

from .history import TIMES
from .page_words import lasting, line, plural
from .report import clock

Mapping = dict[str, t.Any]

# How the times are called, and which event ends them.
TIME_WORDS = {
    "detect": ("time to detect", "the cause is named"),
    "mitigate": ("time to mitigate", "the first proof after the last remedy"),
    "resolve": ("time to resolve", "the incident is resolved"),
}
_PREFIX = "circuit_sage_incident"


def headline(history: Mapping) -> str:
    """The history in one line."""
    told = plural(history["incidents"], "incident")
    if history["incidents"]:
        told += f" from {clock(history['first'])} to {clock(history['last'])}"
    apart = history["apart"]
    return (
        f"{told}; beside them {plural(apart['healthy'], 'run')} on a healthy system, {apart['diagnosed']} that only looked, "
        f"{apart['planned']} of planned work"
    )


def cause_cells(row: Mapping) -> list[str]:
    """The cells of a cause, after its id."""
    return [row["title"], row["layer"], str(row["count"]), clock(row["last"]), lasting(row["resolve"]["median"]), ", ".join(row["hosts"])]


def time_cells(times: Mapping) -> list[str]:
    """The median of each time."""
    return [lasting(times[name]["median"]) for name in TIMES]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    def cells(row: Sequence[str]) -> str:
        return "| " + " | ".join(line(cell).replace("|", "\\|").replace("<", "&lt;") for cell in row) + " |"

    return [cells(head), cells(["---"] * len(head)), *map(cells, rows)]


def markdown(history: Mapping) -> str:
    """Return `history.md`."""
    lines = ["# Incident History", "", f"{headline(history)}.", "", "## Causes, the repeated first", ""]
    head = ("cause", "what it is", "layer", "times", "last", "median to resolve", "hosts")
    lines += _table(head, [[row["id"], *cause_cells(row)] for row in history["causes"]]) if history["causes"] else ["None."]
    lines += ["", "## Times", ""]
    lines += _table(
        ("time", "until", "measured", "median", "9 of 10 within", "longest"),
        [
            [*TIME_WORDS[name], str(one["count"]), *(lasting(one[key]) for key in ("median", "p90", "longest"))]
            for name, one in history["times"].items()
        ],
    )
    for title, key, rows in (("Kinds", "kind", history["kinds"]), ("Severities", "severity", history["severities"])):
        lines += ["", f"## {title}", ""]
        lines += _table(
            (key, "incidents", *(TIME_WORDS[name][0] for name in TIMES)),
            [[row[key], str(row["count"]), *time_cells(row["times"])] for row in rows],
        )
    lines += ["", "## Trend", ""]
    lines += _table(
        ("period", "incidents", *(TIME_WORDS[name][0] for name in TIMES)),
        [[row["period"], str(row["count"]), *time_cells(row["times"])] for row in history["periods"]],
    )
    if history["unreadable"]:
        lines += ["", f"## Not read: {plural(len(history['unreadable']), 'folder')}", ""]
        lines += _table(("folder", "why"), [[one["name"], one["why"]] for one in history["unreadable"]])
    return "\n".join(lines) + "\n"


def _labels(**values: t.Any) -> str:
    escapes = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})
    return ",".join(f'{name}="{str(value).translate(escapes)}"' for name, value in values.items())


def _family(name: str, kind: str, words: str, samples: Iterable[tuple[str, str, float]]) -> list[str]:
    """A metric with its samples, each a suffix, labels and a value."""
    full = f"{_PREFIX}{name}"
    lines = [f"{full}{suffix}{f'{{{labels}}}' if labels else ''} {value:.15g}" for suffix, labels, value in samples]
    return [f"# HELP {full} {words}", f"# TYPE {full} {kind}", *lines]


def prometheus(history: Mapping) -> str:
    """Return `incidents.prom`. All are gauges but the times: records can be deleted, and then a counter would begin anew."""
    lines = _family(
        "s",
        "gauge",
        "Records of runs, by kind, severity and outcome.",
        [("", _labels(**{key: one[key] for key in ("kind", "severity", "outcome")}), one["count"]) for one in history["labels"]],
    )
    lines += _family(
        "_causes",
        "gauge",
        "Incidents in which a cause was found.",
        [("", _labels(cause=row["id"], layer=row["layer"]), row["count"]) for row in history["causes"]],
    )
    for name, (what, until) in TIME_WORDS.items():
        samples: list[tuple[str, str, float]] = []
        for row in history["kinds"]:
            one, kind = row["times"][name], {"kind": row["kind"]}
            if one["count"]:
                samples += [("", _labels(**kind, quantile="0.5"), one["median"]), ("", _labels(**kind, quantile="0.9"), one["p90"])]
            samples += [("_sum", _labels(**kind), one["sum"]), ("_count", _labels(**kind), one["count"])]
        lines += _family(f"_{name}_seconds", "summary", f"The {what}: from the opening of an incident until {until}.", samples)
    lines += _family(
        "_review_items_open",
        "gauge",
        "Action items of reviews that are to be done.",
        [("", _labels(severity=name), count) for name, count in sorted(history["todo"].items())],
    )
    lines += _family(
        "_records_unreadable", "gauge", "Folders among the records that could not be read.", [("", "", len(history["unreadable"]))]
    )
    last = [("", "", datetime.fromisoformat(history["last"].replace("Z", "+00:00")).timestamp())] if history["last"] else []
    lines += _family("_last_opened_timestamp_seconds", "gauge", "When the newest incident was opened.", last)
    made = datetime.fromisoformat(history["made_at"]).timestamp()
    lines += _family("_history_timestamp_seconds", "gauge", "When this was written.", [("", "", made)])
    return "\n".join(lines) + "\n"
