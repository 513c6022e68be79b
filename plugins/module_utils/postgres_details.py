# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked of the database beside its catalogue: rules of entry, tables, the way over the network; the files of one that is down."""

from __future__ import annotations

import io
import json
import os
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from . import postgres_catalog, sessions
from .ballast import ballast_on
from .docker_engine import DockerEngine
from .errors import IncidentError
from .stack import repository_of

# A round trip on one machine takes a fraction of a millisecond; above this it is measured twice more, and its way is looked at.
SLOW_MILLISECONDS = 50
# A table of so many rows that reading all of it shows.
LARGE_TABLE_ROWS = 50_000
# Where so many sessions are open, or a statement is long, it is worth while to see what their processes use.
MANY_SESSIONS = 40
SHAPING_SECONDS = 1.0
# A header of a tar archive and a short file; a path that needs more is none of PostgreSQL's.
_ARCHIVE_BYTES = 4096

Ask = Callable[[str], dict[str, Any]]


def tables(ask: Ask, user: str, unknown: dict[str, str]) -> list[dict[str, Any]] | None:
    """The tables of the application's database, as the catalogue lists them."""
    try:
        found: list[dict[str, Any]] = ask(postgres_catalog.tables_sql(user))["tables"]
        return found
    except IncidentError as error:
        unknown["tables"] = f"the tables could not be listed ({error})"
        return None


def hba(ask: Ask, unknown: dict[str, str]) -> dict[str, Any] | None:
    """The rules of pg_hba.conf."""
    try:
        return ask(postgres_catalog.hba_sql())
    except IncidentError as error:
        unknown["hba"] = f"the rules of pg_hba.conf could not be read ({error})"
        return None


def round_trip(ask: Ask) -> dict[str, Any]:
    """How long a question that costs nothing takes over the network, and how much of that the server took itself."""
    measured: list[tuple[float, float]] = []
    while len(measured) < 3 and (not measured or min(measured)[0] > SLOW_MILLISECONDS):
        began = time.monotonic()
        try:
            answer = ask(postgres_catalog.ping_sql())
        except IncidentError:
            break
        measured.append(((time.monotonic() - began) * 1000, float(answer["server_ms"])))
    if not measured:
        return {"round_trip_ms": None, "server_ms": None}
    best = min(measured)
    return {"round_trip_ms": round(best[0], 1), "server_ms": round(best[1], 1)}


def parse_shaping(output: str) -> list[dict[str, Any]]:
    """The rules in `tc -j qdisc show` that somebody has set: those that a network interface has by itself have the handle 0."""
    return [
        {"device": str(one["dev"]), "kind": str(one["kind"]), "options": dict(one.get("options") or {})}
        for one in json.loads(output or "[]")
        if one.get("root") and one.get("handle") != "0:"
    ]


