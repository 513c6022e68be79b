# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an account has of one kind: payments or refunds. A listing shows each as it was some seconds ago, and a look at one as it is."""

from __future__ import annotations

import time
from bisect import bisect_left, insort
from collections.abc import Callable
from typing import Any

from answers import Answer
from moments import seconds_of
from pages import YEAR_SECONDS, Key, Value, is_newest_first, limit_of, page, window


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

    def remove(self, identity: str) -> Kept:
        """Let one never have been."""
        kept = self._kept.pop(identity)
        self._order.remove((kept.made_at, identity))
        return kept

    def get(self, identity: Any) -> Kept | None:
        """The one of that id."""
        return self._kept.get(identity)

    def page(self, query: Value, is_asked_for: Callable[[Value], bool]) -> tuple[list[Value], Value]:
        """A page of those that were made and changed in the times that a question names, as a listing shows them now."""
        moment, made = time.time(), window(query, "begin_time", "end_time", time.time() - YEAR_SECONDS)
        changed = window(query, "updated_at_begin_time", "updated_at_end_time", 0)
        keys = self._order[bisect_left(self._order, (made.begin, "")) : bisect_left(self._order, (made.end, ""))]

        def look(identity: str) -> Value | None:
            value = self._kept[identity].listed(moment)
            return value if value and changed.has(_changed_at(value)) and is_asked_for(value) else None

        by = query.get("sort_field") or "CREATED_AT"
        if by == "UPDATED_AT":
            shown = [value for _made, identity in keys if (value := self._kept[identity].listed(moment))]
            keys = sorted((_changed_at(value), value["id"]) for value in shown)
        elif by != "CREATED_AT":
            raise Answer(400, "INVALID_VALUE", "It is sorted by CREATED_AT or UPDATED_AT.", "sort_field")
        return page(keys, look, query, limit_of(query.get("limit")), newest_first=is_newest_first(query.get("sort_order")))


def _changed_at(value: Value) -> float:
    return seconds_of(value["updated_at"], "updated_at")
