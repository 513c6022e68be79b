# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions of PostgreSQL: from the catalogue, or from the titles of its processes; who holds the slots, and who blocks whom."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any, NamedTuple

from .redaction import redact
from .stack import name_of

CLIENT_BACKEND = "client backend"
IDLE_STATES = ("idle", "idle in transaction", "idle in transaction (aborted)")
PREPARED = "prepared transaction"
LONGEST_QUERY = 300

# Linux counts a process's start in hundredths of a second for every program, whatever the kernel's own clock.
TICKS_PER_SECOND = 100

# `postgres: circuit_sage_user circuit_sage_db 172.30.83.20(58844) idle`; a server with a cluster_name puts that first.
_TITLE = re.compile(
    r"postgres: (?:[^:]+: )?(?P<user>\S+) (?P<database>\S+) (?P<client>\[local\]|\S+\((?P<port>\d+)\))"
    r"(?: (?P<activity>.*\S))?\s*\Z"
)
_PROCESS_FILE = re.compile(rb"/proc/(?P<pid>\d+)/(?P<file>stat|cmdline):(?P<text>.*)", re.DOTALL)
_BOOT_TIME = re.compile(rb"btime (\d+)")

_LITERAL = re.compile(
    r"""
      (?P<comment>--[^\n]*|/\*.*?(?:\*/|\Z))
    | (?P<name>"(?:[^"]|"")*(?:"|\Z))
    | \$(?P<tag>(?:[A-Za-z_]\w*)?)\$.*?(?:\$(?P=tag)\$|\Z)
    | \b[eE]'(?:[^'\\]|''|\\.)*(?:'|\Z)
    # A backslash in a plain literal is an escape or not, as the server is set: everything behind it goes.
    | '(?:[^'\\]|'')*(?:'|\\.*\Z|\Z)
    | (?P<parameter>\$\d+)
    | (?<![\w.])\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\b
    """,
    re.VERBOSE | re.DOTALL,
)


class Owner(NamedTuple):
    """Whose address it is: a container, and its Compose service when it belongs to the project."""

    container: str
    service: str | None


class Process(NamedTuple):
    """A process of the container, as /proc shows it inside; `ticks` is its start since boot, which no later process of that number has."""

    pid: int
    ticks: int
    started_at: str
    title: str


def mask_literals(query: str) -> str:
    """A query without its values, in one line: `?` stands for each literal, comments go."""

    def replaced(match: re.Match[str]) -> str:
        if match["comment"]:
            return " "
        return match[0] if match["name"] or match["parameter"] else "?"

    return redact(" ".join(_LITERAL.sub(replaced, query).split()))[:LONGEST_QUERY]


def owners(containers: Iterable[Mapping[str, Any]], services: Mapping[str, str]) -> dict[str, Owner]:
    """Who has each address in the engine's networks; `services` has the service of each container id of the project."""
    return {
        network["IPAddress"]: Owner(name_of(container), services.get(container["Id"]))
        for container in containers
        for network in (container["NetworkSettings"]["Networks"] or {}).values()
        if network["IPAddress"]
    }


def _number(seconds: Any) -> float | None:
    return None if seconds is None else round(max(float(seconds), 0.0), 1)


def _identity(session: Mapping[str, Any]) -> dict[str, Any]:
    return {name: session[name] for name in ("pid", "backend_start", "user", "database", "client", "client_port")}


def from_title(process: Process | str) -> dict[str, Any] | None:
    """The session that a process title tells of, in the shape of the catalogue's; None for the server's own processes."""
    title = process if isinstance(process, str) else process.title
    match = _TITLE.match(title)
    # A walsender's title puts that word where the role stands in a client's.
    if match is None or match["user"] == "walsender":
        return None
    activity = match["activity"]
    return {
        "pid": None if isinstance(process, str) else process.pid,
        "backend_type": CLIENT_BACKEND,
        "backend_start": None if isinstance(process, str) else process.started_at,
        "user": match["user"],
        "database": match["database"],
        "client": match["client"].partition("(")[0],
        "client_port": int(match["port"]) if match["port"] else -1,
        "application": None,
        # Anything else is the command at work: `SELECT`, `UPDATE waiting`, `authentication`.
        "state": activity if activity is None or activity in IDLE_STATES else "active",
        "state_seconds": None,
        "query_seconds": None,
        "wait": None,
        "writes": None,
        "query": None,
    }


