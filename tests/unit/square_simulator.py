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


def merchant(number: int, locations: int = 1, **more: t.Any) -> dict[str, t.Any]:
    """An account with so many locations, the first of which is the main one, and two cards of one customer."""
    return {
        "token_sha256": hashlib.sha256(token_of(number).encode()).hexdigest(),
        "merchant_id": f"merchant-{number}",
        "locations": [{"id": f"L{number}" + "ABC"[:place], "currency": "USD", "main": place == 0} for place in range(locations)],
        "customers": [{"id": f"customer-{number}"}],
        "cards": [{"id": f"ccof:card-{number}{letter}", "customer_id": f"customer-{number}"} for letter in ("", "b")],
        **more,
    }


def order(number: int, key: str, amount: int = 5000, **more: t.Any) -> dict[str, t.Any]:
    """What a payment of such an account's customer is asked for with."""
    return {
        "source_id": f"ccof:card-{number}",
        "idempotency_key": key,
        "amount_money": {"amount": amount, "currency": "USD"},
        "customer_id": f"customer-{number}",
        "reference_id": f"reference of {key}",
        **more,
    }
