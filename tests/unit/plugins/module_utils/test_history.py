# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The history: which records count, which times, which trend; its pages; and metrics that Prometheus takes."""

from __future__ import annotations

import json
import re
import typing as t
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest
from html_page import Page, needs_nothing

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import history, history_chart, history_html, history_text
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.chart_layout import text_width
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.history_chart import Bar

Mapping = dict[str, t.Any]

SVG = "{http://www.w3.org/2000/svg}"
MADE_AT = "2026-12-01T00:00:00.000+00:00"
BEGIN = datetime(2026, 11, 23, 12, tzinfo=timezone.utc)
HOSTILE = "<script>alert('1')</script> \"x\" a|b \\ \x07\n\ud800"


def stamp(seconds: float) -> str:
    """A time of the record."""
    return (BEGIN + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")


def finding(name: str, **changes: t.Any) -> Mapping:
    """A finding."""
    return {"id": name, "title": f"What {name} is", "layer": "process", **changes}


def keep(base: Path, name: str, after: float = 0, causes: tuple[str, ...] = ("lock_blocker",), **changes: t.Any) -> None:
    """Write a record whose incident was opened so many seconds after the beginning."""
    events = [("opened", 0), ("proof", 1), ("cause", 2), ("cause", 3), ("act", 4), ("proof", 5), ("act", 6), ("proof", 10), ("proof", 11)]
    record = {
        "id": name,
        "kind": "db_failure",
        "host": "sandbox",
        "severity": "P1",
        "outcome": "resolved",
        "opened_at": stamp(after),
        "resolved_at": stamp(after + 20),
        "findings": [finding(cause) for cause in causes],
        "timeline": [{"at": stamp(after + at), "event": event, "text": ""} for event, at in events],
        **changes,
    }
    (base / name).mkdir()
    (base / name / "incident.json").write_text(json.dumps(record), encoding="utf-8")


def told(base: Path) -> Mapping:
    """The history over a folder."""
    return history.summary(*history.read(base), MADE_AT)


def test_times_are_those_of_the_timeline(tmp_path: Path) -> None:
    keep(tmp_path, "a")
    incident = history.read_one(str(tmp_path / "a"), "a")
    assert isinstance(incident, history.Incident)
    assert incident.times == {"detect": 2.0, "mitigate": 10.0, "resolve": 20.0}


def test_of_an_incident_that_is_open_no_time_is_made_up(tmp_path: Path) -> None:
    keep(tmp_path, "a", outcome=None, resolved_at=None, timeline=[])
    assert [one["count"] for one in told(tmp_path)["times"].values()] == [0, 0, 0]
    assert told(tmp_path)["states"] == {"open": 1}


def test_what_is_no_incident_is_counted_apart(tmp_path: Path) -> None:
    keep(tmp_path, "a")
    keep(tmp_path, "healthy", outcome="healthy", causes=())
    keep(tmp_path, "looked", outcome="diagnosed")
    keep(tmp_path, "backup", causes=(), kind="backup")
    # Refused, for want of its approval.
    keep(tmp_path, "restore", causes=("restore",), kind="restore", outcome="escalated")
    keep(tmp_path, "harmless", findings=[finding("page_cache", harmless=True), finding("b", status="harmless")])
    found = told(tmp_path)
    assert (found["incidents"], found["apart"]) == (1, {"healthy": 1, "diagnosed": 1, "planned": 3})
    assert [row["id"] for row in found["causes"]] == ["lock_blocker"]
    assert "1 incident from 2026-11-23 12:00:00 UTC" in history_text.headline(found)
    assert "beside them 1 run on a healthy system, 1 that only looked, 3 of planned work" in history_text.headline(found)


def test_repeated_causes_come_first_and_of_those_alike_the_latest(tmp_path: Path) -> None:
    keep(tmp_path, "a", 0, ("slots_exhausted", "lock_blocker"), host="two")
    keep(tmp_path, "b", 100, ("lock_blocker",))
    keep(tmp_path, "c", 200, ("miner",))
    found = told(tmp_path)
    assert [(row["id"], row["count"]) for row in found["causes"]] == [("lock_blocker", 2), ("miner", 1), ("slots_exhausted", 1)]
    assert (found["causes"][0]["hosts"], found["causes"][0]["last"], found["repeated"]) == (["sandbox", "two"], stamp(100), 1)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "it has no incident.json"),
        ("{", "Expecting property name"),
        ("[]", "list indices"),
        ("\x00\xff", "Expecting value"),
        ('{"findings": [], "outcome": null}', "it has no kind"),
        ('{"findings": 3}', "not iterable"),
        ('{"findings": [], "outcome": null, "kind": "a", "host": "b", "severity": "P1", "opened_at": "once"}', "opened_at is no time"),
        ('{"findings": ["x"]}', "has no attribute"),
    ],
)
def test_a_damaged_or_foreign_folder_is_named_and_nothing_more(tmp_path: Path, text: str | None, why: str) -> None:
    keep(tmp_path, "good")
    (tmp_path / "bad").mkdir()
    if text is not None:
        (tmp_path / "bad" / "incident.json").write_text(text, encoding="utf-8")
    found = told(tmp_path)
    assert found["incidents"] == 1
    assert [one["name"] for one in found["unreadable"]] == ["bad"]
    assert why in found["unreadable"][0]["why"]
    for page in (history_html.html(found), history_text.markdown(found)):
        assert "Not read: 1 folder" in page


