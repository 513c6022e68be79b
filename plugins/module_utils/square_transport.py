# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connections to Square for many payments: what is read of an answer does not become objects of the SDK.

The SDK makes an object of each payment, with the type of each of its sixty fields looked up anew: 1 to 2 ms of processor time for each, and
0.2 s for a page of them. So payments, cards and events go past it, in a field that it does not know and leaves as it is.
"""

from __future__ import annotations

import json
import typing as t
from contextlib import suppress

with suppress(ImportError):  # without it nobody gets as far as making one
    import httpx

# What goes past the SDK, and the field in which it does.
_PAST = ("payment", "payments", "cards", "events")
PLAIN = "plain"
_KEPT = ("content-type", "retry-after", "retry-after-ms", "x-ratelimit-reset")


def past(content: bytes) -> bytes:
    """An answer with what goes past the SDK in its own field; any other one as it is."""
    try:
        body = json.loads(content)
    except ValueError:
        return content
    if not isinstance(body, dict) or not body.keys() & set(_PAST):
        return content
    plain = {name: body.pop(name) for name in _PAST if name in body}
    return json.dumps({**body, PLAIN: plain}).encode()


def client_of(base_url: str, seconds: float, connections: int) -> t.Any:
    """The connections to one address, so many at most. A proxy of the environment is for what leaves the host: that goes by TLS."""

    class Client(httpx.Client):
        """Hands on the answers so; a refusal is handed on as it is."""

        def send(self, request: httpx.Request, **options: t.Any) -> httpx.Response:
            response = super().send(request, **options)
            if not response.is_success:
                return response
            headers = {name: response.headers[name] for name in _KEPT if name in response.headers}
            return httpx.Response(response.status_code, headers=headers, content=past(response.content), request=request)

    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    return Client(timeout=seconds, limits=limits, trust_env=base_url.startswith("https://"))
