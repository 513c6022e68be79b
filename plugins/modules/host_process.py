#!/usr/bin/python
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""End one process of the host. The work is done by `module_utils/process_ending.py`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_process
short_description: End one process of the host that was named before
version_added: 0.1.0
description:
  - Asks one process to end (C(SIGTERM)) and waits for it. It is never killed.
  - A process is named by its number and by when it began, as M(circuit_sage.incident_response.host_info) tells both. A number that another
    process has got meanwhile is left alone.
author: Circuit Sage contributors (@circuit-sage)
attributes:
  check_mode:
    description: Says whether the process is there, and does not end it.
    support: full
options:
  pid:
    description: The number of the process.
    type: int
    required: true
  start_ticks:
    description: When it began, in clock ticks since the host did.
    type: int
    required: true
  timeout:
    description: How many seconds it may take to end.
    type: float
    default: 10
"""

EXAMPLES = r"""
- name: End the process that holds the port
  circuit_sage.incident_response.host_process:
    pid: "{{ observed.host.ports[0].holder.pid }}"
    start_ticks: "{{ observed.host.ports[0].holder.start_ticks }}"
"""

RETURN = r"""
pid:
  description: The number of the process.
  returned: success
  type: int
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.process_ending import end


def main() -> None:
    """End it."""
    module = AnsibleModule(
        argument_spec={
            "pid": {"type": "int", "required": True},
            "start_ticks": {"type": "int", "required": True},
            "timeout": {"type": "float", "default": 10},
        },
        supports_check_mode=True,
    )
    try:
        changed = end(module.params["pid"], module.params["start_ticks"], module.params["timeout"], module.check_mode)
    except IncidentError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=changed, pid=module.params["pid"])


if __name__ == "__main__":
    main()
