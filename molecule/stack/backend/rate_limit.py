# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Request limits in memory, counted for each address: a restart clears them, and all clients behind one proxy share one count."""

from __future__ import annotations

import threading
import time

WINDOW_SECONDS = 15 * 60


class RateLimit:
    """So many requests of one address in a window, which begins with the address's first request."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._windows: dict[str, tuple[float, int]] = {}

    def count(self, address: str) -> int:
        """Count one request; 0 when it may pass, else the seconds until the address may try again."""
        now = time.monotonic()
        with self._lock:
            begun, hits = self._windows.get(address, (now, 0))
            if now - begun >= WINDOW_SECONDS:
                begun, hits = now, 0
            self._windows[address] = (begun, hits + 1)
        return 0 if hits < self._limit else round(begun + WINDOW_SECONDS - now) or 1

    def take_back(self, address: str) -> None:
        """Uncount one request: a sign-in that succeeded is no failed one."""
        with self._lock:
            begun, hits = self._windows.get(address, (time.monotonic(), 1))
            self._windows[address] = (begun, max(0, hits - 1))
