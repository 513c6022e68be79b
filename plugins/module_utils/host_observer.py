# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One pass over the host: memory, processors, file systems, processes, listeners, and the control groups of a project's containers.

Reads only. The processes are looked at twice, so that what they use and how they grow can be told. What this user may not read is null,
with the reason.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple

from . import host_schedules, proc
from .ballast import ballast_on
from .docker_engine import DockerEngine
from .errors import IncidentError
from .redaction import redact, secret_values
from .stack import environment_of, group_by_service, name_of

# Of the host, and of each container: more would only fill the record.
MOST_PROCESSES = 10
# So many characters of a command line tell what it is.
LONGEST_COMMAND = 200
# Between the two looks at the processes, at least.
SAMPLE_SECONDS = 0.25
_DOCKER_ROOT = "/var/lib/docker"
_SOCKET = re.compile(r"socket:\[(\d+)\]\Z")
_V1_FILES = ("memory.usage_in_bytes", "memory.limit_in_bytes", "memory.stat", "memory.oom_control")
_V2_FILES = ("memory.current", "memory.max", "memory.stat", "memory.events", "memory.swap.current")


class Guest(NamedTuple):
    """A container of the project, as the engine tells of it."""

    service: str
    name: str
    identity: str
    main: int
    addresses: Sequence[str]
    ports: Sequence[tuple[str, int]]
    secrets: set[str]


class Look(NamedTuple):
    """All processes at one moment."""

    at: float
    stats: dict[int, proc.Stat]


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None


class Host:
    """The files of the kernel; another root stands for them in the tests."""

    def __init__(self, root: Path = Path("/")) -> None:
        self.root = root
        self.proc = root / "proc"
        self.groups = root / "sys/fs/cgroup"
        self.page = os.sysconf("SC_PAGE_SIZE")
        self.ticks = os.sysconf("SC_CLK_TCK")

    def look(self) -> Look:
        """All processes, now."""
        stats = {}
        for name in os.listdir(self.proc):  # noqa: PTH208 - a Path for each of some hundred names takes ten times as long
            if name.isdigit():
                with contextlib.suppress(OSError, ValueError, IndexError), open(f"{self.proc}/{name}/stat", "rb") as file:  # noqa: PTH123
                    stats[int(name)] = proc.stat(file.read().decode("utf-8", "replace"))
        return Look(time.monotonic(), stats)

    def arguments(self, pid: int) -> list[str]:
        """The command line of a process; empty for one of the kernel, and for one that has just ended."""
        text = _text(self.proc / str(pid) / "cmdline") or ""
        return text.rstrip("\0").split("\0") if text else []

    def container_of(self, pid: int) -> str | None:
        """The id of the container that a process runs in."""
        return proc.container_id(_text(self.proc / str(pid) / "cgroup") or "")

    def open_files(self, pid: int) -> int | None:
        """How many files a process has open: newer kernels tell it as the size of the folder, others let its owner count."""
        folder = self.proc / str(pid) / "fd"
        try:
            return folder.stat().st_size or len(list(folder.iterdir()))
        except OSError:
            return None

    def executable(self, pid: int) -> str | None:
        """The file that a process runs, where this user may see it."""
        try:
            return str((self.proc / str(pid) / "exe").readlink())
        except OSError:
            return None

    def holder_of(self, socket: int, pids: Iterable[int]) -> int | None:
        """The process that has a socket open. Only root may look into other users' processes."""
        for pid in pids:
            try:
                for entry in os.scandir(self.proc / str(pid) / "fd"):
                    match = _SOCKET.match(os.readlink(entry.path))  # noqa: PTH115
                    if match and int(match.group(1)) == socket:
                        return pid
            except OSError:
                continue
        return None

    def memory_of_group(self, pid: int) -> dict[str, Any] | None:
        """The memory of the control group of a process, of either version; null where it cannot be read."""
        paths = proc.control_groups(_text(self.proc / str(pid) / "cgroup") or "")
        for key, base, names, parse in (
            ("memory", self.groups / "memory", _V1_FILES, proc.memory_v1),
            ("", self.groups, _V2_FILES, proc.memory_v2),
        ):
            if key not in paths:
                continue
            folder = base / paths[key].lstrip("/")
            texts = {name: text for name in names if (text := _text(folder / name)) is not None}
            if names[0] in texts:
                return parse(texts)
        return None


