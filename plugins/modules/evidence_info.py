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
  parts:
    description:
      - What to read for a security incident. None means the containers alone, and of them what a restart destroys.
      - V(containers) adds the files that differ from the image, the image's digests and the sockets. V(database) is roles, sessions and
        C(pg_hba.conf). V(host) is processes, sockets, firewall, logins, schedules and authorized keys. V(nginx) is the ends of its logs,
        which are read on the host where they are.
    type: list
    elements: str
    choices: [containers, database, host, nginx]
    default: []
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

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.evidence import EVIDENCE_OPTIONS
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.evidence_parts import read_parts


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=EVIDENCE_OPTIONS, supports_check_mode=True)
    try:
        evidence = read_parts(module.params)
    except IncidentError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, evidence=evidence)


if __name__ == "__main__":
    main()
