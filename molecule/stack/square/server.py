# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small Square: its API under /v2, and under /_sim what a test tells it and reads from it.

GET /health
POST, GET /v2/payments · GET /v2/payments/ID · POST /v2/payments/ID/cancel, /complete · POST /v2/payments/cancel
POST, GET /v2/refunds · GET /v2/refunds/ID · GET /v2/cards, /v2/cards/ID · POST /v2/cards/ID/disable · GET /v2/customers/ID
GET /v2/locations, /v2/locations/ID · POST /v2/events · PUT /v2/events/enable, /disable
GET /v2/webhooks/subscriptions, /v2/webhooks/subscriptions/ID · POST /v2/webhooks/subscriptions/ID/test
GET, PUT /v2/subscriptions/ID · POST /v2/subscriptions/search · GET /v2/catalog/object/ID
GET /_sim/ledger · GET, POST /_sim/faults, /_sim/accounts, /_sim/webhook, /_sim/subscriptions · POST /_sim/payments,
/_sim/payments/ID/forget, /_sim/requests, /_sim/cards/ID,
/_sim/listing, /_sim/subscriptions/ID, /_sim/subscriptions/reset, /_sim/reset
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from answers import Answer, NoAnswer
from control import control
from simulator import Simulator


class Server(ThreadingHTTPServer):
    """Takes many connections at once, and does not mind a client that is killed."""

    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def handler_for(simulator: Simulator) -> type[BaseHTTPRequestHandler]:
    """The HTTP side of a simulator."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # An answer goes out in as few pieces as may be, and none waits for the client's acknowledgement of the one before.
        wbufsize = -1
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def do_PUT(self) -> None:
            self._serve()

        def log_request(self, *_answered: Any) -> None:
            """Nothing: the ledger has every call, and on standard error stands what failed."""

        def _serve(self) -> None:
            status, headers = 200, {}
            length = self.headers.get("Content-Length", "0")
            content = self.rfile.read(int(length) if length.isdecimal() else 0)
            try:
                encoded = self._answer(content)
            except Answer as answer:
                status, headers, encoded = answer.status, answer.headers, json.dumps(answer.body).encode()
            except NoAnswer:
                self.close_connection = True
                return
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", "Content-Length": str(len(encoded)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(encoded)

        def _answer(self, content: bytes) -> bytes:
            if self.path.startswith("/_sim/"):
                return control(simulator, self.command, self.path, content)
            if self.path == "/health":
                return b'{"status": "ok"}'
            return json.dumps(simulator.answer(self.command, self.path, self.headers.get("Authorization", ""), content)).encode()

    return Handler


def main() -> None:
    """Serve until SIGTERM."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    # In its container, of which only loopback of the host is published.
    address = (os.environ.get("HOST") or "0.0.0.0", int(os.environ.get("PORT") or "4010"))  # noqa: S104
    server = Server(address, handler_for(Simulator(os.environ.get("SQUARE_ACCESS_TOKEN", ""), Path.home())))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    stop.wait()


if __name__ == "__main__":
    main()
