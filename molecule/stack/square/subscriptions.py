# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The subscriptions that the simulator knows, each with the plan variation it is priced by, seen only under the token of its company.

Whoever seeds the database tells them; they are kept in a file, since the container may be restarted and Square forgets nothing.
"""

from __future__ import annotations

import copy
import hashlib
import json
from pathlib import Path
from typing import Any

from answers import Answer

# Square's default and greatest number of subscriptions in one page.
PAGE = 200

Entry = dict[str, Any]


def fingerprint(token: str) -> str:
    """What is kept of an access token."""
    return hashlib.sha256(token.encode()).hexdigest()


class Subscriptions:
    """The subscriptions as they were told and as they are now; the caller holds a lock, and gets copies, which need none."""

    def __init__(self, file: Path) -> None:
        self._file = file
        kept = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {"seeded": {}, "now": {}}
        self._seeded: dict[str, Entry] = kept["seeded"]
        self._now: dict[str, Entry] = kept["now"]

    def seed(self, entries: list[Entry]) -> dict[str, Any]:
        """Take those that are not known: `token_sha256`, `subscription` and `plan_variation`, the last two as Square answers them."""
        for entry in entries:
            identity = entry["subscription"]["id"]
            if identity not in self._seeded:
                self._seeded[identity] = entry
                self._now[identity] = copy.deepcopy(entry)
        self._keep()
        return {"known": len(self._seeded)}

    def reset(self) -> dict[str, Any]:
        """Make them what they were told to be."""
        self._now = copy.deepcopy(self._seeded)
        self._keep()
        return {"known": len(self._now)}

    def told(self) -> dict[str, Any]:
        """All of them as they are, without the fingerprints of tokens."""
        kept = ("subscription", "plan_variation")
        return {"subscriptions": [{name: copy.deepcopy(entry[name]) for name in kept} for entry in self._now.values()]}

    def change(self, identity: str, values: dict[str, Any]) -> dict[str, Any]:
        """Do what somebody in Square's dashboard does: no token and no version is asked for, and the version grows."""
        entry = self._now.get(identity)
        if entry is None:
            raise Answer(404, "NOT_FOUND", "Not found.")
        entry["plan_variation"].update(values.get("plan_variation", {}))
        return {"subscription": self._written(entry, values.get("subscription", {}))}

    def owner(self, identity: str) -> str:
        """The fingerprint of its company's token."""
        return str(self._now[identity]["token_sha256"])

    def get(self, identity: str, token: str) -> dict[str, Any]:
        """GET /v2/subscriptions/ID."""
        return {"subscription": copy.deepcopy(self._own(identity, token)["subscription"])}

    def search(self, request: dict[str, Any], token: str) -> dict[str, Any]:
        """POST /v2/subscriptions/search, filtered by customer and location."""
        wanted = (request.get("query") or {}).get("filter") or {}
        filters = [field for field in ("customer_id", "location_id") if wanted.get(f"{field}s")]
        limit, cursor = request.get("limit", PAGE), request.get("cursor") or "0"
        if not isinstance(limit, int) or not 1 <= limit <= PAGE or not str(cursor).isdecimal():
            raise Answer(400, "INVALID_VALUE", "Not a page of this simulator's.", "limit")
        found = [
            copy.deepcopy(entry["subscription"])
            for entry in self._now.values()
            if entry["token_sha256"] == fingerprint(token) and all(entry["subscription"][field] in wanted[f"{field}s"] for field in filters)
        ]
        start = int(cursor)
        page: dict[str, Any] = {"subscriptions": found[start : start + limit]}
        if start + limit < len(found):
            page["cursor"] = str(start + limit)
        return page

    def plan_variation(self, identity: str, token: str) -> dict[str, Any]:
        """GET /v2/catalog/object/ID."""
        for entry in self._now.values():
            if entry["plan_variation"]["id"] == identity and entry["token_sha256"] == fingerprint(token):
                return {"object": copy.deepcopy(entry["plan_variation"])}
        raise Answer(404, "NOT_FOUND", f"Catalog object with ID `{identity}` not found.")

    def update(self, identity: str, request: dict[str, Any], token: str) -> dict[str, Any]:
        """PUT /v2/subscriptions/ID. A version that is not the present one conflicts; without one the present one is meant."""
        entry = self._own(identity, token)
        wanted = request.get("subscription")
        if not isinstance(wanted, dict):
            raise Answer(400, "MISSING_REQUIRED_PARAMETER", "Missing required parameter.", "subscription")
        version = wanted.get("version", entry["subscription"]["version"])
        if not isinstance(version, int) or isinstance(version, bool):
            raise Answer(400, "INVALID_VALUE", "The version is not a number.", "subscription.version")
        if version != entry["subscription"]["version"]:
            raise Answer(409, "CONFLICT", "The version is not the version in the database.", "subscription.version")
        other = sorted(set(wanted) - {"version", "price_override_money"})
        if other:
            raise Answer(400, "BAD_REQUEST", "This simulator changes the price override alone.", f"subscription.{other[0]}")
        if wanted.get("price_override_money") is not None:
            _check_price(wanted["price_override_money"], entry["plan_variation"])
        changed = {name: wanted[name] for name in ("price_override_money",) if name in wanted}
        return {"subscription": self._written(entry, changed)}

    def _own(self, identity: str, token: str) -> Entry:
        entry = self._now.get(identity)
        if entry is None or entry["token_sha256"] != fingerprint(token):
            raise Answer(404, "NOT_FOUND", f"Could not find Subscription with id: {identity}")
        return entry

    def _written(self, entry: Entry, values: dict[str, Any]) -> dict[str, Any]:
        """Set values, those that are null not at all any more, under a new version."""
        subscription: dict[str, Any] = entry["subscription"]
        subscription.update(values)
        for name in [name for name, value in subscription.items() if value is None]:
            del subscription[name]
        subscription["version"] += 1
        self._keep()
        return copy.deepcopy(subscription)

    def _keep(self) -> None:
        half = self._file.with_suffix(".half")
        half.write_text(json.dumps({"seeded": self._seeded, "now": self._now}), encoding="utf-8")
        half.replace(self._file)


def _check_price(money: Any, variation: Entry) -> None:
    """Refuse an amount that is none, one in another currency, and any where the price is that of the items."""
    pricing = variation["subscription_plan_variation_data"]["phases"][-1]["pricing"]
    if pricing["type"] != "STATIC":
        raise Answer(400, "INVALID_VALUE", "Only a plan with static pricing can be overridden.", "subscription.price_override_money")
    amount = money.get("amount") if isinstance(money, dict) else None
    if not isinstance(amount, int) or isinstance(amount, bool) or amount < 0:
        raise Answer(400, "INVALID_VALUE", "The amount is not one.", "subscription.price_override_money.amount")
    if money.get("currency") != pricing["price_money"]["currency"]:
        raise Answer(400, "INVALID_VALUE", "The currency is not the plan's.", "subscription.price_override_money.currency")
