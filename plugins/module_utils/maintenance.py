# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Maintenance mode that somebody owns: who, until when, and what may be done with it. Pure but for reading /proc.

What says so, the claim, stands beside `enabled` in the value of the application's row, or in the first lines of nginx's file at the edge.
"""

from __future__ import annotations

import typing as t
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path

from .errors import IncidentError
from .lock import boot_id, start_ticks
from .redaction import redact

ROW, EDGE = "row", "edge"
PLACES = {ROW: "in the database", EDGE: "at the edge"}
# A day: whoever needs longer switches it on again, and is seen to do so.
MOST_MINUTES = 24 * 60
# What a claim holds. All of it goes when the mode is switched off.
KEYS = ("owner", "incident", "since", "expires_at", "minutes", "reason", "run")
APPROVAL = "maintenance"


def pid_namespace() -> str:
    """What tells the processes of this container, or of the host, from those of others: a pid means nothing elsewhere."""
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def run_of(pid: int) -> dict[str, t.Any]:
    """What names a live process of this machine for as long as it runs."""
    return {"pid": pid, "boot": boot_id(), "namespace": pid_namespace(), "ticks": start_ticks(pid)}


def run_ended(run: t.Any) -> bool:
    """Whether the run that holds the mode is known to have ended: one that cannot be looked up from here is believed."""
    if not isinstance(run, dict) or not run.get("boot"):
        return False
    here = (run["boot"], run.get("namespace")) == (boot_id(), pid_namespace())
    return here and start_ticks(int(run["pid"])) != run.get("ticks")


def moment(text: t.Any) -> datetime | None:
    """A moment that somebody wrote as ISO 8601 with its offset; null for anything else."""
    try:
        found = datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    except ValueError:
        return None
    return found.astimezone(timezone.utc) if found.tzinfo else None


def check_minutes(minutes: int) -> None:
    """Raise for a time that is none, or too long."""
    if not 1 <= minutes <= MOST_MINUTES:
        raise IncidentError(f"maintenance_minutes is {minutes}; give 1 to {MOST_MINUTES}, and switch it on again when that is over")


def claim(
    incident: str, owner: str, run: Mapping[str, t.Any] | None, minutes: int, reason: str, now: datetime | None = None
) -> dict[str, t.Any]:
    """What says who owns the mode and until when; with a *run*, only for as long as that lives."""
    check_minutes(minutes)
    since = now or datetime.now(timezone.utc)
    return {
        "owner": owner,
        "incident": incident,
        "since": since.isoformat(timespec="seconds"),
        "expires_at": (since + timedelta(minutes=minutes)).isoformat(timespec="seconds"),
        "minutes": minutes,
        "reason": redact(reason.strip()),
        "run": dict(run) if run else None,
    }


def standing(told: Mapping[str, t.Any], now: datetime) -> dict[str, t.Any]:
    """What a claim says, and whether its time is over or its run has ended. `owned` is null where it does not say until when."""
    until = moment(told.get("expires_at"))
    ended = run_ended(told.get("run"))
    return {
        "owned": (until > now and not ended) if until else None,
        "owner": redact(str(told["owner"])) if told.get("owner") else None,
        "incident": redact(str(told["incident"])) if told.get("incident") else None,
        "since": redact(str(told["since"])) if told.get("since") else None,
        "expires_at": until.isoformat(timespec="seconds").replace("+00:00", "Z") if until else None,
        "minutes": told.get("minutes"),
        "reason": redact(str(told["reason"])) if told.get("reason") else None,
        "for_a_run": bool(told.get("run")),
        "overdue": bool(until and until <= now),
        "run_ended": ended,
    }


def value_on(value: t.Any, made: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The row's value with the mode on under a claim; what else is in it stays."""
    return {**value_off(value), "enabled": True, **{name: made[name] for name in KEYS if made.get(name)}}


