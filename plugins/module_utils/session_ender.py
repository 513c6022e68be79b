# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ending named sessions from inside the database's container: by SQL, or by signals when the server lets nobody in."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from . import session_ending, sessions
from .database_container import SYSTEM_USER, DatabaseContainer
from .errors import IncidentError
from .session_ending import CANCELLED, TERMINATED, Rules, Verdict

# It is there whatever happened to the application's own database.
MAINTENANCE_DATABASE = "postgres"
# A session that is asked to end, or to leave its statement, rolls back first, which takes milliseconds.
GONE_WITHIN = 5.0
POLL_SECONDS = 0.1
SQL_SECONDS = 2


class Way(Protocol):
    """How sessions are looked at and ended."""

    name: str

    def look(self, pids: Sequence[int]) -> list[dict[str, Any]]:
        """The processes of these numbers that are there now."""

    def end(self, verdicts: Sequence[Verdict], state: str, rules: Rules) -> dict[int, str]:
        """Ask those to end that are still what they were judged to be; what became of each: `signalled`, or another word."""


class BySql:
    """Through the server, which has to let us in."""

    name = "sql"

    def __init__(self, container: DatabaseContainer, user: str) -> None:
        self._container = container
        self._user = user

    def look(self, pids: Sequence[int]) -> list[dict[str, Any]]:
        """The processes of these numbers that are there now."""
        found = self._container.ask(self._user, MAINTENANCE_DATABASE, session_ending.sessions_sql(pids), SQL_SECONDS)
        current: list[dict[str, Any]] = found["sessions"]
        return current

    def end(self, verdicts: Sequence[Verdict], state: str, rules: Rules) -> dict[int, str]:
        """Ask those to end that are still what they were judged to be."""
        sql = session_ending.ending_sql(verdicts, state, rules)
        signalled = self._container.ask(self._user, MAINTENANCE_DATABASE, sql, SQL_SECONDS)["signalled"]
        return {one.pid: "signalled" if one.pid in signalled else "changed" for one in verdicts}


class BySignal:
    """By signals to the processes, which are told apart by their titles."""

    name = "signals"

    def __init__(self, container: DatabaseContainer) -> None:
        self._container = container
        self._processes: dict[int, sessions.Process] = {}

    def look(self, pids: Sequence[int]) -> list[dict[str, Any]]:
        """The processes of these numbers that are there now."""
        self._processes = {one.pid: one for one in self._container.processes() if one.pid in pids}
        return [
            sessions.from_title(one)
            # The server's own processes say what they are: `postgres: checkpointer `.
            or {"pid": one.pid, "backend_type": one.title.partition(": ")[2].strip(), "backend_start": one.started_at}
            for one in self._processes.values()
        ]

    def end(self, verdicts: Sequence[Verdict], state: str, rules: Rules) -> dict[int, str]:
        """Ask those to end that are still what they were judged to be."""
        command = session_ending.ending_command([self._processes[one.pid] for one in verdicts], state)
        return session_ending.outcomes(self._container.run(command, user=SYSTEM_USER).decode("utf-8", "replace"))


def _described(session: Mapping[str, Any]) -> dict[str, Any]:
    return {name: session[name] for name in ("pid", *session_ending.IDENTITY, "state")}


def _wait_until_over(way: Way, ended: Sequence[Verdict], state: str) -> None:
    """A server that is short of processors takes its time, and what is looked at next must not find again what was just ended."""
    remaining, asked, there = {
        TERMINATED: (session_ending.still_there, "session {} was asked to end", "there"),
        CANCELLED: (session_ending.still_at_work, "the statement of session {} was cancelled", "at work"),
    }[state]
    deadline = time.monotonic() + GONE_WITHIN
    while left := remaining(ended, way.look([one.pid for one in ended])):
        if time.monotonic() > deadline:
            told = asked.format(", ".join(str(pid) for pid in left))
            raise IncidentError(f"{told} and is still {there} after {GONE_WITHIN:g} s; look at what it does")
        time.sleep(POLL_SECONDS)


def carry_out(way: Way, wanted: Sequence[Mapping[str, Any]], state: str, rules: Rules, check_mode: bool, result: dict[str, Any]) -> None:
    """End what may be ended, and write down in the result what became of each."""
    pids = [int(one["pid"]) for one in wanted]
    verdicts = session_ending.judge_all(wanted, way.look(pids), rules)
    done = {one["pid"] for one in result["ended"]}
    result["via"] = way.name
    result["gone"] = [one.pid for one in verdicts if one.kind == "gone" and one.pid not in done]
    result["refused"] = [{"pid": one.pid, "reason": one.reason} for one in verdicts if one.kind == "refused"]
    chosen = [one for one in verdicts if one.kind == "end"]
    if not chosen:
        return
    became = dict.fromkeys((one.pid for one in chosen), "signalled") if check_mode else way.end(chosen, state, rules)
    ended = [one for one in chosen if became.get(one.pid) == "signalled"]
    result["ended"] += [_described(one.session) for one in ended if one.session]
    result["gone"] += [one.pid for one in chosen if became.get(one.pid) == "gone"]
    result["refused"] += [
        {"pid": one.pid, "reason": "it changed while it was looked at; run again"}
        for one in chosen
        if became.get(one.pid) not in ("signalled", "gone")
    ]
    if ended and not check_mode:
        _wait_until_over(way, ended, state)


def end_sessions(
    ways: Sequence[Way], wanted: Sequence[Mapping[str, Any]], state: str, rules: Rules, check_mode: bool, result: dict[str, Any]
) -> None:
    """The same by the first of the ways that works."""
    for way in ways[:-1]:
        try:
            return carry_out(way, wanted, state, rules, check_mode, result)
        except IncidentError as error:
            # Slots full, NOLOGIN: the next way needs no login.
            result["sql_refused"] = str(error)
    return carry_out(ways[-1], wanted, state, rules, check_mode, result)
