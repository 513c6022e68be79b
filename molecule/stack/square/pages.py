# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pages of what is listed: a window of time, an order, and a cursor that belongs to its question."""

from __future__ import annotations

import base64
import hashlib
import json
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from answers import Answer
from moments import seconds_of

MOST = 100
# How far back payments are listed where no time is named.
YEAR_SECONDS = 365 * 86400

Value = dict[str, Any]
# What is sorted by: a moment, and an id where two have the same.
Key = tuple[float, str]


class Window(NamedTuple):
    """A time from which and before which something was made or changed."""

    begin: float
    end: float

    def has(self, moment: float) -> bool:
        """Whether the moment is in it."""
        return self.begin <= moment < self.end


def window(query: Value, begin_field: str, end_field: str, begin: float) -> Window:
    """What a question asks for; what it leaves open is from `begin` on."""
    end = seconds_of(query[end_field], end_field) if query.get(end_field) else float("inf")
    start = seconds_of(query[begin_field], begin_field) if query.get(begin_field) else begin
    if start > end:
        raise Answer(400, "INVALID_TIME_RANGE", "The time range ends before it begins.", end_field)
    return Window(start, end)


def limit_of(value: Any, most: int = MOST) -> int:
    """The number of a page's entries; more than the most, and none, is the most."""
    text = str(value or most)
    if not text.isdecimal():
        raise Answer(400, "INVALID_VALUE", "The limit is not a number.", "limit")
    return min(int(text) or most, most)


def is_newest_first(order: Any, default: str = "DESC") -> bool:
    """Whether the order is a descending one."""
    order = order or default
    if order not in ("ASC", "DESC"):
        raise Answer(400, "INVALID_SORT_ORDER", "The order is ASC or DESC.", "sort_order")
    return bool(order == "DESC")


def page(
    keys: Sequence[Key], look: Callable[[str], Value | None], question: Value, limit: int, *, newest_first: bool
) -> tuple[list[Value], Value]:
    """One page in the order asked for, and the cursor of the next one where there is one. What is looked at and is nothing is left out.

    The cursor names the last entry and not its number, so what is made between two pages does not shift them.
    """
    first, end = 0, len(keys)
    last = _last_seen(question)
    if last is not None and newest_first:
        end = bisect_left(keys, last)
    elif last is not None:
        first = bisect_right(keys, last)
    shown: list[Value] = []
    for place in reversed(range(first, end)) if newest_first else range(first, end):
        value = look(keys[place][1])
        if value is None:
            continue
        if len(shown) == limit:
            return shown, {"cursor": _cursor(question, last)}
        shown.append(value)
        last = keys[place]
    return shown, {}


def _asked(question: Value) -> str:
    kept = {name: value for name, value in question.items() if name not in ("cursor", "limit")}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:16]


def _cursor(question: Value, last: Key | None) -> str:
    return base64.urlsafe_b64encode(json.dumps([_asked(question), *(last or ())]).encode()).decode()


def _last_seen(question: Value) -> Key | None:
    if not question.get("cursor"):
        return None
    try:
        asked, moment, identity = json.loads(base64.urlsafe_b64decode(question["cursor"]))
    except (TypeError, ValueError):
        asked = None
    if asked != _asked(question):
        raise Answer(400, "INVALID_CURSOR", "The cursor is none, or one of another question.", "cursor")
    return float(moment), str(identity)
