#!/usr/bin/python
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Close the application at nginx. The work is done by `module_utils/edge_maintenance.py`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: edge_maintenance
short_description: Close the application at nginx while its database is down
version_added: 0.1.0
description:
  - Has nginx answer 503 with C(Retry-After) to what the application itself would refuse in maintenance mode, in its words. Pages, the
    sign-in, the newsletter and the status go through.
  - Writes a file of its own beside C(nginx.conf), and a line that includes it into each server that has a location C(/api), or else
    into those that hand anything on. nginx's own test comes before the reload; what it refuses is put back. The former files are kept.
  - nginx compares the time with the end by itself, so that the mode ends when nobody is left to end it.
author: Circuit Sage contributors (@circuit-sage)
extends_documentation_fragment:
  - circuit_sage.incident_response.claim
attributes:
  check_mode:
    description: Says whether anything would change.
    support: full
options:
  folder:
    description: The folder of C(nginx.conf).
    type: path
    default: /etc/nginx
  program:
    description: The program.
    type: str
    default: nginx
"""

EXAMPLES = r"""
- name: Open it again
  circuit_sage.incident_response.edge_maintenance:
    state: open
    incident: "{{ circuit_sage_incident.id }}"
"""

RETURN = r"""
claim:
  description: What says who owns the mode. Null when it was opened.
  returned: success
  type: dict
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import maintenance
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.edge_maintenance import Edge, change
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.stack_options import CLAIM_OPTIONS


def main() -> None:
    """Close or open."""
    module = AnsibleModule(
        argument_spec={
            **CLAIM_OPTIONS,
            "folder": {"type": "path", "default": "/etc/nginx"},
            "program": {"type": "str", "default": "nginx"},
        },
        required_if=[("state", "closed", ("owner", "minutes"))],
        supports_check_mode=True,
    )
    given = module.params
    # Not in the PATH of a user who is not root, while it is installed.
    program = module.get_bin_path(given["program"], opt_dirs=["/usr/sbin", "/usr/local/sbin"]) or given["program"]
    try:
        claim = None
        if given["state"] == "closed":
            claim = maintenance.claim(given["incident"], given["owner"], given["run"], given["minutes"], given["reason"])
        changed = change(Edge(program, Path(given["folder"])), given["state"], claim, module.check_mode)
    except IncidentError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=changed, claim=claim)


if __name__ == "__main__":
    main()
