# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starting services by the least that does it, against an engine on a local socket whose containers change as a real one's do."""

from __future__ import annotations

import functools
from typing import Any

import pytest
from engine_server import Content, EngineServer

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import container_starter
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.container_starter import EngineStarter, Wish
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.docker_engine import EngineRefused
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError

PROJECT = "circuit-sage"


class Stack:
    """Containers by service, named as their service, and what was asked of them."""

    def __init__(self, engine: EngineServer) -> None:
        self.address = engine.address
        self.states: dict[str, str] = {}
        self.asked: list[str] = []
        # The health checks of services, and how they end, the last way again and again; null: the container does not run.
        self.checks: dict[str, list[str]] = {}
        self.ends: list[int | None] = [0]
        # What the last of them was to take at most to end.
        self.stop_seconds: str | None = None
        self._engine = engine
        engine.ends = lambda: self.ends.pop(0) if len(self.ends) > 1 else self.ends[0]
        engine.answers["GET /containers/json"] = lambda _given, _body: (200, self._listed())
        for service in ("postgres", "backend"):
            self._answer_for(service)

    def _listed(self) -> list[dict[str, Any]]:
        labels = {service: {"com.docker.compose.project": PROJECT, "com.docker.compose.service": service} for service in self.states}
        return [{"Id": service, "Names": [f"/cs-{service}"], "Created": 1, "Labels": labels[service]} for service in self.states]

    def _answer_for(self, service: str) -> None:
        def inspect(_given: dict[str, str], _body: Any) -> tuple[int, Content]:
            check = {"Healthcheck": {"Test": self.checks[service]}} if service in self.checks else {}
            return 200, {"State": {"Status": self.states[service]}, "Config": check}

        def run(_given: dict[str, str], wanted: Any) -> tuple[int, Content]:
            self.asked.append(f"{' '.join(wanted['Cmd'])} in {service}")
            if self.ends[0] is None:
                self.ends.pop(0)
                return 409, {"message": "the container is not running"}
            return self._engine.create(service, wanted)

        def carry_out(action: str, given: dict[str, str], _body: Any) -> tuple[int, Content]:
            self.asked.append(f"{action} {service}")
            self.stop_seconds = given.get("t")
            if self.states[service] == "created":
                return 500, {"message": "port is already allocated"}
            self.states[service] = "running"
            return 204, None

        self._engine.answers[f"GET /containers/{service}/json"] = inspect
        self._engine.answers[f"POST /containers/{service}/exec"] = run
        for action in ("start", "restart", "unpause"):
            self._engine.answers[f"POST /containers/{service}/{action}"] = functools.partial(carry_out, action)


@pytest.fixture
def stack(engine: EngineServer) -> Stack:
    return Stack(engine)


def started(
    stack: Stack, services: list[str], in_back_off: list[str] | None = None, dry: bool = False, within: float = 5
) -> dict[str, Any]:
    return container_starter.start(EngineStarter(stack.address, 2), Wish(PROJECT, services, in_back_off or [], within), dry)


@pytest.mark.parametrize(("state", "action"), [("exited", "start"), ("paused", "unpause"), ("restarting", "restart")])
def test_the_least_for_each_state_and_nothing_the_second_time(stack: Stack, state: str, action: str) -> None:
    stack.states = {"postgres": state}
    assert started(stack, ["postgres"]) == {"postgres": {"container": "cs-postgres", "state": state, "action": action, "healthy": None}}
    again = started(stack, ["postgres"])
    assert again == {"postgres": {"container": "cs-postgres", "state": "running", "action": None, "healthy": None}}
    assert stack.asked == [f"{action} postgres"]


def restarted(stack: Stack, service: str, check_mode: bool = False) -> dict[str, Any]:
    options = {"docker_host": stack.address, "docker_timeout": 2, "project_name": PROJECT, "services": [service], "in_back_off": []}
    options |= {"healthy_within": 5, "state": "restarted", "stop_timeout": 3}
    return container_starter.bring_to_run(options, check_mode)


