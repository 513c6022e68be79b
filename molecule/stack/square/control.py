# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a test tells the simulator and reads from it, under addresses that Square itself has not."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

from answers import Answer
from call import Call, parsed
from faults import Faults
from ledger import Ledger
from simulator import Simulator

LONGEST_LAG_SECONDS = 60

Value = dict[str, Any]


def control(simulator: Simulator, method: str, target: str, body: bytes) -> bytes:
    """The answer to a control call, as it is sent: what it shows may change as soon as the lock is free."""
    url = urlsplit(target)
    with simulator.lock:
        return json.dumps(_answer(simulator, [method, *url.path.split("/")[2:]], parse_qs(url.query), body)).encode()


def _answer(simulator: Simulator, asked: list[str], query: dict[str, list[str]], body: bytes) -> Value:
    books = simulator.books
    match asked:
        case ["GET", "ledger"]:
            return books.ledger.shown()
        case ["GET", "faults"]:
            return books.faults.told()
        case ["POST", "faults"]:
            faults = Faults(_listed(body), _seed(query.get("seed", [""])[0]))
            simulator.begin(books.ledger, faults)
            return {"faults": len(faults.told()["faults"]), "seed": faults.seed}
        case ["GET", "accounts"]:
            return simulator.accounts.shown()
        case ["POST", "accounts"]:
            return simulator.accounts.tell(_listed(body))
        case ["POST", "payments"]:
            told = parsed(body)
            return books.payments.made_by_square(simulator.accounts.meant(told), told)
        case ["POST", "payments", identity, "forget"]:
            return simulator.accounts.forget(identity)
        case ["POST", "requests"]:
            # As if whoever has the token had asked for it: POST /v2/payments.
            told = parsed(body)
            account = simulator.accounts.meant({name: told.get(name) for name in ("location_id", "customer_id")})
            return books.payments.create(Call("POST", "/v2/payments", body, account, ""))
        case ["POST", "cards", identity]:
            return simulator.accounts.set_card(identity, parsed(body))
        case ["POST", "listing"]:
            books.ledger.lag = _lag(parsed(body))
            return {"lag_seconds": books.ledger.lag}
        case ["GET", "webhook"]:
            return simulator.webhook.shown()
        case ["POST", "webhook"]:
            return simulator.webhook.set(parsed(body))
        case ["POST", "reset"]:
            simulator.accounts.reset()
            simulator.subscriptions.reset()
            simulator.webhook.forget()
            simulator.begin(Ledger(books.ledger.lag), Faults())
            return {"reset": True}
        case [_, "subscriptions", *_]:
            return _subscriptions(simulator, asked, body)
        case _:
            raise Answer(404, "NOT_FOUND", "Not found.")


def _subscriptions(simulator: Simulator, asked: list[str], body: bytes) -> Value:
    subscriptions = simulator.subscriptions
    match asked:
        case ["GET", "subscriptions"]:
            return subscriptions.told()
        case ["POST", "subscriptions"]:
            return subscriptions.seed(parsed(body)["subscriptions"])
        case ["POST", "subscriptions", "reset"]:
            return subscriptions.reset()
        case ["POST", "subscriptions", identity]:
            answer = subscriptions.change(identity, parsed(body))
            simulator.subscription_changed(simulator.accounts.of_fingerprint(subscriptions.owner(identity)), answer)
            return answer
        case _:
            raise Answer(404, "NOT_FOUND", "Not found.")


def _listed(body: bytes) -> list[Any]:
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    if not isinstance(found, list):
        raise Answer(400, "EXPECTED_ARRAY", "The body is not a JSON list.")
    return found


def _seed(text: str) -> int | None:
    if text and not text.isdecimal():
        raise Answer(400, "INVALID_VALUE", "The seed is not a whole number.", "seed")
    return int(text) if text else None


def _lag(told: Value) -> float | None:
    lag = told.get("lag_seconds")
    if lag is not None and (isinstance(lag, bool) or not isinstance(lag, int | float) or not 0 <= lag <= LONGEST_LAG_SECONDS):
        raise Answer(400, "INVALID_VALUE", f"The lag is from 0 to {LONGEST_LAG_SECONDS} seconds, or null.", "lag_seconds")
    return lag
