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

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.engine_reader import EngineReader, EngineRefused
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.redaction import MASK, redact, secret_values
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.stack import group_by_service
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.stack_options import STACK_OPTIONS

# A log line has no limit of its own; what is kept of one log has, in bytes.
LOG_BYTES = 4 * 1024 * 1024


def masked_state(state: dict[str, t.Any]) -> tuple[dict[str, t.Any], set[str]]:
    """The engine's description without the values of the environment, and the secret ones among these values."""
    environment = {name: value for name, _sign, value in (entry.partition("=") for entry in state["Config"].get("Env") or [])}
    shown = {**state, "Config": {**state["Config"], "Env": [f"{name}={MASK}" for name in environment]}}
    return shown, secret_values(environment)


def read_log(reader: EngineReader, identity: str, terminal: bool, lines: int) -> str:
    """The end of a container's log, bounded in lines and bytes."""
    text = bytearray()
    for chunk in reader.log(identity, terminal, lines):
        text += chunk
        if len(text) > LOG_BYTES:
            del text[: len(text) - LOG_BYTES]
    return text.decode("utf-8", "replace")


def read_container(reader: EngineReader, service: str, identity: str, lines: int) -> dict[str, t.Any]:
    """The evidence of one container by file name."""
    state, secrets = masked_state(reader.inspect(identity))
    return {
        f"{service}.inspect.json": state,
        f"{service}.log": redact(read_log(reader, identity, bool(state["Config"]["Tty"]), lines), secrets),
        f"{service}.processes.txt": redact(read_processes(reader, identity), secrets),
    }


def read_processes(reader: EngineReader, identity: str) -> str:
    """The processes of a container, or why there are none to see: a container in its back-off counts as running and has none."""
    try:
        top = reader.processes(identity)
    except EngineRefused as error:
        return f"not to be seen: {error}\n"
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
        reader = EngineReader(options["docker_host"], options["docker_timeout"])
        groups = group_by_service(reader.containers(), options["project_name"])
        for service in options["services"]:
            # The newest one: an interrupted `up` may leave an older one behind.
            for container in groups.get(service, [])[:1]:
                evidence.update(read_container(reader, service, container["Id"], options["log_lines"]))
    except IncidentError as error:
        module.fail_json(msg=str(error), evidence=evidence)
    module.exit_json(changed=False, evidence=evidence)


if __name__ == "__main__":
    main()
