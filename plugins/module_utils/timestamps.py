# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time stamps of the Docker engine and of files as ISO 8601 in UTC, with milliseconds, so that they compare as text."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

_STAMP = re.compile(r"(?P<seconds>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(?P<fraction>\d+))?Z\Z")
# The engine's way to say "never".
_NEVER = "0001-01-01T00:00:00"


def utc(stamp: str | None) -> str | None:
    """The stamp with milliseconds; null for none, and for the engine's "never"."""
    match = _STAMP.match(stamp or "")
    if match is None or match.group("seconds") == _NEVER:
        return None
    return f"{match.group('seconds')}.{(match.group('fraction') or '')[:3]:0<3}Z"


def of_seconds(seconds: float) -> str:
    """The same form of a time in seconds since 1970, as files and images have it."""
    moment = datetime.fromtimestamp(seconds, timezone.utc).replace(tzinfo=None)
    return f"{moment.isoformat(timespec='milliseconds')}Z"


def shifted(stamp: str, milliseconds: int) -> str:
    """A stamp of `utc`, moved."""
    moved = datetime.strptime(stamp, "%Y-%m-%dT%H:%M:%S.%fZ") + timedelta(milliseconds=milliseconds)
    return f"{moved.isoformat(timespec='milliseconds')}Z"


def seconds_before(now: float, stamp: str | None) -> float | None:
    """How many seconds before `now`, which is in seconds since 1970, a stamp of `utc` is; null for none."""
    if stamp is None:
        return None
    moment = datetime.strptime(stamp, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)
    return round(now - moment.timestamp(), 1)


def seconds_between(begin: str, end: str) -> float | None:
    """The seconds from one stamp to another; null where one is none, or where only one of them says its zone."""
    try:
        return (datetime.fromisoformat(end.replace("Z", "+00:00")) - datetime.fromisoformat(begin.replace("Z", "+00:00"))).total_seconds()
    except (AttributeError, TypeError, ValueError):
        return None
