#!/usr/bin/python
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Switch the application's maintenance mode. The work is done by `module_utils/maintenance_row.py`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: maintenance_mode
short_description: Switch the application's maintenance mode
version_added: 0.1.0
description:
  - Changes the row C(maintenance_mode) of C(system_settings), which the application reads anew for every request. Who owns the mode, and
    until when, stands beside C(enabled) in its value.
  - The row is changed only while it is as it was looked at. What was there is kept in C(circuit_sage_ops.row_change), from which
    M(circuit_sage.incident_response.row_undo) restores it.
author: Circuit Sage contributors (@circuit-sage)
extends_documentation_fragment:
  - circuit_sage.incident_response.claim
  - circuit_sage.incident_response.stack
  - circuit_sage.incident_response.postgres
attributes:
  check_mode:
    description: Says what would change, in a read-only transaction.
    support: full
  diff_mode:
    description: Shows the value before and after.
    support: full
options:
  seen:
    description: When the row had last been changed as it was looked at, C(changed_at). Without it there must be no row.
    type: str
  lock_timeout:
    description: How many seconds to wait for a row that somebody else has locked, and for another run.
    type: int
    default: 5
"""

EXAMPLES = r"""
- name: Close the application for half an hour
  circuit_sage.incident_response.maintenance_mode:
    project_src: /opt/circuit-sage
    project_name: circuit-sage
    state: closed
    incident: "{{ circuit_sage_incident.id }}"
    owner: anna@ops
    minutes: 30
    seen: "{{ looked.row.changed_at }}"
"""

RETURN = r"""
changed_at:
  description: When the row was changed, as it stands now. Null when there is none.
  returned: success
  type: str
claim:
  description: What says who owns the mode. Null when it was opened.
  returned: success
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import maintenance, maintenance_row
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.billing_database import server_and_password
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.stack_options import (
    CLAIM_OPTIONS,
    POSTGRES_OPTIONS,
    STACK_OPTIONS,
)


def main() -> None:
    """Switch."""
    module = AnsibleModule(
        argument_spec={
            **STACK_OPTIONS,
            **POSTGRES_OPTIONS,
            **CLAIM_OPTIONS,
            "seen": {"type": "str"},
            "lock_timeout": {"type": "int", "default": 5},
        },
        required_if=[("state", "closed", ("owner", "minutes"))],
        supports_check_mode=True,
    )
    given = module.params
    try:
        claim = None
        if given["state"] == "closed":
            claim = maintenance.claim(given["incident"], given["owner"], given["run"], given["minutes"], given["reason"])
        server, password, _variables = server_and_password(given)
        result = maintenance_row.change(
            server,
            password,
            given["incident"],
            claim,
            given["seen"] or None,
            lock_timeout=given["lock_timeout"],
            check_mode=module.check_mode,
        )
    except IncidentError as error:
        module.fail_json(msg=str(error))
    module.exit_json(claim=claim, **result)


if __name__ == "__main__":
    main()
