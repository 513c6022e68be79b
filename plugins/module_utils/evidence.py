# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a remedy may destroy, read before: the end of a container's log, its state and its processes, without secrets."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any

from .docker_engine import DockerEngine, EngineRefused
from .errors import IncidentError
from .overlay_changes import changes_of
from .redaction import MASK, redact, secret_values
from .stack import group_by_service
from .stack_options import STACK_OPTIONS
from .timestamps import of_seconds

# Lines of each log, counted from its end.
LOG_LINES = 5000
# A log line has no limit of its own; what is kept of one log has, in bytes.
LOG_BYTES = 4 * 1024 * 1024
# Of what differs from an image: so many files, and of each so many bytes.
MOST_CHANGES = 300
MOST_OF_A_FILE = 256 * 1024
DELETED = 2
KINDS = {0: "changed", 1: "added", DELETED: "deleted"}

PARTS = ("containers", "database", "host", "nginx")
# All that the module evidence_info takes.
EVIDENCE_OPTIONS: dict[str, dict[str, Any]] = {
    **STACK_OPTIONS,
    "services": {"type": "list", "elements": "str", "required": True},
    "log_lines": {"type": "int", "default": LOG_LINES},
    "parts": {"type": "list", "elements": "str", "choices": list(PARTS), "default": []},
}


def masked_state(state: dict[str, Any]) -> tuple[dict[str, Any], set[str]]:
    """The engine's description without the values of the environment, and the secret ones among these values."""
    environment = {name: value for name, _sign, value in (entry.partition("=") for entry in state["Config"].get("Env") or [])}
    shown = {**state, "Config": {**state["Config"], "Env": [f"{name}={MASK}" for name in environment]}}
    return shown, secret_values(environment)


def read_log(engine: DockerEngine, identity: str, terminal: bool, lines: int) -> str:
    """The end of a container's log, bounded in lines and bytes."""
    text = bytearray()
    for chunk in engine.log(identity, terminal, lines):
        text += chunk
        if len(text) > LOG_BYTES:
            del text[: len(text) - LOG_BYTES]
    return text.decode("utf-8", "replace")


def read_container(engine: DockerEngine, service: str, identity: str, lines: int) -> dict[str, Any]:
    """The evidence of one container by file name."""
    state, secrets = masked_state(engine.inspect(identity))
    return {
        f"{service}.inspect.json": state,
        f"{service}.log": redact(read_log(engine, identity, bool(state["Config"]["Tty"]), lines), secrets),
        f"{service}.processes.txt": redact(read_processes(engine, identity), secrets),
    }


def read_processes(engine: DockerEngine, identity: str) -> str:
    """The processes of a container, or why there are none to see: a container in its back-off counts as running and has none."""
    try:
        top = engine.processes(identity)
    except EngineRefused as error:
        return f"not to be seen: {error}\n"
    return "".join("\t".join(row) + "\n" for row in [top["Titles"], *(top["Processes"] or [])])


def _files(archive: bytes, secrets: set[str]) -> dict[str, Any]:
    """What a file is and holds, out of the beginning of its archive."""
    try:
        with tarfile.open(fileobj=io.BytesIO(archive)) as packed:
            member = packed.next()
            if member is None:
                return {}
            found: dict[str, Any] = {
                "mode": f"{member.mode:04o}",
                "owner": member.uid,
                "bytes": member.size,
                "changed_at": of_seconds(member.mtime),
            }
            content = packed.extractfile(member) if member.isfile() else None
            data = content.read() if content else None
    except (tarfile.TarError, KeyError):
        return {"unread": "it is longer than what is kept of a file"}
    if data is not None:
        found["sha256"] = hashlib.sha256(data).hexdigest()
        if b"\0" not in data:
            found["text"] = redact(data.decode("utf-8", "replace"), secrets)
    return found


def read_changes(engine: DockerEngine, state: Mapping[str, Any], secrets: set[str]) -> list[dict[str, Any]]:
    """What differs from the image, each file with what it is and, where it is a text, what it holds."""
    found = []
    identity = state["Id"]
    changes = changes_of(engine, state)[:MOST_CHANGES]
    # The engine would pack all that is below a folder, changed or not.
    folders = {str(parent) for one in changes for parent in PurePosixPath(one["Path"]).parents}
    for one in changes:
        path, deleted = str(one["Path"]), one["Kind"] == DELETED
        entry: dict[str, Any] = {"path": path, "kind": KINDS.get(one["Kind"], "changed")}
        if not deleted and path not in folders:
            try:
                entry.update(_files(engine.archive(identity, path, MOST_OF_A_FILE), secrets))
            except IncidentError as error:
                entry["unread"] = str(error)
        found.append(entry)
    return found


def read_whole_container(engine: DockerEngine, service: str, identity: str, lines: int) -> dict[str, Any]:
    """The same with the changed files, the image's digests, and the sockets as the kernel lists them in the container's network."""
    found = read_container(engine, service, identity, lines)
    state = engine.inspect(identity)
    _shown, secrets = masked_state(state)
    found[f"{service}.changes.json"] = read_changes(engine, state, secrets)
    image = engine.image(state["Image"])
    found[f"{service}.image.json"] = {name: image.get(name) for name in ("Id", "RepoTags", "RepoDigests", "Created", "RootFS")}
    sockets = [Path(f"/proc/{state['State']['Pid']}/net/{name}") for name in ("tcp", "tcp6", "udp", "udp6")]
    found[f"{service}.sockets.txt"] = "".join(f"{one.name}:\n{one.read_text(encoding='utf-8')}" for one in sockets if one.is_file())
    return found


def read_evidence(engine: DockerEngine, project: str, services: Sequence[str], lines: int, whole: bool = False) -> dict[str, Any]:
    """The evidence of some services by file name."""
    groups = group_by_service(engine.containers(), project)
    # The newest one: an interrupted `up` may leave an older one behind.
    newest = {service: groups[service][0]["Id"] for service in services if service in groups}
    evidence: dict[str, Any] = {}
    # A restart or a recreation destroys these as well; only a security incident has a use for them.
    reader = read_whole_container if whole else read_container
    with ThreadPoolExecutor(max_workers=3) as threads:
        reads = [threads.submit(reader, engine, service, identity, lines) for service, identity in newest.items()]
        for read in reads:
            evidence.update(read.result())
    return evidence
