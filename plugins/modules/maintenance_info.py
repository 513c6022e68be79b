#!/usr/bin/python
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look at maintenance mode. The work is done by `module_utils/maintenance_row.py`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: maintenance_info
short_description: Look at maintenance mode
version_added: 0.1.0
description:
  - Reads the row of maintenance mode as the application does, over TCP, and says who owns it, until when, and whether its time is over or
    its run has ended.
  - A row that cannot be read is an observation, not a failure. The application is then open.
  - Changes nothing.
author: Circuit Sage contributors (@circuit-sage)
extends_documentation_fragment:
  - circuit_sage.incident_response.stack
  - circuit_sage.incident_response.postgres
attributes:
  check_mode:
    description: Looks at the same in check mode.
    support: full
options:
  edge:
    description:
      - What M(circuit_sage.incident_response.nginx_info) returned as C(maintenance). It is judged anew here, where a run can be looked up
        that a container cannot see.
    type: dict
"""

EXAMPLES = r"""
- name: Look at maintenance mode
  circuit_sage.incident_response.maintenance_info:
    project_src: /opt/circuit-sage
    project_name: circuit-sage
  register: looked
"""

RETURN = r"""
row:
  description: What the row says, as M(circuit_sage.incident_response.postgres_info) returns C(maintenance). Null when it cannot be read.
  returned: success
  type: dict
row_error:
  description: Why it cannot be read.
  returned: success
  type: str
hold:
  description: The hold beside the compose file, as M(circuit_sage.incident_response.stack_info) returns it.
  returned: success
  type: dict
edge:
  description: The same of the edge. C(present) says whether there is anything of it, C(enabled) whether nginx obeys it now.
  returned: success
  type: dict
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import edge_closing, maintenance_row
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.billing_database import server_and_password
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.stack_observer import describe_hold
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.stack_options import POSTGRES_OPTIONS, STACK_OPTIONS


def main() -> None:
    """Look."""
    module = AnsibleModule(argument_spec={**STACK_OPTIONS, **POSTGRES_OPTIONS, "edge": {"type": "dict"}}, supports_check_mode=True)
    edge = module.params["edge"]
    try:
        server, password, _variables = server_and_password(module.params)
    except IncidentError as error:
        module.fail_json(msg=str(error))
    row, reason = maintenance_row.look(server, password)
    hold = describe_hold(Path(module.params["project_src"]))
    module.exit_json(changed=False, hold=hold, row=row, row_error=reason, edge=edge_closing.described(edge["claim"]) if edge else None)


if __name__ == "__main__":
    main()
