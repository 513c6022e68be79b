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

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.docker_engine import DockerEngine
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.evidence import LOG_LINES, read_evidence
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.stack_options import STACK_OPTIONS


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            **STACK_OPTIONS,
            "services": {"type": "list", "elements": "str", "required": True},
            "log_lines": {"type": "int", "default": LOG_LINES},
        },
        supports_check_mode=True,
    )
    options = module.params
    try:
        engine = DockerEngine(options["docker_host"], options["docker_timeout"])
        evidence = read_evidence(engine, options["project_name"], options["services"], options["log_lines"])
    except IncidentError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, evidence=evidence)


if __name__ == "__main__":
    main()
