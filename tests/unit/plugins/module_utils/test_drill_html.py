# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page: complete, valid, self-contained, readable, and proof against what a log may hold."""

from __future__ import annotations

import re
import typing as t

import pytest
from html_page import Page
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import (
    drill_html,
    drill_style,
    history_html,
    page_html,
    page_style,
    report_html,
)

Mapping = dict[str, t.Any]


def shape(run: Mapping) -> list[tuple[str, list[str]]]:
    """The elements of the page with the names of their attributes, without the places where an id may break."""
    return [(tag, sorted(attributes)) for tag, attributes in Page(drill_html.html(run)).elements if tag != "wbr"]


def luminance(colour: str) -> float:
    """The relative luminance of WCAG 2."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("palette", [page_style.LIGHT, page_style.DARK], ids=["light", "dark"])
def test_colours_have_the_contrast_of_wcag_aa(palette: dict[str, str]) -> None:
    grounds = {"text": ("page", "card", "idle-back"), "soft": ("page", "card"), "link": ("page", "card")}
    grounds |= {kind: (f"{kind}-back",) for kind in ("good", "bad", "idle")}
    for colour, backs in grounds.items():
        for back in backs:
            assert contrast(palette[colour], palette[back]) >= 4.5, (colour, back)
    # Of shapes less is asked: they stand out from the card, and lines and the two answers from one another by more than colour.
    for colour in ("up", "down", "warn", "link"):
        assert contrast(palette[colour], palette["card"]) >= 3, colour
    for colour in ("up", "down"):
        assert contrast(palette[colour], palette["text"]) >= 3, colour


def test_both_palettes_name_the_same_colours_and_every_one_is_used() -> None:
    assert page_style.LIGHT.keys() == page_style.DARK.keys()
    own = drill_style.OWN + report_html.OWN + history_html.OWN
    used = set(re.findall(r"var\(--([a-z-]+)\)", page_style.style(own))) - {"edge"}
    assert used == page_style.LIGHT.keys()


def test_the_page_says_all_of_a_drill_that_passed(drill: Mapping) -> None:
    page = Page(drill_html.html(drill))
    assert page.text.startswith("Drill passed on sandbox, 2026-11-23 14:02 UTC Drill passed3 of 3 faults passedsandbox · ")
    assert "took 13 min 37 s · version 1.2.3" in page.text
    badges = [attributes["class"] for tag, attributes in page.elements if attributes.get("class", "").startswith("badge")]
    assert (badges.count("badge met"), badges.count("badge missed"), badges.count("badge passed")) == (8, 0, 6)
    assert "All 3 on the diagonal." in page.text
    for result in drill["results"]:
        assert result["id"] in page.text
        for entry in result["timeline"]:
            assert entry["text"] in page.text
    # A picture for each width of a page, each with its words.
    assert len(page.tags("svg")) == 9
    assert all(svg["aria-label"].startswith("Timeline of ") for svg in page.tags("svg"))


def test_the_page_says_what_failed(failed_drill: Mapping) -> None:
    page = Page(drill_html.html(failed_drill))
    for words in (
        "Drill failed",
        "2 of 6 faults passed, 3 failed, 1 skipped",
        "2 causes of 4 stood behind another or were not named",
        "it did not bite within 30 s",
        "Changed on the healthy stack:db_failure: changed <script>",
        "changed in check modeenv_file",
        "drift leftrole",
        "escalated, not resolved",
        "after postgres_stopped",
    ):
        assert words in page.text, words


def test_a_hostile_text_changes_nothing_but_the_text(failed_drill: Mapping) -> None:
    source = drill_html.html(failed_drill)
    page = Page(source)
    assert page.tags("script") == []
    assert "<script>alert('1')</script> \"x\" & a|b `c` [d](e) red" in page.text
    assert not re.search("[\x00-\x08\x0b-\x1f\u202e\ud800]", source)
    source.encode()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20, deadline=None)
@given(text=st.text(st.characters(exclude_categories=()) | st.sampled_from("<>&\"'"), max_size=40))
def test_no_text_changes_the_shape_of_the_page(drill: Mapping, text: str) -> None:
    def written(word: str) -> Mapping:
        results = [
            {**drill["results"][0], "id": f"1 {word}", "title": word, "reasons": [f"because {word}"], "incident": f"in {word}"},
            {**drill["results"][1], "touched": [f"the {word}"], "outcome": f"not {word}", "findings": [f"no {word}"]},
        ]
        results[0]["timeline"] = [{"at": 0, "event": f"on {word}", "text": word}]
        return {**drill, "results": results, "host": word, "version": word, "started_at": word, "healthy_changes": [word]}

    assert shape(written(text)) == shape(written("word"))


def test_the_page_needs_nothing_but_itself(failed_drill: Mapping) -> None:
    source = drill_html.html(failed_drill)
    page = Page(source)
    assert not re.search(r"url\(|@import|(?<!xmlns=\")https?://", source)
    assert not {element[0] for element in page.elements} & {"link", "img", "iframe", "object", "base", "form", "script"}
    assert not [name for tag, attributes in page.elements for name in attributes if name.startswith("on") or name == "src"]
    policy = {meta.get("http-equiv"): meta.get("content") for meta in page.tags("meta")}
    assert policy["Content-Security-Policy"] == "default-src 'none'; style-src 'unsafe-inline'"


def test_every_link_leads_to_a_fault_on_the_page(failed_drill: Mapping) -> None:
    failed_drill["results"][1]["id"] = failed_drill["results"][2]["id"]
    page = Page(drill_html.html(failed_drill))
    ids = [attributes["id"] for tag, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = [link["href"] for link in page.tags("a")]
    assert links
    assert {link.lstrip("#") for link in links} <= set(ids)


def test_the_timeline_stands_in_the_order_of_time(drill: Mapping) -> None:
    source = drill_html.html(drill)
    events = re.findall(r'<span class="at">([\d.]+)&#160;s</span>', source)[: len(drill["results"][0]["timeline"])]
    assert [float(at) for at in events] == sorted(float(at) for at in events)


def test_one_cause_that_was_found_makes_no_matrix_and_one_that_was_not_does(drill: Mapping) -> None:
    drill["results"] = drill["results"][:1]
    assert "diagonal" not in drill_html.html(drill)
    drill["results"][0]["findings"] = ["other"]
    assert "1 cause of 1 stood behind another or was not named" in Page(drill_html.html(drill)).text


def test_a_drill_without_a_fault_has_a_page(drill: Mapping) -> None:
    drill["results"] = []
    page = Page(drill_html.html(drill))
    assert "0 of 0 faults passed" in page.text
    assert page.tags("svg") == []


@pytest.mark.parametrize(("width", "fault"), [(390, 52), (1040, 92)])
def test_a_picture_fits_the_page_that_shows_it(width: int, fault: int) -> None:
    # The rest of the width goes to the margins of the page and of the fault, as in the style sheet.
    shown = "narrow" if width < 740 else "wide"
    assert page_html.WIDTHS[shown] <= width - fault
