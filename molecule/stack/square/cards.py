# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an account has on file: cards, which may be disabled, customers and locations."""

from __future__ import annotations

from typing import Any

from answers import Answer, not_found
from call import Call
from faults import Faults
from moments import now, seconds_of
from pages import is_newest_first, page

# Square's number of cards in one page.
PAGE = 25

Value = dict[str, Any]


def answer(call: Call, faults: Faults) -> Value:
    """A call of one of these parts of the API."""
    account = call.account
    match [call.method, *call.names]:
        case ["GET", "locations"]:
            return {"locations": list(account.locations.values())}
        case ["GET", "locations", identity]:
            return {"location": _known(account.locations, account.main if identity == "main" else identity, "location")}
        case ["GET", "customers", identity]:
            return {"customer": _known(account.customers, identity, "customer")}
        case ["GET", "cards"]:
            return _listing(call, faults)
        case ["GET", "cards", identity]:
            return {"card": _shown(_known(account.cards, identity, "card"), faults)}
        case ["POST", "cards", identity, "disable"]:
            card = _known(account.cards, identity, "card")
            if card["enabled"]:
                card = {**card, "enabled": False, "disabled_at": now(), "version": card["version"] + 1}
                account.cards[identity] = card
            return {"card": card}
        case _:
            raise Answer(404, "NOT_FOUND", "Not found.")


def _known(found: dict[str, Value], identity: str, what: str) -> Value:
    if identity not in found:
        raise not_found(f"{what} with id: {identity}")
    return found[identity]


def _shown(card: Value, faults: Faults) -> Value:
    """A card that a fault disables is shown as disabled."""
    is_disabled = faults.disables({"card": card["id"], "customer_id": card.get("customer_id"), "merchant_id": card["merchant_id"]})
    return {**card, "enabled": False} if is_disabled else card


def _listing(call: Call, faults: Faults) -> Value:
    query = call.query
    asked = {name: query[name] for name in ("customer_id", "reference_id") if query.get(name)}
    with_disabled = query.get("include_disabled") == "true"
    shown = {identity: _shown(card, faults) for identity, card in call.account.cards.items()}
    keys = sorted(
        (seconds_of(card["created_at"], "created_at"), identity)
        for identity, card in shown.items()
        if (card["enabled"] or with_disabled) and all(card.get(name) == wanted for name, wanted in asked.items())
    )
    some, cursor = page(keys, shown.get, query, PAGE, newest_first=is_newest_first(query.get("sort_order"), "ASC"))
    return {"cards": some, **cursor}
