# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the inventory asks for beyond the compose files: higher memory limits, and variables that size the backend's pool. Pure.

What is asked for and not yet in the files is an observation; the files' own override makes it last.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from .errors import IncidentError
from .redaction import is_secret_name

# The override in which the collection keeps it. Compose is given it wherever it stands beside the compose files.
OVERRIDE = "docker-compose.incident.yml"

# As Compose writes sizes: a number, and a unit of 1024.
_SIZE = re.compile(r"(?P<number>\d+)(?P<unit>[kmg]?)b?", re.IGNORECASE)
_UNITS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Wish(NamedTuple):
    """What the inventory asks for: sizes by service, and values by variable of the backend's service."""

    memory_limits: Mapping[str, Any] = {}
    pool_environment: Mapping[str, Any] = {}
    backend: str = "backend"


def bytes_of(size: Any) -> int | None:
    """The bytes of a size as Compose writes it (`768m`); null when it is none."""
    match = _SIZE.fullmatch(str(size).strip())
    return int(match["number"]) * _UNITS[match["unit"].lower()] if match else None


def _limit(service: str, size: Any, model: Mapping[str, Any]) -> dict[str, Any] | None:
    wanted = bytes_of(size)
    asks = f"circuit_sage_memory_limits asks for {size if str(size).strip() else repr(size)} for {service}"
    if not wanted:
        raise IncidentError(f"{asks}, which is no size; write it as Compose does, such as 768m or 2g")
    if service not in model["services"]:
        raise IncidentError(f"{asks}, and the compose files have no such service; they have {', '.join(sorted(model['services']))}")
    now = model["services"][service]["limits"]["memory_bytes"]
    if not now:
        raise IncidentError(f"{asks}, and the compose files give it no limit; there is nothing to raise: leave it out")
    if wanted < now:
        raise IncidentError(f"{asks}, and the compose files give it {now} bytes; a lower limit is set there, not in an incident")
    return None if wanted == now else {"service": service, "memory_bytes": wanted, "memory_bytes_now": now}


def _variable(name: str, value: Any, held: Mapping[str, str]) -> dict[str, Any] | None:
    if not _NAME.fullmatch(name):
        raise IncidentError(f"circuit_sage_pool_environment names {name}, which cannot be a variable; use letters, digits and _")
    if is_secret_name(name):
        raise IncidentError(f"circuit_sage_pool_environment names {name}, which is a secret; those belong into the env file")
    if isinstance(value, bool) or not isinstance(value, (str, int, float)) or not str(value).isprintable():
        raise IncidentError(f"circuit_sage_pool_environment gives {name} a value that is no number and no line of text; write one")
    return None if held.get(name) == str(value) else {"name": name, "value": str(value), "value_now": held.get(name)}


def differences(wish: Wish, model: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What is asked for and not in Compose's model, each with the override that says it; null where that is not known.

    Raises IncidentError for a wish that cannot be right.
    """
    if model is None and (wish.memory_limits or wish.pool_environment):
        return None
    held = model["services"].get(wish.backend, {}).get("environment", {}) if model else {}
    limits = [one for service, size in wish.memory_limits.items() if (one := _limit(service, size, model or {}))]
    environment = [one for name, value in wish.pool_environment.items() if (one := _variable(name, value, held))]
    return {
        "memory_limits": limits,
        "limits_override": {"services": {one["service"]: _both_ways(one["memory_bytes"]) for one in limits}},
        "environment": environment,
        "environment_override": {"services": {wish.backend: {"environment": {one["name"]: _literal(one["value"]) for one in environment}}}},
    }


def _literal(value: str) -> str:
    """The value as a compose file has to say it, which takes `$` for the beginning of a variable."""
    return value.replace("$", "$$")


def _both_ways(size: int) -> dict[str, Any]:
    """A memory limit in both of Compose's ways: it refuses two that differ, and the compose file may have the one or the other."""
    return {"mem_limit": str(size), "deploy": {"resources": {"limits": {"memory": str(size)}}}}
