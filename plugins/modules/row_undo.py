#!/usr/bin/python
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Take back what an incident changed in the application's rows."""

from __future__ import annotations

DOCUMENTATION = r"""
module: row_undo
short_description: Take back the rows that an incident changed
version_added: 0.1.0
description:
  - Gives each row that a module of this collection changed under an incident what it had before, all columns of it, and deletes the rows
    that were made. The images are those of C(circuit_sage_ops.row_change).
  - Only rows that still are as they were written are taken back. One that somebody has changed since stays as it is, and is named.
  - Works in one transaction. Run again, it changes nothing.
author: Circuit Sage contributors (@circuit-sage)
extends_documentation_fragment:
  - circuit_sage.incident_response.stack
  - circuit_sage.incident_response.postgres
  - circuit_sage.incident_response.rows
attributes:
  check_mode:
    description: Finds the same rows in a read-only transaction.
    support: full
  diff_mode:
    description: Shows the columns before and after.
    support: full
options:
  incident:
    description: The id of the incident whose changes are taken back.
    type: str
    required: true
  limit:
    description: How many entries each returned list has at most. The counts count everything.
    type: int
    default: 1000
  statement_timeout:
    description: How many seconds one statement may take in the database.
    type: int
    default: 60
"""

EXAMPLES = r"""
- name: Take back what an incident changed
  circuit_sage.incident_response.row_undo:
    project_src: /opt/circuit-sage
    project_name: circuit-sage
    incident: 20261123T093000Z-billing_errors
  register: undone
"""

RETURN = r"""
undone:
  description:
    - The changes that were taken back, or in check mode would be, the newest first. C(before) and C(after) hold the columns that change, as
      text. C(action) is C(restore), or C(delete) for a row that had been made, whose C(after) is null.
  returned: success
  type: list
  elements: dict
  sample:
    - table: subscriptions
      row: e9ef1918-e4f6-5302-aca2-86d5b3c43127
      action: restore
      before: {monthly_amount: "150.00", updated_at: "2026-11-23T09:30:02.123456+00:00"}
      after: {monthly_amount: "163.37", updated_at: "2026-04-01T09:00:00+00:00"}
undone_count:
  description: How many they are.
  returned: success
  type: int
  sample: 1
kept:
  description: The changes that stay, because somebody has changed the row since, with the columns that differ.
  returned: success
  type: list
  elements: dict
  sample:
    - table: subscriptions
      row: e9ef1918-e4f6-5302-aca2-86d5b3c43127
      columns: [monthly_amount, updated_at]
      reason: monthly_amount, updated_at changed since
kept_count:
  description: How many they are.
  returned: success
  type: int
  sample: 0
refunds:
  description:
    - A charge that the incident made is not undone. For each one a refund is proposed, which a person makes at Square with approval.
  returned: success
  type: list
  elements: dict
  sample:
    - kind: refund
      approval: required
      company_id: 579c5d00-a784-57f9-b262-b2b0f1cec847
      company: Harbor Phone Repair
      payment_id: b0075736-dc35-53f0-a1f7-6a2147a6947c
      period: 2026-11
      amount: "150.00"
      currency: USD
      square_payment_id: R2B3Z8WMVt3EAmzYWLZvz7Y69EbZY
refunds_count:
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
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.row_undo import undo
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.stack_options import POSTGRES_OPTIONS, STACK_OPTIONS


def main() -> None:
    """Undo."""
    spec = {
        **STACK_OPTIONS,
        **POSTGRES_OPTIONS,
        **WRITER_OPTIONS,
        "limit": {"type": "int", "default": 1000},
        "statement_timeout": {"type": "int", "default": 60},
    }
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)
    options = module.params
    try:
        refuse_bad_options(options)
        server, password, _variables = server_and_password(options)
        given = {name: options[name] for name in ("limit", "diff_limit", "statement_timeout", "lock_timeout")}
        result = undo(server, password, options["incident"], **given, check_mode=module.check_mode)
    except IncidentError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
