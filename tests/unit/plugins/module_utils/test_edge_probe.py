# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a visitor meets: what each answer means, whose trouble it is, and what is not asked."""

from __future__ import annotations

import socket
import threading
import time
import typing as t
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import edge_probe, observation
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError

MAINTENANCE = '{"success":false,"error":{"message":"Service is currently under maintenance."},"maintenance":true}'

ANSWER = {"url", "status", "class", "body", "error", "milliseconds"}


class Handler(BaseHTTPRequestHandler):
    """Answers with the status that the path names; a redirect leads to a path that fails."""

    def do_GET(self) -> None:
        self.send_response(int(self.path[1:]))
        self.send_header("Location", "/500")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_given: t.Any) -> None:
        """Nothing."""


@pytest.fixture
def service() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def options(**given: t.Any) -> dict[str, t.Any]:
    return {"edge_url": None, "edge_trusted": True, "frontend_url": None, "api_url": None, "timeout": 2.0, "urls": [], **given}


@pytest.mark.parametrize(
    ("status", "page", "api"),
    [
        (200, "ok", "ok"),
        (301, "ok", "ok"),
        (401, "other", "ok"),
        (403, "other", "ok"),
        (404, "other", "not_found"),
        (429, "other", "limited"),
        (500, "error", "error"),
        (502, "bad_gateway", "bad_gateway"),
        (503, "unavailable", "unavailable"),
        (504, "gateway_timeout", "gateway_timeout"),
    ],
)
def test_what_an_answer_means(status: int, page: str, api: str) -> None:
    assert edge_probe.classify_page(status, "") == page
    assert edge_probe.classify_api(status, "") == api


def test_maintenance_is_told_from_an_overload() -> None:
    assert edge_probe.classify_api(503, MAINTENANCE) == "maintenance"


def test_everything_is_asked_at_once_and_a_redirect_is_an_answer(service: str) -> None:
    found = edge_probe.observe(options(edge_url=f"{service}/301", frontend_url=f"{service}/200", api_url=f"{service}/401"))
    assert [found[name]["status"] for name in ("page", "frontend", "api")] == [301, 200, 401]
    assert [found[name]["class"] for name in ("page", "frontend", "api")] == ["ok", "ok", "ok"]
    assert (found["suspect"], edge_probe.troubles(found)) == (False, [])
    assert found["unknown"] == {"tls": "the edge is not asked over HTTPS; set edge_url to an address that begins with https://"}


def test_an_api_that_cannot_answer_is_not_waited_for() -> None:
    hopeless = threading.Event()
    hopeless.set()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        found = edge_probe.observe(options(api_url=f"http://127.0.0.1:{silent.getsockname()[1]}/", timeout=30.0), hopeless)
    assert time.monotonic() - began < 10
    assert (found["api"]["class"], found["api"]["status"], set(found["api"])) == ("timeout", None, ANSWER)


def test_the_visitor_is_part_of_the_edge(service: str) -> None:
    given = options(urls=[f"{service}/200"], validate_certs=True, api_url=f"{service}/500")
    found = observation.observe_edge(given)
    assert (found["answers"], found["api"]["class"]) == (False, "error")
    assert edge_probe.troubles(found) == [f"the API fails: {service}/500 500"]


def test_a_page_that_comes_is_waited_for_no_longer(service: str) -> None:
    edge_probe.wait_for_page(f"{service}/200", 2, 30)
    edge_probe.wait_for_page(f"{service}/502", 2, 0)


@pytest.mark.parametrize(
    ("page", "frontend", "tls", "suspect"),
    [
        ("ok", "ok", None, False),
        ("bad_gateway", "refused", None, False),
        ("bad_gateway", "ok", None, True),
        ("closed", "refused", None, True),
        ("refused", "ok", None, True),
        ("ok", "ok", "untrusted", True),
        (None, "ok", None, False),
    ],
)
def test_whose_trouble_it_is(page: str | None, frontend: str, tls: str | None, suspect: bool) -> None:
    edge = {name: kind and {"class": kind} for name, kind in (("page", page), ("frontend", frontend), ("tls", tls))}
    assert edge_probe.suspect(edge) is suspect


def test_a_closed_api_is_told() -> None:
    api = {"url": "http://127.0.0.1:4000/api/subscriptions", "status": 503, "class": "maintenance"}
    assert edge_probe.troubles({"api": api}) == ["the API is closed for maintenance: http://127.0.0.1:4000/api/subscriptions 503"]


def test_an_observation_from_before_has_no_trouble_to_tell() -> None:
    assert edge_probe.troubles({"answers": True, "probes": []}) == []


@pytest.mark.parametrize("name", edge_probe.OPTIONS)
def test_an_address_that_is_none_is_refused_under_its_name(name: str) -> None:
    with pytest.raises(IncidentError, match=f"{name}: `ftp://shop` is not an address"):
        edge_probe.check_urls(options(**{name: "ftp://shop"}))
