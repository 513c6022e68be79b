# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What really happened since the last reset, for the tests to judge by: charges, refunds, and calls."""

from __future__ import annotations

from typing import Any

from accounts import Account
from faults import Faults
from moments import now

# Square says several seconds.
LAG_SECONDS = (2.0, 5.0)

Value = dict[str, Any]


class Ledger:
    """Charges in the order in which they were made; the caller holds a lock."""

    def __init__(self, lag: float | None = None) -> None:
        self.lag = lag
        self._charges: list[Value] = []
        self._refunds: list[Value] = []
        self._requests: list[Value] = []
        self._in_flight = 0
        self._in_flight_most = 0

    def shown(self) -> Value:
        """All of it."""
        return {
            "charges": self._charges,
            "refunds": self._refunds,
            "requests": self._requests,
            "in_flight_most": self._in_flight_most,
        }

    def lag_seconds(self, name: str, faults: Faults) -> float:
        """How long after it was made a listing shows something."""
        least, most = LAG_SECONDS
        return self.lag if self.lag is not None else least + (most - least) * faults.share("lag", name)

    def begin(self, method: str, path: str) -> Value:
        """A call comes in; its status is added when it is answered."""
        self._in_flight += 1
        self._in_flight_most = max(self._in_flight_most, self._in_flight)
        request = {"at": now(), "method": method, "path": path, "status": None}
        self._requests.append(request)
        return request

    def end(self, request: Value, status: int | None) -> None:
        """A call is answered, or its connection closed."""
        self._in_flight -= 1
        request["status"] = status

    def charge(self, account: Account, payment: Value, card: str | None, key: str | None) -> None:
        """Money was taken."""
        self._charges.append(
            {
                "payment_id": payment["id"],
                "reference_id": payment.get("reference_id"),
                **payment["amount_money"],
                "card": card,
                "at": payment["updated_at"],
                "customer_id": payment.get("customer_id"),
                "location_id": payment["location_id"],
                "merchant_id": account.merchant_id,
                "idempotency_key": key,
            }
        )

    def refund(self, refund: Value, key: str) -> None:
        """Money was given back."""
        self._refunds.append(
            {
                "refund_id": refund["id"],
                "payment_id": refund["payment_id"],
                **refund["amount_money"],
                "at": refund["created_at"],
                "reason": refund.get("reason"),
                "idempotency_key": key,
            }
        )
