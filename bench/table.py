# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measurements as rows of a table, each with the bar that it is held to. Pure."""

from __future__ import annotations

import statistics
import typing as t
from collections.abc import Sequence

HEAD = ["what", "runs", "median s", "range s", "CPU s", "ratio", "bar s", "result"]


class Ran(t.NamedTuple):
    """One measurement: seconds on the clock, and seconds of processor time of the command and of what it started."""

    seconds: float
    processor: float


class Bar(t.NamedTuple):
    """What a row is compared with, and how many seconds it may take."""

    name: str
    base: float
    words: str
    limit: float

    @classmethod
    def above(cls, name: str, base: float, seconds: float) -> Bar:
        """So many seconds more than something else."""
        return cls(name, base, f"≤ {name} + {seconds:g} s", base + seconds)

    @classmethod
    def times(cls, name: str, base: float, factor: float) -> Bar:
        """So many times as long as something else."""
        return cls(name, base, f"≤ {factor:g} times {name}", base * factor)


class Row(t.NamedTuple):
    """One line of the table."""

    name: str
    runs: Sequence[Ran]
    bar: Bar | None = None

    @property
    def median(self) -> float:
        """The middle one of the seconds."""
        return statistics.median(ran.seconds for ran in self.runs)

    @property
    def passed(self) -> bool:
        """Whether the bar was met; a row without one only tells."""
        return self.bar is None or self.median <= self.bar.limit

    def cells(self) -> list[str]:
        """The line as it is shown."""
        seconds = [ran.seconds for ran in self.runs]
        shown = [self.name, str(len(self.runs)), f"{self.median:.2f}", f"{min(seconds):.2f} to {max(seconds):.2f}"]
        shown.append(f"{statistics.median(ran.processor for ran in self.runs):.2f}")
        if self.bar is None:
            return [*shown, "", "", ""]
        ratio = f"{self.median / self.bar.base:.2f} of {self.bar.name}"
        return [*shown, ratio, f"{self.bar.words} = {self.bar.limit:.2f}", "pass" if self.passed else "MISSED"]


def plain(lines: Sequence[Sequence[str]]) -> str:
    """A table for the terminal; the first line is its head."""
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines)


def markdown(lines: Sequence[Sequence[str]]) -> str:
    """The same as Markdown."""
    head, *rest = lines
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *rest))


def in_turns(names: Sequence[str], turns: int) -> list[tuple[int, str]]:
    """Each name in each turn, and each turn begins with another one, so that no name has the first place to itself."""
    return [(turn, name) for turn in range(turns) for name in [*names[turn % len(names) :], *names[: turn % len(names)]]]
