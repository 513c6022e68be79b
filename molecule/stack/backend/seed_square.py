# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Square knows of the seeded companies that pay by it, in agreement with the database: an account, a subscription, what was paid."""

from __future__ import annotations

import hashlib
import json
import urllib.request
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from billing import amount_due

TIMEOUT_SECONDS = 10
CURRENCY = "USD"


def square_id(kind: str, *names: object) -> str:
    """An id as Square would give it, made from what it names."""
    return f"sandbox-{kind}-{hashlib.sha256('/'.join(map(str, names)).encode()).hexdigest()[:20]}"


def _written(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _cents(amount: Decimal) -> int:
    return int(amount * 100)


class AtSquare:
    """Accounts and subscriptions, in the form in which the Square simulator is told them."""

    def __init__(self, secret: Callable[[str, int], str], price: Decimal) -> None:
        self._secret = secret
        self._price = price
        self._payments: dict[int, list[dict[str, Any]]] = {}
        self.accounts: list[dict[str, Any]] = []
        self.subscriptions: list[dict[str, Any]] = []

    def access_token(self, number: int) -> str:
        """The token with which Circuit Sage calls Square for a company."""
        return f"EAAA{self._secret('square access token', number)}"

    def location(self, number: int) -> str:
        """The location that Circuit Sage charges for."""
        return f"L{self._secret('square location', number)[:12].upper()}"

    def company(self, number: int, founded: datetime, billable: int, day: int) -> None:
        """One company's account and its subscription."""
        token = hashlib.sha256(self.access_token(number).encode()).hexdigest()
        self._payments[number] = []
        self.accounts.append({"token_sha256": token, **self._account(number, founded), "payments": self._payments[number]})
        self.subscriptions.append({"token_sha256": token, **self._subscription(number, founded, billable, day)})

    def payment(self, number: int, identity: str, amount: Decimal, made: datetime) -> None:
        """A month that was paid."""
        by = {"location_id": self.location(number), "customer_id": square_id("customer", number), "card": square_id("card", number)}
        self._payments[number].append({"id": identity, "amount": _cents(amount), "created_at": _written(made), **by})

    def _account(self, number: int, founded: datetime) -> dict[str, Any]:
        """Every third company has a head office too: Square takes that for what is meant where no location is named."""
        customer, since = square_id("customer", number), {"created_at": _written(founded)}
        shop = {"id": self.location(number), "name": "Circuit Sage", "currency": CURRENCY, **since}
        head_office = {**shop, "id": f"H{shop['id'][1:]}", "name": "Head office", "main": True}
        return {
            "merchant_id": square_id("merchant", number),
            "locations": [shop, head_office] if number % 3 == 0 else [shop],
            "customers": [{"id": customer, "company_name": f"company-{number:02}", **since}],
            "cards": [{"id": square_id("card", number), "customer_id": customer, **since}],
            "events_enabled": True,
        }

    def _subscription(self, number: int, founded: datetime, billable: int, day: int) -> dict[str, Any]:
        """Every other company has a plan of its own, the others a price that overrides one."""
        due = {"amount": _cents(amount_due(billable, self._price)), "currency": CURRENCY}
        own = number % 2 == 0
        plan = {
            "type": "SUBSCRIPTION_PLAN_VARIATION",
            "id": square_id("plan", number if own else "location"),
            "version": 1,
            "is_deleted": False,
            "subscription_plan_variation_data": {
                "name": "Circuit Sage" if own else "Circuit Sage, one location",
                "phases": [
                    {
                        "cadence": "MONTHLY",
                        "ordinal": 0,
                        "pricing": {"type": "STATIC", "price_money": due if own else {**due, "amount": _cents(self._price)}},
                    }
                ],
            },
        }
        subscription = {
            "id": square_id("subscription", number),
            "location_id": self.location(number),
            "plan_variation_id": plan["id"],
            "customer_id": square_id("customer", number),
            "card_id": square_id("card", number),
            "start_date": founded.date().isoformat(),
            "status": "ACTIVE",
            "version": 1,
            "created_at": _written(founded),
            "timezone": "UTC",
            "monthly_billing_anchor_date": day,
            **({} if own else {"price_override_money": due}),
        }
        return {"subscription": subscription, "plan_variation": plan}

    def tell(self, base_url: str) -> str:
        """Let the Square simulator know; gives why it does not. It is asked by plain HTTP: an address with TLS is Square's, left alone."""
        if not base_url.startswith("http://"):
            return ""
        for path, told in (("accounts", self.accounts), ("subscriptions", {"subscriptions": self.subscriptions})):
            body = json.dumps(told).encode()
            request = urllib.request.Request(f"{base_url}/_sim/{path}", body, {"Content-Type": "application/json"})  # noqa: S310 - see above
            try:
                urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS).close()  # noqa: S310
            except OSError as failure:
                return f"the Square simulator at {base_url} does not take the {path} ({failure}); start it, then seed again"
        return ""
