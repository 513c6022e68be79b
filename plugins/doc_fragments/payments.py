# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options by which the payment modules are told whose payments they are about, where Square is, and when a payment is due."""

from __future__ import annotations


class ModuleDocFragment:
    """Options shared by the payment modules."""

    DOCUMENTATION = r"""
options:
  company_ids:
    description: The companies to look at, by their ids (UUID). Default is all.
    type: list
    elements: str
  limit:
    description: How many entries each returned list has at most. Counts and totals count everything.
    type: int
    default: 1000
  statement_timeout:
    description: How many seconds one statement may take in the database.
    type: int
    default: 60
  square_environment:
    description:
      - Which of Square's environments this system belongs to. An address or a company's test mode that belongs to the other one is refused,
        or told by M(circuit_sage.incident_response.square_setting_info), before anybody is asked, since in the sandbox payments succeed and
        no money moves.
    type: str
    choices: [production, sandbox]
    default: production
  currency:
    description:
      - The currency of the stored amounts, three capital letters. A company whose location at Square takes another one is refused.
    type: str
    default: USD
  payment_page:
    description:
      - Where customers give another card, for the text to them.
      - Default is the env file's C(FRONTEND_URL), or the address of its C(DOMAIN_NAME).
    type: str
    default: ""
  schedule_days:
    description:
      - The dunning schedule, days after the first failure at which a payment is tried again. Each has to be greater than the one before.
    type: list
    elements: float
    default: [1, 3, 7, 14]
  max_attempts:
    description: How often the payment of one period is tried at most.
    type: int
    default: 4
  max_card_attempts:
    description:
      - How many declines a card may have within 30 days. Visa's limit is 15 and Mastercard's 10; the lower one is the greatest value here.
    type: int
    default: 10
  pending_hours:
    description:
      - How long a pending payment is left to Square where Square charges the subscription by itself. After that it is stuck, and due.
    type: int
    default: 24
  max_age_days:
    description: A payment whose period ended longer ago is left to a person.
    type: int
    default: 60
"""
