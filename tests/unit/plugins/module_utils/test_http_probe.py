# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Probing health: what each answer means, and answers from real sockets, also those that never come."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
import urllib.error
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import http_probe
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.redaction import MASK

HEALTHY = '{"status":"ok","database":"connected","uptime":5}'
SICK = '{"status":"unhealthy","database":"disconnected"}'
MAINTENANCE = '{"success":false,"error":{"message":"Service is currently under maintenance."},"maintenance":true}'


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, HEALTHY, ("ok", "connected")),
        (200, '{"status":"ok"}', ("ok", None)),
        (200, "<html>Circuit Sage</html>", ("other", None)),
        (200, '["ok"]', ("other", None)),
        (200, SICK, ("other", "disconnected")),
        (503, SICK, ("unhealthy", "disconnected")),
        (503, '{"status":"error","database":7}', ("unhealthy", None)),
        (503, "<html>503 Service Temporarily Unavailable, nginx</html>", ("other", None)),
        (503, MAINTENANCE, ("maintenance", None)),
        (404, '{"message":"Not Found"}', ("not_found", None)),
        (502, "<html>", ("bad_gateway", None)),
        (504, "<html>", ("gateway_timeout", None)),
        (429, "{}", ("other", None)),
    ],
)
def test_answers(status: int, body: str, expected: tuple[str, str | None]) -> None:
    assert http_probe.classify_answer(status, body) == expected


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (TimeoutError("timed out"), "timeout"),
        (urllib.error.URLError(TimeoutError("timed out")), "timeout"),
        (OSError("timed out"), "timeout"),
        (urllib.error.URLError(ConnectionRefusedError(111, "Connection refused")), "refused"),
        (urllib.error.URLError(ssl.SSLCertVerificationError(1, "certificate has expired")), "tls"),
        (urllib.error.URLError("no host given"), "other"),
        (ConnectionResetError(104, "reset"), "closed"),
        (OSError(113, "No route to host"), "other"),
    ],
)
def test_errors(error: Exception, expected: str) -> None:
    assert http_probe.classify_error(error) == expected


def test_the_first_address_that_exists_decides() -> None:
    ok, sick, absent = {"class": "ok"}, {"class": "unhealthy"}, {"class": "not_found"}
    assert http_probe.decide([absent, ok, sick]) is True
    assert http_probe.decide([absent, sick, ok]) is False
    assert http_probe.decide([{"class": "refused"}, ok]) is False
    assert http_probe.decide([absent]) is None


@pytest.mark.parametrize(
    ("urls", "words"),
    [([], "urls is empty"), (["ftp://x/"], "is not an address"), (["http://user:hunter2@h/"], "holds a login")],
)
def test_refused_addresses(urls: list[str], words: str) -> None:
    with pytest.raises(IncidentError, match=words) as refused:
        http_probe.check_urls(urls)
    assert "hunter2" not in str(refused.value)


class Service(BaseHTTPRequestHandler):
    """Answers by path: a status, or a way to keep the client waiting."""

    def do_GET(self) -> None:
        if self.path == "/hang":
            time.sleep(8)
            return
        if self.path == "/drip":
            self.wfile.write(b"HTTP/1.1 200 OK\r\n")
            for _number in range(15):
                self.wfile.write(b"X: y\r\n")
                time.sleep(0.1)
            return
        status = int(self.path.split("/")[1])
        body = json.dumps({"status": "ok" if status == 200 else "unhealthy", "token": "abcdefgh" * 50}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture
def service() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def test_all_at_once_in_the_given_order(service: str, closed_port: int) -> None:
    began = time.monotonic()
    paths = ["/404", "/hang", "/drip", "/503", "/200", "/hang", "/hang", "/hang"]
    probes = http_probe.probe_all([*(service + path for path in paths), f"http://127.0.0.1:{closed_port}/"], 1, True)
    # One after the other they would last 5 s.
    assert time.monotonic() - began < 4
    assert [probe["class"] for probe in probes] == ["not_found", "timeout", "timeout", "unhealthy", "ok", *["timeout"] * 3, "refused"]
    assert [probe["status"] for probe in probes] == [404, None, None, 503, 200, None, None, None, None]
    assert probes[4]["body"] == f'{{"status": "ok", "token": {MASK}}}'
    assert probes[-1]["error"] == "[Errno 111] Connection refused"
    assert all(set(probe) == {"url", "status", "class", "milliseconds", "database", "body", "error"} for probe in probes)


@pytest.mark.parametrize("validate", [True, False])
def test_plain_http_where_tls_is_asked_for(service: str, validate: bool) -> None:
    assert http_probe.probe_all([service.replace("http:", "https:") + "/200"], 2, validate)[0]["class"] == "tls"


def test_observe(service: str) -> None:
    edge = http_probe.observe([f"{service}/404", f"{service}/200"], 1, True, 0)
    assert (edge["answers"], edge["unknown"]) == (True, {})
    edge = http_probe.observe([f"{service}/404"], 1, True, 0)
    assert edge["answers"] is None
    assert "none of the health addresses exists" in edge["unknown"]["answers"]


def test_waiting_ends_with_the_first_good_answer() -> None:
    answers = iter([[{"class": "bad_gateway"}], [{"class": "ok"}]])
    assert http_probe.until(lambda: next(answers), 30, lambda: True)["answers"] is True


def test_waiting_is_not_for_what_is_closed_on_purpose() -> None:
    answers = iter([[{"class": "maintenance"}, {"class": "refused"}], [{"class": "maintenance"}, {"class": "ok"}]])
    assert http_probe.until(lambda: next(answers), 30, lambda: True)["answers"] is False
    with pytest.raises(StopIteration):
        next(answers)


def test_waiting_ends_when_the_time_is_over() -> None:
    began = time.monotonic()
    assert http_probe.until(lambda: [{"class": "refused"}], 0.15, lambda: True)["answers"] is False
    assert 0.15 <= time.monotonic() - began < 5


def test_waiting_ends_when_no_answer_may_come() -> None:
    rounds = iter([True, True, False])
    assert http_probe.until(lambda: [{"class": "refused"}], 30, lambda: next(rounds))["answers"] is False
    assert list(rounds) == []


def test_an_answer_that_is_late_gets_a_moment_when_it_is_hopeless(service: str) -> None:
    hopeless = threading.Event()
    hopeless.set()
    began = time.monotonic()
    (probe, fast) = http_probe.probe_all([f"{service}/hang", f"{service}/200"], 6, True, hopeless)
    assert time.monotonic() - began < 5
    assert (probe["class"], fast["class"]) == ("timeout", "ok")
    assert probe["error"] == "no complete answer within 0.3 seconds"
