# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Refunds of payments that were completed, never of more than is left."""

from __future__ import annotations

import time
import uuid
from typing import Any

import forms
from answers import Answer, not_found
from call import Call
from checks import check_key, check_lengths, check_money, keep_key, made_before
from events import Events
from faults import Faults
from ledger import Ledger
from moments import written
from shelf import Kept

# Square's limit, in characters.
LENGTHS = {"reason": 192, "payment_id": 192}

Value = dict[str, Any]


class Refunds:
    """The refunds of all accounts; the caller holds a lock."""

    def __init__(self, ledger: Ledger, faults: Faults, events: Events) -> None:
        self._ledger = ledger
        self._faults = faults
        self._events = events

    def create(self, call: Call) -> Value:
        """POST /v2/refunds. It is pending when it is made, and completed some seconds later."""
        request, account = call.body, call.account
        key, money = check_key(request), check_money(request)
        check_lengths(request, LENGTHS)
        known = account.refunds.get(made_before(account, "refund", request))
        if known is not None:
            return {"refund": _now(known)}
        kept = account.payments.get(request.get("payment_id"))
        if kept is None:
            raise not_found(f"payment with id: {request.get('payment_id')}")
        _check_left(kept.value, money)
        moment = time.time()
        lag_seconds = self._ledger.lag_seconds(key, self._faults)
        refund = forms.refund(f"{kept.value['id']}_{uuid.uuid4().hex[:12]}", request, kept.value, written(moment))
        account.refunds.add({**refund, "status": "COMPLETED", "updated_at": written(moment + lag_seconds)}, moment, lag_seconds)
        keep_key(account, "refund", request, refund["id"])
        self._ledger.refund(refund, key)
        self._events.add(account, "refund.created", "refund", refund, moment)
        self._events.add(account, "payment.updated", "payment", kept.replace(forms.refunded(kept.value, refund)), moment)
        return {"refund": refund}

    def get(self, call: Call, identity: str) -> Value:
        """GET /v2/refunds/ID."""
        kept = call.account.refunds.get(identity)
        if kept is None:
            raise not_found(f"refund with id: {identity}")
        return {"refund": _now(kept)}

    def listing(self, call: Call) -> Value:
        """GET /v2/refunds, those of all locations where none is named."""
        query = call.query
        asked = {name: query[name] for name in ("location_id", "status") if query.get(name)}
        refunds = call.account.refunds
        found, cursor = refunds.page(query, lambda refund: all(refund[name] == wanted for name, wanted in asked.items()))
        return {"refunds": found, **cursor}


def _now(kept: Kept) -> Value:
    """The refund as it is: completed once it is listed."""
    return kept.listed(time.time()) or {**kept.value, "status": "PENDING", "updated_at": kept.value["created_at"]}


def _check_left(payment: Value, money: Value) -> None:
    if payment["status"] != "COMPLETED":
        raise Answer(400, "PAYMENT_NOT_REFUNDABLE", f"The payment is {payment['status']}.", "payment_id", "REFUND_ERROR")
    if money["currency"] != payment["amount_money"]["currency"]:
        raise Answer(400, "CURRENCY_MISMATCH", "The currency is not the payment's.", "amount_money.currency")
    left = payment["amount_money"]["amount"] - payment.get("refunded_money", {"amount": 0})["amount"]
    if money["amount"] > left:
        raise Answer(400, "REFUND_AMOUNT_INVALID", f"Of the payment {left} is left.", "amount_money.amount", "REFUND_ERROR")
