# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a picture's ticks and labels go, so that none lies over another. Pure."""

from __future__ import annotations

import math
import typing as t
from collections.abc import Sequence

# Pixels. The label's letters are 12 px high; in a wide font, DejaVu Sans, they are 6.2 px wide on average.
_LETTER = 6.6
LANE = 17.0
LABEL_GAP = 5.0


class Label(t.NamedTuple):
    """A mark's words, where they begin, and the lane above the strip, 0 being the lowest."""

    x: float
    text: str
    kind: str
    lane: int


def step(length: float, room: float) -> float:
    """The distance of the axis's ticks in seconds: round, and with at least 60 pixels for each."""
    least = length / max(1.0, room / 60)
    power: float = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * (1 - 1e-9))


def text_width(text: str) -> float:
    """The pixels that a label takes at most."""
    return len(text) * _LETTER + LABEL_GAP


def place(labels: Sequence[tuple[float, str, str]]) -> list[Label]:
    """Give each label, (x, kind, words), a lane, so that none lies over another or over another's line.

    The words stand to the right of their line. From the right, each label goes above those that it would touch: the lines to the right
    of it are then too short to reach it.
    """
    placed: list[Label] = []
    for x, kind, text in sorted(labels, key=lambda label: label[0], reverse=True):
        touched = [label.lane for label in placed if label.x < x + text_width(text)]
        placed.append(Label(x, text, kind, max(touched, default=-1) + 1))
    return placed[::-1]
