# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gate that every charge goes through: how many at once, how fast, when to wait, and when to stop altogether."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

# A longer wait that Square asks for is left to a later run.
LONGEST_HOLD = 60.0
# After so many charges that went well, one more may be under way again.
_RECOVERY = 20
# How much later than another one's a request may be on the wire, in seconds, when both had their turns in time.
_WAY = 0.05


class Stopped(Exception):
    """The run ends; nothing new is begun."""


class Gate:
    """Lets at most `max_in_flight` charges through at once, and of their requests `max_per_second` in any second (0: no limit).

    Charges enter at that pace, so that none waits long with its intent made; what bunches on the way is parted again by `turn`.

    After `breaker_after` charges in a row without any outcome it stops the run.
    """

    def __init__(self, max_in_flight: int, max_per_second: float, breaker_after: int) -> None:
        self._most, self._limit, self._in_flight = max_in_flight, max_in_flight, 0
        self._interval = (1 + _WAY) / max_per_second if max_per_second else 0.0
        self._breaker_after = breaker_after
        self._next = self._next_request = self._held_until = 0.0
        self._without_outcome = self._well = 0
        self._changed = threading.Condition()
        self.reason: str | None = None
        self.is_outage = False

    @contextmanager
    def passing(self) -> Iterator[None]:
        """Wait for one's turn, and be one of those under way. Raises Stopped."""
        self._enter()
        try:
            yield
        finally:
            with self._changed:
                self._in_flight -= 1
                self._changed.notify_all()

    def _enter(self) -> None:
        with self._changed:
            while True:
                if self.reason is not None:
                    raise Stopped(self.reason)
                now = time.monotonic()
                wait = max(self._next, self._held_until) - now
                if self._in_flight < self._limit and wait <= 0:
                    break
                self._changed.wait(wait if self._in_flight < self._limit else None)
            self._in_flight += 1
            self._next = now + self._interval

    def wait(self, seconds: float) -> None:
        """Wait before asking again, as if for a new charge. Raises Stopped as soon as the run ends."""
        end = time.monotonic() + seconds
        with self._changed:
            while (left := max(end, self._held_until, self._next) - time.monotonic()) > 0:
                if self.reason is not None:
                    raise Stopped(self.reason)
                self._changed.wait(left)
            self._next = time.monotonic() + self._interval

    def turn(self) -> bool:
        """Wait until the next request may leave, which it then does; gives whether it had to. Raises Stopped when the run has ended."""
        has_waited = False
        with self._changed:
            while True:
                if self.reason is not None:
                    raise Stopped(self.reason)
                left = max(self._next_request, self._held_until) - time.monotonic()
                if left <= 0:
                    break
                has_waited = True
                self._changed.wait(left)
            self._next_request = time.monotonic() + self._interval
        return has_waited

    def hold(self, seconds: float) -> None:
        """Square limits the rate: nobody asks for so long, and afterwards half as many at once."""
        with self._changed:
            self._held_until = max(self._held_until, time.monotonic() + min(seconds, LONGEST_HOLD))
            self._limit, self._well = max(1, self._limit // 2), 0
            self._changed.notify_all()

    def limited(self, seconds: float) -> None:
        """Square limits the rate of a look: hold everybody, and wait. Raises Stopped."""
        self.hold(seconds)
        self.wait(min(seconds, LONGEST_HOLD))

    def ended(self, has_outcome: bool) -> None:
        """Tell what became of a charge."""
        with self._changed:
            self._without_outcome = 0 if has_outcome else self._without_outcome + 1
            if has_outcome:
                self._well += 1
                if self._well >= _RECOVERY and self._limit < self._most:
                    self._limit, self._well = self._limit + 1, 0
                    self._changed.notify_all()
        if self._without_outcome >= self._breaker_after:
            self.stop(f"Square gave no outcome for {self._without_outcome} charges in a row; their intents are kept for the next run", True)

    def stop(self, reason: str, is_outage: bool = False) -> None:
        """End the run; the first reason counts."""
        with self._changed:
            if self.reason is None:
                self.reason, self.is_outage = reason, is_outage
            self._changed.notify_all()
