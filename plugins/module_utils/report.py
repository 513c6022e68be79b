# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of an incident in the guide's template, made from the record alone. Pure."""

from __future__ import annotations

import csv
import io
import re
import typing as t

Mapping = dict[str, t.Any]

# How many rows of a table the report shows.
SHOWN_ROWS = 50
_FORMULA = re.compile(r"[=@\t\r]|[+-](?!\d+(\.\d+)?$)")


def clock(stamp: str | None) -> str:
    """A time of the record for people, to the second."""
    return f"{stamp[:10]} {stamp[11:19]} UTC" if stamp else "open"


def severity(record: Mapping) -> str:
    """The severity, with the reason where one was judged."""
    return f"{record['severity']} ({record['severity_reason']})" if record.get("severity_reason") else str(record["severity"])


def status(record: Mapping) -> str:
    """The guide's status: the outcome, or open."""
    return (record["outcome"] or "open").capitalize()


def summary(record: Mapping) -> str:
    """What the run says of itself."""
    return record.get("summary") or "The run did not come to its end; the timeline tells how far it came."


def impact(record: Mapping) -> list[str]:
    """What was affected, one line each."""
    return [*(record.get("affected") or []), *(record.get("impact") or ["None was seen."])]


def change_words(change: Mapping) -> str:
    """What a change did, with a doubt where the run broke off."""
    return f"{change['action']}{'' if change['done'] else ' (the run broke off here: look whether it was done)'}"


def is_left_alone(finding: Mapping) -> bool:
    """Whether a finding was left to a person, and no later run saw it gone."""
    return finding.get("decision") == "leave" and finding.get("status") != "mended"


def left_alone(record: Mapping) -> list[tuple[str, str]]:
    """The findings that nobody mended, each with why: what is still wrong."""
    return [(finding["id"], finding["reason"]) for finding in record["findings"] if is_left_alone(finding)]


def follow_ups(record: Mapping) -> list[tuple[str, str]]:
    """What a person has to find out of the findings that were mended."""
    mended = [finding for finding in record["findings"] if not is_left_alone(finding)]
    return [(finding["id"], finding["escalate"]) for finding in mended if finding.get("escalate")]


def prevention(review: Mapping | None) -> str:
    """What keeps it from happening again, as the review says."""
    return (review or {}).get("prevention") or "Not known from the record; to be written in the review."


def action_items(record: Mapping, review: Mapping | None) -> list[Mapping]:
    """What is to be done, as `text` and whether it is `done`; those of the review, with `owner` and `due`, once there is one."""
    if review:
        return [{**item, "done": bool(item["done_at"])} for item in review["items"]]
    items = [f"{name}: {text}" for name, text in left_alone(record) + follow_ups(record)]
    if record["outcome"] != "healthy":
        items.append("Review this incident within 24 hours")
    return [{"text": text, "done": False} for text in items]


def assigned(item: Mapping) -> str:
    """Whose an action item is, and by when."""
    return ", ".join([item["severity"], item["owner"] or "nobody yet", f"due {clock(item['due'])}"]) if "due" in item else ""


def _item_line(item: Mapping) -> str:
    more = assigned(item)
    return f"- [{'x' if item['done'] else ' '}] {item['text']}{f' ({more})' if more else ''}"


def _value(value: t.Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_value(item)}" for name, item in value.items())
    if isinstance(value, list):
        return "; ".join(_value(item) for item in value) or "none"
    return "unknown" if value is None else str(value)


def evidence_lines(evidence: t.Any) -> list[str]:
    """Return a finding's evidence as short lines, `name: value`."""
    if not isinstance(evidence, dict):
        return [_value(evidence)]
    return [f"{name.replace('_', ' ')}: {_value(value)}" for name, value in evidence.items()]


def as_csv(table: Mapping) -> str:
    """A table as CSV. What a spreadsheet would take for a formula is kept a text by a quote before it; an amount with its sign is none."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table["columns"])
    writer.writerows([[f"'{cell}" if _FORMULA.match(str(cell)) else cell for cell in row] for row in table["rows"]])
    return text.getvalue()


def _table_lines(table: Mapping) -> list[str]:
    """A table in Markdown, its first rows; all of them are in the CSV file."""

    def line(cells: t.Iterable[t.Any]) -> str:
        return "| " + " | ".join(" ".join(str(cell).replace("|", "\\|").split()) for cell in cells) + " |"

    rows, more = table["rows"][:SHOWN_ROWS], len(table["rows"]) - SHOWN_ROWS
    rest = [f"And {more} more." if more > 0 else "", f"All of them: `evidence/{table['file']}`."]
    return [
        "",
        f"## {table['title']}",
        "",
        line(table["columns"]),
        line("---" for _column in table["columns"]),
        *map(line, rows),
        "",
        " ".join([f"{table['summary']}.", *filter(None, rest)]),
    ]


def render(record: Mapping, review: Mapping | None = None) -> str:
    """Return `report.md`."""
    lines = [
        f"# Incident Report: {record['title']}",
        "",
        f"**Incident**: {record['id']}  ",
        f"**Host**: {record['host']}  ",
        f"**Date**: {record['opened_at'][:10]}  ",
        f"**Duration**: {clock(record['opened_at'])} - {clock(record['resolved_at'])}  ",
        f"**Severity**: {severity(record)}  ",
        f"**Status**: {status(record)}",
        "",
        "## Summary",
        summary(record),
        "",
        "## Timeline",
        *[f"- {clock(entry['at'])} - {entry['event']}: {entry['text']}" for entry in record["timeline"]],
        "",
        "## Root Cause",
    ]
    if review and review["root_cause"]:
        lines += [review["root_cause"], ""]
    if not record["findings"]:
        lines.append("No known cause was found.")
    for finding in record["findings"]:
        # The first one stands right under the section's heading.
        if finding is not record["findings"][0]:
            lines.append("")
        lines += [f"### {finding['id']}: {finding['title']}", f"Layer: {finding['layer']}.", ""]
        lines += [f"- {line}" for line in evidence_lines(finding["evidence"])]
        lines += ["", f"Why not just restart: {finding['why_not_restart']}"]
    if record.get("recent_changes"):
        lines += ["", "## Recent Changes", *[f"- {clock(change['at'])} - {change['what']}" for change in record["recent_changes"]]]
    lines += [
        "",
        "## Impact",
        *[f"- {text}" for text in impact(record)],
        "",
        "## Resolution",
    ]
    if not record["changes"]:
        lines.append("Nothing was changed.")
    lines += [f"- {change['component']}: {change_words(change)}. Undo: {change['undo']}" for change in record["changes"]]
    for table in record.get("tables") or []:
        lines += _table_lines(table)
    lines += ["", "## Prevention", prevention(review), "", "## Action Items", *map(_item_line, action_items(record, review))]
    return "\n".join(lines) + "\n"
