# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes to each channel, and how its answer is taken."""

from __future__ import annotations

import json
import smtplib
import threading
import typing as t
from collections.abc import Iterator
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.error import URLError

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import outbox_channels
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.notify_settings import check
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.outbox import Message
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.outbox_channels import HttpAnswer, Parcel, Result, deliver
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.status_message import Text

NOON = "2026-11-30T12:00:00.000+00:00"
SETTINGS = check(
    {
        "notify_slack_webhook_url": "https://hooks.slack.com/services/T1/B1/x",
        "notify_email_to": ["team@example.com"],
        "notify_email_external_to": ["everybody@example.com"],
        "notify_email_from": "incidents@example.com",
        "notify_email_host": "127.0.0.1",
        "notify_email_username": "u",
        "notify_email_password": "p",
        "notify_pagerduty_routing_key": "a" * 32,
        "notify_statuspage_page_id": "page1",
        "notify_statuspage_token": "t",
        "notify_webhook_url": "https://example.com/hook",
        "notify_webhook_token": "w",
    }
)
CONTACTS = [{"name": "Ada", "email": "ada@example.com", "slack": "U012AB3CD"}]


def parcel(status: str = "Investigating", audience: str = "internal", **more: t.Any) -> Parcel:
    message = Message("investigating", status, "P1", audience, [], NOON, contacts=more.pop("contacts", CONTACTS))
    return Parcel("incident-1", "host1", message, Text("[INCIDENT] a <b>", "Status: x\n\nSummary:\nIt & more.\n\nImpact:\n"), **more)


class Web:
    """Answers, and keeps what was asked."""

    def __init__(self, *answers: tuple[int, t.Any]) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, str, t.Any, t.Any]] = []

    def __call__(self, method: str, url: str, headers: t.Mapping[str, str], content: t.Any) -> HttpAnswer:
        self.asked.append((method, url, headers, content))
        status, body = self.answers.pop(0) if self.answers else (200, {"id": "remote-1"})
        return HttpAnswer(status, {}, json.dumps(body).encode())


def test_slack() -> None:
    web = Web()
    assert deliver("slack", SETTINGS, parcel(), web) == Result("sent")
    assert web.asked[0][3]["text"].startswith("<@U012AB3CD> *[INCIDENT] a &lt;b&gt;*\nStatus: x")


def test_the_webhook() -> None:
    web = Web()
    deliver("webhook", SETTINGS, parcel(), web)
    _method, _url, headers, content = web.asked[0]
    assert headers == {"Idempotency-Key": "incident-1/investigating", "Authorization": "Bearer w"}
    assert content["incident"] == "incident-1"
    assert content["contacts"] == CONTACTS


@pytest.mark.parametrize(("status", "action"), [("Investigating", "trigger"), ("Resolved", "resolve"), ("Acknowledged", "acknowledge")])
def test_pagerduty(status: str, action: str) -> None:
    web = Web()
    deliver("pagerduty", SETTINGS, parcel(status), web)
    content = web.asked[0][3]
    assert (content["event_action"], content["dedup_key"]) == (action, "incident-1")
    assert ("payload" in content) == (action == "trigger")


def test_statuspage_makes_and_updates() -> None:
    web = Web((201, {"id": "remote-1"}))
    assert deliver("statuspage", SETTINGS, parcel(), web) == Result("sent", remote="remote-1")
    method, url, headers, content = web.asked[0]
    assert (method, url) == ("POST", "https://api.statuspage.io/v1/pages/page1/incidents")
    assert headers == {"Authorization": "OAuth t"}
    assert content["incident"]["body"] == "It & more."
    assert content["incident"]["status"] == "investigating"
    deliver("statuspage", SETTINGS, parcel("Escalated", remote="remote-1"), web)
    assert web.asked[1][0:2] == ("PATCH", "https://api.statuspage.io/v1/pages/page1/incidents/remote-1")
    assert web.asked[1][3]["incident"]["status"] == "identified"


def test_statuspage_after_an_answer_that_was_lost() -> None:
    """What the first attempt made is found again, and not made twice."""
    made = {"id": "remote-7", "metadata": {"circuit_sage": {"incident": "incident-1"}}}
    web = Web((200, [{"id": "other", "metadata": None}, made]), (200, {}))
    assert deliver("statuspage", SETTINGS, parcel(doubtful=True), web).remote == "remote-7"
    assert [one[0] for one in web.asked] == ["GET", "PATCH"]
    web = Web((200, []), (201, {"id": "remote-8"}))
    assert deliver("statuspage", SETTINGS, parcel(doubtful=True), web).remote == "remote-8"
    assert deliver("statuspage", SETTINGS, parcel(doubtful=True), Web((500, {}))).state == "later"
    assert deliver("statuspage", SETTINGS, parcel(), Web((422, {}))) == Result("refused", "it answered 422")
    assert deliver("statuspage", SETTINGS, parcel(), Web((201, {"other": 1}))).state == "blocked"


@pytest.mark.parametrize(
    ("status", "state"),
    [(204, "sent"), (400, "refused"), (403, "blocked"), (404, "blocked"), (302, "blocked"), (408, "later"), (502, "later")],
)
def test_answers(status: int, state: str) -> None:
    assert outbox_channels.result_of(HttpAnswer(status, {}, b"")).state == state


