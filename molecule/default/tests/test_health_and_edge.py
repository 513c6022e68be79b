# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Health paths and what nginx does with each path, the system being well."""

from __future__ import annotations

import json
from typing import Any

import pytest
from circuit_sage import CircuitSage


def test_health_of_the_backend(system: CircuitSage) -> None:
    """200 and the words that tell the database's state."""
    reply = system.health()
    assert reply.status == 200
    assert reply.headers["Content-Type"].startswith("application/json")
    assert (reply.json["status"], reply.json["database"]) == ("ok", "connected")
    assert {"uptime", "responseTime", "version", "environment"} <= set(reply.json)
    assert reply.json["environment"] == "production"
    assert isinstance(reply.json["uptime"], (int, float))


def test_uptime_counts(system: CircuitSage) -> None:
    """Seconds of this life of the process."""
    assert 0 < system.health().json["uptime"] <= system.health().json["uptime"]


@pytest.mark.parametrize("ask", ["backend", "edge"])
def test_api_health(system: CircuitSage, ask: str) -> None:
    """404 in the released code, which is no outage; 200 in those that have it."""
    reply = getattr(system, ask)("GET", "/api/health")
    if system.settings.api_health:
        assert (reply.status, reply.json["status"]) == (200, "ok")
    else:
        assert (reply.status, reply.json) == (404, {"message": "Not Found"})


def test_health_path_of_nginx_is_a_page(system: CircuitSage) -> None:
    """/health does not reach the backend: it is the 404 page of the frontend."""
    reply = system.edge("GET", "/health")
    assert reply.status == 404
    assert reply.headers["Content-Type"].startswith("text/html")


def test_pages_come_from_the_frontend(system: CircuitSage) -> None:
    """What is not /api goes to port 3000."""
    through, direct = system.edge("GET", "/"), system.ask("GET", system.settings.frontend_url + "/")
    assert (through.status, direct.status) == (200, 200)
    assert through.text == direct.text


@pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")
def test_tls(system: CircuitSage) -> None:
    """The same site, encrypted."""
    assert system.ask("GET", system.settings.edge_tls_url + "/").status == 200


def test_nginx_configuration(edge_host: Any, system: CircuitSage) -> None:
    """Two rate zones, of 10 and of 30 requests a second for each address, and the backend's 60 s."""
    done = edge_host.run("nginx -T 2>/dev/null")
    assert done.rc == 0
    assert "rate=10r/s" in done.stdout
    assert "rate=30r/s" in done.stdout
    assert f"access_log {system.settings.access_log}" in done.stdout


def test_unknown_api_path(system: CircuitSage) -> None:
    """JSON, not the frontend's page."""
    reply = system.edge("GET", "/api/conformance")
    assert reply.status == 404
    assert json.loads(reply.text) == {"message": "Not Found"}


@pytest.mark.parametrize("service", ["postgres", "backend", "frontend"])
def test_unreachable_from_outside_loopback(system: CircuitSage, service: str) -> None:
    """A client with another address gets nothing from a published port, only from nginx."""
    port = {
        "postgres": str(system.settings.postgres_port),
        "backend": system.settings.backend_url,
        "frontend": system.settings.frontend_url,
    }
    number = port[service].rpartition(":")[2]
    refused = system.on_network("curl", "-s", "-o", "/dev/null", "--max-time", "2", f"http://{system.gateway()}:{number}/")
    assert refused.returncode == 7  # could not connect
