# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plain reports: valid whatever a text holds, and complete."""

from __future__ import annotations

import json
import typing as t
from xml.etree import ElementTree

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import drill_report

Mapping = dict[str, t.Any]

# The fixture's drill is changed in the same places each time.
ANY_DRILL = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=60)


def parsed(run: Mapping) -> ElementTree.Element:
    """The JUnit report as a CI system reads it."""
    return ElementTree.fromstring(drill_report.junit(run).encode())  # noqa: S314 - our own


def test_json_is_the_run_with_its_score(failed_drill: Mapping) -> None:
    text = drill_report.as_json(failed_drill)
    read = json.loads(text)
    assert read.pop("passed") is False
    assert read.pop("score") == drill_report.score(failed_drill)
    assert read == failed_drill
    # Thousands of probes do not make thousands of lines, and the file is ASCII whatever was in a log.
    assert len(text.splitlines()) < 700
    assert text.isascii()


@ANY_DRILL
@given(text=ANY_TEXT)
def test_no_text_is_taken_for_the_layout_of_json(drill: Mapping, text: str) -> None:
    drill["results"][0]["title"] = f"[\n 1,\n true\n ], {text} true],\n  ["
    drill["results"][0]["touched"] = ["true],", text]
    read = json.loads(drill_report.as_json(drill))
    assert read["results"] == drill["results"]


def test_junit_has_a_case_for_each_fault_and_each_bar(failed_drill: Mapping) -> None:
    (suite,) = parsed(failed_drill)
    assert {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped", "time", "timestamp", "hostname")} == {
        "tests": "14",
        "failures": "10",
        "errors": "0",
        "skipped": "1",
        "time": "33.000",
        "timestamp": "2026-11-23T14:02:11.250+00:00",
        "hostname": "sandbox",
    }
    cases = suite.findall("testcase")
    assert len(cases) == 14
    assert len(suite.findall("testcase/failure")) == 10
    assert [case.get("classname") for case in cases] == ["db_failure"] * 6 + ["drill"] * 8
    assert (cases[0].get("name"), cases[0].get("time"), len(cases[0])) == ("postgres_stopped", "8.250", 0)
    failure = cases[2].find("failure")
    assert failure is not None
    assert "<script>alert('1')</script>" in (failure.text or "")
    assert (failure.text or "").endswith("\nsecond line")
    assert "\n" not in failure.get("message", "\n")
    skipped = cases[5].find("skipped")
    assert skipped is not None
    assert skipped.get("message", "").startswith("needs <script>")
    missed = cases[6].find("failure")
    assert missed is not None
    assert missed.get("message") == "seen 2 of 5 (40 %), the bar is ≥ 95 % of faults: lock_blocker, role_nologin, blunt"


def test_junit_of_a_drill_that_passed_has_no_failure(drill: Mapping) -> None:
    assert parsed(drill).findall(".//failure") == []
    drill["results"][0].update(status="failed", diagnosis="among")
    (first, *_bars) = parsed(drill).findall(".//failure")
    assert first.text == "failed without a reason"


@ANY_DRILL
@given(text=ANY_TEXT)
def test_junit_is_xml_whatever_the_texts(failed_drill: Mapping, text: str) -> None:
    failed_drill.update(host=text, version=text)
    for result in failed_drill["results"]:
        result.update(id=f"id {text}", incident=text, reasons=[text])
    assert len(parsed(failed_drill).findall(".//testcase")) == 14


def test_markdown_of_a_drill_that_passed(drill: Mapping) -> None:
    text = drill_report.markdown(drill)
    assert text.startswith("# Drill passed: 3 of 3 faults passed\n\nOn sandbox, 2026-11-23 14:02 UTC, 13 min 37 s, version 1.2.3.\n")
    assert "| met | Data lost | 0 rows | 0 |  |" in text
    assert "| passed | lock_blocker | db_failure | first | resolved | 0.5 s | 2.0 s | 6.0 s | 8.2 s | 60 of 120 | 0 |" in text
    assert "mistaken" not in text
    assert "healthy stack:" not in text


