# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A drill's report for machines and for plain text: JSON, JUnit XML, Markdown and a table for the terminal. Pure."""

from __future__ import annotations

import json
import re
import textwrap
import typing as t
import unicodedata
from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

from .drill_html import html
from .drill_score import confused, matrix, passed, score
from .drill_words import count, diagnosis, duration, outcome, requests, verdict
from .page_words import clean, clock, line, plural, seconds

# All that a drill's end needs, from one place.
__all__ = ["as_json", "html", "junit", "markdown", "passed", "score", "table"]

Mapping = dict[str, t.Any]

# As wide as the terminal's table may be.
COLUMNS = 140

_MARKS = {True: "met", False: "MISSED"}


def as_json(run: Mapping) -> str:
    """The run with `passed` and `score`. The probes, thousands of pairs, stand on one line for each fault."""
    text = json.dumps({**run, "passed": passed(run), "score": score(run)}, indent=2)
    # Inside a string of JSON a line cannot end, so that these match the layout alone.
    text = re.sub(r"\[\n\s+(-?[\d.eE+-]+),\n\s+(true|false)\n\s+\]", r"[\1, \2]", text)
    return re.sub(r"(true|false)\],\n\s+\[", r"\1], [", text) + "\n"


def _attributes(**values: t.Any) -> str:
    return "".join(f" {name}={quoteattr(clean(value))}" for name, value in values.items())


def _case(name: str, classname: str, time: float, inside: Sequence[str] = ()) -> list[str]:
    opening = f"    <testcase{_attributes(name=name, classname=classname, time=f'{time:.3f}')}"
    return [f"{opening}>", *(f"      {element}" for element in inside), "    </testcase>"] if inside else [f"{opening}/>"]


def _failure(reasons: Sequence[str]) -> str:
    return f"<failure{_attributes(message='; '.join(map(line, reasons)), type='drill')}>{escape(clean(chr(10).join(reasons)))}</failure>"


def junit(run: Mapping) -> str:
    """JUnit XML: a test case for each fault, and one for each bar, so that a missed bar is seen where only test cases are looked at."""
    cases: list[str] = []
    total, failures, skips = 0.0, 0, 0
    for result in run["results"]:
        inside = []
        if result["status"] == "failed":
            failures += 1
            inside = [_failure(result["reasons"] or ["failed without a reason"])]
        elif result["status"] == "skipped":
            skips += 1
            inside = [f"<skipped{_attributes(message='; '.join(map(line, result['reasons'])))}/>"]
        time = result["playbook_seconds"] or 0.0
        total += time
        cases += _case(result["id"], result["incident"], time, inside)
    bars = score(run)
    for row in bars:
        inside = []
        if not row["met"]:
            failures += 1
            faults = f": {', '.join(row['faults'])}" if row["faults"] else ""
            inside = [_failure([f"seen {row['seen']}, the bar is {row['bar']}{faults}"])]
        cases += _case(row["name"], "drill", 0.0, inside)
    numbers = {"tests": len(run["results"]) + len(bars), "failures": failures, "errors": 0, "skipped": skips, "time": f"{total:.3f}"}
    return "\n".join(
        [
            '<?xml version="1.0" encoding="UTF-8"?>',
            f"<testsuites{_attributes(name='drill', **numbers)}>",
            f"  <testsuite{_attributes(name='drill', **numbers, timestamp=run['started_at'], hostname=run['host'])}>",
            "    <properties>",
            f"      <property{_attributes(name='version', value=run['version'])}/>",
            "    </properties>",
            *cases,
            "  </testsuite>",
            "</testsuites>",
            "",
        ]
    )


def _markdown(text: t.Any) -> str:
    """The text as itself in a cell: no markup, no HTML, no second cell."""
    plain = re.sub(r"([\\`*\[\]|~#])", r"\\\1", line(text))
    # Between letters an underscore marks nothing; ids stay readable in the source.
    plain = re.sub(r"(?<![^\W_])_|_(?![^\W_])", r"\\_", plain)
    return plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _markdown_table(head: Sequence[str], rows: Sequence[Sequence[t.Any]], right: int = 99) -> list[str]:
    """A table whose columns from *right* on hold numbers."""
    rule = ["---:" if number >= right else "---" for number in range(len(head))]
    cells = [[_markdown(cell) for cell in row] for row in (head, *rows)]
    return [f"| {' | '.join(row)} |" for row in (cells[0], rule, *cells[1:])]


def _bar_rows(run: Mapping) -> list[list[str]]:
    return [[_MARKS[row["met"]], row["name"], row["bar"], row["seen"], ", ".join(map(line, row["faults"]))] for row in score(run)]


