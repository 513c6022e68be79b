# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The accounts of merchants: their locations, customers and cards, and what each has made. Each is known by the fingerprint of its token.

Whoever seeds the database tells them; they are kept in a file, since the container may be restarted and Square forgets nothing.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import forms
from answers import Answer, missing
from moments import seconds_of
from shelf import Shelf
from subscriptions import fingerprint

# The account of every token, as long as no account is told.
ANYBODY = {"merchant_id": "MANYBODY", "locations": [{"id": "LMAIN", "name": "Main", "currency": "USD", "main": True}]}
# What is told of an account, and what each of it needs to have.
NEEDED = {"locations": ("id", "currency"), "customers": ("id",), "cards": ("id",), "payments": ("id", "amount", "created_at")}

Entry = dict[str, Any]


class Account:
    """One merchant, and what was made in its name."""

    def __init__(self, told: Entry, is_open: bool) -> None:
        self.told = told
        self.is_open = is_open
        self.merchant_id: str = told["merchant_id"]
        self.payments = Shelf()
        self.refunds = Shelf()
        # What an idempotency key was used for: the request, and the id of what it made.
        self.keys: dict[tuple[str, str], tuple[str, str]] = {}
        self.events: list[Entry] = []
        self.are_events_enabled: bool = told.get("events_enabled", False)
        self.locations: dict[str, Entry] = {}
        self.customers: dict[str, Entry] = {}
        self.cards: dict[str, Entry] = {}
        self.main: str = next((one["id"] for one in told["locations"] if one.get("main")), told["locations"][0]["id"])
        self.take(told)

    def take(self, told: Entry) -> None:
        """Take what is new of what is told; the rest stays as it is."""
        for one in told["locations"]:
            self.locations.setdefault(one["id"], forms.location(one, self.merchant_id))
        for one in told.get("customers", []):
            self.customers.setdefault(one["id"], forms.customer(one))
        for one in told.get("cards", []):
            self.cards.setdefault(one["id"], forms.card(one, self.merchant_id))
        for one in told.get("payments", []):
            if self.payments.get(one["id"]) is None:
                self.payments.add(self._earlier(one), seconds_of(one["created_at"], "created_at"), 0)

    def knows(self, kind: str) -> bool:
        """Whether what belongs to it was told, so that anything else is unknown."""
        return kind in self.told

    def has(self, told: Entry) -> bool:
        """Whether the account is the one that a control call means; what it does not name fits all."""
        places = {"merchant_id": [self.merchant_id], "location_id": self.locations, "customer_id": self.customers, "card": self.cards}
        return self.is_open or all(told[name] in known for name, known in places.items() if told.get(name))

    def _earlier(self, one: Entry) -> Entry:
        money = {"amount": one["amount"], "currency": one.get("currency") or self.currency_of(one.get("location_id"))}
        request = {"amount_money": money, **{name: one.get(name) for name in ("location_id", "customer_id", "reference_id")}}
        status = one.get("status", "COMPLETED")
        place = one.get("location_id") or self.main
        shown = forms.payment(one["id"], request, place, self.cards.get(one.get("card", "")), one["created_at"], status)
        return {**shown, "application_details": {"square_product": "INVOICES"}}

    def currency_of(self, location: str | None) -> str:
        """The currency of a location, or of the main one."""
        known = self.locations.get(location or self.main)
        return str(known["currency"]) if known else "USD"


class Accounts:
    """All accounts; the caller holds a lock."""

    def __init__(self, file: Path, token: str) -> None:
        self._file = file
        self._only = fingerprint(token) if token else ""
        self._told: dict[str, Entry] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        self._accounts: dict[str, Account] = {}
        self.reset()

    def reset(self) -> None:
        """Make them what they were told to be, with nothing made since."""
        self._accounts = {one["token_sha256"]: Account(one, is_open=False) for one in self._told.values()}
        if not self._accounts:
            self._accounts = {"": Account(ANYBODY, is_open=True)}

    def tell(self, entries: list[Any]) -> Entry:
        """Take those that are not known, and of the known ones what is new."""
        for entry in entries:
            _check(entry)
        self._accounts.pop("", None)
        for entry in entries:
            known = self._told.setdefault(entry["merchant_id"], {**entry, **{kind: [] for kind in NEEDED if kind in entry}})
            for kind in set(NEEDED) & set(entry):
                there = {one["id"] for one in known.setdefault(kind, [])}
                known[kind] += [one for one in entry[kind] if one["id"] not in there]
            account = self._accounts.setdefault(known["token_sha256"], Account(known, is_open=False))
            account.take(known)
        self._keep()
        return {"known": len(self._told)}

    def shown(self) -> Entry:
        """What was told, without the fingerprints of tokens."""
        return {"accounts": [{name: value for name, value in one.items() if name != "token_sha256"} for one in self._told.values()]}

    def of(self, authorization: str) -> tuple[Account, str]:
        """The token that a request has, and whose it is."""
        scheme, _, token = authorization.partition(" ")
        mark = fingerprint(token)
        account = self._accounts.get(mark) or self._accounts.get("")
        if scheme != "Bearer" or not token or account is None or (self._only and mark != self._only):
            raise Answer(401, "UNAUTHORIZED", "This request could not be authorized.")
        return account, token

    def of_fingerprint(self, mark: str) -> Account | None:
        """The account of a token of which only the fingerprint is known."""
        return self._accounts.get(mark) or self._accounts.get("")

    def meant(self, told: Entry) -> Account:
        """The account that a control call means."""
        found = [account for account in self._accounts.values() if account.has(told)]
        if len(found) != 1:
            raise Answer(400, "INVALID_VALUE", f"{len(found)} accounts fit; name one by merchant_id.", "merchant_id")
        return found[0]

    def set_card(self, identity: str, values: Entry) -> Entry:
        """Do what somebody in Square's dashboard does with a card, until a reset."""
        for account in self._accounts.values():
            if identity in account.cards:
                account.cards[identity] = {**account.cards[identity], **values}
                return {"card": account.cards[identity]}
        raise Answer(404, "NOT_FOUND", "Not found.")

    def forget(self, identity: str) -> Entry:
        """Let a payment never have been made, until a reset; gives what is gone, and whose it was."""
        for account in self._accounts.values():
            if account.payments.get(identity) is not None:
                return {"payment": account.payments.remove(identity).value, "merchant_id": account.merchant_id}
        raise Answer(404, "NOT_FOUND", "Not found.")

    def _keep(self) -> None:
        half = self._file.with_suffix(".half")
        half.write_text(json.dumps(self._told), encoding="utf-8")
        half.replace(self._file)


def _check(entry: Any) -> None:
    """Refuse an account that lacks what every account has."""
    if not isinstance(entry, dict):
        raise Answer(400, "EXPECTED_OBJECT", "An account is not an object.")
    for name in ("token_sha256", "merchant_id", "locations"):
        if not entry.get(name):
            raise missing(name)
    for kind, names in NEEDED.items():
        for one in entry.get(kind, []):
            for name in names:
                if not one.get(name):
                    raise missing(f"{kind}.{name}")
    for one in entry.get("payments", []):
        seconds_of(one["created_at"], "payments.created_at")
