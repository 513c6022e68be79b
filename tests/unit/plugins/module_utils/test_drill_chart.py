# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The picture of a recovery: what the strip says, where the labels go, and its words for who cannot see it."""

from __future__ import annotations

import typing as t
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import chart_layout, drill_chart
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.drill_chart import Span

Mapping = dict[str, t.Any]

SVG = "{http://www.w3.org/2000/svg}"
WIDTH = 640
EVENTS = st.lists(
    st.fixed_dictionaries(
        {
            "at": st.floats(-5, 400, allow_nan=False),
            "event": st.sampled_from([*drill_chart.MARKS, "kept"]),
            "text": st.just("text"),
        }
    ),
    max_size=25,
)
PROBES = st.lists(st.tuples(st.floats(-5, 400, allow_nan=False), st.booleans()), max_size=40)


def drawn(result: Mapping, width: int = WIDTH) -> ElementTree.Element:
    """The picture, read as XML."""
    return ElementTree.fromstring(drill_chart.chart(result, width))  # noqa: S314 - our own


def texts(svg: ElementTree.Element) -> list[str]:
    """The words on the picture, without the axis."""
    return [element.text or "" for element in svg.findall(f"{SVG}text") if "mark" in (element.get("class") or "")]


def test_probes_are_joined_while_the_answer_stays() -> None:
    probes = [[0.0, True], [0.1, True], [0.2, False], [0.3, False], [0.4, True]]
    assert drill_chart.spans(probes) == [Span(0.0, 0.2, True), Span(0.2, 0.4, False), Span(0.4, 0.5, True)]


def test_where_nobody_probed_nothing_is_said() -> None:
    spans = drill_chart.spans([[5.0, True], [0.0, True], [0.5, True]])
    assert spans == [Span(0.0, 0.6, True), Span(5.0, 5.1, True)]
    svg = drawn({"id": "a", "timeline": [{"at": 6.0, "event": "reverted", "text": ""}], "probes": [[0.0, True], [0.5, True], [5.0, False]]})
    assert [rect.get("class") for rect in svg.findall(f"{SVG}rect")] == ["up", "unseen", "down", "unseen"]


@given(PROBES)
def test_spans_follow_one_another(probes: list[tuple[float, bool]]) -> None:
    spans = drill_chart.spans(probes)
    assert all(before.end <= after.start for before, after in pairwise(spans))
    assert all(any(span.start <= probe[0] <= span.end for span in spans) for probe in probes)


@pytest.mark.parametrize(
    ("length", "room", "step"),
    [(10, 600, 1), (10, 300, 2), (24, 880, 2), (24, 220, 10), (240, 600, 50), (1, 600, 0.1), (60, 30, 100), (5, 300, 1)],
)
def test_ticks_are_round_and_have_room(length: float, room: float, step: float) -> None:
    assert chart_layout.step(length, room) == pytest.approx(step)


def test_each_kind_of_event_is_labelled_once_in_order_of_time(drill: Mapping) -> None:
    svg = drawn(drill["results"][0])
    assert texts(svg) == [
        "injected 0.0 s",
        "bit 0.5 s",
        "playbook 1.0 s",
        "cause 3.0 s",
        "2 acts 3.2 s",
        "recovered 7.0 s",
        "proof 8.0 s",
        "reverted 9.5 s",
    ]
    # The second act has a line of its own, and no words.
    assert len(svg.findall(f"{SVG}line[@class='again']")) == 1


@pytest.mark.parametrize("event", ["playbook", "playbook started", "playbook_started", "started"])
def test_the_playbooks_start_has_several_names(event: str) -> None:
    assert drill_chart.marks([{"at": 1, "event": event, "text": ""}]) == [(1.0, "playbook", "playbook 1.0 s")]


def test_the_strip_shows_more_than_colours(drill: Mapping) -> None:
    strip = [(rect.get("class"), rect.get("height")) for rect in drawn(drill["results"][0]).findall(f"{SVG}rect")]
    assert strip == [("up", "13.0"), ("down", "26.0"), ("up", "13.0")]


