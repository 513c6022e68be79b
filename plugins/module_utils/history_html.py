# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The history of all incidents as one page of HTML: no other file, no script, for screens and for paper. Pure."""

from __future__ import annotations

import typing as t
from collections.abc import Iterable, Sequence

from .history import TIMES
from .history_chart import Bar, bars
from .history_text import TIME_WORDS, cause_cells, headline, time_cells
from .notify_settings import SEVERITIES
from .page_html import WIDTHS, escaped, identifier, page
from .page_words import lasting, plural

Mapping = dict[str, t.Any]

# What the style sheet has beside that of every page.
OWN = """
.banner { --edge: var(--link); }
.chart .P1 { fill: var(--down); } .chart .P2 { fill: var(--warn); } .chart .P3 { fill: var(--link); }
.chart .P4, .chart .other { fill: var(--soft); }
.chart .time { fill: var(--up); }
.key .P1::before { background: var(--down); } .key .P2::before { background: var(--warn); }
.key .P3::before { background: var(--link); } .key .P4::before, .key .other::before { background: var(--soft); }
.card h3 { margin-bottom: 4px; }
td, tbody th { overflow-wrap: break-word; }
"""
_OTHER = "other"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; the head is text, the cells are HTML, the first one names the row."""
    names = "".join(f'<th scope="col">{escaped(name)}</th>' for name in head)
    body = "".join(f'<tr><th scope="row">{row[0]}</th>{"".join(f"<td>{cell}</td>" for cell in row[1:])}</tr>' for row in rows)
    return f'<div class="scroll"><table><thead><tr>{names}</tr></thead><tbody>{body}</tbody></table></div>'


def _id(name: str) -> str:
    return f'<span class="id">{identifier(name)}</span>'


def _figures(history: Mapping) -> str:
    shown = [
        (plural(history["incidents"], "incident").split(" ", 1)[1], str(history["incidents"])),
        ("causes that came again", str(history["repeated"])),
        *((f"median {TIME_WORDS[name][0]}", lasting(history["times"][name]["median"])) for name in TIMES),
        ("open action items of reviews", str(sum(history["todo"].values()))),
    ]
    return f'<dl class="figures">{"".join(f"<div><dt>{escaped(name)}</dt><dd>{escaped(value)}</dd></div>" for name, value in shown)}</dl>'


def _causes(history: Mapping) -> str:
    if not history["causes"]:
        return "<p>None.</p>"
    rows = []
    for row in history["causes"]:
        again = ' <span class="badge failed">repeated</span>' if row["count"] > 1 else ""
        rows.append((f"{_id(row['id'])}{again}", *map(escaped, cause_cells(row))))
    return _table(("Cause", "What it is", "Layer", "Times", "Last", "Median to resolve", "Hosts"), rows)


def _parts(severities: Mapping) -> list[tuple[str, float]]:
    known = [(name, float(severities[name])) for name in SEVERITIES if name in severities]
    rest = sum(count for name, count in severities.items() if name not in SEVERITIES)
    return [*known, *([(_OTHER, float(rest))] if rest else [])]


def _picture(name: str, there: Sequence[Bar]) -> str:
    drawn = {size: bars(name, there, width) for size, width in WIDTHS.items()}
    shown = "".join(f'<div class="{size}">{svg}</div>' for size, svg in drawn.items() if svg)
    picture = f'<div class="chart">{shown}</div>' if shown else "<p>Nothing was measured.</p>"
    return f'<section class="card"><h3>{escaped(name)}</h3>{picture}</section>'


def _trend(history: Mapping) -> str:
    rows = history["periods"]
    counts = [Bar(row["period"], _parts(row["severities"]), str(row["count"]) if row["count"] else "") for row in rows]
    used = [name for name in (*SEVERITIES, _OTHER) if any(name == kind for column in counts for kind, _value in column.parts)]
    pictures = [_picture("Incidents by severity", counts)]
    for name in TIMES:
        medians = [(row["period"], row["times"][name]["median"]) for row in rows]
        there = [Bar(period, [("time", value or 0.0)], "" if value is None else lasting(value)) for period, value in medians]
        pictures.append(_picture(f"Median {TIME_WORDS[name][0]}", there))
    key = f'<p class="key">{"".join(f"""<span class="{name}">{name}</span>""" for name in used)}</p>' if used else ""
    return key + "".join(pictures)


def _times(history: Mapping) -> str:
    rows = [
        (
            *map(escaped, (TIME_WORDS[name][0], TIME_WORDS[name][1], one["count"])),
            *(escaped(lasting(one[key])) for key in ("median", "p90", "longest")),
        )
        for name, one in history["times"].items()
    ]
    return _table(("Time", "From the opening until", "Measured", "Median", "9 of 10 within", "Longest"), rows)


def _grouped(rows: Sequence[Mapping], key: str) -> str:
    head = (key.capitalize(), "Incidents", *(f"Median {TIME_WORDS[name][0]}" for name in TIMES))
    return _table(head, [(_id(row[key]), str(row["count"]), *map(escaped, time_cells(row["times"]))) for row in rows])


def html(history: Mapping) -> str:
    """Return `history.html`."""
    lost = history["unreadable"]
    parts = [
        f'<header><div class="banner"><h1>Incident History</h1><p>{escaped(headline(history))}.</p></div>{_figures(history)}</header>',
        f'<main><h2 id="causes">Causes, the repeated first</h2>{_causes(history)}',
        f'<h2 id="trend">Trend</h2>{_trend(history)}',
        f'<h2 id="times">Times</h2>{_times(history)}',
        f'<h2 id="kinds">Kinds</h2>{_grouped(history["kinds"], "kind")}',
        f'<h2 id="severities">Severities</h2>{_grouped(history["severities"], "severity")}',
    ]
    if lost:
        rows = [(_id(one["name"]), escaped(one["why"])) for one in lost]
        parts.append(f'<h2 id="unreadable">Not read: {plural(len(lost), "folder")}</h2>{_table(("Folder", "Why"), rows)}')
    return page("Incident History", OWN, "\n".join([*parts, "</main>", f"<footer>Made {escaped(history['made_at'])}.</footer>"]))
