# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report as a page: all of the guide's template, valid, self-contained, and proof against what a log may hold."""

from __future__ import annotations

import re
import typing as t
from datetime import datetime, timedelta
from xml.etree import ElementTree

import pytest
from html_page import Page, needs_nothing
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import report_chart, report_html
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.page_html import WIDTHS

Mapping = dict[str, t.Any]

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "<script>alert('1')</script> \"x\" & ]]> \x1b[31mred\x1b[0m \x07 \u202eturned \ud800 größer"


def stamp(seconds: float) -> str:
    """A time of the record."""
    moment = datetime.fromisoformat("2026-11-23T12:00:00.000+00:00") + timedelta(seconds=seconds)
    return moment.isoformat(timespec="milliseconds")


def made(**changes: t.Any) -> Mapping:
    """A record, as a run leaves it."""
    events = [(0, "opened"), (1, "seen"), (2, "cause"), (2.1, "plan"), (3, "act"), (4, "act"), (9, "proof"), (10, "resolved")]
    return {
        "id": "20261123-120000-db_failure-ab12",
        "kind": "db_failure",
        "title": "Database connection failure",
        "host": "sandbox",
        "severity": "P1",
        "severity_reason": "complete service outage",
        "outcome": "resolved",
        "summary": "postgres_stopped mended and proven",
        "opened_at": stamp(0),
        "resolved_at": stamp(10),
        "affected": ["features: everything"],
        "impact": ["postgres is exited"],
        "findings": [
            {
                "id": "postgres_stopped",
                "title": "PostgreSQL is stopped",
                "layer": "process",
                "evidence": {"exit_code": 0},
                "why_not_restart": "starting is enough",
                "decision": "act",
                "escalate": "find out who stopped it",
            }
        ],
        "changes": [{"component": "postgres", "action": "started x", "done": None, "undo": "docker stop x"}],
        "recent_changes": [{"at": stamp(-60), "what": "container made"}],
        "tables": [{"name": "a", "file": "a.csv", "title": "Amounts", "columns": ["c"], "rows": [["1"]] * 60, "summary": "60 rows"}],
        "timeline": [{"at": stamp(at), "event": event, "text": f"the {event}"} for at, event in events],
        **changes,
    }


REVIEW: Mapping = {
    "closed_at": stamp(86400),
    "root_cause": "A script stopped it.",
    "prevention": "The script is gone.",
    "items": [
        {"text": "Train", "severity": "P2", "owner": "", "due": stamp(100), "done_at": None},
        {"text": "Write", "severity": "P1", "owner": "Ada", "due": stamp(100), "done_at": stamp(50)},
    ],
}


def test_every_field_of_the_template_is_there() -> None:
    source = report_html.render(made())
    page = Page(source)
    for words in (
        "Incident Report: Database connection failure",
        "Date2026-11-23",
        "Duration2026-11-23 12:00:00 UTC - 2026-11-23 12:00:10 UTC",
        "SeverityP1 (complete service outage)",
        "Status: resolved",
        "postgres_stopped mended and proven",
        "12:00:02causethe cause",
        "postgres_stopped: PostgreSQL is stopped",
        "exit code: 0",
        "Why not just restart: starting is enough",
        "2026-11-23 11:59:00 UTC - container made",
        "features: everything",
        "postgres is exited",
        "started x (the run broke off here: look whether it was done)docker stop x",
        "And 10 more. All of them: evidence/a.csv.",
        "Not known from the record; to be written in the review.",
        "☐ postgres_stopped: find out who stopped it",
    ):
        assert words in page.text, words
    headings = ["summary", "timeline", "root-cause", "recent-changes", "impact", "resolution", "table-0", "prevention", "action-items"]
    assert [heading["id"] for heading in page.tags("h2")] == headings
    assert len(page.tags("svg")) == len(WIDTHS)
    assert needs_nothing(source)


def test_the_page_says_what_the_review_adds() -> None:
    page = Page(report_html.render(made(), REVIEW))
    for words in (
        "reviewed 2026-11-24 12:00:00 UTC",
        "A script stopped it.",
        "The script is gone.",
        "☐ Train P2, nobody yet, due 2026-11-23 12:01:40 UTC",
        "☑ Write P1, Ada, due",
    ):
        assert words in page.text, words


def test_the_record_of_a_killed_run_makes_a_page_too() -> None:
    bare = made(outcome=None, resolved_at=None, findings=[], changes=[], timeline=[], tables=[], recent_changes=[])
    del bare["summary"], bare["impact"], bare["affected"]
    page = Page(report_html.render(bare))
    for words in ("Status: open", "12:00:00 UTC - open", "did not come to its end", "No known cause was found.", "Nothing was changed."):
        assert words in page.text, words
    assert page.tags("svg") == []


def test_a_healthy_run_has_nothing_to_do() -> None:
    assert Page(report_html.render(made(outcome="healthy", findings=[]))).text.endswith("Action ItemsNone. 20261123-120000-db_failure-ab12")


