#!/usr/bin/python
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring the stored billing amounts and pending payments in line with the locations."""

from __future__ import annotations

DOCUMENTATION = r"""
module: billing_recalculate
short_description: Bring billing amounts and pending payments in line with the locations
version_added: 0.1.0
description:
  - Mends what M(circuit_sage.incident_response.billing_audit_info) finds and marks as C(set), C(create) or C(void), and with approval
    what it marks as C(approve), in one transaction. Run again, it changes nothing.
  - The rows are locked and looked at again before they are written, so that what somebody else changed meanwhile is not lost.
  - A payment that is succeeded or refunded is never changed. For a paid one that is wrong a proposal is returned.
  - The before- and after-image of every row goes into C(circuit_sage_ops.row_change) of the same database, from which
    M(circuit_sage.incident_response.row_undo) takes it back. The schema is made by the first run that has something to write.
  - Guards stop a run that would change too much. Then nothing at all is written, and the message names the guard, its value and what was
    seen. An empty table of locations always stops it.
author: Circuit Sage contributors (@circuit-sage)
extends_documentation_fragment:
  - circuit_sage.incident_response.stack
  - circuit_sage.incident_response.postgres
  - circuit_sage.incident_response.billing
  - circuit_sage.incident_response.rows
attributes:
  check_mode:
    description: Finds the same changes in a read-only transaction.
    support: full
  diff_mode:
    description: Shows the columns before and after, company by company.
    support: full
options:
  incident:
    description: The id of the incident, under which the changes are kept for the undo.
    type: str
    required: true
  kinds:
    description: The kinds of discrepancies to mend, of those that are mended without asking. Default is all of these.
    type: list
    elements: str
    choices:
      - location_change_missed
      - price_drift
      - amount_drift
      - payment_duplicate
      - payment_amount_wrong
      - payment_missing
      - batch_interrupted
  approve:
    description: The kinds to mend of those that need approval. C(subscription_orphaned) cancels the subscription.
    type: list
    elements: str
    choices: [subscription_orphaned, billing_day_invalid]
    default: []
  max_companies:
    description: Guard. How many companies may change.
    type: int
    default: 1000
  max_companies_share:
    description: Guard. Which share of the companies with a counting subscription may change. Not asked where O(company_ids) names
      companies.
    type: float
    default: 0.3
  max_total_difference:
    description: Guard. How much money the absolute differences may add up to.
    type: str
    default: "10000.00"
  max_single_difference:
    description: Guard. How much money one change may be about.
    type: str
    default: "2000.00"
  billing_run_quiet_seconds:
    description: Guard. How many seconds ago the last payment of the current period must have been made, since else a billing run is
      under way.
    type: int
    default: 60
"""

EXAMPLES = r"""
- name: Mend what can be mended without asking
  circuit_sage.incident_response.billing_recalculate:
    project_src: /opt/circuit-sage
    project_name: circuit-sage
    incident: 20261123T093000Z-billing_errors
  register: mended

- name: Mend one company, and cancel its subscription if it is deleted
  circuit_sage.incident_response.billing_recalculate:
    project_src: /opt/circuit-sage
    project_name: circuit-sage
    incident: 20261123T093000Z-billing_errors
    company_ids: [579c5d00-a784-57f9-b262-b2b0f1cec847]
    approve: [subscription_orphaned]
"""

RETURN = r"""
price:
  description: The price of one location.
  returned: success
  type: str
  sample: "50.00"
as_of:
  description: The moment by which was calculated, in UTC.
  returned: success
  type: str
  sample: "2026-11-23T09:30:00+00:00"
period:
  description: First (C(start)) and last second (C(end)) of the current period.
  returned: success
  type: dict
  sample: {start: "2026-11-01T00:00:00+00:00", end: "2026-11-30T23:59:59+00:00"}
companies:
  description: How many companies were looked at.
  returned: success
  type: int
subscriptions:
  description: How many of their subscriptions count.
  returned: success
  type: int
locations:
  description: How many locations they have.
  returned: success
  type: int
changes:
  description:
    - What was changed, or in check mode would be, one entry for each discrepancy that is mended. C(before) is null for a payment that is
      made.
    - C(updated_at) is set too, and is not named here. The whole rows are in C(circuit_sage_ops.row_change).
  returned: success
  type: list
  elements: dict
  sample:
    - company_id: 579c5d00-a784-57f9-b262-b2b0f1cec847
      company: Harbor Phone Repair
      kind: amount_drift
      table: subscriptions
      row: e9ef1918-e4f6-5302-aca2-86d5b3c43127
      action: update
      before: {monthly_amount: "163.37"}
      after: {monthly_amount: "150.00"}
      difference_cents: -1337
      reason: 3 billable locations come to 150.00, and 163.37 is stored
totals:
  description: The changes by kind, as M(circuit_sage.incident_response.billing_audit_info) returns its totals.
  returned: success
  type: dict
found:
  description: All discrepancies by kind, those that were left alone too.
  returned: success
  type: dict
proposals:
  description: What a person should do about paid payments, C(refund), C(credit) or C(charge), and how many C(cents).
  returned: success
  type: list
  elements: dict
  sample:
    - company_id: 579c5d00-a784-57f9-b262-b2b0f1cec847
      company: Harbor Phone Repair
      subscription_id: e9ef1918-e4f6-5302-aca2-86d5b3c43127
      payment_id: b0075736-dc35-53f0-a1f7-6a2147a6947c
      period: 2026-11
      kind: credit
      cents: 5000
      reason: the paid payment is of 200.00, and 3 billable locations at 2026-11-01 02:00:00 UTC come to 150.00
left:
  description: The discrepancies that were left alone, because they need approval, a person, or were not among O(kinds).
  returned: success
  type: list
  elements: dict
truncated:
  description: Whether a list has more entries than were returned.
  returned: success
  type: bool
  sample: false
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.billing_database import server_and_password
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.billing_discrepancy import APPROVED_KINDS, MENDED_KINDS
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.billing_guards import GUARD_OPTIONS, guards_of
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.billing_recalculation import Order, recalculate
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.billing_terms import BILLING_OPTIONS, terms_of
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.row_change import WRITER_OPTIONS, refuse_bad_options
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.stack_options import POSTGRES_OPTIONS, STACK_OPTIONS


def order_of(options: dict[str, t.Any]) -> Order:
    """What the options allow."""
    refuse_bad_options(options)
    return Order(
        options["incident"],
        frozenset(MENDED_KINDS if options["kinds"] is None else options["kinds"]),
        frozenset(options["approve"]),
        guards_of(options),
        options["limit"],
        options["diff_limit"],
        options["statement_timeout"],
        options["lock_timeout"],
    )


def main() -> None:
    """Recalculate."""
    module = AnsibleModule(
        argument_spec={
            **STACK_OPTIONS,
            **POSTGRES_OPTIONS,
            **BILLING_OPTIONS,
            **WRITER_OPTIONS,
            **GUARD_OPTIONS,
            "kinds": {"type": "list", "elements": "str", "choices": list(MENDED_KINDS)},
            "approve": {"type": "list", "elements": "str", "choices": list(APPROVED_KINDS), "default": []},
        },
        supports_check_mode=True,
    )
    options = module.params
    try:
        server, password, variables = server_and_password(options)
        result = recalculate(server, password, terms_of(options, variables), order_of(options), module.check_mode)
    except IncidentError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
