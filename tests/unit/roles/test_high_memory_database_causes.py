# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What looks like a cause of high_memory in the database and is none."""

from __future__ import annotations

import typing as t

import pytest
from recorded_observations import found, recorded


def idle(**changes: t.Any) -> dict[str, t.Any]:
    """Very many idle sessions of a client outside the application."""
    return {"user": "u", "client": "c", "service": None, "container": "x", "application": "a", "state": "idle", "count": 85, **changes}


def reading(**changes: t.Any) -> dict[str, t.Any]:
    """A statement that reads a large table."""
    return {"pid": 1, "kind": "read", "computes": True, "seconds": 5.0, "large_tables": ["drill_events"], "query": "q", **changes}


NEAR_MISSES = {
    "the application's own sessions are not too many by any number": recorded(
        "too_many_backends", postgres__activity__holders=[idle(service="backend")]
    ),
    "sessions at work are not idle": recorded("too_many_backends", postgres__activity__holders=[idle(state="active")]),
    "a pool of twenty is a pool": recorded("too_many_backends", postgres__activity__holders=[idle(count=20)]),
    "a backup reads large tables on purpose": recorded("slow_queries", postgres__active=[reading(kind="kept")] * 3),
    "one slow statement is not the same again and again": recorded("slow_queries", postgres__active=[reading()]),
    "what reads large tables and is quick is well": recorded("slow_queries", postgres__active=[reading(seconds=1.2)] * 3),
    "a server that starts up was not killed": recorded(
        "backend_killed_child", stack__services__postgres__log__patterns={}, stack__services__backend__state="running"
    ),
    "a recovery that is over is over": recorded("backend_killed_child", postgres__error=None, stack__services__backend__state="running"),
}


@pytest.mark.parametrize("name", NEAR_MISSES)
def test_a_near_miss_is_not_taken_for_the_cause(name: str) -> None:
    assert found(NEAR_MISSES[name]) == [], name
