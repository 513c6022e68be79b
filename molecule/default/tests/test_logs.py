# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The form of the log lines, and whose address is in which log."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from circuit_sage import CircuitSage, eventually, now, plain

FORGED = "203.0.113.9"
STAMP = r"\[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000\]"


@dataclass(frozen=True)
class FailedSignIn:
    """A failed sign-in through nginx of a client with an address of its own and a forged header, and what was logged of it."""

    client: str
    agent: str
    backend_log: str
    access_log: str


@pytest.fixture(scope="module")
def failed_sign_in(system: CircuitSage, edge_host: Any) -> Iterator[FailedSignIn]:
    """One attempt from a throw-away container, found again by its name for itself."""
    agent = f"conformance/{uuid.uuid4().hex[:8]}"
    mark = now()
    url = f"http://{system.settings.edge_address}/api/auth/login"
    script = f"""hostname -i; curl -s -A {agent} -H 'X-Forwarded-For: {FORGED}' -H 'Content-Type: application/json' \
      -d '{{"email": "nobody@circuit-sage.test", "password": "not-a-password"}}' {url}"""
    done = system.on_network("sh", "-c", script)
    assert done.returncode == 0, done.stderr
    client = done.stdout.split()[0]

    def access() -> str:
        return str(edge_host.run(f"tail -n 200 {system.settings.access_log} | grep -F {agent}").stdout)

    access_log = eventually(access, 10, "nginx logs the request")
    backend_log = eventually(
        lambda: agent in system.log("backend", mark) and system.log("backend", mark), 10, "the backend logs the request"
    )
    yield FailedSignIn(client, agent, str(backend_log), access_log)


def test_backend_line(failed_sign_in: FailedSignIn) -> None:
    """Date, time, level in colour codes, message; no address, user or company behind it."""
    wanted = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \x1b\[33mwarn\x1b\[39m: Authentication failure$", re.MULTILINE)
    assert wanted.search(failed_sign_in.backend_log)
    assert "nobody@circuit-sage.test" not in failed_sign_in.backend_log


def test_backend_line_is_in_utc(system: CircuitSage, failed_sign_in: FailedSignIn) -> None:
    """The date and time are of this very minute in UTC."""
    stamps = re.findall(r"^(\d{4}-\d\d-\d\d \d\d:\d\d):\d\d \x1b", failed_sign_in.backend_log, re.MULTILINE)
    assert stamps
    assert abs(int(stamps[-1][-2:]) - now().minute) in (0, 1, 59)
    assert stamps[-1][:10] in (now().strftime("%Y-%m-%d"), stamps[0][:10])


def test_access_line_of_the_backend_has_the_gateway(system: CircuitSage, failed_sign_in: FailedSignIn) -> None:
    """Morgan's combined format; the address is Docker's gateway whoever calls: to block it blocks nginx."""
    wanted = rf'::ffff:{re.escape(system.gateway())} - - {STAMP} "POST /api/auth/login HTTP/1\.[01]" 401 59 "-" "{failed_sign_in.agent}"'
    lines = [line for line in plain(failed_sign_in.backend_log).splitlines() if failed_sign_in.agent in line]
    assert [bool(re.search(wanted, line)) for line in lines] == [True], lines


def test_access_log_of_nginx_has_the_client(failed_sign_in: FailedSignIn) -> None:
    """Combined format, the true address; a forged X-Forwarded-For does not change it."""
    wanted = rf'^{re.escape(failed_sign_in.client)} - - {STAMP} "POST /api/auth/login HTTP/1\.1" 401 59 "-" "{failed_sign_in.agent}"$'
    assert re.search(wanted, failed_sign_in.access_log.strip())


def test_forged_address_is_nowhere(failed_sign_in: FailedSignIn) -> None:
    """Neither log takes it."""
    assert FORGED not in failed_sign_in.backend_log + failed_sign_in.access_log


def test_same_address_on_the_published_port(system: CircuitSage) -> None:
    """A call past nginx shows the same address."""
    agent = f"conformance/{uuid.uuid4().hex[:8]}"
    mark = now()
    system.backend("GET", "/api/health", User_Agent=agent)
    line = eventually(
        lambda: next((line for line in system.log("backend", mark).splitlines() if agent in line), ""), 5, "the call is logged"
    )
    assert f"::ffff:{system.gateway()} - - [" in line


def test_payment_is_always_in_the_log(system: CircuitSage) -> None:
    """`grep -i payment` hits the name of a migration at every start."""
    lines = [line for line in plain(system.log("backend")).splitlines() if "payment" in line.lower()]
    assert any(".sql" in line for line in lines)


def test_compose_logs_prefixes_each_line(system: CircuitSage) -> None:
    """A control code, the container's name and a bar, before what was written."""
    done = system.compose("logs", "--no-color", "--tail", "5", "backend")
    assert done.returncode == 0
    assert done.stdout.strip()
    name = re.escape(system.settings.containers["backend"])
    assert all(re.match(rf"^\x1b\[2K{name}\s+\| ", line) for line in done.stdout.strip().splitlines())
