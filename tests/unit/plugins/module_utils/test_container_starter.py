# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starting services by the least that does it, against an engine on a local socket whose containers change as a real one's do."""

from __future__ import annotations

import http.server
import json
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import container_starter
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.container_starter import EngineStarter, Wish
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.engine_reader import EngineRefused
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError

PROJECT = "circuit-sage"


class Stack:
    """Containers by service, named as their service, and what was asked of them."""

    def __init__(self) -> None:
        self.states: dict[str, str] = {}
        self.asked: list[str] = []
        # The health checks of services, and how they end, the last way again and again; null: the container does not run.
        self.checks: dict[str, list[str]] = {}
        self.ends: list[int | None] = [0]

    def listed(self) -> list[dict[str, Any]]:
        labels = {service: {"com.docker.compose.project": PROJECT, "com.docker.compose.service": service} for service in self.states}
        return [{"Id": service, "Names": [f"/cs-{service}"], "Created": 1, "Labels": labels[service]} for service in self.states]


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    found = Stack()

    class Engine(http.server.BaseHTTPRequestHandler):
        def answer(self, status: int, body: Any) -> None:
            content = json.dumps(body).encode() if body is not None else b""
            self.send_response(status)
            if content:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_GET(self) -> None:
            service = self.path.split("/")[2]
            if self.path.startswith("/exec/"):
                self.answer(200, {"ExitCode": found.ends.pop(0) if len(found.ends) > 1 else found.ends[0]})
            elif service in found.states:
                check = {"Healthcheck": {"Test": found.checks[service]}} if service in found.checks else {}
                self.answer(200, {"State": {"Status": found.states[service]}, "Config": check})
            else:
                self.answer(200, found.listed())

        def do_POST(self) -> None:
            _root, kind, service, action = self.path.split("/")
            given = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or "{}")
            if kind == "exec":
                self.answer(200, None)
                return
            if action == "exec":
                found.asked.append(f"{' '.join(given['Cmd'])} in {service}")
                if found.ends[0] is None:
                    found.ends.pop(0)
                    self.answer(409, {"message": "the container is not running"})
                else:
                    self.answer(201, {"Id": "job"})
                return
            found.asked.append(f"{action} {service}")
            if found.states[service] == "created":
                self.answer(500, {"message": "port is already allocated"})
                return
            found.states[service] = "running"
            self.answer(204, None)

        def address_string(self) -> str:
            return "local"

        def log_message(self, format: str, *args: Any) -> None:
            """Keep the test's output clean."""

    with socketserver.ThreadingUnixStreamServer(str(tmp_path / "docker.sock"), Engine) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield found
        finally:
            server.shutdown()
            thread.join()


def started(
    tmp_path: Path, services: list[str], in_back_off: list[str] | None = None, dry: bool = False, within: float = 5
) -> dict[str, Any]:
    engine = EngineStarter(f"unix://{tmp_path}/docker.sock", 2)
    return container_starter.start(engine, Wish(PROJECT, services, in_back_off or [], within), dry)


@pytest.mark.parametrize(("state", "action"), [("exited", "start"), ("paused", "unpause"), ("restarting", "restart")])
def test_the_least_for_each_state_and_nothing_the_second_time(tmp_path: Path, stack: Stack, state: str, action: str) -> None:
    stack.states = {"postgres": state}
    assert started(tmp_path, ["postgres"]) == {"postgres": {"container": "cs-postgres", "state": state, "action": action, "healthy": None}}
    again = started(tmp_path, ["postgres"])
    assert again == {"postgres": {"container": "cs-postgres", "state": "running", "action": None, "healthy": None}}
    assert stack.asked == [f"{action} postgres"]


def test_what_is_only_predicted_is_not_done(tmp_path: Path, stack: Stack) -> None:
    stack.states = {"postgres": "exited"}
    assert started(tmp_path, ["postgres"], dry=True)["postgres"]["action"] == "start"
    assert stack.asked == []


@pytest.mark.parametrize(
    ("state", "asked"),
    [
        ("restarting", ["start postgres", "restart backend"]),
        ("running", ["start postgres"]),
        ("exited", ["start postgres"]),
        ("paused", ["start postgres"]),
    ],
)
def test_only_a_back_off_is_ended_and_only_after_the_others(tmp_path: Path, stack: Stack, state: str, asked: list[str]) -> None:
    stack.states = {"backend": state, "postgres": "exited"}
    started(tmp_path, ["postgres"], ["backend"])
    assert stack.asked == asked


@pytest.mark.parametrize(
    ("check", "command"),
    [(["CMD-SHELL", "pg_isready || exit 1"], "/bin/sh -c pg_isready || exit 1"), (["CMD", "pg_isready", "-q"], "pg_isready -q")],
)
def test_a_back_off_is_ended_when_what_was_started_is_healthy(tmp_path: Path, stack: Stack, check: list[str], command: str) -> None:
    stack.states = {"postgres": "exited", "backend": "restarting"}
    stack.checks = {"postgres": check}
    stack.ends = [2, None, 0]
    done = started(tmp_path, ["postgres"], ["backend"])
    assert stack.asked == ["start postgres", *[f"{command} in postgres"] * 3, "restart backend"]
    assert (done["postgres"]["healthy"], done["backend"]["healthy"]) == (True, None)


@pytest.mark.parametrize("check", [["NONE"], []])
def test_a_container_without_a_health_check_is_not_waited_for(tmp_path: Path, stack: Stack, check: list[str]) -> None:
    stack.states = {"postgres": "exited", "backend": "restarting"}
    stack.checks = {"postgres": check}
    assert started(tmp_path, ["postgres"], ["backend"])["postgres"]["healthy"] is None
    assert stack.asked == ["start postgres", "restart backend"]


def test_who_would_fail_once_more_is_left_alone(tmp_path: Path, stack: Stack) -> None:
    stack.states = {"postgres": "exited", "backend": "restarting"}
    stack.checks = {"postgres": ["CMD", "pg_isready"]}
    stack.ends = [2]
    done = started(tmp_path, ["postgres"], ["backend"], within=0.2)
    assert done.keys() == {"postgres"}
    assert done["postgres"]["healthy"] is False
    assert "restart backend" not in stack.asked


def test_a_service_named_twice_is_started_once(tmp_path: Path, stack: Stack) -> None:
    stack.states = {"backend": "restarting"}
    started(tmp_path, ["backend"], ["backend"])
    assert stack.asked == ["restart backend"]


def test_a_service_without_a_container_is_refused_before_anything_is_done(tmp_path: Path, stack: Stack) -> None:
    stack.states = {"postgres": "exited"}
    with pytest.raises(IncidentError, match="has no container of backend; create it"):
        started(tmp_path, ["postgres", "backend"])
    assert started(tmp_path, ["postgres"], ["backend"]).keys() == {"postgres"}
    assert stack.asked == ["start postgres"]


def test_a_container_that_nothing_starts_is_told(tmp_path: Path, stack: Stack) -> None:
    stack.states = {"postgres": "dead"}
    with pytest.raises(IncidentError, match="postgres is dead, and nothing starts it"):
        started(tmp_path, ["postgres"])


def test_the_engines_refusal_is_told(tmp_path: Path, stack: Stack) -> None:
    stack.states = {"postgres": "created"}
    with pytest.raises(EngineRefused, match="port is already allocated"):
        started(tmp_path, ["postgres"])
