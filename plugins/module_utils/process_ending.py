# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ending one process of the host that was named before: the one that had this number then, and no other."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from . import proc
from .errors import IncidentError

_POLL_SECONDS = 0.05


def start_of(pid: int, root: Path = Path("/proc")) -> int | None:
    """When the process began, in clock ticks since the host did; null when there is none, or one that has ended already."""
    try:
        found = proc.stat((root / str(pid) / "stat").read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return None
    return None if found.state in "ZX" else found.started


def end(pid: int, start_ticks: int, seconds: float, dry: bool) -> bool:
    """Whether there was something to end. It is asked to, and has so many seconds for it; it is never killed."""
    if start_of(pid) != start_ticks:
        return False
    if dry:
        return True
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        return False
    except PermissionError:
        raise IncidentError(f"no right to end process {pid}; run as root (`become: true`)") from None
    deadline = time.monotonic() + seconds
    while start_of(pid) == start_ticks:
        if time.monotonic() >= deadline:
            raise IncidentError(f"process {pid} was asked to end and did not within {seconds:g} s; look at it, and end it by hand")
        time.sleep(_POLL_SECONDS)
    return True
