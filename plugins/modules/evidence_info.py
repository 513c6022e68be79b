#!/usr/bin/python
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read what a remedy may destroy: logs, state and processes of containers, with secrets masked."""

from __future__ import annotations

DOCUMENTATION = r"""
module: evidence_info
short_description: Read what a remedy may destroy
version_added: 0.1.0
description:
  - Returns the end of the log, the state as Docker tells it, and the processes of the containers of some Compose services, as texts.
  - Recreating a container destroys its log, and a restart its processes; this is read before.
  - Values of the environment are masked, in the state as well as in the log.
author: Circuit Sage contributors (@circuit-sage)
extends_documentation_fragment:
  - circuit_sage.incident_response.stack
attributes:
  check_mode:
    description: Reads only.
    support: full
options:
  services:
    description: Compose services whose containers are read.
    type: list
    elements: str
    required: true
  log_lines:
    description: Lines of each log, counted from its end.
    type: int
    default: 5000
"""

EXAMPLES = r"""
- name: Read the evidence of the database and the backend
  circuit_sage.incident_response.evidence_info:
    project_src: /opt/circuit-sage
    project_name: circuit-sage
    services: [postgres, backend]
"""

RETURN = r"""
evidence:
  description: By file name, the texts C(SERVICE.log) and C(SERVICE.processes.txt), and the data C(SERVICE.inspect.json).
  returned: success
  type: dict
  sample:
    postgres.log: "2026-11-23 07:56:07.123 UTC [1] LOG:  database system is ready to accept connections"
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.docker_engine import (
    classify,
    list_containers,
    open_engine,
    service_of,
)
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.redaction import MASK, redact, secret_values
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.stack_options import STACK_OPTIONS

# A log line has no limit of its own; what is kept of one log has, in bytes.
LOG_BYTES = 4 * 1024 * 1024


def masked_state(state: dict[str, t.Any]) -> tuple[dict[str, t.Any], set[str]]:
    """The engine's description without the values of the environment, and the secret ones among these values."""
    environment = {name: value for name, _sign, value in (entry.partition("=") for entry in state["Config"].get("Env") or [])}
    shown = {**state, "Config": {**state["Config"], "Env": [f"{name}={MASK}" for name in environment]}}
    return shown, secret_values(environment)


def read_log(client: t.Any, identity: str, lines: int) -> str:
    """The end of a container's log, bounded in lines and bytes."""
    text = bytearray()
    for chunk in client.api.logs(identity, stdout=True, stderr=True, timestamps=True, tail=lines, stream=True, follow=False):
        text += chunk
        if len(text) > LOG_BYTES:
            del text[: len(text) - LOG_BYTES]
    return text.decode("utf-8", "replace")


def read_container(client: t.Any, service: str, identity: str, lines: int) -> dict[str, t.Any]:
    """The evidence of one container by file name."""
    state, secrets = masked_state(client.api.inspect_container(identity))
    texts: dict[str, t.Any] = {
        f"{service}.inspect.json": state,
        f"{service}.log": redact(read_log(client, identity, lines), secrets),
    }
    texts[f"{service}.processes.txt"] = redact(read_processes(client, identity), secrets)
    return texts


def read_processes(client: t.Any, identity: str) -> str:
    """The processes of a container, or why there are none to see: a container in its back-off counts as running and has none."""
    from docker.errors import APIError

    try:
        top = client.api.top(identity)
    except APIError as error:
        return f"not to be seen: {error.explanation}\n"
    return "".join("\t".join(row) + "\n" for row in [top["Titles"], *(top["Processes"] or [])])


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            **STACK_OPTIONS,
            "services": {"type": "list", "elements": "str", "required": True},
            "log_lines": {"type": "int", "default": 5000},
        },
        supports_check_mode=True,
    )
    options = module.params
    evidence: dict[str, t.Any] = {}
    try:
        client = open_engine(options["docker_host"], options["docker_timeout"])
        for container in list_containers(client, options["project_name"]):
            service = service_of(container)
            if service and service in options["services"]:
                evidence.update(read_container(client, service, container["Id"], options["log_lines"]))
    except IncidentError as error:
        module.fail_json(msg=str(error), evidence=evidence)
    except Exception as error:
        module.fail_json(msg=str(classify(error, options["docker_host"])), evidence=evidence)
    module.exit_json(changed=False, evidence=evidence)


if __name__ == "__main__":
    main()
