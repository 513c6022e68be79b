#!/usr/bin/python
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Set the prices at Square to the stored amounts."""

from __future__ import annotations

DOCUMENTATION = r"""
module: square_subscription_price
short_description: Let Square charge the amount that is stored
version_added: 0.1.0
description:
  - Sets C(price_override_money) of the subscriptions that M(circuit_sage.incident_response.square_subscription_info) finds different and
    marks as C(approve) to the stored C(monthly_amount). Run again, it changes nothing.
  - A subscription whose stored amount is not what is due is left alone, M(circuit_sage.incident_response.billing_recalculate) comes first.
  - Each price is set under the version that was read. Where somebody has changed the subscription since, it is left and named.
  - What is about to be set is committed to C(circuit_sage_ops.square_price) of the application's database before Square is called, and
    settled after it. M(circuit_sage.incident_response.square_price_undo) puts it back.
  - Guards stop a run that would change too much. Then nothing at all is written, and the message names the guard, its value and what was
    seen.
author: Circuit Sage contributors (@circuit-sage)
extends_documentation_fragment:
  - circuit_sage.incident_response.stack
  - circuit_sage.incident_response.postgres
  - circuit_sage.incident_response.billing
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
    description: The id of the incident, under which the prices are kept for the undo.
    type: str
    required: true
  max_companies:
    description: Guard. How many companies may change.
    type: int
    default: 1000
  max_companies_share:
    description: Guard. Which share of the companies with a subscription at Square may change. Not asked where O(company_ids) names
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
"""

EXAMPLES = r"""
- name: Let Square charge what is stored
  circuit_sage.incident_response.square_subscription_price:
    project_src: /opt/circuit-sage
    project_name: circuit-sage
    incident: 20261123T093000Z-billing_errors
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
changes:
  description:
    - The prices that were set, or in check mode would be.
    - C(price_override) is null where the price of the plan held. C(after_version) is the version that Square gave it, null in check mode.
  returned: success
  type: list
  elements: dict
  sample:
    - company_id: 579c5d00-a784-57f9-b262-b2b0f1cec847
      company: Harbor Phone Repair
      subscription_id: e9ef1918-e4f6-5302-aca2-86d5b3c43127
      square_subscription_id: 9ba40961-995a-4a3d-8c53-048c40cafc13
      before: {charged: "200.00", price_override: "200.00"}
      after: {charged: "150.00", price_override: "150.00"}
      currency: USD
      before_version: 3
      after_version: 4
      difference_cents: -5000
      reason: Square charges 200.00 USD, a price set for it, and 150.00 is stored
left:
  description: The subscriptions that differ and were left alone, as M(circuit_sage.incident_response.square_subscription_info) returns
    them.
  returned: success
  type: list
  elements: dict
unreadable:
  description: The companies whose subscription could not be compared, and why.
  returned: success
  type: list
  elements: dict
truncated:
  description: Whether a list has more entries than were returned.
  returned: success
  type: bool
  sample: false
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.billing_database import server_and_password
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.billing_guards import CHANGE_GUARD_OPTIONS, NO_BATCH, guards_of
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.billing_terms import BILLING_OPTIONS, terms_of
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.row_change import WRITER_OPTIONS, refuse_bad_options
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.square_comparison import SQUARE_OPTIONS
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.square_override import Books, Run, override
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.stack_options import POSTGRES_OPTIONS, STACK_OPTIONS


def main() -> None:
    """Set the prices."""
    module = AnsibleModule(
        argument_spec={
            **STACK_OPTIONS,
            **POSTGRES_OPTIONS,
            **BILLING_OPTIONS,
            **WRITER_OPTIONS,
            **CHANGE_GUARD_OPTIONS,
            **SQUARE_OPTIONS,
        },
        supports_check_mode=True,
    )
    options = module.params
    try:
        refuse_bad_options(options)
        books = Books(*server_and_password(options))
        guards = guards_of({**options, **NO_BATCH})
        result = override(books, terms_of(options, books.variables), Run.of(options), guards, module.check_mode)
    except IncidentError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
