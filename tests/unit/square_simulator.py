# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Subscriptions of made-up companies for the simulator of Square."""

from __future__ import annotations

import hashlib
import typing as t


def token_of(number: int) -> str:
    """The access token of a made-up company."""
    return f"EAAAtoken-of-company-{number:04}"


def entry(number: int, plan_cents: int = 5000, override_cents: int | None = None, **phase: t.Any) -> dict[str, t.Any]:
    """A subscription and its plan, as the seed tells them."""
    subscription = {
        "id": f"sub-{number}",
        "location_id": f"L{number}",
        "customer_id": f"customer-{number}",
        "plan_variation_id": f"plan-{number}",
        "status": "ACTIVE",
        "version": 1,
    }
    if override_cents is not None:
        subscription["price_override_money"] = {"amount": override_cents, "currency": "USD"}
    pricing = {"type": "STATIC", "price_money": {"amount": plan_cents, "currency": "USD"}}
    variation = {
        "type": "SUBSCRIPTION_PLAN_VARIATION",
        "id": f"plan-{number}",
        "version": 1,
        "subscription_plan_variation_data": {"name": "Plan", "phases": [{"cadence": "MONTHLY", "ordinal": 0, "pricing": pricing, **phase}]},
    }
    return {
        "token_sha256": hashlib.sha256(token_of(number).encode()).hexdigest(),
        "subscription": subscription,
        "plan_variation": variation,
    }