def value_off(value: t.Any) -> dict[str, t.Any]:
    """The row's value with the mode off and no claim; what else is in it stays."""
    kept = value if isinstance(value, dict) else {}
    return {**{name: one for name, one in kept.items() if name not in KEYS}, "enabled": False}


def describe(place: str, one: Mapping[str, t.Any]) -> str:
    """One sentence about a mode that is on."""
    said = f"maintenance mode is on {PLACES[place]}"
    since = one.get("since") or one.get("changed_at")
    said += f" since {since}" if since else ""
    if not one.get("incident"):
        said += f", by hand ({one['owner']})" if one.get("owner") else ", by hand"
        return said + (f", until {one['expires_at']}" if one.get("expires_at") else "") + ("" if one["owned"] else ", and nobody owns it")
    said += f", owned by {one['owner']} (incident {one['incident']})"
    said += f", overdue since {one['expires_at']}" if one["overdue"] else f", until {one['expires_at']}"
    said += ", but its run has ended" if one["run_ended"] else ""
    return said + (f": {one['reason']}" if one.get("reason") else "")


class Plan(t.NamedTuple):
    """What is to be done where, the sentence that says why, and how a run that does nothing more ends.

    `closed`: the application is closed afterwards, which a mode that is left on keeps it too.
    """

    act: str
    places: list[str]
    text: str
    outcome: str
    taken_over: bool = False
    closed: bool = False


def _same(one: Mapping[str, t.Any], wanted: Mapping[str, t.Any]) -> bool:
    return (one["minutes"], one["reason"] or "", one["for_a_run"]) == (
        wanted["minutes"],
        redact(wanted["reason"].strip()),
        wanted["while_running"],
    )


