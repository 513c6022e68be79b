# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a schedule runs next. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from .errors import IncidentError

HOUR = 3
# The months on whose first day it runs; every Monday where there are none.
_MONTHS = {"weekly": (), "monthly": tuple(range(1, 13)), "quarterly": (1, 4, 7, 10)}


def next_run(every: str, now: datetime) -> datetime:
    """The next time after now, without the jitter."""
    if every not in _MONTHS:
        raise IncidentError(f"`{every}` is no schedule; write one of {', '.join(_MONTHS)}")
    day = now.replace(hour=HOUR, minute=0, second=0, microsecond=0)
    while day <= now or not ((day.day == 1 and day.month in _MONTHS[every]) if _MONTHS[every] else day.weekday() == 0):
        day += timedelta(days=1)
    return day
