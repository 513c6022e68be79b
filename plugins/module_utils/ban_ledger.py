# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger of bans: who, why, for which incident, until when. What nftables has is made from it, at boot too. Pure, but for the file.

A ban runs out. Who comes again is blocked for twice as long each time. Those of a run that has not confirmed yet that it can still reach
the host are on trial, and count only until their deadline.
"""

from __future__ import annotations

import functools
import json
import os
import tempfile
import typing as t
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from pathlib import Path

from .errors import IncidentError
from .ip_networks import Net, net_of

Mapping = dict[str, t.Any]

LONGEST_HOURS = 30 * 24
# How long it is remembered that somebody was blocked.
REMEMBERED = timedelta(days=90)
_FORMAT = 1


def now_text() -> str:
    """The time now, UTC, so that times compare as text."""
    return later_text(0)


def later_text(seconds: float) -> str:
    """The time in so many seconds."""
    return (datetime.now(timezone.utc) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


@functools.lru_cache
def seconds_until(text: str, now: str) -> int:
    """How many seconds lie between two times."""
    form = "%Y-%m-%dT%H:%M:%S%z"
    return int((datetime.strptime(text, form) - datetime.strptime(now, form)).total_seconds())


class Ledger:
    """The bans by what is blocked. Each has `until`, `since`, `times` (how often it was blocked) and `run`, which says who and why."""

    def __init__(self, content: Mapping | None = None) -> None:
        self.content = content or {"format": _FORMAT, "runs": {}, "bans": {}, "trial": None}

    @classmethod
    def read(cls, path: Path) -> Ledger:
        """The ledger in a file, empty where there is none."""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return cls()
        except (OSError, ValueError) as error:
            raise IncidentError(
                f"the ledger {path} cannot be read ({error}); put a copy of it back, or move it away to begin anew"
            ) from None
        if not isinstance(content, dict) or content.get("format") != _FORMAT:
            raise IncidentError(f"{path} is no ledger of this version; move it away to begin anew")
        return cls(content)

    def write(self, path: Path) -> None:
        """Replace the file, 0600, so that a killed run leaves the old one or the new one."""
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                # In one piece: written bit by bit it takes ten times as long.
                stream.write(json.dumps(self.content, separators=(",", ":")))
                stream.flush()
                os.fsync(stream.fileno())
            Path(temporary).replace(path)
        except OSError as error:
            raise IncidentError(f"the ledger {path} cannot be written ({error.strerror}); run as root, or give another path") from None

    @property
    def bans(self) -> dict[str, Mapping]:
        """All bans, those that ran out too."""
        return t.cast("dict[str, Mapping]", self.content["bans"])

    @property
    def trial(self) -> Mapping | None:
        """The last run: its number as `run`, until when it has to confirm as `deadline`, and whether it `confirmed`."""
        return t.cast("Mapping | None", self.content["trial"])

    def settle(self, now: str) -> None:
        """Forget what was taken back, and what ran out long ago."""
        if self.trial and not self.trial["confirmed"] and self.trial["deadline"] <= now:
            self.end_trial()
        oldest = (datetime.now(timezone.utc) - REMEMBERED).strftime("%Y-%m-%dT%H:%M:%SZ")
        for name in [name for name, ban in self.bans.items() if ban["until"] < oldest]:
            del self.bans[name]
        used = {str(ban["run"]) for ban in self.bans.values()}
        self.content["runs"] = {number: run for number, run in self.content["runs"].items() if number in used}

    def end_trial(self) -> None:
        """What the last run blocked is as the rest now, or is taken back where it was not confirmed: what was before it stays."""
        trial, self.content["trial"] = self.trial, None
        if not trial or trial["confirmed"]:
            return
        for name in [name for name, ban in self.bans.items() if ban["run"] == trial["run"]]:
            earlier = self.bans[name].get("earlier")
            if earlier:
                self.bans[name] = earlier
            else:
                del self.bans[name]

    def confirm(self) -> None:
        """What the last run blocked stays."""
        self.content["trial"] = {**(self.trial or {}), "confirmed": True}

    def blocked(self, now: str) -> dict[Net, str]:
        """What is blocked now and stays so, and until when."""
        trial = self.trial
        return self.active(now) | (self.on_trial(now) if trial and trial["confirmed"] else {})

    def active(self, now: str) -> dict[Net, str]:
        """What is blocked now, and until when; without what the last run did."""
        trial = self.trial["run"] if self.trial else None
        return {net_of(name): ban["until"] for name, ban in self.bans.items() if ban["until"] > now and ban["run"] != trial}

    def on_trial(self, now: str) -> dict[Net, str]:
        """What the last run blocked, where it is not too late for it to confirm."""
        trial = self.trial
        if not trial or (trial["deadline"] <= now and not trial["confirmed"]):
            return {}
        return {net_of(name): ban["until"] for name, ban in self.bans.items() if ban["run"] == trial["run"] and ban["until"] > now}

    def add(self, nets: Iterable[Net], reasons: Mapping, run: Mapping, hours: float, trial_seconds: int) -> None:
        """Enter bans of one run. Who was blocked before gets twice as long as the last time, to thirty days."""
        number = 1 + max(map(int, self.content["runs"]), default=0)
        now = now_text()
        self.content["runs"][str(number)] = {**run, "at": now}
        ends = {0: later_text(hours * 3600)}
        for net in nets:
            name = str(net)
            earlier = self.bans.get(name)
            times = earlier["times"] if earlier else 0
            if times not in ends:
                ends[times] = later_text(min(hours * 2 ** min(times, 30), max(hours, LONGEST_HOURS)) * 3600)
            ban = self.bans[name] = {"until": ends[times], "since": now, "times": times + 1, "run": number}
            if name in reasons:
                ban["why"] = reasons[name]
            if earlier:
                ban["earlier"] = {key: value for key, value in earlier.items() if key != "earlier"}
        self.content["trial"] = {"run": number, "deadline": later_text(trial_seconds), "confirmed": not trial_seconds}

    def lift(self, nets: Iterable[Net], now: str) -> list[Net]:
        """End bans now; who was blocked is remembered. Which there were."""
        ended = []
        for net in nets:
            ban = self.bans.get(str(net))
            if ban and ban["until"] > now:
                ban["until"] = now
                ended.append(net)
        return ended

    def told(self, net: Net) -> Mapping:
        """What the ledger knows of a ban, for who asks."""
        ban = self.bans[str(net)]
        run = self.content["runs"].get(str(ban["run"]), {})
        return {
            "address": str(net),
            "until": ban["until"],
            "since": ban["since"],
            "times": ban["times"],
            "why": ban.get("why") or run.get("why"),
            "by": run.get("by"),
            "incident": run.get("incident"),
        }
