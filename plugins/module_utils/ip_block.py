# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Blocking addresses, lifting bans, confirming, and loading again what was lost: the ledger first, then the kernel in one transaction."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import gc
import json
import typing as t
from collections.abc import Iterator, Sequence
from pathlib import Path

from . import ban_table
from .ban_ledger import Ledger, Mapping, now_text, seconds_until, write_whole
from .ban_table import Layout, layout_of
from .errors import IncidentError
from .ip_networks import BITS, Net, Protected, covering, gathered, nets_of

# A confirmation that comes later than this before the deadline could be too late for the kernel.
_LATE_SECONDS = 2
# How many of a list are returned; the counts are of all.
TOLD = 1000


@dataclasses.dataclass(frozen=True)
class Place:
    """Where the bans are: the ledger's file, the table, and the file that remembers the kernel's state until the next boot."""

    ledger: Path
    table: str = ban_table.TABLE
    run_dir: Path = Path("/run")

    @property
    def mark(self) -> Path:
        """What the kernel had when it was last made right."""
        return self.run_dir / f"{self.table}.json"


@contextlib.contextmanager
def locked(place: Place, check: bool = False) -> Iterator[None]:
    """One change at a time. A look makes no folder for the ledger."""
    # A hundred thousand bans are as many small objects and no garbage: to look for some would take a third of the time.
    collects = gc.isenabled()
    gc.disable()
    try:
        if check and not place.ledger.parent.exists():
            yield
            return
        place.ledger.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with place.ledger.with_suffix(".lock").open("w", encoding="ascii") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
    except PermissionError as error:
        raise IncidentError(f"the ledger {place.ledger} may not be changed ({error.strerror}); run as root") from None
    finally:
        if collects:
            gc.enable()


def _signature(place: Place) -> list[t.Any]:
    """What tells that neither the rules nor the ledger were changed by anybody since."""
    state = place.ledger.stat()
    return [ban_table.this_boot(), ban_table.generation(), state.st_ino, state.st_mtime_ns]


def is_intact(place: Place, ledger: Ledger, now: str) -> bool:
    """Whether the kernel holds what the ledger says. Where nobody changed any rule since it was last made right, that is known at once."""
    with contextlib.suppress(OSError, ValueError):
        seen = json.loads(place.mark.read_text(encoding="ascii"))
        if seen[1] is not None and seen == _signature(place):
            return True
    return ban_table.is_as(layout_of(ledger, now), place.table)


def _carry_out(place: Place, ledger: Ledger, before: Layout | None, after: Layout, now: str) -> None:
    """Write the ledger, then have the kernel follow it. Where the kernel refuses, the ledger is as before."""
    old = place.ledger.read_text(encoding="utf-8") if place.ledger.exists() else None
    ledger.write(place.ledger)
    number = ban_table.generation()
    try:
        try:
            made = ban_table.lead(before, after, now, place.table)
        except IncidentError:
            if before is None:
                raise
            # Something ran out meanwhile, or was changed by hand: the table is made anew.
            made = ban_table.lead(None, after, now, place.table)
    except IncidentError:
        if old is None:
            place.ledger.unlink()
        else:
            write_whole(place.ledger, old)
        raise
    signature = _signature(place)
    place.mark.unlink(missing_ok=True)
    # Only our own changes may lie between: somebody else's could have been to our table.
    if number is not None and signature[1] == number + made:
        with contextlib.suppress(OSError):
            place.mark.write_text(json.dumps(signature), encoding="ascii")


