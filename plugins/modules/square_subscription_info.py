#!/usr/bin/python
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say which subscriptions Square charges another amount than the database says."""

from __future__ import annotations

DOCUMENTATION = r"""
module: square_subscription_info
short_description: Say which subscriptions Square charges another amount than is stored
version_added: 0.1.0
description:
  - Asks Square about the subscription of each company that has one there and whose subscription counts (is active, pending or past_due),
    and compares what it charges with the stored C(monthly_amount). Nothing is written anywhere.
  - Charged is the subscription's C(price_override_money), else the C(STATIC) price of its plan variation. A plan that is priced by items,
    has several phases or is not monthly is not comparable, and is returned as such.
  - Each company is asked under its own access token, which is decrypted with the env file's C(ENCRYPTION_KEY) in memory only. Up to eight
    companies are asked at the same time.
  - Where Square does not answer, fails, or limits the rate, no further company is asked, and C(unknown) says so. So it does where a library
    is missing.
  - Whether a stored amount that differs is right itself is looked at as M(circuit_sage.incident_response.billing_audit_info) does.
author: Circuit Sage contributors (@circuit-sage)
extends_documentation_fragment:
  - circuit_sage.incident_response.stack
  - circuit_sage.incident_response.postgres
  - circuit_sage.incident_response.billing
  - circuit_sage.incident_response.square
attributes:
  check_mode:
    description: Reads only, in check mode and without.
    support: full
  diff_mode:
    description: Changes nothing.
    support: none
"""

EXAMPLES = r"""
- name: Compare what Square charges with what is stored
  circuit_sage.incident_response.square_subscription_info:
    project_src: /opt/circuit-sage
    project_name: circuit-sage
  register: at_square

- name: Look at one company
  circuit_sage.incident_response.square_subscription_info:
    project_src: /opt/circuit-sage
    project_name: circuit-sage
    company_ids: [579c5d00-a784-57f9-b262-b2b0f1cec847]
"""

RETURN = r"""
subscriptions:
  description: How many subscriptions have one at Square and count.
  returned: success
  type: int
  sample: 30
compared:
  description: How many of them were compared.
  returned: success
  type: int
  sample: 29
differences:
  description:
    - The subscriptions that are charged another amount than is stored, in the order of the companies' names.
    - C(difference_cents) is stored less charged. It is above zero where Square charges too little. C(version) and C(status) are Square's.
    - C(mend) is C(approve) where M(circuit_sage.incident_response.square_subscription_price) may set the price, and C(recalculate) where
      the stored amount itself is not what is due.
  returned: success
  type: list
  elements: dict
  sample:
    - company_id: 579c5d00-a784-57f9-b262-b2b0f1cec847
      company: Harbor Phone Repair
      subscription_id: e9ef1918-e4f6-5302-aca2-86d5b3c43127
      square_subscription_id: 9ba40961-995a-4a3d-8c53-048c40cafc13
      stored: "150.00"
      charged: "200.00"
      currency: USD
      status: ACTIVE
      version: 3
      difference_cents: -5000
      mend: approve
      reason: Square charges 200.00 USD, a price set for it, and 150.00 is stored
totals:
  description: For each C(mend) of which there is something, C(count), C(difference_cents) and C(absolute_difference_cents).
  returned: success
  type: dict
  sample:
    approve: {count: 1, difference_cents: -5000, absolute_difference_cents: 5000}
unreadable:
  description: The companies whose subscription could not be compared, and why.
  returned: success
  type: list
  elements: dict
  sample:
    - company_id: 0f2f5a8e-5b39-5f5e-9f2a-8b6a5f4d1c11
      company: Cedar Computer Works
      reason: the company has no Square access token; connect it to Square again in the application
unreadable_count:
  description: How many they are.
  returned: success
  type: int
  sample: 1
unknown:
  description: One sentence why Square could not be asked, or not about all; null when it was.
  returned: success
  type: str
  sample: >-
    30 of 30 subscriptions could not be compared: Square at https://connect.squareup.com has a failure of its own (503 SERVICE_UNAVAILABLE);
    run again when it is well
truncated:
  description: Whether a list has more entries than were returned.
  returned: success
  type: bool
  sample: false
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.square_comparison import COMPARISON_OPTIONS, compare_as


def main() -> None:
    """Ask Square."""
    module = AnsibleModule(argument_spec=COMPARISON_OPTIONS, supports_check_mode=True)
    try:
        result = compare_as(module.params)
    except IncidentError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
