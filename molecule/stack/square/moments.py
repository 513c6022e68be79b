# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Moments as Square writes them, and as seconds, which are compared."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from answers import Answer


def written(seconds: float) -> str:
    """A moment as Square writes it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def now() -> str:
    """This moment."""
    return written(time.time())


def seconds_of(text: Any, field: str) -> float:
    """A moment that somebody wrote, with its offset."""
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Answer(400, "INVALID_TIME", "Not an RFC 3339 time with its offset.", field)
    return moment.timestamp()
