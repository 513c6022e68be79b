# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The backend's rate limits are shared by everybody, since everybody has one address there; nginx's own go by the client."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from circuit_sage import CircuitSage, now, plain
from made_company import PASSWORD, Company

SIGN_INS = 5
CALLS = 100


@pytest.fixture(autouse=True, scope="module")
def fresh(system: CircuitSage) -> Iterator[datetime]:
    """Counters at zero, also afterwards; the tests come in the order of the story."""
    system.restart_backend()
    yield now()
    if system.backend("GET", "/api/conformance").status == 429:
        system.restart_backend()


@pytest.fixture(scope="module")
def calls() -> list[int]:
    """The statuses of all calls under /api since the counters were at zero."""
    return []


def test_five_failed_sign_ins_lock_the_account_out(system: CircuitSage, company: Company, calls: list[int]) -> None:
    """A sixth is 429 with the right password too."""
    calls += [system.sign_in(company.email, "not-a-password").status for _ in range(SIGN_INS)]
    assert calls == [401] * SIGN_INS
    reply = system.sign_in(company.email, PASSWORD)
    calls.append(reply.status)
    assert reply.status == 429
    assert reply.json["success"] is False


def test_everybody_else_as_well(system: CircuitSage, calls: list[int]) -> None:
    """A client with another address, through nginx."""
    url = f"http://{system.settings.edge_address}/api/auth/login"
    body = '{"email": "nobody@circuit-sage.test", "password": "not-a-password"}'
    done = system.on_network("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-H", "Content-Type: application/json", "-d", body, url)
    calls.append(int(done.stdout))
    assert calls[-1] == 429


def test_a_hundred_calls(system: CircuitSage, token: str, calls: list[int]) -> None:
    """The hundred and first is 429, with a token too; signing in counted."""
    others = CALLS - len(calls)
    pending = [system.later(system.backend, "GET", "/api/conformance", timeout=20) for _ in range(others)]
    calls += [request.result().status for request in pending]
    assert calls[-others:] == [404] * others
    reply = system.backend("GET", "/api/subscriptions", token=token)
    assert reply.status == 429
    assert reply.json["success"] is False


def test_health_is_not_limited(system: CircuitSage) -> None:
    """Nor counted."""
    assert system.health().status == 200


def test_log_names_the_gateway(system: CircuitSage, fresh: datetime) -> None:
    """The only lines with an address beside the access lines, and it is nobody's."""
    lines = re.findall(r"rate limit exceeded for IP: (\S+)", plain(system.log("backend", fresh)), re.IGNORECASE)
    assert lines
    assert set(lines) == {f"::ffff:{system.gateway()}"}


def test_limit_of_nginx_is_its_own_503(system: CircuitSage, edge_host: Any) -> None:
    """HTML, and the same status as maintenance mode: the body tells them apart; and nginx's error log names the limit."""
    pending = [system.later(system.edge, "GET", "/api/conformance") for _ in range(60)]
    replies = [request.result(timeout=20) for request in pending]
    refused = [reply for reply in replies if reply.status == 503]
    assert refused
    assert all(reply.headers["Content-Type"].startswith("text/html") for reply in refused)
    assert {reply.status for reply in replies} == {429, 503}
    assert "limiting requests" in edge_host.run(f"tail -n 5 {system.settings.error_log}").stdout


def test_restart_clears_them(system: CircuitSage, company: Company) -> None:
    """The counters are in the process."""
    system.restart_backend()
    assert system.sign_in(company.email, PASSWORD).status == 200
