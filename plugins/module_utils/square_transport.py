# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connections to Square for many payments: the SDK asks through them as through those of httpx, at half of the processor time.

What is read of an answer does not become objects of the SDK either. It makes an object of each payment, with the type of each of its sixty
fields looked up anew: 1 to 2 ms of processor time for each, and 0.2 s for a page of them. So payments, cards, events and locations go past
it, in a field that it does not know and leaves as it is.
"""

from __future__ import annotations

import json
import typing as t
from collections.abc import Mapping
from contextlib import suppress
from types import SimpleNamespace
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

with suppress(ImportError):  # without them nobody gets as far as making one
    import httpx
    import urllib3

# What goes past the SDK, and the field in which it does.
_PAST = ("payment", "payments", "card", "cards", "events", "location", "locations")
PLAIN = "plain"


def past(body: t.Any) -> t.Any:
    """An answer with what goes past the SDK in its own field; any other one as it is."""
    if not isinstance(body, dict) or not body.keys() & set(_PAST):
        return body
    plain = {name: body.pop(name) for name in _PAST if name in body}
    return {**body, PLAIN: plain}


class Answered:
    """An answer, as far as the SDK looks at it. A refusal is handed on as it is."""

    def __init__(self, status: int, headers: Mapping[str, str], content: bytes) -> None:
        self.status_code, self.headers, self._content = status, headers, content

    @property
    def text(self) -> str:
        return self._content.decode("utf-8", "replace")

    def json(self) -> t.Any:
        """What it holds."""
        body = json.loads(self.text)
        return past(body) if 200 <= self.status_code < 300 else body


class Client:
    """What the SDK takes for a client of httpx. Its errors are httpx's."""

    def __init__(self, pool: t.Any, seconds: float) -> None:
        self._pool = pool
        self.timeout = SimpleNamespace(read=seconds)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_error: object) -> None:
        self._pool.close()

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        params: t.Any = None,
        json: t.Any = None,
        **_files_and_forms: t.Any,
    ) -> Answered:
        """Ask once. A redirect is an answer like any other: a token goes nowhere else."""
        target = urlsplit(url).path + (f"?{httpx.QueryParams(params)}" if params else "")
        body = None if json is None else _written(json)
        try:
            answer = self._pool.request(
                method, target, body=body, headers={**headers, "accept-encoding": "gzip"}, retries=False, redirect=False
            )
        except urllib3.exceptions.HTTPError as error:
            raise _as_of_httpx(error) from None
        return Answered(answer.status, answer.headers, answer.data)


def _as_of_httpx(error: Exception) -> Exception:
    known = urllib3.exceptions
    # In older releases a refused connection is a kind of timeout.
    if isinstance(error, known.NewConnectionError | known.SSLError | known.ProxyError):
        return httpx.ConnectError(type(error).__name__)
    if isinstance(error, known.TimeoutError):
        return httpx.TimeoutException("no answer in time")
    return httpx.ReadError(type(error).__name__)


def _written(body: t.Any) -> bytes:
    """A body as it is sent, without the fields that are none."""
    return json.dumps({name: value for name, value in body.items() if value is not None}, separators=(",", ":")).encode()


def client_of(base_url: str, seconds: float, connections: int) -> Client:
    """The connections to one address, so many at most. A proxy of the environment is for what leaves the host: that goes by TLS."""
    how: dict[str, t.Any] = {"maxsize": connections, "block": True, "timeout": seconds}
    if not base_url.startswith("https://"):
        return Client(urllib3.connection_from_url(base_url, **how), seconds)
    how["ssl_context"] = httpx.create_ssl_context()
    proxies, host = getproxies(), urlsplit(base_url).hostname or ""
    proxy = proxies.get("https") or proxies.get("all")
    if not proxy or proxy_bypass(host):
        return Client(urllib3.connection_from_url(base_url, **how), seconds)
    known = urlsplit(proxy)
    login = f"{unquote(known.username)}:{unquote(known.password or '')}" if known.username else None
    through = urllib3.ProxyManager(proxy, proxy_headers=urllib3.make_headers(proxy_basic_auth=login), **how)
    return Client(through.connection_from_url(base_url), seconds)