def shaping(pid: int) -> list[dict[str, Any]]:
    """The rules that delay or limit what a container sends, read in its own network. Raises IncidentError when that cannot be."""
    if os.geteuid() != 0:
        raise IncidentError("only root can look into a container's network; run with `become: true`")
    try:
        done = subprocess.run(
            ["nsenter", "--target", str(int(pid)), "--net", "tc", "-j", "qdisc", "show"],
            capture_output=True,
            text=True,
            timeout=SHAPING_SECONDS,
            check=True,
        )
        return parse_shaping(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise IncidentError(f"the rules of the container's network could not be read ({type(error).__name__})") from None


def network(ask: Ask | None, reached: bool, inspected: Mapping[str, Any] | None, unknown: dict[str, str]) -> dict[str, Any]:
    """How the way to the server is, and, where it is slow or leads nowhere though the container runs, what shapes it."""
    found: dict[str, Any] = {**(round_trip(ask) if ask else {"round_trip_ms": None, "server_ms": None}), "pid": None, "shaping": None}
    answered = found["round_trip_ms"] is not None
    if not answered:
        unknown["network.round_trip_ms"] = "the session over TCP gave no answer in time" if ask else "no session over TCP is open"
    slow = not reached or (ask is not None and (not answered or found["round_trip_ms"] >= SLOW_MILLISECONDS))
    state = (inspected or {}).get("State") or {}
    if not slow or state.get("Status") != "running" or not state.get("Pid"):
        return found
    try:
        found["shaping"] = shaping(state["Pid"])
        found["pid"] = state["Pid"]
    except IncidentError as error:
        unknown["network.shaping"] = str(error)
    return found


def process_usage(reader: DockerEngine, identity: str | None, catalog: Mapping[str, Any]) -> dict[tuple[str, int], sessions.Usage]:
    """What the processes of the sessions use, where many are open or a statement is long."""
    rows = catalog["sessions"] or []
    long = any(one["state"] == "active" and one.get("query") is not None for one in rows)
    if identity is None or (len(rows) < MANY_SESSIONS and not long):
        return {}
    try:
        return sessions.usage(reader.processes(identity, sessions.USAGE_COLUMNS)["Processes"] or [])
    except IncidentError:
        # What they use is evidence beside the catalogue's; without it nothing is taken for computing that is not.
        return {}


def large_tables(found: Iterable[Mapping[str, Any]] | None) -> list[str]:
    """The tables of which a sequential scan shows."""
    return [one["name"] for one in found or [] if (one["rows"] or 0) >= LARGE_TABLE_ROWS]


def header(archive: bytes) -> tarfile.TarInfo:
    """The first entry of an archive of which the rest may be missing."""
    try:
        return tarfile.TarInfo.frombuf(archive[: tarfile.BLOCKSIZE], "utf-8", "replace")
    except tarfile.HeaderError:
        raise IncidentError("the engine sent no archive") from None


def first_line(archive: bytes) -> str:
    """The first line of the one file in an archive."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        member = tar.next()
        content = tar.extractfile(member) if member else None
        return content.readline(100).decode("utf-8", "replace").strip() if content else ""


def data_space(
    inspected: Mapping[str, Any] | None, path: str, unknown: dict[str, str], ballast: Sequence[str] = ()
) -> dict[str, Any] | None:
    """The file system on which the data directory lies, seen from the host: this works whatever state the container is in."""
    mounts = [
        one for one in (inspected or {}).get("Mounts") or [] if path == one["Destination"] or path.startswith(f"{one['Destination']}/")
    ]
    if not mounts:
        return None
    source = max(mounts, key=lambda one: len(one["Destination"]))["Source"]
    try:
        status, device = os.statvfs(source), Path(source).stat().st_dev
    except OSError as error:
        unknown["data_space"] = f"{source} cannot be looked at ({error.strerror}); run as root (`become: true`)"
        return None
    return {
        "path": source,
        "size_bytes": status.f_frsize * status.f_blocks,
        "free_bytes": status.f_frsize * status.f_bavail,
        "ballast": ballast_on(device, ballast, source),
    }


def image_of_version(reader: DockerEngine, name: str, version: str) -> str | None:
    """The newest local image of a repository whose server reads the files of a major version of PostgreSQL; null where there is none.

    The official image says its version in `PG_MAJOR`, https://hub.docker.com/_/postgres.
    """
    mine: list[tuple[int, str, str]] = [
        (image["Created"], tag, image["Id"])
        for image in reader.images()
        for tag in image.get("RepoTags") or []
        if repository_of(tag) == repository_of(name)
    ]
    for _made, tag, identity in sorted(mine, reverse=True):
        if f"PG_MAJOR={version}" in (reader.image(identity)["Config"]["Env"] or ()):
            return tag
    return None


def data_directory(
    reader: DockerEngine, inspected: Mapping[str, Any], path: str, environment: Mapping[str, str], unknown: dict[str, str]
) -> dict[str, Any]:
    """Owner, mode and version of the data directory, from outside: this works whatever state the container is in.

    Where the container's image has another version, the local image that has it.
    """
    identity = inspected["Id"]
    found: dict[str, Any] = {
        "path": path,
        "mode": None,
        "uid": None,
        "files_uid": None,
        "version": None,
        "image_version": environment.get("PG_MAJOR"),
        "image": None,
    }
    try:
        top = header(reader.archive(identity, path, tarfile.BLOCKSIZE))
        found.update(mode=f"{top.mode & 0o7777:04o}", uid=top.uid)
        archive = reader.archive(identity, f"{path}/PG_VERSION", _ARCHIVE_BYTES)
        found.update(files_uid=header(archive).uid, version=first_line(archive))
        if found["image_version"] not in (None, found["version"]):
            found["image"] = image_of_version(reader, inspected["Config"]["Image"], found["version"])
    except (IncidentError, tarfile.TarError) as error:
        unknown["data_directory"] = f"the data directory could not be looked at ({error})"
    return found