@given(st.lists(st.tuples(st.floats(0, 900), st.text("abc 12.s", min_size=1, max_size=20)), max_size=10))
def test_labels_lie_over_no_label_and_no_line(labels: list[tuple[float, str]]) -> None:
    placed = chart_layout.place([(x, "cause", text) for x, text in labels])
    assert sorted((label.x, label.text) for label in placed) == sorted(labels)
    for number, one in enumerate(placed):
        for other in placed[:number] + placed[number + 1 :]:
            end = one.x + chart_layout.text_width(one.text)
            if one.x <= other.x < end:
                # It begins within the words: it stands lower, or it begins at the very same place and stands higher.
                assert other.lane < one.lane or (other.x == one.x and other.lane > one.lane)


@given(timeline=EVENTS, probes=PROBES, width=st.sampled_from([308, 640, 960]))
def test_nothing_is_drawn_outside_of_the_picture(timeline: list[Mapping], probes: list[tuple[float, bool]], width: int) -> None:
    result = {"id": "a", "timeline": timeline, "probes": probes}
    if not drill_chart.chart(result, width):
        assert not probes
        assert all(entry["event"] == "kept" for entry in timeline)
        return
    svg = drawn(result, width)
    height = float(svg.get("height", "0"))
    for text in svg.findall(f"{SVG}text"):
        if "mark" in (text.get("class") or ""):
            assert float(text.get("x", "0")) - 5 + chart_layout.text_width(text.text or "") <= width
        assert 0 < float(text.get("y", "-1")) <= height
    for line in svg.findall(f"{SVG}line"):
        assert 0 <= float(line.get("x1", "-1")) <= width
        assert 0 <= float(line.get("y1", "-1")) <= float(line.get("y2", "-1")) <= height
    for rect in svg.findall(f"{SVG}rect"):
        assert 0 <= float(rect.get("x", "-1")) <= float(rect.get("x", "-1")) + float(rect.get("width", "-1")) <= width


def test_of_a_fault_of_which_nothing_is_known_there_is_no_picture() -> None:
    assert drill_chart.chart({"id": "a", "timeline": [], "probes": []}, WIDTH) == ""
    assert drill_chart.chart({"id": "a", "timeline": [{"at": 1, "event": "kept", "text": ""}], "probes": []}, WIDTH) == ""


@pytest.mark.parametrize(
    ("probes", "words"),
    [
        ([], "No probe was made."),
        ([[0, True], [0.1, True]], "The service answered every probe."),
        ([[0, True], [0.5, False], [1, True]], "The service did not answer for 0.5 s: from 0.5 s until 1.0 s."),
        ([[0, True], [0.5, False]], "The service did not answer for 0.1 s: from 0.5 s and did not answer again."),
        ([[0, False], [0.5, True], [1, False], [1.5, True]], "The service did not answer for 1.0 s, 2 times: from 0.0 s until 1.5 s."),
    ],
)
def test_the_picture_in_words(probes: list[list[t.Any]], words: str) -> None:
    result = {"id": "a", "timeline": [{"at": 0, "event": "injected", "text": ""}], "probes": probes}
    assert drill_chart.told(result) == f"Timeline of a: injected 0.0 s. {words}"
    assert drawn(result).get("aria-label") == drill_chart.told(result)
    assert drawn(result).get("role") == "img"
    assert drill_chart.told({**result, "timeline": []}).startswith("Timeline of a: no event. ")


def test_a_hostile_id_stays_text(failed_drill: Mapping) -> None:
    result = {**failed_drill["results"][0], "id": failed_drill["results"][5]["id"]}
    assert "<script>alert('1')</script> \"x\" & a|b" in drawn(result).get("aria-label", "")
    assert "<script" not in drill_chart.chart(result, WIDTH)
