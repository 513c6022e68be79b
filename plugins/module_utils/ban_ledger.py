# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger of bans: who, why, for which incident, until when. What nftables has is made from it, at boot too. Pure, but for the file.

What was blocked alike shares one entry, here and in the file: with one for each of a hundred thousand addresses it takes a second to read.

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
from .ip_networks import Net, nets_of, texts_of

Mapping = dict[str, t.Any]

LONGEST_HOURS = 30 * 24
# How long it is remembered that somebody was blocked.
REMEMBERED = timedelta(days=90)
_FORMAT = 2


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


def write_whole(path: Path, text: str) -> None:
    """Replace a ledger by a text, 0600, so that a killed run leaves the old one or the new one."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).replace(path)
    except OSError as error:
        raise IncidentError(f"the ledger {path} cannot be written ({error.strerror}); run as root, or give another path") from None


class LedgerUnreadable(IncidentError):
    """The file is damaged, or none of ours: what is banned is not known any more."""


class Ledger:
    """The bans by what is blocked. Each has `until`, `since`, `times` (how often it was blocked) and `run`, which says who and why.

    An entry may be that of many bans, so it is replaced and never changed.
    """

    def __init__(self, content: Mapping | None = None) -> None:
        self.content = content or {"format": _FORMAT, "runs": {}, "bans": [], "trial": None}
        # All bans, those that ran out too.
        self.bans: dict[Net, Mapping] = {}
        for entry in self.content.pop("bans"):
            self.bans.update(dict.fromkeys(nets_of(entry.pop("networks")), entry))

    @classmethod
    def read(cls, path: Path) -> Ledger:
        """The ledger in a file, empty where there is none."""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return cls()
        except (OSError, ValueError) as error:
            raise LedgerUnreadable(
                f"the ledger {path} cannot be read ({error}); put a copy of it back, or move it away to begin anew"
            ) from None
        try:
            if content["format"] == _FORMAT:
                return cls(content)
        except (AttributeError, KeyError, TypeError):
            pass
        raise LedgerUnreadable(f"{path} is no ledger of this version; move it away to begin anew")

    def text(self) -> str:
        """What is written."""
        alike: dict[int, tuple[Mapping, list[Net]]] = {}
        for net, ban in self.bans.items():
            alike.setdefault(id(ban), (ban, []))[1].append(net)
        entries = [{**ban, "networks": texts_of(nets)} for ban, nets in alike.values()]
        # In one piece: written bit by bit it takes ten times as long.
        return json.dumps({**self.content, "bans": entries}, separators=(",", ":"))

    def write(self, path: Path) -> None:
        """Replace the file, 0600, so that a killed run leaves the old one or the new one."""
        write_whole(path, self.text())

    @property
    def trial(self) -> Mapping | None:
        """The last run: its number as `run`, until when it has to confirm as `deadline`, and whether it `confirmed`."""
        return t.cast("Mapping | None", self.content["trial"])

    def settle(self, now: str) -> None:
        """Forget what was taken back, and what ran out long ago."""
        if self.trial and not self.trial["confirmed"] and self.trial["deadline"] <= now:
            self.end_trial()
        oldest = (datetime.now(timezone.utc) - REMEMBERED).strftime("%Y-%m-%dT%H:%M:%SZ")
        entries = {id(ban): ban for ban in self.bans.values()}.values()
        if any(ban["until"] < oldest for ban in entries):
            self.bans = {net: ban for net, ban in self.bans.items() if ban["until"] >= oldest}
        used = {str(ban["run"]) for ban in entries if ban["until"] >= oldest}
        self.content["runs"] = {number: run for number, run in self.content["runs"].items() if number in used}

    def end_trial(self) -> None:
        """What the last run blocked is as the rest now, or is taken back where it was not confirmed: what was before it stays."""
        trial, self.content["trial"] = self.trial, None
        if not trial or trial["confirmed"]:
            return
        for net in [net for net, ban in self.bans.items() if ban["run"] == trial["run"]]:
            earlier = self.bans[net].get("earlier")
            if earlier:
                self.bans[net] = earlier
            else:
                del self.bans[net]

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
        return {net: ban["until"] for net, ban in self.bans.items() if ban["until"] > now and ban["run"] != trial}

    def on_trial(self, now: str) -> dict[Net, str]:
        """What the last run blocked, where it is not too late for it to confirm."""
        trial = self.trial
        if not trial or (trial["deadline"] <= now and not trial["confirmed"]):
            return {}
        return {net: ban["until"] for net, ban in self.bans.items() if ban["run"] == trial["run"] and ban["until"] > now}

    def add(self, nets: Iterable[Net], reasons: t.Mapping[Net, str], run: Mapping, hours: float, trial_seconds: int) -> None:
        """Enter bans of one run. Who was blocked before gets twice as long as the last time, to thirty days."""
        number = 1 + max(map(int, self.content["runs"]), default=0)
        now = now_text()
        self.content["runs"][str(number)] = {**run, "at": now}
        entries: dict[tuple[int, str | None], Mapping] = {}
        for net in nets:
            earlier = self.bans.get(net)
            alike = (id(earlier), reasons.get(net))
            ban = entries.get(alike)
            if ban is None:
                ban = entries[alike] = _ban(earlier, hours, now, number, alike[1])
            self.bans[net] = ban
        self.content["trial"] = {"run": number, "deadline": later_text(trial_seconds), "confirmed": not trial_seconds}

    def lift(self, nets: Iterable[Net], now: str) -> list[Net]:
        """End bans now; who was blocked is remembered. Which there were."""
        ended = []
        entries: dict[int, Mapping] = {}
        for net in nets:
            ban = self.bans.get(net)
            if ban and ban["until"] > now:
                self.bans[net] = entries.setdefault(id(ban), {**ban, "until": now})
                ended.append(net)
        return ended

    def told(self, net: Net) -> Mapping:
        """What the ledger knows of a ban, for who asks."""
        ban = self.bans[net]
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


def _ban(earlier: Mapping | None, hours: float, now: str, run: int, why: str | None) -> Mapping:
    """The entry of a ban; `earlier` is the one before, of the same."""
    times = earlier["times"] if earlier else 0
    longer = hours if not times else min(hours * 2 ** min(times, 30), max(hours, LONGEST_HOURS))
    ban = {"until": later_text(longer * 3600), "since": now, "times": times + 1, "run": run}
    if why is not None:
        ban["why"] = why
    if earlier:
        ban["earlier"] = {key: value for key, value in earlier.items() if key != "earlier"}
    return ban
