#!/usr/bin/python
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Put the prices back that an incident set at Square."""

from __future__ import annotations

DOCUMENTATION = r"""
module: square_price_undo
short_description: Put the prices back that an incident set at Square
version_added: 0.1.0
description:
  - Gives each subscription whose price M(circuit_sage.incident_response.square_subscription_price) set under an incident the price that it
    had before, or leaves it to its plan again.
  - Only where the price is still the one that was set, under its version. Otherwise it stays, and is returned as kept.
  - Where Square does not answer the price stays too. The module can be run again, and changes nothing that is put back already.
  - An incident that set no price is none to put back; that is no error.
author: Circuit Sage contributors (@circuit-sage)
extends_documentation_fragment:
  - circuit_sage.incident_response.stack
  - circuit_sage.incident_response.postgres
  - circuit_sage.incident_response.rows
  - circuit_sage.incident_response.square
attributes:
  check_mode:
    description: Asks Square, and sets nothing.
    support: full
  diff_mode:
    description: Shows the prices before and after, company by company.
    support: full
options:
  incident:
    description: The id of the incident.
    type: str
    required: true
  limit:
    description: How many entries each returned list has at most.
    type: int
    default: 1000
  statement_timeout:
    description: How many seconds one statement may take in the database.
    type: int
    default: 60
"""

EXAMPLES = r"""
- name: Put the prices of an incident back
  circuit_sage.incident_response.square_price_undo:
    project_src: /opt/circuit-sage
    project_name: circuit-sage
    incident: 20261123T093000Z-billing_errors
"""

RETURN = r"""
undone:
  description: The prices that were put back, or in check mode would be. C(after) is null where the price of the plan holds again.
  returned: success
  type: list
  elements: dict
  sample:
    - company: Harbor Phone Repair
      square_subscription_id: 9ba40961-995a-4a3d-8c53-048c40cafc13
      before: "150.00"
      after: "200.00"
      currency: USD
      reason: ""
undone_count:
  description: How many they are.
  returned: success
  type: int
  sample: 1
kept:
  description: The prices that stay, and why.
  returned: success
  type: list
  elements: dict
kept_count:
  description: How many they are.
  returned: success
  type: int
  sample: 0
truncated:
  description: Whether a list has more entries than were returned.
  returned: success
  type: bool
  sample: false
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.billing_database import server_and_password
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.row_change import WRITER_OPTIONS, refuse_bad_options
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.square_comparison import SQUARE_OPTIONS
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.square_override import Books, Run
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.square_undo import put_back
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.stack_options import POSTGRES_OPTIONS, STACK_OPTIONS


def main() -> None:
    """Put the prices back."""
    spec = {
        **STACK_OPTIONS,
        **POSTGRES_OPTIONS,
        **WRITER_OPTIONS,
        **SQUARE_OPTIONS,
        "limit": {"type": "int", "default": 1000},
        "statement_timeout": {"type": "int", "default": 60},
    }
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)
    options = module.params
    try:
        refuse_bad_options(options)
        result = put_back(Books(*server_and_password(options)), Run.of(options), module.check_mode)
    except IncidentError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
