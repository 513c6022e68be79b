# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a drill's values are said, in each of its reports alike. Pure."""

from __future__ import annotations

import typing as t
from datetime import datetime

from .drill_score import counts, first_named, named_first, passed
from .page_words import NOT_MEASURED, line, plural

Mapping = dict[str, t.Any]


def duration(run: Mapping) -> str:
    """How long the drill took."""
    try:
        ended, started = (datetime.fromisoformat(str(run[key]).replace("Z", "+00:00")) for key in ("ended_at", "started_at"))
        whole = int((ended - started).total_seconds())
    except (TypeError, ValueError):
        return NOT_MEASURED
    return f"{whole // 60} min {whole % 60} s" if whole >= 60 else f"{whole} s"


def verdict(run: Mapping) -> str:
    """The drill in one line."""
    number = counts(run)
    text = f"{number['passed']} of {plural(len(run['results']), 'fault')} passed"
    more = [f"{number[status]} {status}" for status in ("failed", "skipped") if number[status]]
    return f"Drill {'passed' if passed(run) else 'failed'}: {', '.join([text, *more])}"


def diagnosis(result: Mapping) -> str:
    """Where the right cause stood among those that were named."""
    if result["diagnosis"] is None:
        return NOT_MEASURED
    if named_first(result):
        return "first"
    words = {"among": f"after {line(first_named(result))}", "wrong": f"not named: {line(first_named(result))}"}
    return words.get(result["diagnosis"], "unknown")


def outcome(result: Mapping) -> str:
    """The outcome, with the expected one where it differs."""
    expected, seen = line(result["expected"]["outcome"]), result["outcome"]
    if seen is None:
        return NOT_MEASURED
    return line(seen) if seen == result["expected"]["outcome"] else f"{line(seen)}, not {expected}"


def requests(result: Mapping) -> str:
    """The failed requests of those that were sent."""
    sent, failed = result["requests"]["sent"], result["requests"]["failed"]
    return f"{failed} of {sent}" if sent else NOT_MEASURED


def count(value: int | None) -> str:
    """A number that may not have been counted."""
    return NOT_MEASURED if value is None else str(value)
