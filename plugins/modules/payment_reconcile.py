#!/usr/bin/python
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring the payments of the database in line with Square."""

from __future__ import annotations

DOCUMENTATION = r"""
module: payment_reconcile
short_description: Bring payments and subscriptions in line with what Square says happened
version_added: 0.1.0
description:
  - Records payments that are paid at Square and not here, settles intents that Square's payments answer, makes subscriptions active that
    owe nothing any more, and cancels those that were canceled at Square.
  - It never moves money, and never changes a payment that is paid.
  - Payments are told by their ids at Square and by events; of one that is told more than once the newest state counts. The events of a
    change are kept in C(circuit_sage_ops.square_event), each once.
  - Each row that is changed keeps its image, so that M(circuit_sage.incident_response.row_undo) takes it back. The settlement of an intent
    is what happened, and stays.
  - Whatever needs a person is returned. Where a period was charged twice that is a refund proposal.
author: Circuit Sage contributors (@circuit-sage)
extends_documentation_fragment:
  - circuit_sage.incident_response.stack
  - circuit_sage.incident_response.postgres
  - circuit_sage.incident_response.square
  - circuit_sage.incident_response.payments
  - circuit_sage.incident_response.rows
attributes:
  check_mode:
    description: Asks Square, and writes nothing.
    support: full
  diff_mode:
    description: Shows the columns before and after.
    support: full
options:
  incident:
    description: The id of the incident, under which the images are kept for the undo.
    type: str
    required: true
  since_days:
    description: How many days back payments are compared with Square, 1 to 364.
    type: int
    default: 45
"""

EXAMPLES = r"""
- name: Bring one company in line with Square
  circuit_sage.incident_response.payment_reconcile:
    project_src: /opt/circuit-sage
    project_name: circuit-sage
    incident: 20261123T093000Z-payment_failure
    company_ids: [579c5d00-a784-57f9-b262-b2b0f1cec847]
"""

RETURN = r"""
changes:
  description: The rows that were changed, or in check mode would be.
  returned: success
  type: list
  elements: dict
  sample:
    - kind: payment_recorded
      company_id: 579c5d00-a784-57f9-b262-b2b0f1cec847
      company: Harbor Phone Repair
      table: subscription_payments
      row: b0075736-dc35-53f0-a1f7-6a2147a6947c
      before: {status: pending, square_payment_id: null, failure_reason: null}
      after: {status: succeeded, square_payment_id: R2B3Z8WMVt3EAmzYWLZvz7Y69EbZY, failure_reason: null}
      reason: it is pending here, and paid at Square by R2B3Z8WMVt3EAmzYWLZvz7Y69EbZY
settled:
  description: The intents without an outcome that Square's payments answered.
  returned: success
  type: list
  elements: dict
proposals:
  description: The refunds that a person is asked to approve.
  returned: success
  type: list
  elements: dict
left:
  description: The differences that were left alone, as M(circuit_sage.incident_response.payment_audit_info) returns them.
  returned: success
  type: list
  elements: dict
left_statuses:
  description: The subscriptions in another state at Square that were left alone.
  returned: success
  type: list
  elements: dict
unreadable:
  description: The companies whose account could not be asked, and why.
  returned: success
  type: list
  elements: dict
counts:
  description: How many entries the lists have, before they were cut to O(limit).
  returned: success
  type: dict
events:
  description: How many events of payments Square told (C(seen)), and how many were C(new).
  returned: success
  type: dict
unknown:
  description: Why something could not be asked (C(events)); empty where all was.
  returned: success
  type: dict
truncated:
  description: Whether a list has more entries than were returned.
  returned: success
  type: bool
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.payment_options import PAYMENT_OPTIONS, scope_of
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.payment_reconciliation import Run, reconcile
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.row_change import WRITER_OPTIONS, refuse_bad_options


def main() -> None:
    """Reconcile."""
    module = AnsibleModule(
        argument_spec={**PAYMENT_OPTIONS, **WRITER_OPTIONS, "since_days": {"type": "int", "default": 45}}, supports_check_mode=True
    )
    options = module.params
    try:
        refuse_bad_options(options)
        run = Run(options["incident"], options["since_days"], options["diff_limit"])
        result = reconcile(scope_of(options), run, module.check_mode)
    except IncidentError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