def _fault_row(result: Mapping) -> list[str]:
    times = [result[key] for key in ("bite_seconds", "seconds_to_diagnose", "seconds_to_recover", "playbook_seconds")]
    words = [result["status"], result["id"], result["incident"], diagnosis(result), outcome(result)]
    return [line(word) for word in words] + [seconds(value) for value in times] + [requests(result), count(result["rows_lost"])]


_FAULT_HEAD = (
    "Result",
    "Fault",
    "Incident",
    "Right cause",
    "Outcome",
    "Bit",
    "Cause",
    "Recovered",
    "Playbook",
    "Failed requests",
    "Rows lost",
)


def _told(run: Mapping) -> list[tuple[str, str]]:
    """Each fault that did not pass, with why."""
    bad = [result for result in run["results"] if result["status"] != "passed"]
    return [(f"{result['id']} {result['status']}", "; ".join(map(line, result["reasons"])) or "no reason was given") for result in bad]


def markdown(run: Mapping) -> str:
    """The faults, the bars, and the confusion matrix of those causes that were mistaken for others."""
    lines = [
        f"# {verdict(run)}",
        "",
        f"On {_markdown(run['host'])}, {clock(run['started_at'])}, {duration(run)}, version {_markdown(run['version'])}.",
        "",
        "## Bars",
        "",
        *_markdown_table(("", "Bar", "Wanted", "Seen", "Missed by"), _bar_rows(run)),
    ]
    if run["healthy_changes"]:
        lines += ["", "Changed on the healthy stack:", "", *(f"- {_markdown(change)}" for change in run["healthy_changes"])]
    lines += ["", "## Faults", "", *_markdown_table(_FAULT_HEAD, [_fault_row(result) for result in run["results"]], right=5)]
    told = _told(run)
    if told:
        lines += ["", *(f"- {_markdown(who)}: {_markdown(why)}" for who, why in told)]
    pairs = confused(run)
    if pairs:
        rows, every = matrix(pairs)
        columns = [column for column in every if any(column == pair[1] for pair in pairs)]
        cells = [[row, *(pairs.get((row, column), "") for column in columns)] for row in rows]
        lines += ["", "## Causes mistaken for others", "", *_markdown_table(["Expected / named first", *columns], cells, right=1)]
    return "\n".join(lines) + "\n"


def _width(text: str) -> int:
    """The cells of a terminal that the text takes."""
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide - sum(unicodedata.category(character) in ("Mn", "Me", "Cf") for character in text)


def _cut(text: str, width: int) -> str:
    if _width(text) <= width:
        return text
    while _width(text) > width - 1:
        text = text[:-1]
    return f"{text}…"


def _wrapped(text: str) -> list[str]:
    """The text in lines that fit; textwrap counts characters, of which wide ones take two cells."""
    lines = textwrap.wrap(text, COLUMNS, subsequent_indent="  ")
    if all(_width(one) <= COLUMNS for one in lines):
        return lines
    return textwrap.wrap(text, COLUMNS // 2, subsequent_indent="  ")


def _columns(head: Sequence[str], rows: Sequence[Sequence[str]], numbers: int) -> list[str]:
    """Aligned columns, the last *numbers* of them to the right; the widest texts are cut until a line fits."""
    widths = [max(_width(row[number]) for row in (head, *rows)) for number in range(len(head))]
    texts = len(head) - numbers
    while sum(widths) + 2 * (len(widths) - 1) > COLUMNS:
        widest = max(range(texts), key=lambda number: widths[number])
        if widths[widest] == 1:
            break
        widths[widest] -= 1
    lines = []
    for row in (head, *rows):
        cells = [_cut(cell, width) for cell, width in zip(row, widths, strict=True)]
        padded = [
            cell + " " * (width - _width(cell)) if number < texts else " " * (width - _width(cell)) + cell
            for number, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        lines.append("  ".join(padded).rstrip())
    return [lines[0], "  ".join("─" * width for width in widths), *lines[1:]]


def table(run: Mapping) -> str:
    """Both tables as plain text, with the reasons of what did not pass."""
    head = [word.replace("Failed requests", "Requests failed") for word in _FAULT_HEAD]
    lines = [*_columns(head, [_fault_row(result) for result in run["results"]], numbers=6), ""]
    for who, why in _told(run):
        lines += _wrapped(f"{line(who)}: {why}")
    if run["healthy_changes"]:
        changes = "; ".join(map(line, run["healthy_changes"]))
        lines += _wrapped(f"{plural(len(run['healthy_changes']), 'change')} to the healthy stack: {changes}")
    if lines[-1]:
        lines.append("")
    lines += [*_columns(("", "Bar", "Wanted", "Seen", "Missed by"), _bar_rows(run), numbers=0), "", verdict(run)]
    return "\n".join(lines) + "\n"
