# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options by which the billing modules are told what is due, and how much they return."""

from __future__ import annotations


class ModuleDocFragment:
    """Options shared by the modules that audit and mend the billing."""

    DOCUMENTATION = r"""
options:
  company_ids:
    description:
      - The companies to look at, by their ids (UUID). Default is all.
      - What is told by comparison with others, such as a wrong price that several share, is told of the companies that are looked at.
    type: list
    elements: str
  price_per_location:
    description:
      - The price of one billable location for a month, for example V(50.00), above 0 and with at most two decimals.
      - Default is the env file's C(BILLING_AMOUNT_PER_LOCATION), or V(50.00) when that says nothing.
    type: str
  first_location_free:
    description:
      - Whether the first location of each company, by its creation, is free also where nobody has flagged it yet.
    type: bool
    default: true
  as_of:
    description:
      - The moment to look at, an ISO 8601 date (its first second in UTC) or a time with its offset, for example
        V(2026-11-01T02:00:00+00:00). Locations are counted as they were then, and the calendar month in UTC is the current period.
      - The flag of a free location is taken as it is today, because nothing records when it was set.
      - Default is now.
    type: str
  limit:
    description:
      - How many entries each returned list has at most. Totals count everything.
    type: int
    default: 1000
  statement_timeout:
    description:
      - How many seconds one statement may take in the database.
    type: int
    default: 60
"""