def _memory(host: Host) -> dict[str, Any]:
    told = proc.kibibytes(_text(host.proc / "meminfo") or "")
    waiting = _text(host.proc / "pressure/memory")
    return {
        "total_bytes": told.get("MemTotal"),
        "available_bytes": told.get("MemAvailable"),
        "available_share": proc.share(told.get("MemAvailable"), told.get("MemTotal")),
        "cache_bytes": told.get("Cached"),
        "swap_total_bytes": told.get("SwapTotal"),
        "swap_free_bytes": told.get("SwapFree"),
        "pressure": proc.pressure(waiting) if waiting else None,
    }


def _processors(load: Sequence[float]) -> dict[str, Any]:
    """The processors, and how many processes wanted one of them on average."""
    cores = os.cpu_count() or 1
    return {"cores": cores, "load": list(load) or None, "load_per_core": round(load[0] / cores, 2) if load else None}


def describe_disk(path: str, holds: str) -> dict[str, Any] | None:
    """The file system that a folder is on; null when there is no such folder."""
    try:
        device, room = Path(path).stat().st_dev, os.statvfs(path)
    except OSError:
        return None
    total, free = room.f_blocks * room.f_frsize, room.f_bavail * room.f_frsize
    return {
        "device": device,
        "path": path,
        "holds": [holds],
        "total_bytes": total,
        "free_bytes": free,
        "free_share": proc.share(free, total),
        "inodes_total": room.f_files,
        "inodes_free": room.f_favail,
        "inodes_free_share": proc.share(room.f_favail, room.f_files),
    }


def describe_disks(folders: Mapping[str, str], ballast: Sequence[str], volumes: str) -> list[dict[str, Any]]:
    """The file systems of some folders, each once, with the ballast that lies on it."""
    found: dict[int, dict[str, Any]] = {}
    for holds, path in folders.items():
        disk = describe_disk(path, holds)
        if disk is None:
            continue
        device = disk.pop("device")
        if device in found:
            found[device]["holds"].append(holds)
        else:
            found[device] = {**disk, "ballast": ballast_on(device, ballast, volumes)}
    return list(found.values())


