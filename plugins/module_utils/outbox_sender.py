# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sending what waits in the outboxes of all incidents: each channel for itself and in order, again after a while where that may help.

The process that does this beside a run is plugin_utils/outbox_process.
"""

from __future__ import annotations

import json
import threading
import time
import typing as t
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path

from .notify_settings import secret_values
from .outbox import Message, Outbox, entry, locked, waiting_folder
from .outbox_channels import Parcel, Result, deliver
from .redaction import redact

# Before the second, third, … attempt; a service that is down for longer is asked once a minute.
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
_SHORTEST_PAUSE = 0.05

Deliver = Callable[[str, Mapping[str, t.Any], Parcel], Result]


def pause_after(attempts: int, asked: float | None) -> float:
    """Seconds until the next attempt: twice as long each time, and never shorter than the channel *asked* for."""
    doubled = _FIRST_PAUSE * float(2 ** min(attempts - 1, 10))
    return max(min(doubled, _LONGEST_PAUSE), asked or 0.0)


def _in_seconds(seconds: float) -> str:
    return (datetime.now(timezone.utc) + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")


def _seconds_until(stamp: str | None) -> float:
    left = (datetime.fromisoformat(stamp) - datetime.now(timezone.utc)).total_seconds() if stamp else 0.0
    return max(left, 0.0)


class ChannelSender:
    """Sends what waits on one channel, for all incidents whose records are in one folder."""

    def __init__(self, base: Path, channel: str, settings: Mapping[str, t.Any], attempt: Deliver = deliver) -> None:
        self._base = base
        self._channel = channel
        self._settings = settings
        self._attempt = attempt
        self._until = time.monotonic() + settings["notify_retry_seconds"]
        self._blocked = False

    def run(self, tried: Callable[[], None]) -> None:
        """Send until nothing waits, or what waits has to wait for too long. Calls *tried* as soon as each message had its first chance."""
        pause = threading.Event()
        while True:
            with locked(waiting_folder(self._base) / f".{self._channel}.lock", wait=False) as mine:
                wait = self._send_due() if mine else None
            # Who came in the meantime found the lock taken, and left what it had brought to the one who held it.
            if mine and (wait == 0.0 or (wait is None and not self._blocked and self._has_unsent())):
                continue
            tried()
            if wait is None or time.monotonic() + wait > self._until:
                return
            pause.wait(wait)

    def _has_unsent(self) -> bool:
        return any(box.unsent(self._channel) for box in Outbox.waiting(self._base))

    def _send_due(self) -> float | None:
        """Send what is due: seconds until the next is, None for nothing left. 0 says that something was sent: there may be more by now."""
        sent = False
        for box in Outbox.waiting(self._base):
            for message, before in box.unsent(self._channel):
                wait = _seconds_until(before.get("next_at"))
                if wait > 0:
                    return wait
                result = self._send(box, message, before)
                # The next one would meet the same, and come before this one.
                if result.state == "blocked":
                    self._blocked = True
                    return None
                if result.state == "later":
                    return max(_seconds_until(box.state(self._channel)[message.name]["next_at"]), _SHORTEST_PAUSE)
                sent = True
        return 0.0 if sent else None

    def _send(self, box: Outbox, message: Message, before: Mapping[str, t.Any]) -> Result:
        """One attempt, noted before and after it, so that a killed one is known of."""
        attempts = before.get("attempts", 0) + 1
        box.note(self._channel, message.name, entry("sending", attempts))
        known = box.state(self._channel).get("remote")
        doubtful = attempts > 1
        host = json.loads((box.path.parent / "incident.json").read_text(encoding="utf-8"))["host"]
        result = self._attempt(self._channel, self._settings, Parcel(box.incident, host, message, box.text(message.name), known, doubtful))
        if result.remote and result.remote != known:
            box.note(self._channel, "remote", t.cast("t.Any", result.remote))
        state = result.state if result.state in ("sent", "refused") else "waiting"
        next_at = _in_seconds(pause_after(attempts, result.retry_after)) if result.state == "later" else None
        detail = redact(result.detail, secret_values(self._settings))
        box.note(self._channel, message.name, entry(state, attempts, detail, next_at))
        return result


def send_all(base: Path, settings: Mapping[str, t.Any], tried: Callable[[], None]) -> None:
    """Send on all channels at once; *tried* is called when each message had its first chance on each."""
    left, guard = set(settings["channels"]), threading.Lock()

    def had_its_chance(channel: str) -> None:
        with guard:
            last = left == {channel}
            left.discard(channel)
        if last:
            tried()

    def work(channel: str) -> None:
        try:
            ChannelSender(base, channel, settings).run(lambda: had_its_chance(channel))
        finally:
            had_its_chance(channel)

    with ThreadPoolExecutor(len(settings["channels"])) as pool:
        list(pool.map(work, settings["channels"]))
    for box in Outbox.waiting(base):
        box.forget_when_told(settings["channels"])