def processes(data: bytes) -> list[Process]:
    """PostgreSQL's processes out of what `grep -aH` printed of /proc/stat and of each process's stat and cmdline."""
    lines = data.split(b"\n")
    boot = next((int(match[1]) for line in lines if (match := _BOOT_TIME.search(line))), 0)
    files: dict[tuple[int, bytes], bytes] = {}
    for line in lines:
        if match := _PROCESS_FILE.match(line):
            # A command line may hold line feeds; a title has none, so the first line tells which it is.
            files.setdefault((int(match["pid"]), match["file"]), match["text"])
    found = []
    for (pid, name), text in files.items():
        stat = files.get((pid, b"stat"), b"")
        if name != b"cmdline" or b"(postgres)" not in stat or not text.startswith(b"postgres: "):
            continue
        ticks = int(stat.rpartition(b")")[2].split()[19])
        start = datetime.fromtimestamp(boot + ticks / TICKS_PER_SECOND, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        found.append(Process(pid, ticks, start, text.replace(b"\0", b"").decode("utf-8", "replace")))
    return found


class Usage(NamedTuple):
    """What a session's process uses: its processor seconds since it began, and its resident memory (shared buffers included)."""

    cpu_seconds: int
    resident_bytes: int


def _resident(members: Iterable[Mapping[str, Any]], used: Mapping[tuple[str, int], Usage]) -> int | None:
    """The resident memory of the sessions' processes; None where nobody looked."""
    found = [used[key].resident_bytes for one in members if (key := (one["client"], one["client_port"] or 0)) in used]
    return sum(found) if found else None


def holders(
    sessions: Iterable[Mapping[str, Any]], addresses: Mapping[str, Owner], used: Mapping[tuple[str, int], Usage] | None = None
) -> list[dict[str, Any]]:
    """Who holds the slots: the sessions by role, database, client, application and state; most first."""
    groups: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for session in sessions:
        if session["backend_type"] == CLIENT_BACKEND:
            key = tuple(session[name] for name in ("user", "database", "client", "application", "state"))
            groups.setdefault(key, []).append(session)
    found = []
    for (user, database, client, application, state), members in groups.items():
        owner = addresses.get(client)
        found.append(
            {
                "user": user,
                "database": database,
                "client": client,
                "service": owner.service if owner else None,
                "container": owner.container if owner else None,
                "application": application,
                "state": state,
                "count": len(members),
                "oldest_seconds": max((seconds for one in members if (seconds := _number(one["state_seconds"])) is not None), default=None),
                "resident_bytes": _resident(members, used or {}),
                "pids": sorted(one["pid"] for one in members if one["pid"] is not None),
                "sessions": [_identity(one) for one in members if one["pid"] is not None],
            }
        )
    return sorted(found, key=lambda one: -int(str(one["count"])))


# The columns of `ps` from which Usage is made.
USAGE_COLUMNS = "-eo pid,cputimes,rss,args"


def usage(rows: Iterable[Sequence[str]]) -> dict[tuple[str, int], Usage]:
    """The use of each session's process by its client's address and port, from what `ps` told in USAGE_COLUMNS."""
    found = {}
    for row in rows:
        session = from_title(str(row[-1]))
        if session and session["client_port"] > 0 and str(row[1]).isdecimal() and str(row[2]).isdecimal():
            found[session["client"], session["client_port"]] = Usage(int(row[1]), int(row[2]) * 1024)
    return found


# A statement whose process had less of a processor than this share does something else than compute. The share is small, since on a machine
# that is used up everybody gets little, and one second is added, since `ps` cuts off the fraction.
_BUSY_SHARE = 0.03
# Clients and first words of statements that are not ended for anybody's sake: backups, restores, migrations, upkeep.
_KEPT_CLIENTS = re.compile(r"pg_dump|pg_restore|pg_basebackup|pg_upgrade|barman|pgbackrest|wal-g|migrat", re.IGNORECASE)
_READS = re.compile(r"\s*\(*\s*(?:SELECT|WITH|TABLE|VALUES|FETCH)\b", re.IGNORECASE)


def _kind(session: Mapping[str, Any], query: str) -> str:
    """What a statement at work is: only `read` may be ended without harm."""
    if session["backend_type"] != CLIENT_BACKEND:
        return "server"
    if _KEPT_CLIENTS.search(session["application"] or ""):
        return "kept"
    return "read" if _READS.match(query) and not session["writes"] else "write"


def active(
    sessions: Iterable[Mapping[str, Any]],
    addresses: Mapping[str, Owner],
    used: Mapping[tuple[str, int], Usage],
    large_tables: Iterable[str],
) -> list[dict[str, Any]]:
    """The statements at work for longer than a second, longest first."""
    large = [(name, re.compile(rf"\b{re.escape(name)}\b")) for name in large_tables]
    found = []
    for session in sessions:
        if session["state"] != "active" or session.get("query") is None or session.get("query_seconds") is None:
            continue
        owner = addresses.get(session["client"])
        query = mask_literals(session["query"])
        cpu = used.get((session["client"], session["client_port"] or 0))
        seconds = _number(session["query_seconds"]) or 0.0
        found.append(
            {
                **_identity(session),
                "backend_type": session["backend_type"],
                "service": owner.service if owner else None,
                "container": owner.container if owner else None,
                "application": session["application"],
                "seconds": seconds,
                "wait": session["wait"],
                "kind": _kind(session, query),
                "cpu_seconds": cpu.cpu_seconds if cpu else None,
                # A look that meets it at its temporary file does not make it one that waits.
                "computes": session["wait"] in (None, "IO") and (cpu is None or cpu.cpu_seconds + 1 >= seconds * _BUSY_SHARE),
                "large_tables": [name for name, pattern in large if pattern.search(query)],
                "query": query,
            }
        )
    return sorted(found, key=lambda one: -float(str(one["seconds"])))


def activity(
    sessions: Sequence[Mapping[str, Any]],
    addresses: Mapping[str, Owner],
    max_connections: int | None,
    used: Mapping[tuple[str, int], Usage] | None = None,
) -> dict[str, Any]:
    """How many sessions of clients there are, how many more there may be, and who holds them."""
    held = holders(sessions, addresses, used)
    total = sum(int(one["count"]) for one in held)
    return {"total": total, "slots_left": None if max_connections is None else max(max_connections - total, 0), "holders": held}


def _waiting_behind(root: int, waits: Mapping[int, Sequence[int]]) -> set[int]:
    """Everybody who waits for the root, directly or behind another who waits."""
    behind: set[int] = set()
    found = {root}
    while found:
        found = {pid for pid, blocked_by in waits.items() if pid not in behind and found.intersection(blocked_by)}
        behind |= found
    return behind


def _relations(root: int, behind: set[int], waits: Mapping[int, Sequence[int]], locks: Sequence[Mapping[str, Any]]) -> list[str]:
    """The relations for which others wait because of the root."""
    held = {lock["relation"] for lock in locks if lock["pid"] == root and lock["granted"]}
    wanted = {lock["relation"] for lock in locks if lock["pid"] in behind and not lock["granted"]}
    if root == 0 or held & wanted:
        return sorted(wanted if root == 0 else held & wanted)
    # A row is waited for through its transaction: then it is the relations that both have touched.
    direct = {pid for pid in behind if root in waits[pid]}
    return sorted(held & {lock["relation"] for lock in locks if lock["pid"] in direct})


def blockers(catalog: Mapping[str, Any], addresses: Mapping[str, Owner]) -> list[dict[str, Any]]:
    """The roots of the blocking chains: who blocks others and waits for nobody."""
    waits = {int(one["pid"]): [int(pid) for pid in one["blocked_by"]] for one in catalog["waits"] or []}
    sessions = {int(one["pid"]): one for one in catalog["sessions"] or []}
    found = []
    for root in sorted({pid for blocked_by in waits.values() for pid in blocked_by} - set(waits)):
        session = sessions.get(root)
        if session is None and root != 0:
            # One of our own, or one that has just ended.
            continue
        behind = _waiting_behind(root, waits)
        found.append(_blocker(session, len(behind), _relations(root, behind, waits, catalog["locks"] or []), addresses))
    return sorted(found, key=lambda one: -int(str(one["waiting"])))


def _blocker(session: Mapping[str, Any] | None, waiting: int, relations: list[str], addresses: Mapping[str, Owner]) -> dict[str, Any]:
    """One root. A transaction that was prepared for two-phase commit has no session: its number is 0."""
    if session is None:
        names = ("backend_type", "backend_start", "user", "database", "client", "client_port", "service", "container", "application")
        nothing = dict.fromkeys((*names, "transaction_seconds", "idle_seconds", "query"))
        return {"pid": 0, **nothing, "state": PREPARED, "waiting": waiting, "relations": relations}
    owner = addresses.get(session["client"])
    return {
        **_identity(session),
        "backend_type": session["backend_type"],
        "service": owner.service if owner else None,
        "container": owner.container if owner else None,
        "application": session["application"],
        "state": session["state"],
        "transaction_seconds": _number(session["transaction_seconds"]),
        "idle_seconds": _number(session["state_seconds"]) if session["state"] in IDLE_STATES else None,
        "waiting": waiting,
        "relations": relations,
        "query": None if session["query"] is None else mask_literals(session["query"]),
    }