@given(st.text(st.characters(exclude_categories=())))
def test_no_text_changes_the_shape_of_the_page(text: str) -> None:
    def shape(word: str) -> list[tuple[str, list[str]]]:
        finding = {**made()["findings"][0], "id": f"a {word}", "title": word, "evidence": {"a": word}, "why_not_restart": word}
        entries = [{"at": stamp(1), "event": "seen", "text": word}, {"at": stamp(2), "event": f"x {word}", "text": word}]
        table = {**made()["tables"][0], "title": word, "columns": [word], "rows": [[word]], "summary": word}
        record = made(
            title=word, host=word, severity_reason=f"x{word}", summary=f"x{word}", findings=[finding], timeline=entries, tables=[table]
        )
        source = report_html.render(record, {**REVIEW, "root_cause": f"x{word}"})
        source.encode()
        return [(tag, sorted(found)) for tag, found in Page(source).elements if tag != "wbr"]

    assert shape(text) == shape("word")


def test_a_hostile_text_stays_text() -> None:
    source = report_html.render(made(timeline=[{"at": stamp(1), "event": "seen", "text": HOSTILE}], summary=HOSTILE))
    assert Page(source).tags("script") == []
    assert "<script>alert('1')</script>" in Page(source).text
    assert not re.search("[\x00-\x08\x0b-\x1f\u202e\ud800]", source)


def test_an_event_of_another_day_says_its_day() -> None:
    late = {"at": stamp(86400), "event": "told", "text": "late"}
    assert "11-24 12:00:00toldlate" in Page(report_html.render(made(timeline=[*made()["timeline"], late]))).text


def drawn(record: Mapping, width: int = 640) -> ElementTree.Element:
    """The picture, read as XML."""
    return ElementTree.fromstring(report_chart.chart(record, width))  # noqa: S314 - our own


def test_each_lane_has_its_events_and_says_when() -> None:
    svg = drawn(made())
    names = [text.text for text in svg.findall(f"{SVG}text[@class='lane']")]
    assert names == ["seen", "cause", "act", "proof", "resolved"]
    labels = [text.text for text in svg.findall(f"{SVG}text[@class='mark']")]
    assert labels == ["12:00:00 to 12:00:01 (2)", "12:00:02", "12:00:03 to 12:00:04 (2)", "12:00:09", "12:00:10"]
    assert [dot.get("class") for dot in svg.findall(f"{SVG}circle")] == ["seen", "seen", "cause", "act", "act", "proof", "end"]
    told = svg.get("aria-label") or ""
    assert told.startswith("Timeline of 20261123-120000-db_failure-ab12, 7 events drawn: seen 12:00:00 to")


@pytest.mark.parametrize(
    ("end", "ticks"),
    [
        (10, ["0 s", "1", "2"]),
        (600, ["0 min", "1", "2"]),
        (7200 * 3, ["0 h", "0.5", "1"]),
        (86400 * 3, ["0 d", "0.5", "1"]),
        (0, ["0 s", "0.1", "0.2"]),
    ],
)
def test_the_axis_has_a_unit_that_fits(end: float, ticks: list[str]) -> None:
    svg = drawn(made(timeline=[{"at": stamp(0), "event": "seen", "text": ""}, {"at": stamp(end), "event": "act", "text": ""}]), 944)
    assert [text.text for text in svg.findall(f"{SVG}text[@class='tick']")][:3] == ticks


def test_of_ten_thousand_events_no_more_are_drawn_than_can_be_told_apart() -> None:
    svg = drawn(made(timeline=[{"at": stamp(number), "event": "seen", "text": "x"} for number in range(10_000)]))
    assert 100 < len(svg.findall(f"{SVG}circle")) <= 320


TIMES = st.one_of(st.floats(-100, 1e6).map(stamp), st.sampled_from(["", "later", "2026-11-23T12:00:00"]))
EVENTS = st.lists(st.tuples(TIMES, st.sampled_from(["opened", "seen", "cause", "act", "did", "proof", "escalated", "told"])), max_size=30)


@given(events=EVENTS, width=st.sampled_from(sorted(WIDTHS.values())))
def test_nothing_is_drawn_outside_of_the_picture(events: list[tuple[str, str]], width: int) -> None:
    record = made(timeline=[{"at": at, "event": event, "text": "text"} for at, event in events])
    if not report_chart.chart(record, width):
        assert report_chart.moments(record) == []
        return
    svg = drawn(record, width)
    for text in svg.findall(f"{SVG}text[@class='mark']"):
        assert float(text.get("x", "-1")) >= 0
        assert float(text.get("x", "0")) + len(text.text or "") * 6.6 <= width
    for dot in svg.findall(f"{SVG}circle"):
        assert 70 <= float(dot.get("cx", "0")) <= width - 5
        assert 0 < float(dot.get("cy", "0")) < float(svg.get("height", "0"))
