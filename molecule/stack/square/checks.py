# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Square refuses of every request that moves money, and what an idempotency key was used for."""

from __future__ import annotations

import json
from typing import Any

from accounts import Account
from answers import Answer, is_number, missing

# Square's limit, in bytes.
KEY_LENGTH = 45

Value = dict[str, Any]


def check_key(request: Value) -> str:
    """The idempotency key of a request, where it is one."""
    key = request.get("idempotency_key")
    if not isinstance(key, str) or not key:
        raise missing("idempotency_key")
    if len(key.encode()) > KEY_LENGTH:
        raise Answer(400, "VALUE_TOO_LONG", f"Field must not be greater than {KEY_LENGTH} in length", "idempotency_key")
    return key


def check_lengths(request: Value, lengths: dict[str, int]) -> None:
    """Refuse a text that is longer than it may be, in characters, and what is no text."""
    for field, most in lengths.items():
        text = request.get(field)
        if text is not None and not isinstance(text, str):
            raise Answer(400, "EXPECTED_STRING", "Expected a string value.", field)
        if len(text or "") > most:
            raise Answer(400, "VALUE_TOO_LONG", f"Field must not be greater than {most} in length", field)


def check_money(request: Value) -> Value:
    """The amount of a request, where it is one."""
    money = request.get("amount_money")
    if not isinstance(money, dict) or not is_number(money.get("amount")) or not money.get("currency"):
        raise missing("amount_money")
    if money["amount"] < 1:
        raise Answer(400, "AMOUNT_TOO_LOW", "The amount is too low.", "amount_money.amount")
    return money


def made_before(account: Account, kind: str, request: Value) -> str | None:
    """The id of what this very request made before; the same key with another request is refused."""
    earlier = account.keys.get((kind, request["idempotency_key"]))
    if earlier is None:
        return None
    if earlier[0] != json.dumps(request, sort_keys=True):
        raise Answer(400, "IDEMPOTENCY_KEY_REUSED", "The key was used with other request data.", "idempotency_key")
    return earlier[1]


def keep_key(account: Account, kind: str, request: Value, identity: str) -> None:
    """Let the key stand for this request and what it made, for ever."""
    account.keys[kind, request["idempotency_key"]] = (json.dumps(request, sort_keys=True), identity)