def plan(seen: Mapping[str, t.Any], wanted: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """What *wanted* (`state`, `owner`, `minutes`, `reason`, `while_running`, `approved`) comes to for what was *seen*.

    The first owner keeps the mode until it is overdue, or its run has ended, or somebody approves to take it over. With `at_edge` it is
    switched on at nginx where that can be asked. With `incident` only what that has switched on, in the places `begun`, is switched off.
    """
    on = {place: seen[place] for place in PLACES if seen.get(place) and seen[place]["enabled"]}
    told = "; ".join(describe(place, one) for place, one in on.items())
    others = any(one["owned"] and one["owner"] != wanted["owner"] for one in on.values())
    if wanted["state"] == "status":
        found = _status(seen, on, told)
    elif wanted.get("incident"):
        found = _off_again(seen, on, wanted)
    elif wanted["state"] != "expire" and others and not wanted["approved"]:
        text = f"{told}; ask its owner, or take it over with incident_approve={APPROVAL}"
        found = Plan("none", [], text, "escalated", True)
    elif wanted["state"] == "on":
        found = (_on_at_edge if wanted.get("at_edge") else _on)(seen, on, told, wanted)
    else:
        found = _off(seen, on, told, only_unowned=wanted["state"] == "expire")
    hold = seen.get("hold") or {}
    if found.places and hold.get("everything"):
        found = Plan("none", [], f"the hold {hold['path']} keeps everything as it is ({hold['text']}); end it first", "escalated")
    return found._asdict()


def _unseen(seen: Mapping[str, t.Any]) -> str:
    return f"the row in the database cannot be read ({seen.get('row_error')})"


def _status(seen: Mapping[str, t.Any], on: Mapping[str, Mapping[str, t.Any]], told: str) -> Plan:
    unseen = "" if seen.get(ROW) else _unseen(seen)
    text = "; ".join(part for part in (told or "maintenance mode is off", unseen) if part)
    return Plan("none", [], text, "healthy" if not unseen and all(one["owned"] for one in on.values()) else "diagnosed")


def _on(seen: Mapping[str, t.Any], on: Mapping[str, Mapping[str, t.Any]], told: str, wanted: Mapping[str, t.Any]) -> Plan:
    mine = [place for place, one in on.items() if one["owned"] and one["owner"] == wanted["owner"]]
    if mine and _same(on[mine[0]], wanted):
        return Plan("none", [], f"already on: {told}", "healthy", closed=True)
    place = next(iter(on), None) or (ROW if seen.get(ROW) else EDGE if seen.get(EDGE) else None)
    if place is None:
        return _nowhere(seen)
    why = f"; {_unseen(seen)}, where the application stays open" if place == EDGE and not seen.get(ROW) else ""
    before = f", in the place of what was: {told}" if told else ""
    return _switch_on(place, wanted, why + before)


def _nowhere(seen: Mapping[str, t.Any]) -> Plan:
    return Plan("none", [], f"{_unseen(seen)}, and nginx cannot be asked either ({seen.get('edge_error')})", "escalated")


def _switch_on(place: str, wanted: Mapping[str, t.Any], why: str) -> Plan:
    text = f"switch maintenance mode on {PLACES[place]} for {wanted['minutes']} minutes{why}"
    return Plan("on", [place], text, "resolved", closed=True)


def _on_at_edge(seen: Mapping[str, t.Any], on: Mapping[str, Mapping[str, t.Any]], told: str, wanted: Mapping[str, t.Any]) -> Plan:
    """Before a row that is taken away; what its owner has closed by hand stays that person's."""
    place = next((place for place in (EDGE, ROW) if seen.get(place)), None)
    if place is None:
        return _nowhere(seen)
    mine = on.get(place, {})
    if mine.get("owned") and mine["owner"] == wanted["owner"] and not mine["for_a_run"]:
        return Plan("none", [], f"already on: {told}", "healthy", closed=True)
    why = f"; nginx cannot be asked ({seen.get('edge_error')})" if place == ROW else ""
    before = f", beside or in the place of what was: {told}" if told else ""
    return _switch_on(place, wanted, why + before)


def _off_again(seen: Mapping[str, t.Any], on: Mapping[str, Mapping[str, t.Any]], wanted: Mapping[str, t.Any]) -> Plan:
    """What an incident has switched on, and nothing else."""
    there = {place: seen[place] for place in PLACES if seen.get(place) and (place in on or seen[place].get("present"))}
    places = [place for place, one in there.items() if one.get("incident") == wanted["incident"]]
    left = {place: one for place, one in on.items() if place not in places}
    kept = "".join(f"; {describe(place, one)}" for place, one in left.items())
    if places:
        text = f"switch maintenance mode off {' and '.join(PLACES[place] for place in places)}{kept}"
        return Plan("off", places, text, "resolved", closed=bool(left))
    if EDGE in wanted["begun"] and not seen.get(EDGE):
        text = f"nginx cannot be asked any more ({seen.get('edge_error')}); it opens by itself when its time is over"
        return Plan("none", [], text, "escalated", closed=True)
    if ROW in wanted["begun"] and not seen.get(ROW):
        return Plan("none", [], f"{_unseen(seen)}; run db_failure, then maintenance with maintenance=off", "escalated")
    return Plan("none", [], f"this run has nothing of maintenance mode to switch off{kept}", "healthy", closed=bool(left))


def _off(seen: Mapping[str, t.Any], on: Mapping[str, Mapping[str, t.Any]], told: str, only_unowned: bool) -> Plan:
    if only_unowned and any(one["owned"] for one in on.values()):
        return Plan("none", [], f"its time is not over: {told}", "healthy")
    # What nginx does not obey any more, or what a killed run left half made, is taken away too.
    left = EDGE not in on and (seen.get(EDGE) or {}).get("present")
    places = [*on, *([EDGE] if left else [])]
    if places:
        text = f"switch maintenance mode off {' and '.join(PLACES[place] for place in places)}"
        return Plan("off", places, text + (f"; {told}" if told else "; what is left of it has no effect"), "resolved")
    if not seen.get(ROW):
        return Plan("none", [], f"it is not on at the edge, but {_unseen(seen)}; run db_failure, then this again", "escalated")
    return Plan("none", [], "maintenance mode is off already", "healthy")
