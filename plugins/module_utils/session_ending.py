# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of the named sessions may be ended, and the commands that end them; each looks once more who it is before it does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from .errors import IncidentError
from .sessions import CLIENT_BACKEND, Process

TERMINATED = "terminated"
CANCELLED = "cancelled"

# What tells a session from a later one of the same number. All that are given have to agree.
IDENTITY = ("backend_start", "user", "database", "client", "client_port")

# /proc counts from a boot time in whole seconds, the server from its own clock: the same start differs by up to a second between them.
SAME_START = timedelta(seconds=2)

_FUNCTIONS = {TERMINATED: "pg_terminate_backend", CANCELLED: "pg_cancel_backend"}
# What these functions send; `pg_ctl kill TERM PID` sends the same.
_SIGNALS = {TERMINATED: "TERM", CANCELLED: "INT"}

# Each process is looked at once more right before it gets its signal: its start (field 22 of stat) and its title, in which its state is.
_SCRIPT = """
signal=$1; shift
while [ $# -ge 3 ]; do
  pid=$1 ticks=$2 title=$3; shift 3
  if ! stat=$(cat "/proc/$pid/stat" 2>/dev/null); then echo "$pid gone"
  elif [ "$(echo "${stat##*)}" | cut -d' ' -f21)" != "$ticks" ] || [ "$(tr -d '\\0' <"/proc/$pid/cmdline")" != "$title" ]; then
    echo "$pid changed"
  elif kill -s "$signal" "$pid" 2>/dev/null; then echo "$pid signalled"
  else echo "$pid failed"
  fi
done
"""


class Rules(NamedTuple):
    """What a session must be for it to be ended."""

    only_states: Sequence[str]
    min_idle_seconds: float


class Verdict(NamedTuple):
    """What is to become of a named session: `end`, `gone` or `refused`, and why."""

    pid: int
    kind: str
    reason: str
    session: Mapping[str, Any] | None


def _moment(text: Any, pid: int) -> datetime:
    try:
        moment = datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise IncidentError(f"backend_start of session {pid} is no time with an offset; write it as 2026-11-23T07:56:07.123456Z")
    return moment


