# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a browser makes of a page."""

from __future__ import annotations

from html.parser import HTMLParser

VOID = ("meta", "wbr")


class Page(HTMLParser):
    """What a browser makes of the page: elements with their attributes, and the text; a tag that is not closed fails."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(source)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self._open:
            self.words.append(data)

    def tags(self, name: str) -> list[dict[str, str]]:
        """The attributes of every element of that name."""
        return [attributes for tag, attributes in self.elements if tag == name]

    @property
    def text(self) -> str:
        """The words on the page, on one line."""
        return " ".join("".join(self.words).split())


def needs_nothing(source: str) -> bool:
    """Whether a page asks for nothing and runs nothing."""
    page = Page(source)
    asked = {element[0] for element in page.elements} & {"link", "img", "iframe", "object", "base", "form", "script"}
    attributes = [name for _tag, found in page.elements for name in found if name.startswith("on") or name == "src"]
    policy = {meta.get("http-equiv"): meta.get("content") for meta in page.tags("meta")}
    return not asked and not attributes and policy["Content-Security-Policy"] == "default-src 'none'; style-src 'unsafe-inline'"
