# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Evidence of containers: complete, bounded, and without secrets, also of one whose processes cannot be seen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import evidence
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.docker_engine import EngineRefused
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.redaction import MASK

SECRET = "kept-out-of-everything"


class Engine:
    """A project with a running database, the backend that an interrupted `up` left behind, and the one that it made."""

    def __init__(self, lines: list[bytes]) -> None:
        self.lines = lines
        self.tails: list[int | None] = []

    def containers(self) -> list[dict[str, Any]]:
        made = [("db", "postgres", 1), ("old", "backend", 1), ("new", "backend", 2)]
        return [
            {
                "Id": identity,
                "Created": created,
                "Labels": {"com.docker.compose.project": "circuit-sage", "com.docker.compose.service": service},
            }
            for identity, service, created in made
        ]

    def inspect(self, identity: str) -> dict[str, Any]:
        return {"Id": identity, "Config": {"Tty": False, "Env": [f"DB_PASSWORD={SECRET}", "PORT=4000"]}}

    def log(self, _identity: str, _terminal: bool, tail: int | None) -> Iterator[bytes]:
        self.tails.append(tail)
        yield from self.lines

    def processes(self, identity: str) -> dict[str, Any]:
        if identity == "new":
            raise EngineRefused("/containers/new/top", "Container new is restarting")
        return {"Titles": ["PID", "CMD"], "Processes": [["7", f"postgres password={SECRET}"]]}


def read(engine: Any, services: list[str]) -> dict[str, Any]:
    return evidence.read_evidence(engine, "circuit-sage", services, 100)


def test_log_state_and_processes_without_secrets() -> None:
    engine = Engine([b"connected with ", SECRET.encode(), b"\n"])
    found = read(engine, ["postgres"])
    assert sorted(found) == ["postgres.inspect.json", "postgres.log", "postgres.processes.txt"]
    assert found["postgres.log"] == f"connected with {MASK}\n"
    assert found["postgres.inspect.json"]["Config"]["Env"] == [f"DB_PASSWORD={MASK}", f"PORT={MASK}"]
    assert found["postgres.processes.txt"].startswith("PID\tCMD\n7\tpostgres password=")
    assert SECRET not in str(found)
    assert engine.tails == [100]


def test_the_newest_container_counts_and_hidden_processes_are_no_failure() -> None:
    found = read(Engine([]), ["backend"])
    assert found["backend.inspect.json"]["Id"] == "new"
    assert (
        found["backend.processes.txt"]
        == "not to be seen: the Docker engine refused /containers/new/top: Container new is restarting; look at the container\n"
    )


def test_a_service_without_a_container_has_no_evidence() -> None:
    assert read(Engine([]), ["square"]) == {}


def test_a_long_log_keeps_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "LOG_BYTES", 10)
    assert read(Engine([b"0123456789", b"abcdef"]), ["postgres"])["postgres.log"] == "6789abcdef"
