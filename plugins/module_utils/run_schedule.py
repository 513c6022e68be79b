# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a schedule runs next. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from .errors import IncidentError

# Between the runs of those that do not wait for a day.
_STEPS = {"every_five_minutes": timedelta(minutes=5), "hourly": timedelta(hours=1)}
_DAYS = {
    "daily": lambda day: True,
    "weekly": lambda day: day.weekday() == 0,
    "monthly": lambda day: day.day == 1,
    "quarterly": lambda day: day.day == 1 and day.month in (1, 4, 7, 10),
}


def next_run(every: str, now: datetime, hour: int) -> datetime:
    """The next time after now, without the jitter; *hour* is that of the days on which it runs."""
    if every in _STEPS:
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight + ((now - midnight) // _STEPS[every] + 1) * _STEPS[every]
    if every not in _DAYS:
        raise IncidentError(f"`{every}` is no schedule; write one of {', '.join([*_STEPS, *_DAYS])}")
    day = now.replace(hour=hour, minute=0, second=0, microsecond=0)
    while day <= now or not _DAYS[every](day):
        day += timedelta(days=1)
    return day
