# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The trends of the history as pictures: a bar for each period, whose parts stand on one another, as inline SVG. Pure.

It is drawn for a width in pixels and never scaled down, so that its letters stay as large as those around it. Colours are the page's.
"""

from __future__ import annotations

import math
import typing as t
from collections.abc import Sequence

from .chart_layout import text_width
from .page_html import escaped

# Pixels.
_MARGIN = 4.0
_HEIGHT = 120.0
_TOP = 20.0
_AXIS = 24.0
_WIDEST = 48.0


class Bar(t.NamedTuple):
    """A period, its parts from the lowest, each with the class of its colour, and the words above."""

    period: str
    parts: Sequence[tuple[str, float]]
    words: str

    @property
    def total(self) -> float:
        """The height in the bar's own unit."""
        return sum(value for _kind, value in self.parts)


def _every(words: Sequence[str], slot: float) -> int:
    """Of how many words only one has room, where the first and the last are moved into the picture."""
    widest = max(map(text_width, words), default=1.0)
    return max(1, math.ceil((widest + max(0.0, widest - slot) / 2) / slot))


def _within(middle: float, words: str, width: int) -> str:
    """Where words stand: in the middle of their bar, but for those at the edges, which begin or end with the picture."""
    half = text_width(words) / 2
    return f'x="{min(max(middle, half), width - half):.1f}" text-anchor="middle"'


def bars(name: str, there: Sequence[Bar], width: int) -> str:
    """Return the SVG of that many pixels; nothing where nothing was counted."""
    most = max((column.total for column in there), default=0.0)
    if most <= 0:
        return ""
    slot = (width - 2 * _MARGIN) / len(there)
    wide = min(_WIDEST, slot * 0.7)
    bottom = _TOP + _HEIGHT
    told = ", ".join(f"{column.period} {column.words}" for column in there if column.words)
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{width}" height="{bottom + _AXIS:.0f}" '
        f'viewBox="0 0 {width} {bottom + _AXIS:.0f}" aria-label="{escaped(f"{name}: {told}.")}">',
        f'<line class="tick" x1="0" x2="{width}" y1="{bottom:.1f}" y2="{bottom:.1f}"/>',
    ]
    every_name, every_words = _every([column.period for column in there], slot), _every([column.words for column in there], slot)
    for number, column in enumerate(there):
        middle, y = _MARGIN + slot * (number + 0.5), bottom
        for kind, value in column.parts:
            tall = value / most * _HEIGHT
            y -= tall
            drawn.append(f'<rect class="{kind}" x="{middle - wide / 2:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{tall:.1f}"/>')
        if number % every_name == 0:
            drawn.append(
                f'<text class="tick" {_within(middle, column.period, width)} y="{bottom + 17:.1f}">{escaped(column.period)}</text>'
            )
        if number % every_words == 0 and column.words:
            drawn.append(f'<text {_within(middle, column.words, width)} y="{y - 5:.1f}">{escaped(column.words)}</text>')
    return "\n".join([*drawn, "</svg>"])