@pytest.mark.parametrize(("state", "after"), [("running", "running again"), ("exited", "running"), ("restarting", "running")])
def test_a_restart_gives_whatever_can_end_a_new_life_each_time(stack: Stack, state: str, after: str) -> None:
    stack.states = {"backend": state, "postgres": "running"}
    assert restarted(stack, "backend", check_mode=True)["diff"] == {"before": {"backend": state}, "after": {"backend": after}}
    assert stack.asked == []
    assert restarted(stack, "backend")["changed"]
    assert restarted(stack, "backend")["changed"]
    assert (stack.asked, stack.stop_seconds) == (["restart backend"] * 2, "3")


def test_what_is_paused_cannot_end_and_is_not_restarted(stack: Stack) -> None:
    stack.states = {"backend": "paused"}
    with pytest.raises(IncidentError, match="backend is paused, which keeps it from ending; unpause it first"):
        restarted(stack, "backend")
    assert stack.asked == []


def test_what_is_only_predicted_is_not_done(stack: Stack) -> None:
    stack.states = {"postgres": "exited"}
    assert started(stack, ["postgres"], dry=True)["postgres"]["action"] == "start"
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
def test_only_a_back_off_is_ended_and_only_after_the_others(stack: Stack, state: str, asked: list[str]) -> None:
    stack.states = {"backend": state, "postgres": "exited"}
    started(stack, ["postgres"], ["backend"])
    assert stack.asked == asked


@pytest.mark.parametrize(
    ("check", "command"),
    [(["CMD-SHELL", "pg_isready || exit 1"], "/bin/sh -c pg_isready || exit 1"), (["CMD", "pg_isready", "-q"], "pg_isready -q")],
)
def test_a_back_off_is_ended_when_what_was_started_is_healthy(stack: Stack, check: list[str], command: str) -> None:
    stack.states = {"postgres": "exited", "backend": "restarting"}
    stack.checks = {"postgres": check}
    stack.ends = [2, None, 0]
    done = started(stack, ["postgres"], ["backend"])
    assert stack.asked == ["start postgres", *[f"{command} in postgres"] * 3, "restart backend"]
    assert (done["postgres"]["healthy"], done["backend"]["healthy"]) == (True, None)


@pytest.mark.parametrize("check", [["NONE"], []])
def test_a_container_without_a_health_check_is_not_waited_for(stack: Stack, check: list[str]) -> None:
    stack.states = {"postgres": "exited", "backend": "restarting"}
    stack.checks = {"postgres": check}
    assert started(stack, ["postgres"], ["backend"])["postgres"]["healthy"] is None
    assert stack.asked == ["start postgres", "restart backend"]


def test_who_would_fail_once_more_is_left_alone(stack: Stack) -> None:
    stack.states = {"postgres": "exited", "backend": "restarting"}
    stack.checks = {"postgres": ["CMD", "pg_isready"]}
    stack.ends = [2]
    done = started(stack, ["postgres"], ["backend"], within=0.2)
    assert done.keys() == {"postgres"}
    assert done["postgres"]["healthy"] is False
    assert "restart backend" not in stack.asked


def test_a_service_named_twice_is_started_once(stack: Stack) -> None:
    stack.states = {"backend": "restarting"}
    started(stack, ["backend"], ["backend"])
    assert stack.asked == ["restart backend"]


def test_a_service_without_a_container_is_refused_before_anything_is_done(stack: Stack) -> None:
    stack.states = {"postgres": "exited"}
    with pytest.raises(IncidentError, match="has no container of backend; create it"):
        started(stack, ["postgres", "backend"])
    assert started(stack, ["postgres"], ["backend"]).keys() == {"postgres"}
    assert stack.asked == ["start postgres"]


def test_a_container_that_nothing_starts_is_told(stack: Stack) -> None:
    stack.states = {"postgres": "dead"}
    with pytest.raises(IncidentError, match="postgres is dead, and nothing starts it"):
        started(stack, ["postgres"])


def test_the_engines_refusal_is_told(stack: Stack) -> None:
    stack.states = {"postgres": "created"}
    with pytest.raises(EngineRefused, match="port is already allocated"):
        started(stack, ["postgres"])