def named(entries: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The sessions that the caller names, checked; what describes them beyond their identity is left aside."""
    found: dict[int, dict[str, Any]] = {}
    for entry in entries:
        text = str(entry.get("pid", ""))
        if not text.isdecimal() or int(text) < 1:
            raise IncidentError("a session has no process number; give each one a pid above 0, as postgres_info returns it")
        pid = int(text)
        if pid in found:
            raise IncidentError(f"session {pid} is named twice; name each one once")
        given = {name: entry[name] for name in IDENTITY if entry.get(name) is not None}
        if "backend_start" in given:
            _moment(given["backend_start"], pid)
        found[pid] = {"pid": pid, **given}
    return list(found.values())


def _difference(wanted: Mapping[str, Any], current: Mapping[str, Any]) -> str | None:
    """In what the session of this number is not the one that is named."""
    for name in IDENTITY:
        if name not in wanted or current[name] is None:
            continue
        if name == "backend_start":
            pid = wanted["pid"]
            same = abs(_moment(wanted[name], pid) - _moment(current[name], pid)) <= SAME_START
        else:
            same = str(wanted[name]) == str(current[name])
        if not same:
            return f"{name} is {current[name]}, not {wanted[name]}"
    return None


def judge(wanted: Mapping[str, Any], current: Mapping[str, Any] | None, rules: Rules) -> Verdict:
    """Whether a named session may be ended."""
    pid = int(wanted["pid"])

    def refused(reason: str) -> Verdict:
        return Verdict(pid, "refused", reason, current)

    if current is None:
        return Verdict(pid, "gone", "no session has this number", None)
    if current["backend_type"] != CLIENT_BACKEND:
        return refused(f"it is no session of a client but the server's own process ({current['backend_type']})")
    if difference := _difference(wanted, current):
        return refused(f"another session has this number now: {difference}")
    if current["state"] not in rules.only_states:
        return refused(f"its state is {current['state'] or 'unknown'}, and only {', '.join(rules.only_states)} may be ended")
    if rules.min_idle_seconds > 0:
        if current["state_seconds"] is None:
            return refused(f"since when it is {current['state']} cannot be known without SQL")
        if float(current["state_seconds"]) < rules.min_idle_seconds:
            return refused(f"it is {current['state']} for {float(current['state_seconds']):.1f} s only, not {rules.min_idle_seconds:g} s")
    return Verdict(pid, "end", "", current)


def judge_all(wanted: Iterable[Mapping[str, Any]], current: Iterable[Mapping[str, Any]], rules: Rules) -> list[Verdict]:
    """The verdict on each named session."""
    by_pid = {int(one["pid"]): one for one in current}
    return [judge(one, by_pid.get(int(one["pid"])), rules) for one in wanted]


def still_there(verdicts: Iterable[Verdict], current: Iterable[Mapping[str, Any]]) -> list[int]:
    """Those that were to be ended and have not gone yet."""
    starts = {int(one["pid"]): one["backend_start"] for one in current}
    return [one.pid for one in verdicts if one.session and starts.get(one.pid) == one.session["backend_start"]]


def still_at_work(verdicts: Iterable[Verdict], current: Iterable[Mapping[str, Any]]) -> list[int]:
    """Those whose statement was to be cancelled and still is what they do."""
    listed = list(current)
    by_pid = {int(one["pid"]): one for one in listed}
    sessions = {one.pid: one.session for one in verdicts if one.session}
    return [pid for pid in still_there(verdicts, listed) if _is_same_work(sessions[pid], by_pid[pid])]


def _is_same_work(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    if now["state"] != "active":
        return False
    seconds = before["state_seconds"], now["state_seconds"]
    # Without SQL a statement that has followed it cannot be told from it.
    return None in seconds or seconds[1] >= seconds[0]


def sessions_sql(pids: Iterable[int]) -> str:
    """The question about the processes of these numbers, whatever they are; answered like the catalogue's sessions."""
    numbers = ", ".join(str(int(pid)) for pid in pids)
    return f"""
SELECT jsonb_build_object('sessions', coalesce(jsonb_agg(jsonb_build_object(
  'pid', pid, 'backend_type', backend_type,
  'backend_start', to_char(backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
  'user', usename, 'database', datname,
  'client', CASE WHEN client_port = -1 THEN '[local]' ELSE host(client_addr) END, 'client_port', client_port,
  'state', state, 'state_seconds', extract(epoch FROM clock_timestamp() - state_change))), '[]'))
FROM pg_stat_activity WHERE pid IN ({numbers}) AND pid <> pg_backend_pid();
"""  # noqa: S608 # numbers only


def ending_sql(verdicts: Sequence[Verdict], state: str, rules: Rules) -> str:
    """The statement that ends them, each only when it still is what it was judged to be."""
    starts = ", ".join(f"({one.pid}, '{one.session['backend_start']}'::timestamptz)" for one in verdicts if one.session)
    states = ", ".join("'" + one.replace("'", "''") + "'" for one in rules.only_states)
    # The choice is made first, whole: in one WHERE the server might call the function before it looks at the rest.
    return f"""
WITH chosen AS MATERIALIZED (
  SELECT pid FROM pg_stat_activity
  WHERE (pid, backend_start) IN ({starts}) AND backend_type = '{CLIENT_BACKEND}' AND state IN ({states})
  AND clock_timestamp() - state_change >= make_interval(secs => {float(rules.min_idle_seconds)})
), asked AS MATERIALIZED (
  SELECT pid, {_FUNCTIONS[state]}(pid) AS signalled FROM chosen
)
SELECT jsonb_build_object('signalled', coalesce(jsonb_agg(pid), '[]')) FROM asked WHERE signalled;
"""  # noqa: S608 # numbers, times and states that were checked


def ending_command(targets: Iterable[Process], state: str) -> list[str]:
    """The command that does the same inside the container, for when the server lets nobody in."""
    words = [word for one in targets for word in (str(one.pid), str(one.ticks), one.title)]
    return ["sh", "-c", _SCRIPT, "sh", _SIGNALS[state], *words]


def outcomes(output: str) -> dict[int, str]:
    """What the command says became of each process."""
    return {int(pid): word for pid, _blank, word in (line.partition(" ") for line in output.splitlines()) if pid.isdecimal()}
