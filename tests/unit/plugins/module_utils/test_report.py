# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report: the guide's template, filled from the record alone, also from one that a killed run left."""

from __future__ import annotations

import typing as t
from itertools import pairwise

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import report

RECORD: dict[str, t.Any] = {
    "id": "20261123-120000-db_failure-ab12",
    "kind": "db_failure",
    "title": "Database connection failure",
    "host": "sandbox",
    "severity": "P1",
    "outcome": "resolved",
    "summary": "postgres_stopped mended and proven",
    "opened_at": "2026-11-23T12:00:00.000+00:00",
    "resolved_at": "2026-11-23T12:00:05.000+00:00",
    "impact": ["postgres is exited"],
    "findings": [
        {
            "id": "postgres_stopped",
            "title": "PostgreSQL is stopped",
            "layer": "process",
            "evidence": {"exit_code": 0, "last_words": None, "holders": [{"user": "a", "sessions": 3}], "none_of": []},
            "why_not_restart": "starting is enough",
            "decision": "act",
            "escalate": "find out who stopped it",
        },
        {"id": "b", "title": "B", "layer": "edge", "evidence": "text", "why_not_restart": "w", "decision": "leave", "reason": "too risky"},
    ],
    "changes": [{"component": "postgres", "action": "started x", "done": True, "undo": "docker stop x"}],
    "timeline": [{"at": "2026-11-23T12:00:01.000+00:00", "event": "seen", "text": "postgres exited"}],
}


def test_every_heading_of_the_guide_is_filled() -> None:
    text = report.render(RECORD)
    for line in (
        "# Incident Report: Database connection failure",
        "**Date**: 2026-11-23  ",
        "**Duration**: 2026-11-23 12:00:00 UTC - 2026-11-23 12:00:05 UTC  ",
        "**Severity**: P1  ",
        "**Status**: Resolved",
        "postgres_stopped mended and proven",
        "- 2026-11-23 12:00:01 UTC - seen: postgres exited",
        "### postgres_stopped: PostgreSQL is stopped",
        "- exit code: 0",
        "- last words: unknown",
        "- holders: user a, sessions 3",
        "- none of: none",
        "Why not just restart: starting is enough",
        "- postgres is exited",
        "- postgres: started x. Undo: docker stop x",
        "- [ ] b: too risky",
        "- [ ] postgres_stopped: find out who stopped it",
    ):
        assert line in text.splitlines(), line


def test_a_change_in_which_the_run_broke_off_is_not_told_as_done() -> None:
    text = report.render({**RECORD, "changes": [{**RECORD["changes"][0], "done": None}]})
    assert "- postgres: started x (the run broke off here: look whether it was done). Undo: docker stop x" in text


TABLE: dict[str, t.Any] = {
    "name": "billing_changes",
    "file": "billing_changes.csv",
    "title": "Billing Changes",
    "columns": ["company", "difference"],
    "rows": [["A | B\nLtd", "-7.01"]],
    "summary": "1 change",
}


def test_a_table_stands_in_the_report_and_names_its_file() -> None:
    text = report.render({**RECORD, "tables": [TABLE]})
    assert "## Billing Changes\n\n| company | difference |\n| --- | --- |\n| A \\| B Ltd | -7.01 |\n" in text
    assert "1 change. All of them: `evidence/billing_changes.csv`." in text


def test_of_a_long_table_the_report_shows_the_beginning() -> None:
    text = report.render({**RECORD, "tables": [{**TABLE, "rows": [[str(number), "0"] for number in range(60)]}]})
    assert "| 49 | 0 |" in text
    assert "| 50 | 0 |" not in text
    assert "And 10 more." in text


def test_a_spreadsheet_takes_no_cell_for_a_formula() -> None:
    text = report.as_csv({**TABLE, "rows": [['=HYPERLINK("x")', "-7.01"], ["+cmd", "+5.00"], ["-1+1", "@x"]]})
    assert text.splitlines() == ["company,difference", '"\'=HYPERLINK(""x"")",-7.01', "'+cmd,+5.00", "'-1+1,'@x"]


def test_the_record_of_a_killed_run_makes_a_report_too() -> None:
    bare = {**RECORD, "outcome": None, "resolved_at": None, "findings": [], "changes": []}
    del bare["summary"], bare["impact"]
    text = report.render(bare)
    assert "**Status**: Open" in text
    assert "The run did not come to its end" in text
    assert "No known cause was found." in text
    assert "Nothing was changed." in text


def test_one_blank_line_stands_before_a_heading_and_no_more() -> None:
    changes = [{"at": "2026-11-23T11:00:00.000+00:00", "what": "backend was made"}]
    for record in (RECORD, {**RECORD, "recent_changes": changes}, {**RECORD, "findings": []}):
        lines = report.render(record).splitlines()
        assert [line for line, next_line in pairwise(lines) if line == next_line == ""] == []
        assert all(before == "" for before, line in pairwise(lines) if line.startswith("## "))
