# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One call of Square's API, as it is routed, and as a fault is matched with it."""

from __future__ import annotations

import json
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from accounts import Account
from answers import Answer


class Call:
    """Who calls what, with which values."""

    def __init__(self, method: str, target: str, body: bytes, account: Account, token: str) -> None:
        url = urlsplit(target)
        self.method = method
        self.path = url.path
        # Version and resource: ["payments", ID, "cancel"].
        self.names = url.path.split("/")[2:]
        self.query = dict(parse_qsl(url.query))
        self.body = parsed(body)
        self.account = account
        self.token = token

    @cached_property
    def facts(self) -> dict[str, Any]:
        """What a fault may ask for."""
        kind, identity = (*self.names, "", "")[:2]
        named = {"card": identity} if kind == "cards" else {"customer_id": identity} if kind == "customers" else {}
        return {
            "method": self.method,
            "card": self.body.get("source_id"),
            "merchant_id": self.account.merchant_id,
            **{name: self.body.get(name, self.query.get(name)) for name in ("customer_id", "location_id")},
            **{name: self.body.get(name) for name in ("reference_id", "idempotency_key")},
            **named,
        }

    @property
    def identity(self) -> str:
        """What the call is for, the same when it is made again."""
        return str(self.body.get("idempotency_key") or f"{self.method} {self.path}")


def parsed(body: bytes) -> dict[str, Any]:
    """A request's JSON object."""
    try:
        found = json.loads(body or b"{}")
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Answer(400, "BAD_REQUEST", "The body is not a JSON object.")
    return found
