# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A drill's report as one page of HTML: no other file, no script, for screens light and dark, phones and paper. Pure."""

from __future__ import annotations

import typing as t
from collections.abc import Sequence

from .drill_chart import chart
from .drill_score import confused, confusion, counts, figures, first_named, matrix, named_first, passed, score
from .drill_style import OWN
from .drill_words import count, diagnosis, duration, outcome, requests
from .page_html import WIDTHS, badge, escaped, identifier, page
from .page_words import NOT_MEASURED, clock, line, plural, seconds

Mapping = dict[str, t.Any]


def _anchor(number: int) -> str:
    # An id may hold anything, and twice the same; the number cannot.
    return f"fault-{number}"


def _banner(run: Mapping) -> str:
    number = counts(run)
    word = "passed" if passed(run) else "failed"
    words = [f"{number['passed']} of {plural(len(run['results']), 'fault')} passed"]
    words += [f"{number[status]} {status}" for status in ("failed", "skipped") if number[status]]
    facts = [escaped(run["host"]), escaped(clock(run["started_at"])), f"took {duration(run)}", f"version {escaped(run['version'])}"]
    return (
        f'<header><div class="banner {word}"><h1>Drill {word}</h1><p>{", ".join(words)}</p>'
        f'<p class="soft">{" · ".join(facts)}</p></div>{_figures(run)}</header>'
    )


def _figures(run: Mapping) -> str:
    seen = figures(run)
    worst = (
        f"longest until it answered again: {seen['worst_fault']}" if seen["worst_fault"] is not None else "longest until it answered again"
    )
    shown = (
        ("median until the cause is named", seconds(seen["median_to_diagnose"])),
        ("median until the service answers again", seconds(seen["median_to_recover"])),
        (worst, seconds(seen["worst_to_recover"])),
        (f"of {seen['sent']} requests failed", str(seen["failed"])),
    )
    return f'<dl class="figures">{"".join(f"<div><dt>{escaped(name)}</dt><dd>{escaped(value)}</dd></div>" for name, value in shown)}</dl>'


def _bars(run: Mapping, anchors: dict[str, str]) -> str:
    rows = []
    for row in score(run):
        links = ", ".join(f'<a class="id" href="#{anchors[identity]}">{identifier(identity)}</a>' for identity in row["faults"])
        rows.append(
            f'<tr><th scope="row">{escaped(row["name"])}<small class="phone">{escaped(row["bar"])}</small></th>'
            f'<td class="detail">{escaped(row["bar"])}</td><td>{escaped(row["seen"])}'
            f"{f'<small>{links}</small>' if links else ''}</td><td>{badge('met' if row['met'] else 'missed')}</td></tr>"
        )
    changes = "".join(f"<li>{escaped(change)}</li>" for change in run["healthy_changes"])
    told = f'<p>Changed on the healthy stack:</p><ul class="reasons">{changes}</ul>' if changes else ""
    return (
        '<h2 id="bars">Bars</h2><div class="scroll"><table><thead><tr><th scope="col">Bar</th><th scope="col" class="detail">Wanted</th>'
        f'<th scope="col">Seen</th><th scope="col">Result</th></tr></thead><tbody>{"".join(rows)}</tbody></table></div>{told}'
    )


# The head of the table of faults; what a phone leaves out stands again with each fault.
_FAULT_HEAD = (
    ("Fault", ""),
    ("Result", ""),
    ("Right cause", "detail"),
    ("Outcome", "detail"),
    ("Bit", "number minor"),
    ("Cause", "number detail"),
    ("Recovered", "number"),
    ("Playbook", "number minor"),
    ("Failed requests", "number minor"),
    ("Rows lost", "number minor"),
)


def _cells(result: Mapping) -> list[str]:
    times = [seconds(result[key]) for key in ("bite_seconds", "seconds_to_diagnose", "seconds_to_recover", "playbook_seconds")]
    return [diagnosis(result), outcome(result), *times, requests(result), count(result["rows_lost"])]


def _faults(run: Mapping) -> str:
    head = "".join(f'<th scope="col" class="{kind}">{name}</th>' for name, kind in _FAULT_HEAD)
    kinds = [column[1] for column in _FAULT_HEAD[2:]]
    rows = []
    for number, result in enumerate(run["results"]):
        cells = "".join(f'<td class="{kind}">{escaped(cell)}</td>' for kind, cell in zip(kinds, _cells(result), strict=True))
        rows.append(
            f'<tr><th scope="row"><a class="id" href="#{_anchor(number)}">{identifier(result["id"])}</a>'
            f"<small>{escaped(result['title'])}</small></th><td>{badge(result['status'])}</td>{cells}</tr>"
        )
    return (
        '<h2 id="faults">Faults</h2><p class="soft">Bit: seconds since the fault was brought about. '
        "Cause, recovered, playbook: seconds since the playbook was started.</p>"
        f'<div class="scroll"><table class="faults"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'
    )


