# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an account has of one kind: payments or refunds. A listing shows each as it was some seconds ago, and a look at one as it is."""

from __future__ import annotations

import time
from bisect import bisect_left, insort
from collections.abc import Iterator
from typing import Any

from pages import Key, Value, made_in


class Kept:
    """One of them, with each of its states and the time from which a listing shows that. A state is never changed, but replaced."""

    def __init__(self, value: Value, made_at: float, lag_seconds: float) -> None:
        self.made_at = made_at
        self.lag_seconds = lag_seconds
        self._states = [(made_at + lag_seconds, value)]

    @property
    def value(self) -> Value:
        """As it is."""
        return self._states[-1][1]

    def replace(self, value: Value) -> Value:
        """Give it another state."""
        self._states.append((time.time() + self.lag_seconds, value))
        return value

    def listed(self, moment: float) -> Value | None:
        """As a listing shows it, which may be not at all."""
        return next((value for shown_from, value in reversed(self._states) if shown_from <= moment), None)


class Shelf:
    """All of them, by id and in the order in which they were made."""

    def __init__(self) -> None:
        self._kept: dict[str, Kept] = {}
        self._order: list[Key] = []

    def add(self, value: Value, made_at: float, lag_seconds: float) -> Value:
        """Take a new one."""
        self._kept[value["id"]] = Kept(value, made_at, lag_seconds)
        insort(self._order, (made_at, value["id"]))
        return value

    def get(self, identity: Any) -> Kept | None:
        """The one of that id."""
        return self._kept.get(identity)

    def listed(self, query: Value) -> Iterator[Kept]:
        """Those that were made in the time that a question names, and that a listing shows by now."""
        moment, made = time.time(), made_in(query)
        for key in self._order[bisect_left(self._order, (made.begin, "")) : bisect_left(self._order, (made.end, ""))]:
            kept = self._kept[key[1]]
            if kept.listed(moment) is not None:
                yield kept
