# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words of the reports: what a log holds is shown as text, and values are said alike everywhere."""

from __future__ import annotations

import typing as t
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import drill_words, page_words

Mapping = dict[str, t.Any]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, größer, 日本 😀", "plain, größer, 日本 😀"),
        ("\x1b[1;31mred\x1b[0m\x1b[2J\x1b[?25l", "red"),
        ("a\x00b\x07c\x9bd", "a\ufffdb\ufffdc\ufffdd"),
        ("one\r\ntwo\rthree\ttab", "one\ntwo\ufffdthree\ttab"),
        ("\u202eturned\u2066", "\ufffdturned\ufffd"),
        ("half \ud83d", "half \ufffd"),
        (None, "None"),
    ],
)
def test_what_cannot_be_shown_is_made_visible(text: t.Any, shown: str) -> None:
    assert page_words.clean(text) == shown


@given(st.text(st.characters(exclude_categories=())))
def test_every_text_can_stand_in_xml_and_be_written(text: str) -> None:
    cleaned = page_words.clean(text)
    element = ElementTree.Element("a")
    element.text = cleaned
    assert ElementTree.fromstring(ElementTree.tostring(element, encoding="utf-8")).text == (cleaned or None)  # noqa: S314 - our own
    assert "\n" not in page_words.line(text)


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "—"), (0.04, "0.0 s"), (-0.04, "0.0 s"), (-2, "-2.0 s"), (9.96, "10.0 s"), (99.9, "99.9 s"), (123.4, "123 s")],
)
def test_seconds(value: float | None, shown: str) -> None:
    assert page_words.seconds(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "—"), (43.25, "43.2 s"), (60, "1 min 0 s"), (3725, "1 h 2 min"), (93600, "1 d 2 h")],
)
def test_lasting(value: float | None, shown: str) -> None:
    assert page_words.lasting(value) == shown


@pytest.mark.parametrize(
    ("ended", "shown"),
    [
        ("2026-11-23T14:15:48Z", "13 min 37 s"),
        ("2026-11-23T14:02:20+00:00", "9 s"),
        ("2026-11-23T14:02:20", "—"),
        ("later", "—"),
        (None, "—"),
    ],
)
def test_duration(ended: str | None, shown: str) -> None:
    assert drill_words.duration({"started_at": "2026-11-23T14:02:11+00:00", "ended_at": ended}) == shown


def test_clock() -> None:
    assert page_words.clock("2026-11-23T14:02:11+00:00") == "2026-11-23 14:02 UTC"
    assert page_words.clock("some\nday") == "some day"


def test_verdict(drill: Mapping, failed_drill: Mapping) -> None:
    assert drill_words.verdict(failed_drill) == "Drill failed: 2 of 6 faults passed, 3 failed, 1 skipped"
    drill.update(results=[drill["results"][0]], healthy_changes=[])
    assert drill_words.verdict(drill) == "Drill passed: 1 of 1 fault passed"


@pytest.mark.parametrize(
    ("diagnosis", "shown"),
    [("first", "first"), ("among", "after other"), ("wrong", "not named: other"), ("unknown", "unknown"), (None, "—")],
)
def test_diagnosis(diagnosis: str | None, shown: str) -> None:
    assert drill_words.diagnosis({"diagnosis": diagnosis, "findings": ["other", "right"]}) == shown


@pytest.mark.parametrize(("outcome", "shown"), [("resolved", "resolved"), ("escalated", "escalated, not resolved"), (None, "—")])
def test_outcome(outcome: str | None, shown: str) -> None:
    assert drill_words.outcome({"expected": {"outcome": "resolved"}, "outcome": outcome}) == shown


def test_numbers_that_were_not_measured() -> None:
    assert drill_words.requests({"requests": {"sent": 0, "failed": 0}}) == "—"
    assert drill_words.requests({"requests": {"sent": 10, "failed": 0}}) == "0 of 10"
    assert (drill_words.count(None), drill_words.count(0)) == ("—", "0")