def _told(ledger: Ledger, nets: Sequence[Net]) -> list[Mapping]:
    return [ledger.told(net) for net in nets[:TOLD]]


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What is to be blocked: why, on whose behalf, for how long, and from how many neighbours on as their network."""

    addresses: Sequence[str]
    reasons: Mapping
    run: Mapping
    hours: float = 24
    gather_at: int = 0


class _Plan(t.NamedTuple):
    """What becomes of the addresses that are wanted."""

    new: list[Net]
    reasons: dict[Net, str]
    already: int
    refused: dict[Net, str]


def _plan(wanted: Wanted, protected: Protected, blocked: dict[Net, str]) -> _Plan:
    nets = list(dict.fromkeys(nets_of(wanted.addresses)))
    refused = protected.refusals(nets)
    if refused:
        nets = [net for net in nets if net not in refused]
    given = dict(zip(nets_of(wanted.reasons), map(str, wanted.reasons.values()), strict=True))
    # Only a network can hold another one; most bans are of one address.
    found = sorted({(net[0], net[2]) for net in blocked if net[2] != BITS[net[0]]})
    prefixes = {version: [prefix for one, prefix in found if one == version] for version in (4, 6)}
    left = [net for net in nets if net not in blocked and covering(net, blocked, prefixes[net[0]]) is None]
    groups = gathered(nets, wanted.gather_at, protected) if wanted.gather_at else {}
    new = list(dict.fromkeys(groups[net] for net in left)) if groups else left
    reasons: dict[Net, str] = {}
    for net in left if given else ():
        if net in given:
            reasons.setdefault(groups.get(net, net), given[net])
    added = set(new)
    already = sum(group not in added for group in groups.values()) if groups else len(nets) - len(left)
    return _Plan(new, reasons, already, refused)


def block(
    place: Place, wanted: Wanted, protected: Protected, trial_seconds: int = 0, *, strict: bool = True, check: bool = False
) -> Mapping:
    """Block what is not blocked yet: what was done, and what was refused and why."""
    with locked(place, check):
        now = now_text()
        ledger = Ledger.read(place.ledger)
        ledger.settle(now)
        blocked = ledger.blocked(now)
        plan = _plan(wanted, protected, blocked)
        if strict and plan.refused:
            more = f" ({len(plan.refused) - 1} more are refused)" if len(plan.refused) > 1 else ""
            raise IncidentError(f"{next(iter(plan.refused.values()))}{more}")
        intact = is_intact(place, ledger, now)
        lost = bool(blocked) and not intact
        there = layout_of(ledger, now) if intact and plan.new else None
        result: Mapping = {
            "changed": bool(plan.new) or lost,
            "restored": lost,
            "blocked_count": len(plan.new),
            "already_count": plan.already,
            "active_count": len(blocked) + len(plan.new),
            "refused": [{"address": str(net), "why": why} for net, why in plan.refused.items()],
            "run": None,
            "confirm_until": None,
        }
        if plan.new:
            ledger.end_trial()
            ledger.add(plan.new, plan.reasons, wanted.run, wanted.hours, trial_seconds)
            result["run"] = ledger.content["trial"]["run"]
            result["confirm_until"] = ledger.content["trial"]["deadline"] if trial_seconds else None
        result["blocked"] = _told(ledger, plan.new)
        if result["changed"] and not check:
            _carry_out(place, ledger, there, layout_of(ledger, now), now)
        return result


def confirm(place: Place, run: int, check: bool) -> Mapping:
    """The run can still reach the host: its bans stay."""
    with locked(place):
        now = now_text()
        ledger = Ledger.read(place.ledger)
        trial = ledger.trial
        mine = any(ban["run"] == run and ban["until"] > now for ban in ledger.bans.values())
        if mine and (not trial or trial["run"] != run or trial["confirmed"]):
            return {"changed": False}
        if not mine or not trial or seconds_until(trial["deadline"], now) < _LATE_SECONDS:
            raise IncidentError(
                "the bans of this run were taken back, because nobody confirmed in time that the host can still be reached; "
                "look whether one of them holds you, then run again"
            )
        there = layout_of(ledger, now)
        intact = is_intact(place, ledger, now)
        ledger.confirm()
        if not check:
            # The bans are where they are: only the way to them gets its end taken away.
            after = dataclasses.replace(there, trial_seconds=ban_table.ENDLESS)
            _carry_out(place, ledger, there if intact else None, after, now)
        return {"changed": True}


def unblock(place: Place, addresses: Sequence[str], incident: str | None, check: bool) -> Mapping:
    """Lift the bans of some addresses, or those of an incident."""
    asked = nets_of(addresses)
    with locked(place):
        now = now_text()
        ledger = Ledger.read(place.ledger)
        ledger.settle(now)
        blocked = ledger.active(now) | ledger.on_trial(now)
        # What is blocked as a part of a network stays blocked by it, also where its own ban is lifted.
        rest = set(blocked) - set(asked)
        prefixes = sorted({net.prefix for net in rest})
        for net in asked:
            wider = covering(net, rest, prefixes)
            if wider is not None:
                raise IncidentError(f"{net} is blocked as a part of {wider}; unblock {wider}")
            parts = [] if net in blocked or net.prefix == BITS[net.version] else [one for one in rest if covering(one, {net}, [net.prefix])]
            if parts:
                named = ", ".join(map(str, sorted(parts)[:3])) + (", …" if len(parts) > 3 else "")
                raise IncidentError(f"{net} is not blocked as one, but {len(parts)} of it are; unblock these: {named}")
        runs = {int(number) for number, run in ledger.content["runs"].items() if incident and run.get("incident") == incident}
        asked += [net for net in blocked if ledger.bans[net]["run"] in runs]
        told = _told(ledger, [net for net in dict.fromkeys(asked) if net in blocked])
        intact = is_intact(place, ledger, now)
        there = layout_of(ledger, now) if intact else None
        lifted = ledger.lift(dict.fromkeys(asked), now)
        # The ledger may have been moved away, or a run been killed that lifted: then the kernel holds what nobody knows of.
        stray = not intact and ban_table.held(place.table) is not None
        if incident and not runs and not stray:
            raise IncidentError(f"no ban is of an incident {incident}; give its id as its report has it, or the addresses")
        if (lifted or stray) and not check:
            _carry_out(place, ledger, there, layout_of(ledger, now), now)
        return {
            "changed": bool(lifted) or stray,
            "unblocked": told,
            "unblocked_count": len(lifted),
            "corrected": stray,
            "active_count": len(blocked) - len(lifted),
        }


def reload(place: Place, check: bool = False) -> Mapping:
    """Make the kernel hold what the ledger says, as after a boot or a flush."""
    with locked(place):
        now = now_text()
        ledger = Ledger.read(place.ledger)
        ledger.settle(now)
        blocked = ledger.active(now) | ledger.on_trial(now)
        if not blocked or is_intact(place, ledger, now):
            return {"changed": False, "restored": False, "active_count": len(blocked)}
        if not check:
            if ledger.trial and ledger.trial["confirmed"]:
                ledger.end_trial()
            _carry_out(place, ledger, None, layout_of(ledger, now), now)
        return {"changed": True, "restored": True, "active_count": len(blocked)}


def diff_of(result: Mapping) -> dict[str, str]:
    """What a change comes to, as lines that begin and lines that end."""
    begun = [f"{ban['address']} until {ban['until']}: {ban['why']}\n" for ban in result.get("blocked", [])]
    ended = [f"{ban['address']} until {ban['until']}: {ban['why']}\n" for ban in result.get("unblocked", [])]
    return {"before": "".join(ended), "after": "".join(begun)}
