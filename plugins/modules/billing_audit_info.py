#!/usr/bin/python
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say what is wrong with the stored billing amounts and payments, and why."""

from __future__ import annotations

DOCUMENTATION = r"""
module: billing_audit_info
short_description: Say which billing amounts are wrong, and why
version_added: 0.1.0
description:
  - Compares what is stored in the application's database with what is due, over all companies in one pass, and returns every discrepancy
    with its kind, the stored and the due amount, the signed difference in cents, the reason in words, and what may be done about it.
  - Due is the number of billable locations (not free, not deleted) times the price. A company's first location is free.
  - Everything is read within one read-only transaction, so that all numbers are of one moment.
  - The password is the env file's C(POSTGRES_PASSWORD).
author: Circuit Sage contributors (@circuit-sage)
extends_documentation_fragment:
  - circuit_sage.incident_response.stack
  - circuit_sage.incident_response.postgres
  - circuit_sage.incident_response.billing
attributes:
  check_mode:
    description: Reads only, in check mode and without.
    support: full
  diff_mode:
    description: Changes nothing.
    support: none
"""

EXAMPLES = r"""
- name: Look for wrong amounts
  circuit_sage.incident_response.billing_audit_info:
    project_src: /opt/circuit-sage
    project_name: circuit-sage
  register: billing

- name: Look at one company as it was when the month was billed
  circuit_sage.incident_response.billing_audit_info:
    project_src: /opt/circuit-sage
    project_name: circuit-sage
    company_ids: [579c5d00-a784-57f9-b262-b2b0f1cec847]
    as_of: "2026-11-01T02:00:00+00:00"
"""

RETURN = r"""
price:
  description: The price of one location.
  returned: success
  type: str
  sample: "50.00"
as_of:
  description: The moment that was looked at, in UTC.
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
  sample: 40
subscriptions:
  description: How many of their subscriptions count, that is, are active, pending or past_due.
  returned: success
  type: int
  sample: 37
locations:
  description: How many locations they have.
  returned: success
  type: int
  sample: 294
discrepancies:
  description:
    - What is wrong, in the order of the companies' names.
    - C(difference_cents) is due less stored. It is above zero where too little is charged, and 0 for C(billing_day_invalid), whose
      C(stored)
      and C(due) are days.
    - C(mend) is C(set), C(create) or C(void) for what M(circuit_sage.incident_response.billing_recalculate) does without asking, C(approve)
      for what it does when its kind is approved, C(propose) for a paid payment and C(report) for what a person has to decide.
    - C(subscription_id), C(payment_id) and C(period) are null where they do not apply.
  returned: success
  type: list
  elements: dict
  sample:
    - company_id: 579c5d00-a784-57f9-b262-b2b0f1cec847
      company: Harbor Phone Repair
      subscription_id: e9ef1918-e4f6-5302-aca2-86d5b3c43127
      payment_id:
      period:
      kind: location_change_missed
      stored: "200.00"
      due: "150.00"
      difference_cents: -5000
      location_count: 3
      reason: >-
        not recalculated since: Oak Ave Shop deleted 2026-11-20 08:15:02 UTC; 3 billable locations come to 150.00, and 200.00 is stored
      mend: set
totals:
  description:
    - For each kind of which there is something, C(count), C(difference_cents), C(absolute_difference_cents) and C(companies), and
      under C(mend) how many there are of each.
  returned: success
  type: dict
  sample:
    location_change_missed: {count: 1, difference_cents: -5000, absolute_difference_cents: 5000, companies: 1, mend: {set: 1}}
truncated:
  description: Whether there are more discrepancies than were returned.
  returned: success
  type: bool
  sample: false
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.billing_audit import AUDIT_OPTIONS, audit_as
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError


def main() -> None:
    """Audit the billing."""
    module = AnsibleModule(argument_spec=AUDIT_OPTIONS, supports_check_mode=True)
    try:
        result = audit_as(module.params)
    except IncidentError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
