# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows, their bars, and the order in which what is compared takes turns."""

from __future__ import annotations

from table import Bar, Ran, Row, in_turns, markdown, plain


def row(*seconds: float, bar: Bar | None = None) -> Row:
    return Row("a repair", [Ran(one, one / 2) for one in seconds], bar)


def test_the_median_is_held_to_the_bar() -> None:
    limit = Bar.above("oracle", 1.0, 4.0)
    assert row(3.0, 4.9, 60.0, bar=limit).passed
    assert row(5.0, bar=limit).passed
    assert not row(5.1, 5.1, 0.1, bar=limit).passed
    assert row(60.0).passed


def test_a_row_says_what_it_is_compared_with() -> None:
    cells = row(2.0, 3.0, 10.0, bar=Bar.above("oracle", 1.5, 4.0)).cells()
    assert cells == ["a repair", "3", "3.00", "2.00 to 10.00", "1.50", "2.00 of oracle", "≤ oracle + 4 s = 5.50", "pass"]
    assert row(6.0, bar=Bar.above("oracle", 1.5, 4.0)).cells()[-1] == "MISSED"
    assert row(6.0).cells()[-3:] == ["", "", ""]


def test_many_hosts_may_take_so_many_times_as_long_as_one() -> None:
    limit = Bar.times("1 host", 2.5, 10)
    assert row(25.0, bar=limit).passed
    assert not row(25.1, bar=limit).passed
    assert row(10.0, bar=limit).cells()[-3:] == ["4.00 of 1 host", "≤ 10 times 1 host = 25.00", "pass"]


def test_tables() -> None:
    lines = [["what", "s"], ["a", "10.00"]]
    assert plain(lines) == "what  s\na     10.00"
    assert markdown(lines) == "| what | s |\n| --- | --- |\n| a | 10.00 |"


def test_each_turn_begins_with_another_one() -> None:
    turns = in_turns(["oracle", "playbook", "guide"], 4)
    assert [name for turn, name in turns if turn == 1] == ["playbook", "guide", "oracle"]
    assert [turns[first][1] for first in (0, 3, 6, 9)] == ["oracle", "playbook", "guide", "oracle"]
    assert len(turns) == 12
