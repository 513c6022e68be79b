# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bringing containers of a Compose project to run, each by the least that does it, or to a new life where they run already."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from .container_command import CommandRunner
from .docker_engine import EngineRefused, path_of
from .errors import IncidentError
from .stack import group_by_service, name_of

# What the engine is asked for, by the state of the container. One in its back-off has to be restarted: a start does not end the wait.
_ACTIONS = {"exited": "start", "created": "start", "paused": "unpause", "restarting": "restart", "running": None}
_BACK_OFF = "restarting"
# What a service is to be: at work, or at work in a new life.
STARTED, RESTARTED = "started", "restarted"
# Between two health checks, each of which takes the engine a tenth of a second: together shorter than a backend needs to start.
POLL_SECONDS = 0.05


class Wish(NamedTuple):
    """What is wanted of a project: services to bring to run, and those that are looked at once these are healthy, in so many seconds.

    With the state RESTARTED the services get a new life, and `stop_seconds` to end the old one.
    """

    project: str
    services: Sequence[str]
    in_back_off: Sequence[str]
    healthy_within: float
    state: str = STARTED
    stop_seconds: int = 10


class EngineStarter(CommandRunner):
    """The engine, when containers are to be started."""

    def carry_out(self, action: str, container: str, stop_seconds: int) -> None:
        """Start, restart or unpause a container; the process of one that runs gets so many seconds to end by itself."""
        self._ask("POST", f"{path_of(container)}/{action}" + (f"?t={stop_seconds}" if action == "restart" else ""))


def action_for(service: str, state: str, wanted: str = STARTED) -> str | None:
    """What brings a container in this state to run, or to a new life; null when it is as it is wanted."""
    if wanted == RESTARTED and state == "paused":
        raise IncidentError(f"the container of the service {service} is paused, which keeps it from ending; unpause it first")
    if wanted == RESTARTED and state in _ACTIONS:
        return "restart"
    if state not in _ACTIONS:
        raise IncidentError(
            f"the container of the service {service} is {state}, and nothing starts it; create it with `docker compose up -d`"
        )
    return _ACTIONS[state]


def health_check(container: Mapping[str, Any]) -> list[str] | None:
    """The command of a container's health check, from the engine's full description; null when it has none."""
    kind, *command = (container["Config"].get("Healthcheck") or {}).get("Test") or ["NONE"]
    if kind == "NONE":
        return None
    return ["/bin/sh", "-c", *command] if kind == "CMD-SHELL" else command


def wait_until_healthy(engine: EngineStarter, identity: str, seconds: float) -> bool | None:
    """Whether a container's own health check passed in time; null when it has none.

    It is carried out here, over and over: the engine's own rounds are as far apart as the compose file says, ten seconds in production.
    """
    command = health_check(engine.inspect(identity))
    if command is None:
        return None
    deadline = time.monotonic() + seconds
    while True:
        try:
            if engine.run(identity, command).status == 0:
                return True
        except EngineRefused:
            # It ended again, or is being restarted.
            pass
        if time.monotonic() >= deadline:
            return False
        time.sleep(POLL_SECONDS)


def start(engine: EngineStarter, wish: Wish, dry: bool) -> dict[str, dict[str, Any]]:
    """What was done for each service, in the order in which they are given.

    The `services` are brought to run. Those `in_back_off` are looked at when these are healthy, and only a back-off is ended: started
    earlier, they would fail once more for want of them.
    """
    groups = group_by_service(engine.containers(), wish.project)
    missing = [service for service in wish.services if service not in groups]
    if missing:
        lacks = f"the project `{wish.project}` has no container of {', '.join(missing)}"
        raise IncidentError(f"{lacks}; create it with `docker compose up -d`, or correct services")
    done = {service: _start_one(engine, groups[service][0], service, wish, dry) for service in wish.services}
    dependants = [service for service in wish.in_back_off if service in groups and service not in wish.services]
    if dependants and not dry:
        deadline = time.monotonic() + wish.healthy_within
        for service in wish.services:
            done[service]["healthy"] = wait_until_healthy(engine, groups[service][0]["Id"], deadline - time.monotonic())
    if all(one["healthy"] is not False for one in done.values()):
        done.update({service: _start_one(engine, groups[service][0], service, wish, dry) for service in dependants})
    return done


def _start_one(engine: EngineStarter, container: Mapping[str, Any], service: str, wish: Wish, dry: bool) -> dict[str, Any]:
    # The list is as old as what was done for the services before; a back-off may have ended meanwhile.
    state = engine.inspect(container["Id"])["State"]["Status"]
    if service in wish.services:
        action = action_for(service, state, wish.state)
    else:
        action = action_for(service, state) if state == _BACK_OFF else None
    if action and not dry:
        engine.carry_out(action, container["Id"], wish.stop_seconds)
    return {"container": name_of(container), "state": state, "action": action, "healthy": None}


def bring_to_run(options: Mapping[str, Any], check_mode: bool) -> dict[str, Any]:
    """The result of the module service_start."""
    # The engine answers when the old process has ended.
    engine = EngineStarter(options["docker_host"], options["docker_timeout"] + options["stop_timeout"])
    wish = Wish(
        options["project_name"],
        options["services"],
        options["in_back_off"],
        options["healthy_within"],
        options["state"],
        options["stop_timeout"],
    )
    done = start(engine, wish, check_mode)
    before = {service: one["state"] for service, one in done.items()}
    after = {service: _after(one) for service, one in done.items()}
    return {"changed": before != after, "services": done, "diff": {"before": before, "after": after}}


def _after(done: Mapping[str, Any]) -> str:
    """The state afterwards, as a diff shows it: the new life of what ran before is told from the old one."""
    if done["action"] is None:
        return str(done["state"])
    return "running again" if done["state"] == "running" else "running"
