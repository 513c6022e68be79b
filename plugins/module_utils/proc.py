# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the texts of /proc and of the control groups to numbers: pure functions, without the files."""

from __future__ import annotations

import ipaddress
import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

# Version 1 of the control groups writes "no limit" as the greatest number that is a multiple of a page.
_NO_LIMIT = 1 << 60
_CONTAINER_ID = re.compile(r"(?:docker|cri-containerd|libpod)?[-/]([0-9a-f]{64})(?:\.scope)?(?:/|$)")
# The state of a TCP socket that listens, as /proc/net/tcp writes it.
_LISTENS = "0A"
# What the command of a container begins by itself, it begins within so many seconds.
_AT_ONCE_SECONDS = 5
_ANY = ("0.0.0.0", "::")  # noqa: S104 - listened at by others, not by us


class Stat(NamedTuple):
    """What /proc/PID/stat says of a process; times in clock ticks, memory in pages."""

    name: str
    state: str
    parent: int
    session: int
    ticks: int
    started: int
    resident_pages: int


def stat(text: str) -> Stat:
    """/proc/PID/stat. The name stands in brackets and may hold brackets and spaces itself."""
    head, _bracket, tail = text.rpartition(")")
    fields = tail.split()
    return Stat(
        name=head.partition("(")[2],
        state=fields[0],
        parent=int(fields[1]),
        session=int(fields[3]),
        ticks=int(fields[11]) + int(fields[12]),
        started=int(fields[19]),
        resident_pages=int(fields[21]),
    )


def kibibytes(text: str) -> dict[str, int]:
    """/proc/meminfo and /proc/PID/status: what is counted in kB, in bytes."""
    rows = (line.split() for line in text.splitlines())
    return {row[0].rstrip(":"): int(row[1]) * 1024 for row in rows if len(row) == 3 and row[2] == "kB" and row[1].isdigit()}


def numbers(text: str) -> dict[str, int]:
    """A file of names and numbers, as memory.stat and memory.events."""
    rows = (line.split() for line in text.splitlines())
    return {row[0]: int(row[1]) for row in rows if len(row) == 2 and row[1].isdigit()}


def pressure(text: str) -> dict[str, float]:
    """/proc/pressure/memory: `some` means that one process waited, `full` that all did, in percent of the time."""
    found = {}
    for line in text.splitlines():
        kind, *pairs = line.split()
        values = dict(pair.split("=", 1) for pair in pairs)
        found.update({f"{kind}_{span}": float(values[span]) for span in ("avg10", "avg60", "avg300") if span in values})
    return found


def inner_pid(status: str) -> int | None:
    """The process id inside the innermost namespace, from /proc/PID/status."""
    for line in status.splitlines():
        if line.startswith("NSpid:"):
            return int(line.split()[-1])
    return None


def open_files_limit(limits: str) -> int | None:
    """The soft limit of open files, from /proc/PID/limits; null when there is none."""
    for line in limits.splitlines():
        if line.startswith("Max open files"):
            soft = line.split()[3]
            return int(soft) if soft.isdigit() else None
    return None


def control_groups(text: str) -> dict[str, str]:
    """/proc/PID/cgroup: the path by controller; the path of version 2 has the empty name."""
    found = {}
    for line in text.splitlines():
        _number, _colon, rest = line.partition(":")
        controllers, _colon, path = rest.partition(":")
        found.update(dict.fromkeys(controllers.split(","), path))
    return found


def container_id(text: str) -> str | None:
    """The container that a process runs in, from /proc/PID/cgroup."""
    for path in control_groups(text).values():
        match = _CONTAINER_ID.search(path)
        if match:
            return match.group(1)
    return None


class Listener(NamedTuple):
    """A socket that listens."""

    address: str
    port: int
    socket: int


def _address(text: str) -> str:
    """An address as /proc/net/tcp writes it, in words of four bytes, each with its last byte first."""
    words = [bytes.fromhex(text[start : start + 8])[::-1] for start in range(0, len(text), 8)]
    address = ipaddress.ip_address(b"".join(words))
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


def listeners(text: str) -> list[Listener]:
    """The sockets that listen, from /proc/net/tcp or tcp6."""
    found = []
    for line in text.splitlines()[1:]:
        row = line.split()
        if len(row) > 9 and row[3] == _LISTENS:
            address, _colon, port = row[1].rpartition(":")
            found.append(Listener(_address(address), int(port, 16), int(row[9])))
    return found


