# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person sees of the pages: all of it, on every width, in the light and in the dark, and on paper."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

NAMES = ("report", "hostile_report", "drill", "history")
# A large screen, a tablet, a phone.
WIDTHS = (1280, 820, 375)
TEMPLATE = ["Summary", "Timeline", "Root Cause", "Impact", "Resolution", "Prevention", "Action Items"]

# Each text with its contrast to what it stands on, after WCAG 2; a colour of a shape behind a text of a picture counts as the card's.
CONTRAST = """() => {
  const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => [r, g, b].map((c) => c / 255)
    .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4).reduce((sum, c, at) => sum + c * [0.2126, 0.7152, 0.0722][at], 0);
  const behind = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const found = parts(getComputedStyle(one).backgroundColor);
      if (found.length < 4 || found[3] > 0) return found;
    }
    return [255, 255, 255];
  };
  const told = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.getClientRects().length) continue;
    const style = getComputedStyle(element);
    const [one, other] = [luminance(parts(element.closest("svg") ? style.fill : style.color)), luminance(behind(element))];
    told.push([walker.currentNode.data.trim().slice(0, 40), (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05)]);
  }
  return told;
}"""
# The words of the shown pictures that are cut off, and the pairs that lie over one another.
CUT = """() => [...document.querySelectorAll("svg")].filter((svg) => svg.getClientRects().length).flatMap((svg) => {
  const frame = svg.getBoundingClientRect();
  return [...svg.querySelectorAll("text")].filter((text) => {
    const box = text.getBoundingClientRect();
    return box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1 || box.bottom > frame.bottom + 1;
  }).map((text) => text.textContent);
})"""
OVERLAPPING = """() => [...document.querySelectorAll("svg")].filter((svg) => svg.getClientRects().length).flatMap((svg) => {
  const texts = [...svg.querySelectorAll("text")].map((text) => [text.textContent, text.getBoundingClientRect()]);
  const shared = (a, b, from, to) => Math.min(a[to], b[to]) - Math.max(a[from], b[from]);
  const over = (a, b) => shared(a, b, "left", "right") > 1 && shared(a, b, "top", "bottom") > 3;
  return texts.flatMap(([word, box], at) => texts.slice(at + 1).filter(([, other]) => over(box, other)).map(([other]) => [word, other]));
})"""

CUT_BOXES = "() => [...document.querySelectorAll('.scroll, .card')].filter((one) => one.scrollWidth > one.clientWidth + 1).length"

Opener = Callable[..., Page]


@pytest.fixture
def opened(browser: Browser, pages: dict[str, Path]) -> Iterator[Opener]:
    """Open a page; a complaint of the browser or a look at any other address fails the test."""
    complaints: list[str] = []
    contexts = []

    def look(name: str, width: int = WIDTHS[0], scheme: str = "light", media: str = "screen") -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.emulate_media(media=media, color_scheme=scheme)
        address = pages[name].as_uri()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: complaints.append(f"asks for {request.url}") if request.url != address else None)
        page.goto(address)
        return page

    yield look
    for context in contexts:
        context.close()
    assert complaints == []


def test_the_report_has_the_template_in_its_order(opened: Opener) -> None:
    page = opened("report")
    headings = [text for text in page.locator("h2").all_inner_texts() if text in TEMPLATE]
    assert headings == TEMPLATE
    assert page.locator("h1").inner_text() == "Incident Report: Triage"
    assert page.locator("svg:visible").count() == 1
    assert page.locator("svg:visible circle").count() >= 5
    assert all(text.strip() for text in page.locator(".events li:visible").all_inner_texts())


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_wider_than_the_screen_or_cut_off(opened: Opener, name: str, width: int) -> None:
    page = opened(name, width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(CUT) == []
    assert page.evaluate(OVERLAPPING) == []


@pytest.mark.parametrize("name", NAMES)
def test_every_text_can_be_read_in_the_light_and_in_the_dark(opened: Opener, name: str) -> None:
    grounds = {}
    for scheme in ("light", "dark"):
        page = opened(name, scheme=scheme)
        told = page.evaluate(CONTRAST)
        assert len(told) > 20
        assert [(text, ratio) for text, ratio in told if ratio < 4.5] == []
        grounds[scheme] = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert grounds["light"] != grounds["dark"]


@pytest.mark.parametrize("name", NAMES)
def test_on_paper_it_is_light_and_complete(opened: Opener, name: str) -> None:
    screen, paper = opened(name), opened(name, 794, "dark", "print")
    assert [(text, ratio) for text, ratio in paper.evaluate(CONTRAST) if ratio < 4.5] == []
    ground = [int(part) for part in re.findall(r"\d+", paper.evaluate("getComputedStyle(document.body).backgroundColor"))[:3]]
    assert min(ground) > 230
    # Nothing that the screen tells is left out.
    words = set(" ".join(screen.locator("main h2, main h3, main li").all_inner_texts()).split())
    assert words <= set(" ".join(paper.locator("main h2, main h3, main li").all_inner_texts()).split())
    assert paper.evaluate(CUT_BOXES) == 0
    assert paper.pdf(format="A4")[:5] == b"%PDF-"


def test_hostile_words_stay_words(opened: Opener) -> None:
    page = opened("hostile_report")
    assert page.title() != "taken"
    assert page.locator("script, img").count() == 0
    assert "<script>document.title" in page.locator("main").inner_text()