@pytest.mark.parametrize("status", [420, 429, 503])
def test_an_answer_that_asks_to_wait(status: int) -> None:
    assert outbox_channels.result_of(HttpAnswer(status, {"retry-AFTER": "7"}, b"")).retry_after == 7.0
    assert outbox_channels.result_of(HttpAnswer(status, {}, b"")).retry_after is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("3", 3.0), ("-1", 0.0), ("99999", 3600.0), ("Mon, 30 Nov 2026 12:00:30 GMT", 30.0), ("soon", None), (None, None)],
)
def test_how_long_to_wait(value: str | None, seconds: float | None) -> None:
    assert outbox_channels.seconds_to_wait(value, datetime(2026, 11, 30, 12, tzinfo=timezone.utc)) == seconds


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (TimeoutError("timed out"), "no answer within 10 s"),
        (URLError(TimeoutError("timed out")), "no answer within 10 s"),
        (URLError(ConnectionRefusedError(111, "Connection refused")), "it cannot be reached (Connection refused)"),
        (ConnectionResetError(), "it cannot be reached (ConnectionResetError)"),
    ],
)
def test_what_goes_wrong_on_the_way(error: Exception, said: str) -> None:
    def broken(*_words: t.Any) -> HttpAnswer:
        raise error

    assert deliver("slack", SETTINGS, parcel(), broken) == Result("later", said)


@pytest.fixture
def address() -> Iterator[str]:
    """A web service that answers its path's number, and what it was posted."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(int(self.path[1:]))
            self.send_header("Location", "/200")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_words: object) -> None:
            """Nobody reads it."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_request_that_is_really_made(address: str) -> None:
    ask = outbox_channels.http_with(5)
    answer = ask("POST", f"{address}/200", {"X-More": "1"}, {"a": 1})
    assert (answer.status, json.loads(answer.body)) == (200, {"a": 1})
    assert ask("POST", f"{address}/429", {}, {}).status == 429
    assert ask("POST", f"{address}/302", {}, {}).status == 302


class Server:
    """A mail server that fails at one point."""

    def __init__(self, fails: Exception | None = None) -> None:
        self.fails = fails
        self.did: list[str] = []
        self.sent: list[tuple[t.Any, list[str]]] = []

    def __call__(self, **where: t.Any) -> Server:
        self.did.append("tls" if "context" in where else "plain")
        return self

    def starttls(self, context: t.Any) -> None:
        self.did.append("starttls")

    def login(self, user: str, password: str) -> None:
        self.did.append(f"login {user} {password}")

    def send_message(self, mail: t.Any, to_addrs: list[str]) -> None:
        if self.fails:
            raise self.fails
        self.sent.append((mail, to_addrs))

    def close(self) -> None:
        self.did.append("close")


def post(monkeypatch: pytest.MonkeyPatch, server: Server, what: Parcel, **settings: t.Any) -> Result:
    monkeypatch.setattr(smtplib, "SMTP", server)
    monkeypatch.setattr(smtplib, "SMTP_SSL", server)
    return deliver("email", {**SETTINGS, **settings}, what)


def test_an_email_to_the_team_and_who_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server()
    assert post(monkeypatch, server, parcel()) == Result("sent")
    assert server.did == ["plain", "starttls", "login u p", "close"]
    mail, recipients = server.sent[0]
    assert recipients == ["team@example.com", "ada@example.com"]
    assert mail["Message-ID"] == "<incident-1.investigating@circuit-sage.invalid>"
    assert mail["Subject"] == "[INCIDENT] a <b>"


def test_an_email_to_the_public_names_no_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server()
    post(monkeypatch, server, parcel(audience="external"), notify_email_security="tls", notify_email_username="")
    assert server.did == ["tls", "close"]
    mail, recipients = server.sent[0]
    assert recipients == ["everybody@example.com"]
    assert "everybody" not in mail.as_string()


def test_nobody_is_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server()
    assert post(monkeypatch, server, parcel(contacts=()), notify_email_to=[]).state == "sent"
    assert server.did == []


@pytest.mark.parametrize(
    ("error", "state", "said"),
    [
        (smtplib.SMTPRecipientsRefused({"a": (550, b"no"), "b": (553, b"no")}), "refused", "every recipient (550, 553)"),
        (smtplib.SMTPRecipientsRefused({"a": (450, b"later")}), "later", "450"),
        (smtplib.SMTPAuthenticationError(535, b"no"), "blocked", "refused the login"),
        (smtplib.SMTPResponseException(451, "later"), "later", "451"),
        (smtplib.SMTPResponseException(554, "no"), "refused", "554"),
        (smtplib.SMTPNotSupportedError("STARTTLS extension not supported by server."), "blocked", "notify_email_security"),
        (smtplib.SMTPServerDisconnected("closed"), "later", "cannot be reached (closed)"),
        (TimeoutError(), "later", "no answer within 10 s"),
    ],
)
def test_a_mail_server_that_fails(monkeypatch: pytest.MonkeyPatch, error: Exception, state: str, said: str) -> None:
    result = post(monkeypatch, Server(error), parcel())
    assert result.state == state
    assert said in result.detail
