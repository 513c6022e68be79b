# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A web service and a mail server on the loopback that keep what came, and do wrong when they are told to."""

from __future__ import annotations

import email
import email.policy
import json
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Web:
    """What was posted where, in the order in which it came; Slack, PagerDuty, Statuspage and a webhook by path."""

    def __init__(self) -> None:
        self.came: list[dict[str, Any]] = []
        # By the beginning of a path: answers that are given first, each a status and headers.
        self.answers: dict[str, list[tuple[int, dict[str, str]]]] = {}
        self.port = 0
        self.guard = threading.Lock()

    def at(self, path: str, status: int = 200) -> list[dict[str, Any]]:
        """What came there and was answered so."""
        with self.guard:
            return [one for one in self.came if one["path"].startswith(path) and one["answered"] == status]

    def handler(web) -> type[BaseHTTPRequestHandler]:
        """The class that answers."""

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _take(self) -> None:
                content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                with web.guard:
                    planned = next((list_ for path, list_ in web.answers.items() if self.path.startswith(path) and list_), [])
                    status, headers = planned.pop(0) if planned else (201 if self.path.startswith("/v1/pages") else 200, {})
                    web.came.append(
                        {
                            "path": self.path,
                            "method": self.command,
                            "headers": dict(self.headers.items()),
                            "content": json.loads(content) if content else None,
                            "answered": status,
                            "at": time.monotonic(),
                        }
                    )
                body = b'{"id": "remote-1"}'
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PATCH = _take

            def log_message(self, *_words: object) -> None:
                """The tests look at what came."""

        return Handler


class Mail:
    """The e-mails that came, in their order, each with the recipients of its envelope. One that hangs takes calls and says nothing."""

    def __init__(self) -> None:
        self.came: list[tuple[list[str], EmailMessage]] = []
        self.hangs = False
        self.port = 0
        self.over = threading.Event()

    def handler(mail) -> type[socketserver.StreamRequestHandler]:
        """The class that answers."""

        class Handler(socketserver.StreamRequestHandler):
            def _say(self, line: str) -> None:
                self.wfile.write(f"{line}\r\n".encode())

            def handle(self) -> None:
                if mail.hangs:
                    mail.over.wait(60)
                    return
                self._say("220 receiver")
                recipients: list[str] = []
                while line := self.rfile.readline():
                    word = line.strip().upper()
                    if word.startswith(b"RCPT TO"):
                        recipients.append(line.decode().partition("<")[2].partition(">")[0])
                    if word == b"DATA":
                        self._say("354 go on")
                        lines = []
                        while (text := self.rfile.readline()) not in (b".\r\n", b""):
                            lines.append(text.removeprefix(b".") if text.startswith(b"..") else text)
                        message = email.message_from_bytes(b"".join(lines), policy=email.policy.default)
                        assert isinstance(message, EmailMessage)
                        mail.came.append((recipients, message))
                        recipients = []
                    if word.startswith(b"EHLO"):
                        self._say("250-receiver\r\n250 AUTH PLAIN")
                    else:
                        self._say({b"QUIT": "221 bye", b"AUTH": "235 welcome"}.get(word[:4], "250 ok"))

        return Handler


class _Mailbox(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


@contextmanager
def _serving(server: socketserver.TCPServer) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def web_receiver(port: int = 0) -> Iterator[Web]:
    """A web service, on a port that is free or on one that another had."""
    web = Web()
    with _serving(ThreadingHTTPServer(("127.0.0.1", port), web.handler())) as web.port:
        yield web


@contextmanager
def mail_receiver() -> Iterator[Mail]:
    """A mail server."""
    mail = Mail()
    with _serving(_Mailbox(("127.0.0.1", 0), mail.handler())) as mail.port:
        try:
            yield mail
        finally:
            mail.over.set()
