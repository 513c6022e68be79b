# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options by which the payment modules are told how fast may be charged, and how much."""

from __future__ import annotations


class ModuleDocFragment:
    """Options of charging."""

    DOCUMENTATION = r"""
options:
  max_in_flight:
    description:
      - How many calls of Square may be under way at once, 1 to 64. After Square has limited the rate it is half as many for a while.
      - Half as many charges again are made ready or written down meanwhile, 64 in all at most, each in a session of the database.
    type: int
    default: 4
  max_per_second:
    description: How many requests to charge leave in any second at most, those that are made again too; V(0) for no limit.
    type: float
    default: 10
  max_payments:
    description: Guard. How many payments may be due. A run with more is refused before the first one.
    type: int
    default: 500
  max_total:
    description: Guard. How much money may be due. A run with more is refused before the first charge.
    type: str
    default: "50000.00"
"""
