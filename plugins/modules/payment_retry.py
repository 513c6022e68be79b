#!/usr/bin/python
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Charge the payments that are due and may be retried, each period once."""

from __future__ import annotations

DOCUMENTATION = r"""
module: payment_retry
short_description: Charge the payments that are due, exactly once
version_added: 0.1.0
description:
  - Charges the payments of C(subscription_payments) that are pending or failed, are due by the schedule, and belong to a live subscription
    with autopay, a customer and a card on file. Everything else is left, each with its reason.
  - What is about to be charged is committed to C(circuit_sage_ops.payment_intent) before Square is called. The table lets no second intent
    of a period be made while one is open, unknown or has succeeded, so that two runs at once are safe.
  - The idempotency key is made of subscription, period and attempt, and is the same for ever. C(reference_id) at Square is the id of the
    payment's row.
  - Intent, payment and subscription are settled in one transaction. A payment without an outcome is C(UNKNOWN), and never failed.
  - An intent without an outcome, as a run that was killed leaves it, is resolved first. While it is young the same request is sent again
    under the same key; an older one is looked up over all locations, since Square does not publish how long it remembers keys.
  - Before a payment is charged, Square is asked for the account's payments over all locations. What is paid there already is left for
    M(circuit_sage.incident_response.payment_reconcile).
  - A charge is not taken back. For each one a refund proposal is returned, which needs a person's approval.
  - Access tokens are decrypted in memory only, and are never returned or logged.
author: Circuit Sage contributors (@circuit-sage)
extends_documentation_fragment:
  - circuit_sage.incident_response.stack
  - circuit_sage.incident_response.postgres
  - circuit_sage.incident_response.square
  - circuit_sage.incident_response.payments
  - circuit_sage.incident_response.charging
attributes:
  check_mode:
    description: Lists exactly what would be charged, to whom and how much. Reads at Square, and writes nowhere.
    support: full
  diff_mode:
    description: A charge has no before and after.
    support: none
options:
  incident:
    description: The id of the incident, which is kept with each intent.
    type: str
    required: true
  lock_timeout:
    description: How many seconds to wait for a row that somebody else has locked, and for another run that makes the table.
    type: int
    default: 5
  tries:
    description:
      - How often one request is sent under its key where Square gives no outcome. C(Retry-After) is honoured, and the SDK's own retries are
        off.
    type: int
    default: 4
  breaker_after:
    description: After so many charges in a row without an outcome the run ends. Their intents are kept, and the next run resolves them.
    type: int
    default: 5
  same_key_hours:
    description: For how long a request without an outcome may be sent again under its key. After that it is only looked up.
    type: int
    default: 24
  listing_lag_seconds:
    description:
      - How late Square may show a payment in its list. A payment that is not in a younger list may have been made all the same.
    type: float
    default: 300
"""

EXAMPLES = r"""
- name: See what would be charged
  circuit_sage.incident_response.payment_retry:
    project_src: /opt/circuit-sage
    project_name: circuit-sage
    incident: 20261123T093000Z-payment_failure
  check_mode: true
  register: due

- name: Charge one customer
  circuit_sage.incident_response.payment_retry:
    project_src: /opt/circuit-sage
    project_name: circuit-sage
    incident: 20261123T093000Z-payment_failure
    company_ids: [579c5d00-a784-57f9-b262-b2b0f1cec847]
"""

RETURN = r"""
attempted:
  description: Every payment that Square was asked to charge, or that was resolved.
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
      attempt: 2
      state: SUCCEEDED
      code:
      code_class:
      square_payment_id: R2B3Z8WMVt3EAmzYWLZvz7Y69EbZY
      reason: ""
      earlier: false
charged:
  description: Those of them that were charged. Of an attempt that an earlier run began, C(earlier) is true; it may have been charged then.
  returned: success
  type: list
  elements: dict
declined:
  description: Those that were refused, C(code) and C(code_class) say why.
  returned: success
  type: list
  elements: dict
unknown:
  description: Those of which nobody knows the outcome yet. The next run resolves them.
  returned: success
  type: list
  elements: dict
not_charged:
  description: Those that were not charged for a reason that is none of the customer's. The payments are as they were.
  returned: success
  type: list
  elements: dict
must_act:
  description: The customers who must act, with the reason and C(payment_link_text), which is what they are told.
  returned: success
  type: list
  elements: dict
persons:
  description: The payments that Square refused with a code that is not listed. A person looks at each before it is charged again.
  returned: success
  type: list
  elements: dict
left:
  description: The payments that are not paid and were not charged, with C(verdict) and C(reason).
  returned: success
  type: list
  elements: dict
would_charge:
  description: In check mode, what would be charged.
  returned: success
  type: list
  elements: dict
would_resolve:
  description: In check mode, the open intents that would be resolved.
  returned: success
  type: list
  elements: dict
counts:
  description: How many entries each list has, before it was cut to O(limit).
  returned: success
  type: dict
totals:
  description: How much money was charged, declined and is unknown, or in check mode would be charged.
  returned: success
  type: dict
  sample: {charged: "150.00", declined: "0.00", unknown: "0.00", would_charge: "0.00"}
proposals:
  description: For each charge the refund that would take it back, for which approval is required.
  returned: success
  type: list
  elements: dict
became_active:
  description: How many subscriptions that were past due owe nothing any more and are active.
  returned: success
  type: int
stopped:
  description: Why the run ended early; null where it did not.
  returned: success
  type: str
is_outage:
  description: Whether it ended because Square gave no outcomes, so that it is to be run again later.
  returned: success
  type: bool
truncated:
  description: Whether a list has more entries than were returned.
  returned: success
  type: bool
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.payment_options import (
    CHARGING_OPTIONS,
    PAYMENT_OPTIONS,
    pace_of,
    refuse_bad_writer,
    scope_of,
)
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.payment_retry import retry


def main() -> None:
    """Charge."""
    module = AnsibleModule(
        argument_spec={
            **PAYMENT_OPTIONS,
            **CHARGING_OPTIONS,
            "incident": {"type": "str", "required": True},
            "lock_timeout": {"type": "int", "default": 5},
        },
        supports_check_mode=True,
    )
    options = module.params
    try:
        refuse_bad_writer(options)
        pace = pace_of(options)
        result = retry(scope_of(options), pace, options["incident"], module.check_mode)
    except IncidentError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
