# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking at the service from outside while a fault is mended: ten times a second, until told to end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from . import http_probe

PERIOD_SECONDS = 0.1
TIMEOUT_SECONDS = 1.0
# How often a fault's own symptom is looked at, which takes a shell.
SYMPTOM_SECONDS = 0.5


class Look(NamedTuple):
    """One look: when it began, as the monotonic clock says it, and whether all was well."""

    at: float
    well: bool


def serves(probes: Sequence[dict[str, Any]]) -> bool | None:
    """Whether the service serves: the deciding address is healthy, every other one answers. Null when nginx limited the probe itself."""
    if any(probe["status"] == 503 and "<html" in (probe["body"] or "").lower() for probe in probes):
        return None
    return http_probe.decide(probes) is True and all(probe["class"] in ("ok", "not_found") for probe in probes)


class Watch(threading.Thread):
    """Looks again and again, in a period that does not drift, and keeps what it saw."""

    def __init__(self, look: Callable[[], bool | None], period: float) -> None:
        super().__init__(daemon=True)
        self._look, self._period = look, period
        self._ended = threading.Event()
        self.looks: list[Look] = []

    def run(self) -> None:
        """Look until the end."""
        due = time.monotonic()
        while not self._ended.wait(max(due - time.monotonic(), 0)):
            began = time.monotonic()
            well = self._look()
            if well is not None:
                self.looks.append(Look(began, well))
            due = max(due + self._period, time.monotonic())

    def end(self) -> None:
        """End, and wait for the look that is under way, where it was begun at all."""
        self._ended.set()
        if self.is_alive():
            self.join()


def watch_service(urls: Sequence[str], validate_certs: bool) -> Watch:
    """A watch over the health addresses."""
    return Watch(lambda: serves(http_probe.probe_all(urls, TIMEOUT_SECONDS, validate_certs)), PERIOD_SECONDS)


def well_since(*watches: Sequence[Look]) -> float | None:
    """When the time began in which every look of every watch was good to the end; null when one of them ended badly or never looked."""
    latest = 0.0
    for looks in watches:
        if not looks or not looks[-1].well:
            return None
        bad = [number for number, look in enumerate(looks) if not look.well]
        latest = max(latest, looks[bad[-1] + 1 if bad else 0].at)
    return latest
