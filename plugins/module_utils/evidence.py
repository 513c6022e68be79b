# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a remedy may destroy, read before: the end of a container's log, its state and its processes, without secrets."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from .docker_engine import DockerEngine, EngineRefused
from .redaction import MASK, redact, secret_values
from .stack import group_by_service

# Lines of each log, counted from its end.
LOG_LINES = 5000
# A log line has no limit of its own; what is kept of one log has, in bytes.
LOG_BYTES = 4 * 1024 * 1024


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


def read_evidence(engine: DockerEngine, project: str, services: Sequence[str], lines: int) -> dict[str, Any]:
    """The evidence of some services by file name."""
    groups = group_by_service(engine.containers(), project)
    # The newest one: an interrupted `up` may leave an older one behind.
    newest = {service: groups[service][0]["Id"] for service in services if service in groups}
    evidence: dict[str, Any] = {}
    with ThreadPoolExecutor(max_workers=3) as threads:
        reads = [threads.submit(read_container, engine, service, identity, lines) for service, identity in newest.items()]
        for read in reads:
            evidence.update(read.result())
    return evidence
