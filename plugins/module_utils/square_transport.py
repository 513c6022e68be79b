# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connections to Square of many payments at once: what an answer holds beyond what is read here does not reach the SDK.

The SDK makes objects of everything in an answer, about 2 ms of processor time for each payment and 0.2 s for a page of them. Most of that
is for fields that nobody reads here.
"""

from __future__ import annotations

import json
import typing as t
from contextlib import suppress

with suppress(ImportError):  # without it nobody gets as far as making one
    import httpx

_PAYMENT = (
    *("id", "created_at", "updated_at", "status", "location_id", "customer_id", "reference_id", "amount_money", "refunded_money"),
    *("card_details", "note"),
)
_CARD_DETAILS = ("errors", "card")
# Of a payment that was asked for only whether it was made: what it is about was said in the request.
_MADE = ("id", "status")
_CARD = ("id",)
_CARDS = ("id", "customer_id", "enabled")
_KEPT = ("content-type", "retry-after", "retry-after-ms", "x-ratelimit-reset")


def _only(found: t.Any, names: t.Sequence[str]) -> dict[str, t.Any]:
    return {name: found[name] for name in names if found.get(name) is not None}


def slim_payment(found: t.Any, names: t.Sequence[str] = _PAYMENT) -> t.Any:
    """A payment with what is read of it."""
    if not isinstance(found, dict):
        return found
    slim = _only(found, names)
    details = slim.get("card_details")
    if isinstance(details, dict):
        kept = _only(details, _CARD_DETAILS)
        if isinstance(kept.get("card"), dict):
            kept["card"] = _only(kept["card"], _CARD)
        slim["card_details"] = kept
    return slim


def slim(content: bytes, is_made: bool = False) -> bytes:
    """An answer about payments or cards with what is read of it; any other one as it is. `is_made`: it is to a request for a payment."""
    try:
        body = json.loads(content)
    except ValueError:
        return content
    if not isinstance(body, dict) or not body.keys() & {"payment", "payments", "cards"}:
        return content
    if "payment" in body:
        body["payment"] = slim_payment(body["payment"], _MADE if is_made else _PAYMENT)
    if isinstance(body.get("payments"), list):
        body["payments"] = [slim_payment(one) for one in body["payments"]]
    if isinstance(body.get("cards"), list):
        body["cards"] = [_only(one, _CARDS) for one in body["cards"]]
    return json.dumps(body).encode()


def client_of(base_url: str, seconds: float, connections: int) -> t.Any:
    """The connections to one address, so many at most. A proxy of the environment is for what leaves the host: that goes by TLS."""

    class Slim(httpx.Client):
        """Hands on what is read of an answer."""

        def send(self, request: httpx.Request, **options: t.Any) -> httpx.Response:
            response = super().send(request, **options)
            headers = {name: response.headers[name] for name in _KEPT if name in response.headers}
            return httpx.Response(
                response.status_code, headers=headers, content=slim(response.content, request.method == "POST"), request=request
            )

    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    return Slim(timeout=seconds, limits=limits, trust_env=base_url.startswith("https://"))
