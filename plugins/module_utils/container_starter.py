# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bringing containers of a Compose project to run, each by the least that does it, and leaving alone what runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from .engine_reader import EngineReader
from .errors import IncidentError
from .stack import group_by_service, name_of

# What the engine is asked for, by the state of the container. One in its back-off has to be restarted: a start does not end the wait.
_ACTIONS = {"exited": "start", "created": "start", "paused": "unpause", "restarting": "restart", "running": None}
_BACK_OFF = "restarting"


class EngineStarter(EngineReader):
    """The engine, when containers are to be started."""

    def carry_out(self, action: str, identity: str) -> None:
        """Start, restart or unpause a container."""
        with self._ask("POST", f"/containers/{quote(identity, safe='')}/{action}") as response:
            response.read()


def action_for(service: str, state: str) -> str | None:
    """What brings a container in this state to run; null when it does."""
    if state not in _ACTIONS:
        raise IncidentError(
            f"the container of the service {service} is {state}, and nothing starts it; create it with `docker compose up -d`"
        )
    return _ACTIONS[state]


def start(engine: EngineStarter, project: str, services: Sequence[str], in_back_off: Sequence[str], dry: bool) -> dict[str, dict[str, Any]]:
    """What was done for each service, in the order in which they are given.

    Those of `services` are brought to run; those of `in_back_off` are looked at after them, and only a back-off is ended.
    """
    groups = group_by_service(engine.containers(), project)
    missing = [service for service in services if service not in groups]
    if missing:
        raise IncidentError(
            f"the project `{project}` has no container of {', '.join(missing)}; create it with `docker compose up -d`, or correct services"
        )
    done = {}
    for service in (*services, *(one for one in in_back_off if one in groups and one not in services)):
        done[service] = _start_one(engine, groups[service][0], service, service in services, dry)
    return done


def _start_one(engine: EngineStarter, container: Mapping[str, Any], service: str, always: bool, dry: bool) -> dict[str, Any]:
    # The list is as old as what was done for the services before; a back-off may have ended meanwhile.
    state = engine.inspect(container["Id"])["State"]["Status"]
    action = action_for(service, state) if always or state == _BACK_OFF else None
    if action and not dry:
        engine.carry_out(action, container["Id"])
    return {"container": name_of(container), "state": state, "action": action}