class HostObserver:
    """The two looks, and what is between them: made before the other layers are asked, ended after them."""

    def __init__(self, options: Mapping[str, Any], host: Host | None = None) -> None:
        self._options = options
        self._host = host or Host()
        self._unknown: dict[str, str] = {}
        self._first = self._host.look()
        self._guests, self._docker_root = self._ask_engine()

    def _ask_engine(self) -> tuple[dict[str, Guest | None], str]:
        reader = DockerEngine(self._options["docker_host"], self._options["docker_timeout"])
        guests: dict[str, Guest | None] = {}
        self._names: dict[str, tuple[str, str | None]] = {}
        try:
            containers = reader.containers()
            for service, ones in group_by_service(containers, self._options["project_name"]).items():
                guests[service] = _guest(service, reader.inspect(ones[0]["Id"]))
            services = {guest.identity: service for service, guest in guests.items() if guest}
            self._names = {one["Id"]: (name_of(one), services.get(one["Id"])) for one in containers}
            return guests, reader.information().get("DockerRootDir") or _DOCKER_ROOT
        except IncidentError as error:
            self._unknown["containers"] = str(error)
            return guests, _DOCKER_ROOT

    def finish(self) -> dict[str, Any]:
        """The observation."""
        left = SAMPLE_SECONDS - (time.monotonic() - self._first.at)
        if left > 0:
            time.sleep(left)
        self._last = self._host.look()
        self._span = self._last.at - self._first.at
        self._uptime = float((_text(self._host.proc / "uptime") or "0").split()[0])
        self._boot = proc.numbers(_text(self._host.proc / "stat") or "").get("btime", 0)
        self._members = {pid: self._host.container_of(pid) for pid in self._last.stats}
        self._secrets = set().union(*(guest.secrets for guest in self._guests.values() if guest))
        memory = _memory(self._host)
        self._total = memory["total_bytes"]
        ports = self._ports()
        containers = {service: self._container(service, guest) for service, guest in sorted(self._guests.items())}
        load = (_text(self._host.proc / "loadavg") or "").split()
        return {
            "memory": memory,
            "cpu": _processors([float(value) for value in load[:3]]),
            "disks": describe_disks(
                {"root": "/", "docker": self._docker_root, "project": str(self._options["project_src"])},
                self._options.get("ballast") or (),
                f"{self._docker_root}/volumes",
            ),
            "processes": [self._describe(pid) for pid in self._greatest(self._last.stats)],
            "ports": ports,
            "containers": containers if self._guests else None,
            "schedules": self._schedules(),
            "sample_seconds": round(self._span, 3),
            "unknown": self._unknown,
        }

    def _schedules(self) -> dict[str, str]:
        found, unread = host_schedules.read(self._host.root)
        if unread:
            self._unknown["schedules"] = f"only root may read {', '.join(unread)}; let the run become root"
        return found

    def _cores(self, pid: int) -> float | None:
        """How many cores a process used between the looks; null for one that began between them."""
        before = self._first.stats.get(pid)
        now = self._last.stats[pid]
        if before is None or before.started != now.started or not self._span:
            return None
        return round((now.ticks - before.ticks) / self._host.ticks / self._span, 2)

    def _growth(self, pid: int) -> int | None:
        before, now = self._first.stats.get(pid), self._last.stats[pid]
        if before is None or before.started != now.started or not self._span:
            return None
        return round((now.resident_pages - before.resident_pages) * self._host.page / self._span)

    def _greatest(self, pids: Iterable[int]) -> list[int]:
        """The greatest consumers of memory, then those of the processor that are not among them. The kernel's own have no memory."""
        users = [pid for pid in pids if self._last.stats[pid].resident_pages]
        by_memory = sorted(users, key=lambda pid: self._last.stats[pid].resident_pages, reverse=True)[:MOST_PROCESSES]
        by_cores = sorted(users, key=lambda pid: self._cores(pid) or 0, reverse=True)[: MOST_PROCESSES // 2]
        return by_memory + [pid for pid in by_cores if pid not in by_memory and self._cores(pid)]

    def _describe(self, pid: int) -> dict[str, Any]:
        now = self._last.stats[pid]
        status = _text(self._host.proc / str(pid) / "status") or ""
        resident = now.resident_pages * self._host.page
        # What the process has for itself; without swap nothing of it can be taken away but by ending it.
        private = proc.kibibytes(status).get("RssAnon", resident)
        identity = self._members.get(pid)
        name, service = self._names.get(identity or "", (None, None))
        guest = self._guests.get(service or "")
        began = datetime.fromtimestamp(self._boot + now.started / self._host.ticks, timezone.utc)
        return {
            "pid": pid,
            "pid_in_container": proc.inner_pid(status) if identity else None,
            "parent": now.parent,
            "name": now.name,
            "command": redact(" ".join(" ".join(self._host.arguments(pid)).split()), self._secrets)[:LONGEST_COMMAND] or now.name,
            "executable": self._host.executable(pid),
            "state": now.state,
            "started_at": began.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "age_seconds": round(max(self._uptime - now.started / self._host.ticks, 0)),
            "start_ticks": now.started,
            "private_bytes": private,
            "resident_bytes": resident,
            "memory_share": proc.share(private, self._total),
            "growth_bytes_per_second": self._growth(pid),
            "cores": self._cores(pid),
            "container": name or (identity and identity[:12]),
            "service": service,
            "own": proc.is_own(pid, guest.main, self._last.stats, self._host.ticks) if guest and guest.main in self._last.stats else None,
        }

    def _container(self, service: str, guest: Guest | None) -> dict[str, Any] | None:
        if guest is None or guest.main not in self._last.stats or self._members[guest.main] != guest.identity:
            stopped = guest is None or not guest.main
            self._unknown[f"containers.{service}"] = "it does not run" if stopped else "its processes are not to be seen on this host"
            return None
        memory = self._host.memory_of_group(guest.main) or self._engine_memory(guest)
        usage = memory["usage_bytes"]
        pids = [pid for pid, identity in self._members.items() if identity == guest.identity]
        own = {pid: proc.is_own(pid, guest.main, self._last.stats, self._host.ticks) for pid in pids}
        known = [pid for pid in pids if own[pid]]
        busiest = max(known, key=lambda pid: self._host.open_files(pid) or 0)
        limit = proc.open_files_limit(_text(self._host.proc / str(busiest) / "limits") or "")
        processes = [self._describe(pid) for pid in self._greatest(pids)]
        return {
            "container": guest.name,
            "main_pid": guest.main,
            "memory": {
                **memory,
                "limit_share": proc.share(usage, memory["limit_bytes"]),
                "cache_share": proc.share(memory["cache_bytes"], usage),
            },
            "own_private_bytes": sum(one["private_bytes"] for one in processes if one["own"]),
            "own_growth_bytes_per_second": sum(self._growth(pid) or 0 for pid in known),
            "own_cores": round(sum(self._cores(pid) or 0 for pid in known), 2),
            "pids": len(pids),
            "open_files": self._host.open_files(busiest),
            "open_files_limit": limit,
            "open_files_share": proc.share(self._host.open_files(busiest), limit),
            "processes": processes,
        }

    def _engine_memory(self, guest: Guest) -> dict[str, Any]:
        reader = DockerEngine(self._options["docker_host"], self._options["docker_timeout"])
        try:
            return proc.memory_of_engine(reader.statistics(guest.identity))
        except IncidentError as error:
            self._unknown[f"containers.{guest.service}.memory"] = str(error)
            return proc.memory_of_engine({})

    def _ports(self) -> list[dict[str, Any]] | None:
        """Who listens at the published ports of the project: Docker's own proxy for a container, or somebody else."""
        texts = [_text(self._host.proc / "net" / name) for name in ("tcp", "tcp6")]
        if not any(texts):
            self._unknown["ports"] = "the kernel's list of sockets cannot be read"
            return None
        sockets = [one for text in texts if text for one in proc.listeners(text)]
        arguments = {pid: self._host.arguments(pid) for pid, one in self._last.stats.items() if one.name == "docker-proxy"}
        proxies = {pid: found for pid, words in arguments.items() if (found := proc.proxy(words))}
        return [
            self._port(guest, address, port, [one for one in sockets if proc.in_the_way(one, address, port)], proxies)
            for guest in self._guests.values()
            if guest
            for address, port in guest.ports
        ]

    def _port(
        self, guest: Guest, address: str, port: int, sockets: Sequence[proc.Listener], proxies: Mapping[int, proc.Proxy]
    ) -> dict[str, Any]:
        passing = {pid: one.container_address for pid, one in proxies.items() if one.port == port}
        docker = any(target in guest.addresses for target in passing.values())
        pid = None
        if sockets and not docker:
            pid = next(iter(passing), None) or self._host.holder_of(sockets[0].socket, self._last.stats)
            if pid is None:
                self._unknown[f"ports.{port}"] = "who listens there is not to be seen by this user; run as root (`become: true`)"
        return {
            "service": guest.service,
            "address": address,
            "port": port,
            "listens": bool(sockets),
            "docker": docker,
            "holder": self._describe(pid) if pid else None,
        }


def _guest(service: str, inspected: Mapping[str, Any]) -> Guest:
    bindings = inspected["HostConfig"].get("PortBindings") or {}
    return Guest(
        service=service,
        name=inspected["Name"].lstrip("/"),
        identity=inspected["Id"],
        main=inspected["State"]["Pid"],
        addresses=[network["IPAddress"] for network in (inspected["NetworkSettings"]["Networks"] or {}).values() if network["IPAddress"]],
        ports=[
            (binding.get("HostIp") or "0.0.0.0", int(binding["HostPort"]))  # noqa: S104 - what the engine means by no address
            for port, bound in sorted(bindings.items())
            for binding in bound or []
            if port.endswith("/tcp") and binding.get("HostPort")
        ],
        secrets=secret_values(environment_of(inspected)),
    )


def observe(options: Mapping[str, Any]) -> dict[str, Any]:
    """The whole observation."""
    return HostObserver(options).finish()