def in_the_way(listener: Listener, address: str, port: int) -> bool:
    """Whether nobody else can listen at that address and port."""
    return listener.port == port and (listener.address in (address, *_ANY) or address in _ANY)


class Proxy(NamedTuple):
    """What a docker-proxy does: it passes a port of the host on to the address of a container."""

    port: int
    container_address: str


def proxy(arguments: Sequence[str]) -> Proxy | None:
    """What a process does for a container, from its command line; null when it is no docker-proxy."""
    named = dict(itertools.pairwise(arguments))
    if not arguments or not arguments[0].endswith("docker-proxy") or "-host-port" not in named:
        return None
    return Proxy(int(named["-host-port"]), named.get("-container-ip", ""))


def memory_v1(texts: Mapping[str, str]) -> dict[str, Any]:
    """The memory of a control group of version 1, from its files by name; what is missing is null."""
    details = numbers(texts.get("memory.stat", ""))
    events = numbers(texts.get("memory.oom_control", ""))
    limit = _number(texts.get("memory.limit_in_bytes"))
    return {
        "usage_bytes": _number(texts.get("memory.usage_in_bytes")),
        "anon_bytes": details.get("total_rss", details.get("rss")),
        "cache_bytes": _sum(details, "total_active_file", "total_inactive_file"),
        "swap_bytes": details.get("total_swap"),
        "limit_bytes": 0 if limit is None or limit >= _NO_LIMIT else limit,
        "oom_kills": events.get("oom_kill"),
    }


def memory_v2(texts: Mapping[str, str]) -> dict[str, Any]:
    """The memory of a control group of version 2, from its files by name; what is missing is null."""
    details = numbers(texts.get("memory.stat", ""))
    return {
        "usage_bytes": _number(texts.get("memory.current")),
        "anon_bytes": details.get("anon"),
        "cache_bytes": _sum(details, "active_file", "inactive_file"),
        "swap_bytes": _number(texts.get("memory.swap.current")),
        "limit_bytes": _number(texts.get("memory.max")) or 0,
        "oom_kills": numbers(texts.get("memory.events", "")).get("oom_kill"),
    }


def memory_of_engine(stats: Mapping[str, Any]) -> dict[str, Any]:
    """The memory of a container as the engine tells it, where its control group cannot be read."""
    told = stats.get("memory_stats") or {}
    details = told.get("stats") or {}
    # Version 1 of the control groups counts those beneath a group in numbers of their own.
    total = "total_" if "total_active_file" in details else ""
    return {
        "usage_bytes": told.get("usage"),
        "anon_bytes": details.get("total_rss" if total else "anon"),
        "cache_bytes": _sum(details, f"{total}active_file", f"{total}inactive_file"),
        "swap_bytes": details.get("total_swap"),
        # Without a limit the engine names all the memory of the host.
        "limit_bytes": None,
        "oom_kills": None,
    }


def share(part: float | None, whole: float | None) -> float | None:
    """A part of a whole, 0 to 1; null when it cannot be said."""
    return round(part / whole, 3) if part is not None and whole else None


def is_own(pid: int, main: int, stats: Mapping[int, Stat], ticks_per_second: int) -> bool:
    """Whether a process belongs to the command of the container whose main process is `main`.

    What was run in the container from outside does not descend from the main process, or was left behind by its shell and given to the main
    process as a child: then it has another session, is another program, and began later than what the command itself begins. PostgreSQL's
    own processes have sessions of their own, but are the same program; a small init begins another program in another session, at once.
    """
    first, passed = stats[main], {pid}
    while pid != main:
        above = stats[pid].parent
        if above == main:
            break
        if above not in stats or above in passed:
            return stats[pid].session == first.session
        passed.add(above)
        pid = above
    child = stats[pid]
    at_once = child.started - first.started <= _AT_ONCE_SECONDS * ticks_per_second
    return child.session == first.session or child.name == first.name or at_once


def _number(text: str | None) -> int | None:
    text = (text or "").strip()
    return int(text) if text.isdigit() else None


def _sum(values: Mapping[str, int], *names: str) -> int | None:
    found = [values[name] for name in names if name in values]
    return sum(found) if found else None