def test_links_files_the_outbox_and_the_history_itself_are_no_folders_of_records(tmp_path: Path) -> None:
    keep(tmp_path, "a")
    (tmp_path / "latest").symlink_to("a")
    (tmp_path / "notes.txt").touch()
    (tmp_path / ".outbox").mkdir()
    (tmp_path / history.FOLDER).mkdir()
    assert (told(tmp_path)["incidents"], told(tmp_path)["unreadable"]) == (1, [])


def test_open_action_items_are_counted_by_severity(tmp_path: Path) -> None:
    keep(tmp_path, "a")
    items = [{"severity": "P1", "done_at": None}, {"severity": "P2", "done_at": None}, {"severity": "P1", "done_at": stamp(1)}]
    (tmp_path / "a" / "review.json").write_text(json.dumps({"items": items}), encoding="utf-8")
    assert told(tmp_path)["todo"] == {"P1": 1, "P2": 1}


def test_a_spread() -> None:
    assert history.spread([None, 3.0, 1.0, *[2.0] * 8]) == {"count": 10, "median": 2.0, "p90": 2.0, "longest": 3.0, "sum": 20.0}
    assert history.spread([None])["median"] is None


@pytest.mark.parametrize(
    ("days", "names"),
    [
        (3, ["2026-11-23", "2026-11-24", "2026-11-25", "2026-11-26"]),
        (70, ["2026-11", "2026-12", "2027-01", "2027-02"]),
        (1200, ["2026", "2027", "2028", "2029", "2030"]),
    ],
)
def test_the_trend_has_periods_that_can_be_looked_at_the_empty_ones_too(tmp_path: Path, days: int, names: list[str]) -> None:
    keep(tmp_path, "a")
    keep(tmp_path, "b", days * 86400, severity="P2")
    rows = told(tmp_path)["periods"]
    assert [row["period"] for row in rows] == names
    assert [row["count"] for row in rows] == [1, *[0] * (len(names) - 2), 1]
    assert rows[-1]["severities"] == {"P2": 1}


def test_the_page_says_all_and_needs_nothing(tmp_path: Path) -> None:
    keep(tmp_path, "a")
    keep(tmp_path, "b", 86400 * 2, severity="P3", kind="triage")
    found = told(tmp_path)
    source = history_html.html(found)
    page = Page(source)
    for words in (
        "Incident History",
        "lock_blocker repeated",
        "incidents2",
        "causes that came again1",
        "median time to resolve20.0 s",
        "triage",
        "P3",
    ):
        assert words in page.text, words
    assert needs_nothing(source)
    # Four pictures, each for three widths of a page.
    assert len(page.tags("svg")) == 12
    assert page.tags("svg")[0]["aria-label"] == "Incidents by severity: 2026-11-23 1, 2026-11-25 1."
    text = history_text.markdown(found)
    assert "| lock_blocker | What lock_blocker is | process | 2 | 2026-11-25 12:00:00 UTC | 20.0 s | sandbox |" in text
    assert "| time to mitigate | the first proof after the last remedy | 2 | 10.0 s | 10.0 s | 10.0 s |" in text


