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
# How many charges may be worked on at once at most: each takes a session of the database, of which a server has a hundred by default.
MOST_HANDS = 64
# How much later than another one's a request may be on the wire, in seconds, when both had their turns in time.
_WAY = 0.05


class Stopped(Exception):
    """The run ends; nothing new is begun."""


class Gate:
    """Lets at most `max_in_flight` calls be under way at once, and at most `max_per_second` requests to charge leave in any second (0: no
    limit).

    Charges begin at that pace, so that none waits long with its intent made; what bunches on the way is parted again when it calls.
    After `breaker_after` charges in a row without any outcome it stops the run.
    """

    def __init__(self, max_in_flight: int, max_per_second: float, breaker_after: int) -> None:
        self._most, self._limit, self._in_flight = max_in_flight, max_in_flight, 0
        self._interval = (1 + _WAY) / max_per_second if max_per_second else 0.0
        self._breaker_after = breaker_after
        self._next = self._next_request = self._held_until = 0.0
        self._without_outcome = self._well = 0
        lock = threading.Lock()
        self._changed, self._freed = threading.Condition(lock), threading.Condition(lock)
        self.reason: str | None = None
        self.is_outage = False

    @property
    def hands(self) -> int:
        """How many charges are worked on at once: while some are at Square others are made ready, or written down."""
        return min(self._most + self._most // 2, MOST_HANDS)

    def begin(self, pause: float = 0.0) -> None:
        """Wait so long, and for one's turn to begin a charge, or to make it again. Raises Stopped as soon as the run ends."""
        end = time.monotonic() + pause
        with self._changed:
            while True:
                self._refuse_stopped()
                left = max(end, self._held_until, self._next) - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(left)
            self._next = time.monotonic() + self._interval

    @contextmanager
    def calling(self, is_charge: bool = False) -> Iterator[float]:
        """Be one of the calls that are under way, as soon as there may be one more. Gives how many seconds that took. Raises Stopped."""
        began = time.monotonic()
        self._enter(is_charge)
        try:
            yield time.monotonic() - began
        finally:
            with self._freed:
                self._in_flight -= 1
                self._freed.notify()

    def _enter(self, is_charge: bool) -> None:
        with self._freed:
            while True:
                self._refuse_stopped()
                left = max(self._held_until, self._next_request if is_charge else 0.0) - time.monotonic()
                if self._in_flight >= self._limit:
                    self._freed.wait()
                elif left > 0:
                    self._changed.wait(left)
                else:
                    break
            self._in_flight += 1
            if is_charge:
                self._next_request = time.monotonic() + self._interval

    def _refuse_stopped(self) -> None:
        if self.reason is not None:
            raise Stopped(self.reason)

    def hold(self, seconds: float) -> None:
        """Square limits the rate: nobody asks for so long, and afterwards half as many at once. Beyond LONGEST_HOLD the run ends."""
        if seconds > LONGEST_HOLD:
            self.stop(f"Square asks to be left alone for {seconds:.0f} seconds; run again after that", True)
            return
        with self._changed:
            self._held_until = max(self._held_until, time.monotonic() + seconds)
            self._limit, self._well = max(1, self._limit // 2), 0

    def limited(self, seconds: float) -> None:
        """Square limits the rate of a look: hold everybody, and wait. Raises Stopped."""
        self.hold(seconds)
        self.begin(seconds)

    def ended(self, has_outcome: bool) -> None:
        """Tell what became of a charge."""
        with self._changed:
            self._without_outcome = 0 if has_outcome else self._without_outcome + 1
            if has_outcome:
                self._well += 1
                if self._well >= _RECOVERY and self._limit < self._most:
                    self._limit, self._well = self._limit + 1, 0
                    self._freed.notify()
        if self._without_outcome >= self._breaker_after:
            self.stop(f"Square gave no outcome for {self._without_outcome} charges in a row; their intents are kept for the next run", True)

    def stop(self, reason: str, is_outage: bool = False) -> None:
        """End the run; the first reason counts."""
        with self._changed:
            if self.reason is None:
                self.reason, self.is_outage = reason, is_outage
            self._changed.notify_all()
            self._freed.notify_all()
