# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which name server the backend asks, and which names it could not find. Reads only.

Asked only when there is a reason: the service does not answer, or its log complains of a name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .docker_engine import DockerEngine
from .errors import IncidentError
from .stack import group_by_service

# The engine's own name server, in every network but the default one: it knows the services, and asks the host's for the rest.
EMBEDDED = "127.0.0.11"
PATH = "/etc/resolv.conf"
_FAILED = re.compile(r"getaddrinfo (?:ENOTFOUND|EAI_AGAIN) (\S+)")
_COMPLAINTS = ("name_not_found", "name_lookup_failed")


def suspect(stack: Mapping[str, Any], edge: Mapping[str, Any], service: str) -> bool:
    """Whether there is a reason to look."""
    backend = (stack.get("services") or {}).get(service) or {}
    if backend.get("state") != "running":
        return False
    patterns = (backend.get("log") or {}).get("patterns") or {}
    return not edge["answers"] or any((patterns.get(name) or {}).get("this_life") for name in _COMPLAINTS)


def describe(text: str, log: Mapping[str, Any] | None, services: Mapping[str, Any]) -> dict[str, Any]:
    """The name servers of a resolv.conf, and the names that the end of the log says were not found: services, and those outside."""
    servers = [words[1] for line in text.splitlines() if len(words := line.split()) > 1 and words[0] == "nameserver"]
    failed = sorted({name for line in (log or {}).get("tail") or [] for name in _FAILED.findall(line)})
    return {
        "nameservers": servers,
        "embedded": servers[:1] == [EMBEDDED],
        "failed_services": [name for name in failed if name in services],
        "failed_outside": [name for name in failed if name not in services],
    }


def observe(options: Mapping[str, Any], stack: Mapping[str, Any]) -> tuple[dict[str, Any] | None, str]:
    """What the backend asks, or null and why it is not known."""
    service = options["backend_service"]
    engine = DockerEngine(options["docker_host"], options["docker_timeout"])
    try:
        containers = group_by_service(engine.containers(), options["project_name"]).get(service)
        if not containers:
            return None, f"the service {service} has no container"
        text = engine.file(containers[0]["Id"], PATH).decode("utf-8", "replace")
    except IncidentError as error:
        return None, f"{PATH} could not be read ({error})"
    return describe(text, stack["services"][service].get("log"), stack["services"]), ""
