#!/usr/bin/python
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say what is wrong with the payments."""

from __future__ import annotations

DOCUMENTATION = r"""
module: payment_audit_info
short_description: Find payments that failed, are stuck or unknown, and differ from Square
version_added: 0.1.0
description:
  - Looks at the payments that are not paid, at the subscriptions that are past due, and at what the companies' accounts at Square show
    over all locations. Changes nothing, here or at Square.
  - Where Square cannot be asked C(unknown) says why, and the rest is returned all the same.
author: Circuit Sage contributors (@circuit-sage)
extends_documentation_fragment:
  - circuit_sage.incident_response.stack
  - circuit_sage.incident_response.postgres
  - circuit_sage.incident_response.square
  - circuit_sage.incident_response.payments
attributes:
  check_mode:
    description: It changes nothing anyway.
    support: full
  diff_mode:
    description: It changes nothing.
    support: none
options:
  since_days:
    description: How many days back payments are compared with Square, 1 to 364. Events are asked for the last 28 days at most.
    type: int
    default: 45
  ask_square:
    description: Whether Square is asked. Without it only the database is looked at.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: See what is wrong with the payments of one company
  circuit_sage.incident_response.payment_audit_info:
    project_src: /opt/circuit-sage
    project_name: circuit-sage
    company_ids: [579c5d00-a784-57f9-b262-b2b0f1cec847]
  register: audit
"""

RETURN = r"""
as_of:
  description: The moment of the look, in UTC.
  returned: success
  type: str
since:
  description: Since when payments are compared.
  returned: success
  type: str
asked:
  description: How many companies' accounts at Square were asked.
  returned: success
  type: int
failed_payments:
  description:
    - The payments that failed, each with its C(verdict). V(due) may be charged now and V(wait) later; V(must_act) and V(exhausted) need the
      customer, V(person) a person. The others need nothing (V(paid), V(ended)), or something else first (V(open), V(duplicate),
      V(incomplete), V(refused), V(left_to_square)).
  returned: success
  type: list
  elements: dict
  sample:
    - company_id: 579c5d00-a784-57f9-b262-b2b0f1cec847
      company: Harbor Phone Repair
      subscription_id: e9ef1918-e4f6-5302-aca2-86d5b3c43127
      payment_id: b0075736-dc35-53f0-a1f7-6a2147a6947c
      period: 2026-11
      amount: "150.00"
      amount_cents: 15000
      currency: USD
      failure: INSUFFICIENT_FUNDS
      status: failed
      verdict: due
      reason: ""
      since: "2026-11-01T02:00:00+00:00"
stuck:
  description: The payments that are pending for longer than O(pending_hours) although the company has autopay.
  returned: success
  type: list
  elements: dict
unknown_payments:
  description: The intents without an outcome.
  returned: success
  type: list
  elements: dict
past_due:
  description: The subscriptions that are past due, with C(why), and C(stuck) where nothing is owed any more.
  returned: success
  type: list
  elements: dict
cards_gone:
  description: The subscriptions whose card is disabled at Square, or not there.
  returned: success
  type: list
  elements: dict
customers:
  description: The customers who must act, with the reason and C(payment_link_text).
  returned: success
  type: list
  elements: dict
differences:
  description:
    - Where the database and Square disagree. C(kind) is V(paid_at_square), V(paid_here_only), V(amount_differs), V(refunded_at_square),
      V(failed_at_square), V(charged_twice) or V(unknown_here); C(mend) is V(record), V(refund) or V(person).
  returned: success
  type: list
  elements: dict
statuses:
  description: The subscriptions that Square has in another state.
  returned: success
  type: list
  elements: dict
webhooks_missed:
  description: What webhooks would have told and the database does not know, how many C(events) and C(payments), and from when to when.
  returned: success
  type: dict
sandbox_payments:
  description: In production, the payments of companies in test mode, for which no money came.
  returned: success
  type: list
  elements: dict
unreadable:
  description: The companies whose account could not be asked, and why.
  returned: success
  type: list
  elements: dict
unknown:
  description: Why something could not be asked, by what it is (C(square), C(events)); empty where all was.
  returned: success
  type: dict
counts:
  description: How many entries each list has, before it was cut to O(limit).
  returned: success
  type: dict
verdicts:
  description: How many payments that are not paid have each verdict.
  returned: success
  type: dict
persons:
  description: How many payments a person has to look at.
  returned: success
  type: int
truncated:
  description: Whether a list has more entries than were returned.
  returned: success
  type: bool
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.payment_audit import AUDIT_OPTIONS, audit_as


def main() -> None:
    """Audit."""
    module = AnsibleModule(argument_spec=AUDIT_OPTIONS, supports_check_mode=True)
    try:
        result = audit_as(module.params)
    except IncidentError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