def test_a_folder_without_incidents_has_pages_too(tmp_path: Path) -> None:
    found = told(tmp_path)
    assert "0 incidents; beside them" in Page(history_html.html(found)).text
    assert "None." in history_text.markdown(found)
    assert "circuit_sage_incident_records_unreadable 0" in history_text.prometheus(found)


def test_hostile_texts_stay_texts(tmp_path: Path) -> None:
    keep(tmp_path, "a", kind=HOSTILE, host=HOSTILE, severity=HOSTILE, findings=[finding(HOSTILE, title=HOSTILE, layer=HOSTILE)])
    found = told(tmp_path)
    source = history_html.html(found)
    assert Page(source).tags("script") == []
    assert "<script>alert('1')</script>" in Page(source).text
    markdown = history_text.markdown(found)
    assert "<script>" not in markdown
    source.encode()
    markdown.encode()


SAMPLE = re.compile(r'([a-z_]+)(\{[a-z_]+="(?:[^"\\\n]|\\["\\n])*"(?:,[a-z_]+="(?:[^"\\\n]|\\["\\n])*")*\})? ([-+0-9.e]+)')


def test_prometheus_takes_the_metrics(tmp_path: Path) -> None:
    keep(tmp_path, "a")
    keep(tmp_path, "b", 100, severity=HOSTILE.replace("\ud800", ""))
    text = history_text.prometheus(told(tmp_path))
    text.encode()
    families: dict[str, str] = {}
    seen: set[str] = set()
    for line in text.splitlines():
        if line.startswith("#"):
            kind, name, words = re.fullmatch(r"# (HELP|TYPE) ([a-z_]+) (.+)", line).groups()  # type: ignore[union-attr]
            families[name] = words if kind == "TYPE" else ""
            continue
        match = SAMPLE.fullmatch(line)
        assert match, line
        name = match[1] if match[1] in families else re.sub("_(sum|count)$", "", match[1])
        assert families[name] in ("gauge", "summary"), line
        assert f"{match[1]}{match[2]}" not in seen, line
        seen.add(f"{match[1]}{match[2]}")
        float(match[3])
    assert 'circuit_sage_incident_resolve_seconds{kind="db_failure",quantile="0.5"} 20' in text
    assert 'circuit_sage_incident_causes{cause="lock_blocker",layer="process"} 2' in text
    assert text.endswith("\n")


@pytest.mark.parametrize("width", [308, 640, 944])
@pytest.mark.parametrize("bars", [1, 2, 5, 23, 36])
def test_the_words_of_bars_leave_one_another_room(bars: int, width: int) -> None:
    there = [Bar(f"2026-{number:02d}", [("P1", number), ("P2", 1)], "12.3 s") for number in range(1, bars + 1)]
    svg = ElementTree.fromstring(history_chart.bars("n", there, width))  # noqa: S314 - our own
    for kind in ("tick", None):
        there_are = [text for text in svg.findall(f"{SVG}text") if text.get("class") == kind]
        places = [float(text.get("x", "0")) for text in there_are]
        half = text_width(there_are[0].text or "") / 2
        assert half - 0.1 <= places[0] <= places[-1] <= width - half + 0.1
        assert all(after - before >= 2 * half - 5.1 for before, after in pairwise(places))
    heights = [float(rect.get("height", "0")) for rect in svg.findall(f"{SVG}rect")]
    assert max(heights) <= 120


def test_where_nothing_was_counted_there_is_no_picture() -> None:
    assert history_chart.bars("n", [], 308) == history_chart.bars("n", [Bar("a", [], "")], 308) == ""
