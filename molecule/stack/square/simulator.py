# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of the simulator, and which part of it answers which call of Square's API."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any, NamedTuple

import cards
import webhook_subscriptions
from accounts import Account, Accounts
from answers import Answer, NoAnswer
from call import Call
from events import Events
from faults import Faults
from ledger import Ledger
from payments import Payments
from refunds import Refunds
from subscriptions import Subscriptions
from webhook import Webhook

Value = dict[str, Any]


class Books(NamedTuple):
    """What a call finds and adds to. One that is under way at a reset ends in the books in which it began."""

    ledger: Ledger
    faults: Faults
    payments: Payments
    refunds: Refunds


class Simulator:
    """All that is known. One call at a time changes it; the seconds that a call is made to last are outside of the lock."""

    def __init__(self, token: str, home: Path) -> None:
        self.lock = threading.Lock()
        self.subscriptions = Subscriptions(home / "subscriptions.json")
        self.accounts = Accounts(home / "accounts.json", token)
        self.webhook = Webhook()
        self.events = Events(self.webhook)
        self.begin(Ledger(), Faults())

    def begin(self, ledger: Ledger, faults: Faults) -> None:
        """Go on with another ledger or other faults."""
        self.books = Books(ledger, faults, Payments(ledger, faults, self.events), Refunds(ledger, faults, self.events))

    def answer(self, method: str, target: str, authorization: str, body: bytes) -> Value:
        """The body of the answer to a call that goes well. Values of an answer are never changed later, so they need no lock."""
        with self.lock:
            books = self.books
            request = books.ledger.begin(method, target.partition("?")[0])
        status: int | None = None
        try:
            answered = self._answer(books, (method, target, body), authorization)
            status = 200
            return answered
        except Answer as refused:
            status = refused.status
            raise
        finally:
            with self.lock:
                books.ledger.end(request, status)

    def _answer(self, books: Books, asked: tuple[str, str, bytes], authorization: str) -> Value:
        with self.lock:
            call = Call(*asked, *self.accounts.of(authorization))
            fault = books.faults.on_call(call)
        try:
            _pass(fault.latency_seconds / 2)
            if fault.instead is not None:
                raise fault.instead()
            with self.lock:
                answered = self._route(books, call)
        except Answer:
            if fault.is_answer_lost:
                raise NoAnswer from None
            raise
        finally:
            _pass(fault.latency_seconds / 2)
        if fault.is_answer_lost:
            raise NoAnswer
        return answered

    def _route(self, books: Books, call: Call) -> Value:
        payments, refunds = books.payments, books.refunds
        match [call.method, *call.names]:
            case ["POST", "payments"]:
                return payments.create(call)
            case ["GET", "payments"]:
                return payments.listing(call)
            case ["POST", "payments", "cancel"]:
                return payments.cancel_by_key(call)
            case ["GET", "payments", identity]:
                return payments.get(call, identity)
            case ["POST", "payments", identity, "cancel"]:
                return payments.cancel(call, identity)
            case ["POST", "payments", identity, "complete"]:
                return payments.complete(call, identity)
            case ["POST", "refunds"]:
                return refunds.create(call)
            case ["GET", "refunds"]:
                return refunds.listing(call)
            case ["GET", "refunds", identity]:
                return refunds.get(call, identity)
            case [_, "cards" | "customers" | "locations", *_]:
                return cards.answer(call, books.faults)
            case [_, "webhooks", *_]:
                return webhook_subscriptions.answer(call, self.webhook)
            case ["POST", "events"]:
                return self.events.search(call)
            case ["PUT", "events", ("enable" | "disable") as wanted]:
                return self.events.enable(call, wanted=wanted == "enable")
            case _:
                return self._subscription(call)

    def _subscription(self, call: Call) -> Value:
        match [call.method, *call.names]:
            case ["POST", "subscriptions", "search"]:
                return self.subscriptions.search(call.body, call.token)
            case ["GET", "subscriptions", identity]:
                return self.subscriptions.get(identity, call.token)
            case ["PUT", "subscriptions", identity]:
                answer = self.subscriptions.update(identity, call.body, call.token)
                self.subscription_changed(call.account, answer)
                return answer
            case ["GET", "catalog", "object", identity]:
                return self.subscriptions.plan_variation(identity, call.token)
            case _:
                raise Answer(404, "NOT_FOUND", "Not found.")

    def subscription_changed(self, account: Account | None, answer: Value) -> None:
        """A subscription has another version."""
        if account is not None:
            self.events.add(account, "subscription.updated", "subscription", answer["subscription"], time.time())


def _pass(seconds: float) -> None:
    """Let seconds pass. To sleep for none would cost more than the call itself."""
    if seconds:
        time.sleep(seconds)
