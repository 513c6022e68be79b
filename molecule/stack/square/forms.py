# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The forms in which Square shows what it has. What is told goes before what is made up here."""

from __future__ import annotations

import hashlib
from typing import Any

from answers import CATEGORY

# When all that was told was made.
LONG_AGO = "2024-01-08T09:00:00.000Z"
# How long a payment stays authorized that is not completed: Square's default for a card that is not there.
DELAY = "PT168H"
# What has happened to the card by then.
MOMENTS = {"COMPLETED": ("authorized_at", "captured_at"), "APPROVED": ("authorized_at",)}

Value = dict[str, Any]


def location(told: Value, merchant: str) -> Value:
    """A location; whether it is the main one is in no field of it."""
    made_up = {
        "name": told["id"],
        "timezone": "UTC",
        "capabilities": ["CREDIT_CARD_PROCESSING"],
        "status": "ACTIVE",
        "created_at": LONG_AGO,
        "merchant_id": merchant,
        "country": "US",
        "language_code": "en-US",
        "business_name": merchant,
        "type": "PHYSICAL",
    }
    return {**made_up, **{name: value for name, value in told.items() if name != "main"}}


def customer(told: Value) -> Value:
    """A customer's profile."""
    made_up = {
        "created_at": LONG_AGO,
        "updated_at": LONG_AGO,
        "preferences": {"email_unsubscribed": False},
        "creation_source": "THIRD_PARTY",
        "version": 0,
    }
    return {**made_up, **told}


def card(told: Value, merchant: str) -> Value:
    """A card on file."""
    made_up = {
        **_printed(told["id"]),
        "merchant_id": merchant,
        "enabled": True,
        "created_at": LONG_AGO,
        "version": 1,
    }
    return {**made_up, **told}


def _printed(source: str) -> Value:
    """What is on the card, which is no real one."""
    return {
        "card_brand": "VISA",
        "last_4": "1111",
        "exp_month": 12,
        "exp_year": 2035,
        "fingerprint": f"sq-1-{hashlib.sha256(source.encode()).hexdigest()[:32]}",
        "card_type": "CREDIT",
        "prepaid_type": "NOT_PREPAID",
        "bin": "411111",
    }


def payment(identity: str, request: Value, place: str, on_file: Value | None, moment: str, status: str, declined: str = "") -> Value:
    """A payment with a card: COMPLETED, APPROVED, or FAILED with the code of the decline."""
    money = request["amount_money"]
    printed = _printed(request.get("source_id") or "")
    details: Value = {
        "status": {"COMPLETED": "CAPTURED", "APPROVED": "AUTHORIZED", "CANCELED": "VOIDED"}.get(status, "FAILED"),
        "card": {name: (on_file or printed).get(name, printed[name]) for name in printed},
        "entry_method": "ON_FILE" if on_file else "KEYED",
        "cvv_status": "CVV_ACCEPTED",
        "avs_status": "AVS_ACCEPTED",
        "card_payment_timeline": dict.fromkeys(MOMENTS.get(status, ()), moment),
    }
    if declined:
        details["errors"] = [{"category": CATEGORY[402], "code": declined, "detail": f"Authorization error: '{declined}'"}]
    shown = {
        "id": identity,
        "created_at": moment,
        "updated_at": moment,
        "amount_money": money,
        "total_money": money,
        "approved_money": None if declined else money,
        "status": status,
        "delay_duration": request.get("delay_duration", DELAY),
        "delay_action": request.get("delay_action", "CANCEL"),
        "source_type": "CARD",
        "card_details": details,
        "location_id": place,
        "order_id": f"order-{identity}",
        "customer_id": request.get("customer_id"),
        "reference_id": request.get("reference_id"),
        "note": request.get("note"),
        "statement_description_identifier": request.get("statement_description_identifier"),
        "receipt_number": None if declined else identity[:4],
        "application_details": {"square_product": "ECOMMERCE_API"},
        "version_token": _token(identity, moment, status),
    }
    return {name: value for name, value in shown.items() if value is not None}


def settled(old: Value, status: str, moment: str) -> Value:
    """An authorized payment that is completed or canceled."""
    field, shown = {"COMPLETED": ("captured_at", "CAPTURED"), "CANCELED": ("voided_at", "VOIDED")}[status]
    details = old["card_details"]
    timeline = {**details["card_payment_timeline"], field: moment}
    changed = {"status": status, "updated_at": moment, "version_token": _token(old["id"], moment, status)}
    return {**old, **changed, "card_details": {**details, "status": shown, "card_payment_timeline": timeline}}


def refund(identity: str, request: Value, paid: Value, moment: str) -> Value:
    """A refund that is under way."""
    return {
        "id": identity,
        "status": "PENDING",
        "location_id": paid["location_id"],
        "unlinked": False,
        "destination_type": "CARD",
        "amount_money": request["amount_money"],
        "payment_id": paid["id"],
        "order_id": paid["order_id"],
        "created_at": moment,
        "updated_at": moment,
        **({"reason": request["reason"]} if request.get("reason") else {}),
    }


def refunded(old: Value, refund: Value) -> Value:
    """A payment of which something is given back."""
    money = refund["amount_money"]
    given_back = old.get("refunded_money", {"amount": 0})["amount"] + money["amount"]
    return {
        **old,
        "refunded_money": {**money, "amount": given_back},
        "refund_ids": [*old.get("refund_ids", []), refund["id"]],
        "updated_at": refund["created_at"],
        "version_token": _token(old["id"], refund["created_at"], refund["id"]),
    }


def _token(*names: str) -> str:
    return hashlib.sha256("/".join(names).encode()).hexdigest()[:24]
