#!/usr/bin/python
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look whether the data of the application is whole."""

from __future__ import annotations

DOCUMENTATION = r"""
module: integrity_info
short_description: Look whether the data of the application is whole
version_added: 0.1.0
description:
  - Looks for constraints that are not validated, rows that refer to what is not there, payments that are there twice, sequences that are
    behind their columns, indexes that are not whole, pages with wrong checksums, what C(pg_amcheck) finds where the database has its
    extension, and tables with fewer rows than the last verified backup of this cluster. Changes nothing.
author: Circuit Sage contributors (@circuit-sage)
extends_documentation_fragment:
  - circuit_sage.incident_response.stack
  - circuit_sage.incident_response.postgres
  - circuit_sage.incident_response.backups
attributes:
  check_mode:
    description: Changes nothing.
    support: full
  diff_mode:
    description: There is none.
    support: none
options:
  recent_hours:
    description: Of how many hours the new rows are counted.
    type: int
    default: 24
"""

EXAMPLES = r"""
- name: Look whether the data is whole
  circuit_sage.incident_response.integrity_info:
    project_src: /opt/circuit-sage
    project_name: circuit-sage
    folder: /var/backups/circuit-sage
  register: integrity
"""

RETURN = r"""
findings:
  description: What is not whole, each with C(id), C(title) and C(evidence), as an incident's findings.
  returned: success
  type: list
  elements: dict
  sample:
    - id: orphans
      title: rows of subscription_payments refer to subscriptions that are not there
      layer: state
      evidence: {count: 2, some: [8a1d0ae4-3c51-4c0e-9d2e-0a3f6c1b2d4e], constraint: subscription_payments_subscription_id_fkey}
      remedy: null
      risk: null
      decision: leave
      reason: a person has to decide which rows are right
      why_not_restart: a restart changes no row
database:
  description: The database.
  returned: success
  type: str
tables:
  description: How many rows each table has.
  returned: success
  type: dict
objects:
  description: How many tables, indexes, constraints and other objects there are.
  returned: success
  type: dict
compared_with:
  description: The backup with whose rows they were compared, null without one.
  returned: success
  type: str
recent:
  description: For each table with C(created_at), how many rows it got lately, and when it got the last one.
  returned: success
  type: list
  elements: dict
  sample: [{table: invoices, rows: 3, newest: "2026-11-30T01:02:03+00:00"}]
not_checked:
  description: What could not be looked at, and why.
  returned: success
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.data_integrity import observe
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.stack_options import (
    BACKUP_OPTIONS,
    POSTGRES_OPTIONS,
    STACK_OPTIONS,
)


def main() -> None:
    """Look."""
    spec = {**STACK_OPTIONS, **POSTGRES_OPTIONS, **BACKUP_OPTIONS, "recent_hours": {"type": "int", "default": 24}}
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)
    try:
        result = observe(module.params)
    except IncidentError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
