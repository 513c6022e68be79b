# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Payments: made once for each idempotency key, looked at, listed, completed and canceled."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

import forms
from accounts import Account
from answers import Answer, NoAnswer, is_number, missing, not_found
from call import Call
from checks import check_key, check_lengths, check_money, keep_key, made_before
from events import Events
from faults import Faults
from ledger import Ledger
from moments import seconds_of, written
from shelf import Kept

# Square's limits, in characters.
LENGTHS = {"reference_id": 40, "note": 500, "statement_description_identifier": 20, "customer_id": 191, "location_id": 50}

Value = dict[str, Any]


class Payments:
    """The payments of all accounts; the caller holds a lock."""

    def __init__(self, ledger: Ledger, faults: Faults, events: Events) -> None:
        self._ledger = ledger
        self._faults = faults
        self._events = events

    def create(self, call: Call) -> Value:
        """POST /v2/payments."""
        request, account = call.body, call.account
        if not isinstance(request.get("source_id"), str) or not request["source_id"]:
            raise missing("source_id")
        check_key(request)
        check_lengths(request, LENGTHS)
        check_money(request)
        known = made_before(account, "payment", request)
        on_file = None if known else self._accepted(account, request)
        fault = self._faults.on_payment(call, is_repeated=known is not None)
        if fault is not None and fault.mode == "timeout_before_charge":
            raise NoAnswer
        if fault is not None and fault.answer is not None and fault.mode != "failed_after_charge":
            raise fault.answer
        kept = account.payments.get(known) or self._make(account, request, on_file, fault.declined if fault else None)
        if fault is not None and fault.mode == "timeout_after_charge":
            raise NoAnswer
        if fault is not None and fault.answer is not None:
            raise fault.answer
        if kept.value["status"] == "FAILED":
            error = kept.value["card_details"]["errors"][0]
            declined = Answer(402, error["code"], error["detail"])
            declined.body["payment"] = kept.value
            raise declined
        return {"payment": kept.value}

    def get(self, call: Call, identity: str) -> Value:
        """GET /v2/payments/ID."""
        return {"payment": self._known(call.account, identity).value}

    def listing(self, call: Call) -> Value:
        """GET /v2/payments. Without a location only those of the main one, which is Square's trap."""
        query, account = call.query, call.account
        place = query.get("location_id") or account.main
        if place not in account.locations and not account.is_open:
            raise Answer(400, "INVALID_LOCATION", "The location is not one of this merchant's.", "location_id")
        found, cursor = account.payments.page(query, lambda payment: payment["location_id"] == place and _is_asked_for(query, payment))
        return {"payments": found, **cursor}

    def complete(self, call: Call, identity: str) -> Value:
        """POST /v2/payments/ID/complete."""
        kept = self._known(call.account, identity)
        if kept.value["status"] != "APPROVED":
            raise Answer(400, "BAD_REQUEST", f"A payment that is {kept.value['status']} cannot be completed.")
        return {"payment": self._settle(call.account, kept, "COMPLETED")}

    def cancel(self, call: Call, identity: str) -> Value:
        """POST /v2/payments/ID/cancel. Money that was taken is given back by a refund only."""
        kept = self._known(call.account, identity)
        if kept.value["status"] != "APPROVED":
            raise Answer(400, "BAD_REQUEST", f"A payment that is {kept.value['status']} cannot be canceled.")
        return {"payment": self._settle(call.account, kept, "CANCELED")}

    def cancel_by_key(self, call: Call) -> Value:
        """POST /v2/payments/cancel. A key that made nothing is answered as one whose payment was canceled."""
        _request, identity = call.account.keys.get(("payment", check_key(call.body)), ("", ""))
        kept = call.account.payments.get(identity)
        if kept is not None and kept.value["status"] not in ("FAILED", "CANCELED"):
            self.cancel(call, identity)
        return {}

    def made_by_square(self, account: Account, told: Value) -> Value:
        """A payment that no call of ours made, as Square's own billing of a subscription makes it."""
        if not is_number(told.get("amount")) or told["amount"] < 1:
            raise Answer(400, "INVALID_VALUE", "The amount is not one.", "amount")
        moment = seconds_of(told["created_at"], "created_at") if told.get("created_at") else time.time()
        place = told.get("location_id") or account.main
        identity = told.get("id") or uuid.uuid4().hex
        money = {"amount": told["amount"], "currency": told.get("currency") or account.currency_of(place)}
        request = {"amount_money": money, "source_id": told.get("card"), **{n: told.get(n) for n in ("customer_id", "reference_id")}}
        declined = "INSUFFICIENT_FUNDS" if told.get("status") == "FAILED" else ""
        status = told.get("status", "COMPLETED")
        on_file = account.cards.get(told.get("card", ""))
        payment = forms.payment(identity, request, place, on_file, written(moment), status, declined)
        payment["application_details"] = {"square_product": "INVOICES"}
        account.payments.add(payment, moment, self._ledger.lag_seconds(identity, self._faults))
        if status == "COMPLETED":
            self._ledger.charge(account, payment, told.get("card"), None)
        self._events.add(account, "payment.created", "payment", payment, moment)
        return {"payment": payment}

    def _make(self, account: Account, request: Value, on_file: Value | None, declined: str | None) -> Kept:
        moment = time.time()
        status = "FAILED" if declined else "COMPLETED" if request.get("autocomplete", True) else "APPROVED"
        place = request.get("location_id") or account.main
        payment = forms.payment(uuid.uuid4().hex, request, place, on_file, written(moment), status, declined or "")
        account.payments.add(payment, moment, self._ledger.lag_seconds(request["idempotency_key"], self._faults))
        keep_key(account, "payment", request, payment["id"])
        if status == "COMPLETED":
            self._ledger.charge(account, payment, request["source_id"], request["idempotency_key"])
        self._events.add(account, "payment.created", "payment", payment, moment)
        return self._known(account, payment["id"])

    def _settle(self, account: Account, kept: Kept, status: str) -> Value:
        payment = kept.replace(forms.settled(kept.value, status, written(time.time())))
        if status == "COMPLETED":
            key, source = self._made_with(account, payment["id"])
            self._ledger.charge(account, payment, source, key)
        self._events.add(account, "payment.updated", "payment", payment, time.time())
        return payment

    def _made_with(self, account: Account, identity: str) -> tuple[str, str]:
        """Key and card of the request that made a payment."""
        used = next((key, request) for (_kind, key), (request, made_id) in account.keys.items() if made_id == identity)
        return used[0], json.loads(used[1])["source_id"]

    def _known(self, account: Account, identity: str) -> Kept:
        kept = account.payments.get(identity)
        if kept is None:
            raise not_found(f"payment with id: {identity}")
        return kept

    def _accepted(self, account: Account, request: Value) -> Value | None:
        """The card on file of a new payment, where location, currency, customer and card are the account's own."""
        source, customer = request["source_id"], request.get("customer_id")
        on_file = account.cards.get(source)
        if not account.is_open:
            place = account.locations.get(request.get("location_id") or account.main)
            if place is None or place["status"] != "ACTIVE":
                raise Answer(400, "INVALID_LOCATION", "The location is not an active one of this merchant's.", "location_id")
            if request["amount_money"]["currency"] != place["currency"]:
                raise Answer(400, "CURRENCY_MISMATCH", f"The location takes {place['currency']}.", "amount_money.currency")
        if (on_file or source.startswith("ccof:")) and not customer:
            raise missing("customer_id")
        if customer and account.knows("customers") and customer not in account.customers:
            raise Answer(404, "CUSTOMER_NOT_FOUND", f"Customer with ID `{customer}` not found.", "customer_id")
        is_own = source.startswith("cnon:") or (on_file is not None and on_file.get("customer_id", customer) == customer)
        if account.knows("cards") and not is_own:
            raise not_found(f"card with id: {source}")
        if on_file is not None and not on_file["enabled"]:
            raise Answer(402, "INVALID_CARD", "The card on file is disabled.", "source_id")
        return on_file


def _is_asked_for(query: Value, payment: Value) -> bool:
    card = payment["card_details"]["card"]
    shown = {"total": str(payment["total_money"]["amount"]), "last_4": card["last_4"], "card_brand": card["card_brand"]}
    return all(query.get(name, value) == value for name, value in shown.items())
