# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the simulator remembers: payments, and each idempotency key with the request it came with."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from answers import Answer

MAIN_LOCATION = "LMAIN"
# Square's limits, in characters.
KEY_LENGTH = 45
REFERENCE_LENGTH = 40
NOTE_LENGTH = 500
PAGE = 100


def now() -> str:
    """The moment as Square writes it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def check(request: dict[str, Any]) -> None:
    """Refuse what Square refuses."""
    for field in ("source_id", "idempotency_key"):
        if not isinstance(request.get(field), str) or not request[field]:
            raise Answer(400, "MISSING_REQUIRED_PARAMETER", "Missing required parameter.", field)
    for field, most in (("idempotency_key", KEY_LENGTH), ("reference_id", REFERENCE_LENGTH), ("note", NOTE_LENGTH)):
        if len(str(request.get(field, "")).encode()) > most:
            raise Answer(400, "VALUE_TOO_LONG", f"Field must not be greater than {most} in length", field)
    money = request.get("amount_money")
    amount = money.get("amount") if isinstance(money, dict) else None
    if not isinstance(amount, int) or isinstance(amount, bool) or not isinstance(money, dict) or not money.get("currency"):
        raise Answer(400, "MISSING_REQUIRED_PARAMETER", "Missing required parameter.", "amount_money")
    if amount < 1:
        raise Answer(400, "AMOUNT_TOO_LOW", "The amount is too low.", "amount_money.amount")
    if request["source_id"].startswith("ccof:") and not request.get("customer_id"):
        raise Answer(400, "MISSING_REQUIRED_PARAMETER", "A card on file needs its customer.", "customer_id")


class Ledger:
    """Payments in the order in which they were made; the caller holds a lock."""

    def __init__(self) -> None:
        self.payments: dict[str, dict[str, Any]] = {}
        self.requests: list[dict[str, Any]] = []
        self._keys: dict[str, tuple[str, str]] = {}

    def known(self, request: dict[str, Any]) -> dict[str, Any] | None:
        """The payment that this very request made before; the same key with another request is refused."""
        earlier = self._keys.get(request["idempotency_key"])
        if earlier is None:
            return None
        if earlier[0] != json.dumps(request, sort_keys=True):
            raise Answer(400, "IDEMPOTENCY_KEY_REUSED", "The key was used with other request data.", "idempotency_key")
        return self.payments[earlier[1]]

    def charge(self, request: dict[str, Any], declined: str | None = None) -> dict[str, Any]:
        """Record a payment: completed, or failed with a decline code."""
        moment = now()
        payment = {
            "id": uuid.uuid4().hex,
            "created_at": moment,
            "updated_at": moment,
            "amount_money": request["amount_money"],
            "total_money": request["amount_money"],
            "status": "FAILED" if declined else "COMPLETED",
            "source_type": "CARD",
            "location_id": request.get("location_id", MAIN_LOCATION),
            "customer_id": request.get("customer_id"),
            "reference_id": request.get("reference_id"),
            "note": request.get("note"),
        }
        payment = {name: value for name, value in payment.items() if value is not None}
        if declined:
            error = {"category": "PAYMENT_METHOD_ERROR", "code": declined, "detail": f"Authorization error: '{declined}'"}
            payment["card_details"] = {"status": "FAILED", "errors": [error]}
        self.payments[payment["id"]] = payment
        self._keys[request["idempotency_key"]] = (json.dumps(request, sort_keys=True), payment["id"])
        return payment

    def listing(self, query: dict[str, str]) -> dict[str, Any]:
        """A page of payments; without a location only those of the main one, which is Square's trap."""
        limit = min(int(query.get("limit", PAGE)), PAGE)
        year = (datetime.now(UTC) - timedelta(days=365)).isoformat()
        begin, end = query.get("begin_time", year), query.get("end_time", "9999")
        place = query.get("location_id", MAIN_LOCATION)
        found = [p for p in self.payments.values() if p["location_id"] == place and begin <= p["created_at"] < end]
        if query.get("sort_order", "DESC") == "DESC":
            found.reverse()
        start = int(query.get("cursor", 0))
        page: dict[str, Any] = {"payments": found[start : start + limit]}
        if start + limit < len(found):
            page["cursor"] = str(start + limit)
        return page