def test_markdown_of_a_drill_that_failed(failed_drill: Mapping) -> None:
    text = drill_report.markdown(failed_drill)
    assert "| MISSED | Changes to a healthy stack | 0 changes | 1 |  |" in text
    assert "- db\\_failure" not in text
    assert "- db_failure: changed &lt;script&gt;" in text
    assert "- blunt failed: it did not bite within 30 s\n" in text
    assert "## Causes mistaken for others\n\n| Expected / named first | postgres_stopped | &lt;script&gt;" in text
    assert "| lock_blocker | 1 |  |" in text


@ANY_DRILL
@given(text=ANY_TEXT)
def test_no_text_breaks_a_table_of_markdown(failed_drill: Mapping, text: str) -> None:
    failed_drill["results"][1].update(id=text, title=text, findings=[text], diagnosis="wrong")
    for line in drill_report.markdown(failed_drill).splitlines():
        assert "<" not in line
        if line.startswith("|"):
            cells = line.replace("\\\\", "").replace("\\|", "").count("|") - 1
            assert cells in (3, 5, 11), line


def test_an_underscore_is_escaped_where_it_could_mark_something() -> None:
    assert drill_report._markdown("lock_blocker _so_ __all__ größe_1") == "lock_blocker \\_so\\_ \\_\\_all\\_\\_ größe_1"


def test_the_table_for_the_terminal(drill: Mapping) -> None:
    drill["results"][1].update(requests={"sent": 1200, "failed": 7}, seconds_to_recover=123.4)
    assert drill_report.table(drill).splitlines()[:5] == [
        "Result  Fault             Incident    Right cause  Outcome     Bit  Cause  Recovered  Playbook  Requests failed  Rows lost",
        "──────  ────────────────  ──────────  ───────────  ────────  ─────  ─────  ─────────  ────────  ───────────────  ─────────",
        "passed  postgres_stopped  db_failure  first        resolved  0.5 s  2.0 s      6.0 s     8.2 s        60 of 120          0",
        "passed  lock_blocker      db_failure  first        resolved  0.5 s  2.0 s      123 s     8.2 s        7 of 1200          0",
        "passed  role_nologin      db_failure  first        resolved  0.5 s  2.0 s      6.0 s     8.2 s        60 of 120          0",
    ]
    assert drill_report.table(drill).endswith(
        "met  Failed in another way       0 faults          0\n\nDrill passed: 3 of 3 faults passed\n"
    )


def test_the_table_tells_why(failed_drill: Mapping) -> None:
    text = drill_report.table(failed_drill)
    assert "\nblunt failed: it did not bite within 30 s\n" in text
    assert "\nlock_blocker failed: another was named first\n" in text
    assert "\n1 change to the healthy stack: db_failure: changed <script>" in text
    assert "\x1b" not in text
    assert "\u202e" not in text


@ANY_DRILL
@given(text=st.text(st.characters(exclude_categories=()), max_size=300))
def test_no_line_for_the_terminal_is_wider_than_it_may_be(failed_drill: Mapping, text: str) -> None:
    failed_drill["results"][1].update(id=text, incident=text, findings=[text], outcome=text, reasons=[text])
    for line in drill_report.table(failed_drill).splitlines():
        assert drill_report._width(line) <= drill_report.COLUMNS, line


def test_wide_letters_take_two_cells_and_accents_none() -> None:
    assert [drill_report._width(text) for text in ("abc", "日本", "e\u0301")] == [3, 4, 1]
    assert drill_report._cut("日本日本", 5) == "日本…"
    lines = drill_report._columns(("a", "b"), [("日本", "1"), ("x", "22")], numbers=1)
    assert lines == ["a      b", "────  ──", "日本   1", "x     22"]


def test_numbers_too_wide_for_the_line_are_shown_in_full() -> None:
    assert "9" * 150 in drill_report._columns(("a", "b"), [("text", "9" * 150)], numbers=1)[2]