def _matrix_cell(pairs: dict[tuple[str, str], int], row: str, column: str) -> str:
    number = pairs.get((row, column))
    if number is None:
        return "<td></td>"
    return f'<td class="{"right" if row == column else "wrong"}">{number}</td>'


def _matrix(run: Mapping) -> str:
    pairs = confusion(run)
    wrong = sum(confused(run).values())
    # One cause that was found has nothing to be confused with.
    if len(pairs) < 2 and not wrong:
        return ""
    rows, columns = matrix(pairs)
    total = sum(pairs.values())
    stood = f"{plural(wrong, 'cause')} of {total} stood behind another or {'was' if wrong == 1 else 'were'} not named"
    words = stood if wrong else f"All {total} on the diagonal"
    head = "".join(f'<th scope="col"><span class="id">{escaped(column)}</span></th>' for column in columns)
    body = []
    for row in rows:
        cells = "".join(_matrix_cell(pairs, row, column) for column in columns)
        body.append(f'<tr><th scope="row"><span class="id">{escaped(row)}</span></th>{cells}</tr>')
    return (
        f'<h2 id="causes">Expected causes and those named first</h2>'
        f'<p class="soft">{words}. Rows: what was wrong. Columns: what the run named first.</p>'
        f'<div class="scroll" tabindex="0" role="region" aria-labelledby="causes"><table class="matrix">'
        f"<thead><tr><td></td>{head}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
    )


def _listed(values: Sequence[t.Any]) -> str:
    return ", ".join(map(line, values))


def _facts(result: Mapping) -> str:
    expected = result["expected"]
    facts = [
        ("incident", result["incident"]),
        ("expected", f"{expected['cause'] or 'no cause'}, {expected['outcome']}"),
        ("named first", NOT_MEASURED if result["diagnosis"] is None else "right" if named_first(result) else first_named(result)),
        ("also named", _listed(result["findings"][1:])),
        ("outcome", outcome(result)),
        ("bit", seconds(result["bite_seconds"])),
        ("cause", seconds(result["seconds_to_diagnose"])),
        ("recovered", seconds(result["seconds_to_recover"])),
        ("playbook", seconds(result["playbook_seconds"])),
        ("failed requests", requests(result)),
        ("rows lost", count(result["rows_lost"])),
        ("touched", _listed(result["touched"])),
        ("wrong acts", _listed(result["wrong_touches"])),
        ("changed in check mode", _listed(result["check_changes"])),
        ("drift left", _listed(result["drift_after"])),
    ]
    shown = [(name, text) for name, text in facts if text and text != NOT_MEASURED]
    return f'<dl class="facts">{"".join(f"<div><dt>{name}</dt><dd>{escaped(text)}</dd></div>" for name, text in shown)}</dl>'


def _event(entry: Mapping) -> str:
    return (
        f'<li><span class="at">{escaped(seconds(entry["at"]))}</span><span>{escaped(entry["event"])}</span>'
        f'<span class="text soft">{escaped(entry["text"])}</span></li>'
    )


def _fault(number: int, result: Mapping) -> str:
    parts = [
        f'<section class="card" id="{_anchor(number)}">',
        f'<div class="head"><h3 class="id">{identifier(result["id"])}</h3>{badge(result["status"])}</div>',
        f'<p class="title">{escaped(result["title"])}</p>',
    ]
    if result["reasons"]:
        reasons = "".join(f"<li>{escaped(reason)}</li>" for reason in result["reasons"])
        parts.append(f'<ul class="reasons {escaped(result["status"])}">{reasons}</ul>')
    parts.append(_facts(result))
    if result["probes"] or result["timeline"]:
        charts = "".join(f'<div class="{name}">{chart(result, width)}</div>' for name, width in WIDTHS.items())
        parts.append(f'<div class="chart">{charts}</div>')
    events = sorted(result["timeline"], key=lambda entry: float(entry["at"]))
    if events:
        parts.append(f'<ol class="events">{"".join(map(_event, events))}</ol>')
    return "".join([*parts, "</section>"])


def html(run: Mapping) -> str:
    """Return the page."""
    # Of two faults with one id the first is linked.
    anchors = {result["id"]: _anchor(number) for number, result in reversed(list(enumerate(run["results"])))}
    title = f"Drill {'passed' if passed(run) else 'failed'} on {line(run['host'])}, {clock(run['started_at'])}"
    key = (
        '<p class="key"><span class="up">the service answered</span><span class="down">it did not answer</span>'
        '<span class="unseen">not probed</span></p>'
    )
    sections = "\n".join(_fault(number, result) for number, result in enumerate(run["results"]))
    body = f"""{_banner(run)}
<main>
{_bars(run, anchors)}
{_faults(run)}
{_matrix(run)}
<h2 id="recoveries">Recoveries</h2>
<p class="soft">Pictures and timelines: seconds since the fault was brought about.</p>
{key}
{sections}
</main>
<footer>Started {escaped(run["started_at"])}, ended {escaped(run["ended_at"])}.</footer>"""
    return page(title, OWN, body)
