# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of an incident as one page of HTML, in the guide's template: no other file, no script, for screens and for paper. Pure."""

from __future__ import annotations

import typing as t
from collections.abc import Iterable, Sequence

from .page_html import WIDTHS, badge, escaped, identifier, page
from .report import (
    SHOWN_ROWS,
    action_items,
    assigned,
    change_words,
    clock,
    evidence_lines,
    impact,
    prevention,
    severity,
    status,
    summary,
)
from .report_chart import chart

Mapping = dict[str, t.Any]

# What the style sheet has beside that of every page.
OWN = """
.chart text.lane { fill: var(--soft); }
.chart line.lane { stroke: var(--rule); }
.chart circle { stroke: var(--card); stroke-width: 1; fill: var(--soft); }
.chart circle.cause { fill: var(--down); } .chart circle.act { fill: var(--link); }
.chart circle.proof, .chart circle.end { fill: var(--up); }
.card ul, .plain { margin: 8px 0; padding-left: 22px; }
.card li, .plain li { overflow-wrap: anywhere; }
.plain.items { list-style: none; padding-left: 0; }
.long { overflow-wrap: anywhere; white-space: pre-line; }
td, td code { overflow-wrap: break-word; }
.events .at { text-align: left; }
.events li { grid-template-columns: 7rem 6.5rem minmax(0, 1fr); }
@media screen and (max-width: 640px) { .events li { grid-template-columns: 7rem minmax(0, 1fr); } }
@media print { .timeline { break-inside: auto; } .timeline .chart, .events li { break-inside: avoid; } }
"""
# How the end of an incident is shown.
_GOOD = ("healthy", "resolved")


def _banner(record: Mapping, review: Mapping | None) -> str:
    outcome = record["outcome"] or "open"
    closed = f", reviewed {escaped(clock(review['closed_at']))}" if review and review["closed_at"] else ""
    facts = (
        ("Date", record["opened_at"][:10]),
        ("Duration", f"{clock(record['opened_at'])} - {clock(record['resolved_at'])}"),
        ("Severity", severity(record)),
        ("Host", record["host"]),
        ("Incident", record["id"]),
    )
    told = "".join(f"<div><dt>{name}</dt><dd>{escaped(value)}</dd></div>" for name, value in facts)
    return (
        f'<header><div class="banner {"passed" if outcome in _GOOD else "failed"}"><h1>Incident Report: {escaped(record["title"])}</h1>'
        f'<p>Status: {badge(outcome)}{closed}</p><dl class="facts">{told}</dl></div></header>'
    )


def _list(lines: Iterable[str]) -> str:
    return f'<ul class="plain">{"".join(f"<li>{escaped(text)}</li>" for text in lines)}</ul>'


def _section(title: str, *parts: str) -> str:
    name = title.lower().replace(" ", "-")
    return f'<h2 id="{name}">{title}</h2>{"".join(parts)}'


def _at(stamp: str, day: str) -> str:
    """The clock of an event, with its day where that is another than the first."""
    return stamp[11:19] if stamp[:10] == day else f"{stamp[5:10]} {stamp[11:19]}"


def _timeline(record: Mapping) -> str:
    day = record["opened_at"][:10]
    events = "".join(
        f'<li><span class="at">{escaped(_at(entry["at"], day))}</span><span>{escaped(entry["event"])}</span>'
        f'<span class="text soft">{escaped(entry["text"])}</span></li>'
        for entry in record["timeline"]
    )
    drawn = {name: chart(record, width) for name, width in WIDTHS.items()}
    picture = "".join(f'<div class="{name}">{svg}</div>' for name, svg in drawn.items() if svg)
    days = f"Times are UTC, from {clock(record['opened_at'])} on; below the picture, since the incident was opened."
    return f'<p class="soft">{days}</p><div class="card timeline"><div class="chart">{picture}</div><ol class="events">{events}</ol></div>'


def _causes(record: Mapping, review: Mapping | None) -> str:
    said = f'<p class="long">{escaped(review["root_cause"])}</p>' if review and review["root_cause"] else ""
    if not record["findings"]:
        return f"{said}<p>No known cause was found.</p>"
    return said + "".join(
        f'<section class="card"><h3><span class="id">{identifier(finding["id"])}</span>: {escaped(finding["title"])}</h3>'
        f'<p class="title">Layer: {escaped(finding["layer"])}</p>{_list(evidence_lines(finding["evidence"]))}'
        f'<p class="soft">Why not just restart: {escaped(finding["why_not_restart"])}</p></section>'
        for finding in record["findings"]
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], kind: str = "") -> str:
    """A table; the head is text, the cells are HTML."""
    names = "".join(f'<th scope="col">{escaped(name)}</th>' for name in head)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="scroll"><table{kind}><thead><tr>{names}</tr></thead><tbody>{body}</tbody></table></div>'


def _changes(record: Mapping) -> str:
    if not record["changes"]:
        return "<p>Nothing was changed.</p>"
    rows = [
        (escaped(change["component"]), escaped(change_words(change)), f"<code>{escaped(change['undo'])}</code>")
        for change in record["changes"]
    ]
    return _table(("Component", "What was done", "Undo"), rows)


def _tables(record: Mapping) -> str:
    parts = []
    for number, table in enumerate(record.get("tables") or []):
        more = len(table["rows"]) - SHOWN_ROWS
        rest = f" And {more} more." if more > 0 else ""
        rows = [[escaped(cell) for cell in row] for row in table["rows"][:SHOWN_ROWS]]
        told = f"{table['summary']}.{rest} All of them: evidence/{table['file']}."
        # A title may hold anything, and twice the same; the number cannot.
        parts.append(f'<h2 id="table-{number}">{escaped(table["title"])}</h2>{_table(table["columns"], rows)}<p>{escaped(told)}</p>')
    return "".join(parts)


def _items(record: Mapping, review: Mapping | None) -> str:
    lines = []
    for item in action_items(record, review):
        mark, word = ("☑", "done") if item["done"] else ("☐", "to do")
        more = assigned(item)
        told = f"<small> {escaped(more)}</small>" if more else ""
        lines.append(f'<li><span role="img" aria-label="{word}">{mark}</span> {escaped(item["text"])}{told}</li>')
    return f'<ul class="plain items">{"".join(lines)}</ul>' if lines else "<p>None.</p>"


def render(record: Mapping, review: Mapping | None = None) -> str:
    """Return `report.html`."""
    recent = record.get("recent_changes") or []
    sections = [
        _section("Summary", f'<p class="long">{escaped(summary(record))}</p>'),
        _section("Timeline", _timeline(record)),
        _section("Root Cause", _causes(record, review)),
        _section("Recent Changes", _list(f"{clock(change['at'])} - {change['what']}" for change in recent)) if recent else "",
        _section("Impact", _list(impact(record))),
        _section("Resolution", _changes(record)),
        _tables(record),
        _section("Prevention", f'<p class="long">{escaped(prevention(review))}</p>'),
        _section("Action Items", _items(record, review)),
    ]
    body = "\n".join([_banner(record, review), "<main>", *filter(None, sections), "</main>", f"<footer>{escaped(record['id'])}</footer>"])
    return page(f"Incident Report: {record['title']}, {status(record)}", OWN, body)
