# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small Square: payments with idempotency keys and subscriptions under /v2, and under /_sim what a test tells it and reads from it.

GET /health · POST, GET /v2/payments · GET /v2/payments/ID · GET, PUT /v2/subscriptions/ID · POST /v2/subscriptions/search ·
GET /v2/catalog/object/ID · GET /_sim/ledger · GET, POST /_sim/subscriptions · POST /_sim/subscriptions/ID ·
POST /_sim/subscriptions/reset · POST /_sim/faults · POST /_sim/reset
"""

from __future__ import annotations

import json
import os
import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from answers import Answer, NoAnswer
from faults import Faults
from ledger import Ledger, check, now
from subscriptions import Subscriptions

SUBSCRIPTIONS = "/v2/subscriptions/"
TOLD = "/_sim/subscriptions"


class Simulator:
    """The state, one request at a time."""

    def __init__(self, token: str, file: Path) -> None:
        self._token = token
        self._subscriptions = Subscriptions(file)
        self._lock = threading.Lock()
        self._ledger = Ledger()
        self._faults = Faults()

    def answer(self, method: str, target: str, authorization: str, body: bytes) -> dict[str, Any]:
        """The body of the answer to a request that goes well."""
        url = urlsplit(target)
        with self._lock:
            if url.path == "/health":
                return {"status": "ok"}
            if url.path.startswith("/_sim/"):
                return self._control(method, url.path, body)
            self._ledger.requests.append({"at": now(), "method": method, "path": url.path})
            token = self._authorize(authorization)
            self._faults.refuse()
            if url.path.startswith(SUBSCRIPTIONS):
                return self._subscription(method, url.path.removeprefix(SUBSCRIPTIONS), token, body)
            if url.path.startswith("/v2/catalog/object/") and method == "GET":
                return self._subscriptions.plan_variation(url.path.removeprefix("/v2/catalog/object/"), token)
            if url.path == "/v2/payments" and method == "POST":
                return {"payment": self._pay(parse(body))}
            if url.path == "/v2/payments" and method == "GET":
                return self._list(dict(parse_qsl(url.query)))
            payment = self._ledger.payments.get(url.path.removeprefix("/v2/payments/"))
            if payment is None or method != "GET":
                raise Answer(404, "NOT_FOUND", "Not found.")
            return {"payment": payment}

    def _control(self, method: str, path: str, body: bytes) -> dict[str, Any]:
        if (method, path) == ("GET", "/_sim/ledger"):
            return {"payments": list(self._ledger.payments.values()), "requests": self._ledger.requests}
        if (method, path) == ("POST", "/_sim/faults"):
            return self._faults.set(parse(body))
        if (method, path) == ("POST", "/_sim/reset"):
            self._ledger, self._faults = Ledger(), Faults()
            self._subscriptions.reset()
            return {"reset": True}
        if path == TOLD:
            return self._subscriptions.told() if method == "GET" else self._subscriptions.seed(parse(body)["subscriptions"])
        if path == f"{TOLD}/reset" and method == "POST":
            return self._subscriptions.reset()
        if path.startswith(f"{TOLD}/") and method == "POST":
            return self._subscriptions.change(path.removeprefix(f"{TOLD}/"), parse(body))
        raise Answer(404, "NOT_FOUND", "Not found.")

    def _subscription(self, method: str, identity: str, token: str, body: bytes) -> dict[str, Any]:
        if (method, identity) == ("POST", "search"):
            return self._subscriptions.search(parse(body), token)
        if method == "GET":
            return self._subscriptions.get(identity, token)
        if method == "PUT":
            answer = self._subscriptions.update(identity, parse(body), token)
            if self._faults.on_update():
                raise NoAnswer
            return answer
        raise Answer(404, "NOT_FOUND", "Not found.")

    def _authorize(self, authorization: str) -> str:
        """The access token of a request."""
        scheme, _, token = authorization.partition(" ")
        if scheme != "Bearer" or not token or (self._token and token != self._token):
            raise Answer(401, "UNAUTHORIZED", "This request could not be authorized.")
        return token

    def _list(self, query: dict[str, str]) -> dict[str, Any]:
        for field in ("limit", "cursor"):
            if not query.get(field, "0").isdecimal():
                raise Answer(400, "INVALID_VALUE", "Not a number of this simulator's.", field)
        return self._ledger.listing(query)

    def _pay(self, request: dict[str, Any]) -> dict[str, Any]:
        check(request)
        payment = self._ledger.known(request)
        if payment is None:
            fault, code = self._faults.on_payment() or (None, "")
            if fault == "timeout_before_charge":
                raise NoAnswer
            payment = self._ledger.charge(request, code if fault == "decline" else None)
            if fault == "timeout_after_charge":
                raise NoAnswer
        if payment["status"] == "FAILED":
            error = payment["card_details"]["errors"][0]
            raise Answer(402, error["code"], error["detail"], payment=payment)
        return payment


def parse(body: bytes) -> dict[str, Any]:
    """A request's JSON object."""
    try:
        parsed = json.loads(body or b"{}")
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        raise Answer(400, "BAD_REQUEST", "The body is not a JSON object.")
    return parsed


def handler_for(simulator: Simulator) -> type[BaseHTTPRequestHandler]:
    """The HTTP side of a simulator."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def do_PUT(self) -> None:
            self._serve()

        def _serve(self) -> None:
            status, headers = 200, {}
            length = self.headers.get("Content-Length", "0")
            content = self.rfile.read(int(length) if length.isdecimal() else 0)
            try:
                body = simulator.answer(self.command, self.path, self.headers.get("Authorization", ""), content)
            except Answer as answer:
                status, headers, body = answer.status, answer.headers, answer.body
            except NoAnswer:
                self.close_connection = True
                return
            encoded = json.dumps(body).encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", "Content-Length": str(len(encoded)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(encoded)

    return Handler


def main() -> None:
    """Serve until SIGTERM."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    # In its container, of which only loopback of the host is published.
    address = (os.environ.get("HOST") or "0.0.0.0", int(os.environ.get("PORT") or "4010"))  # noqa: S104
    simulator = Simulator(os.environ.get("SQUARE_ACCESS_TOKEN", ""), Path.home() / "subscriptions.json")
    server = ThreadingHTTPServer(address, handler_for(simulator))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    stop.wait()


if __name__ == "__main__":
    main()
