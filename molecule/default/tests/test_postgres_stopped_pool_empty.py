# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL stopped while the backend's pool is empty: no crash, refusals at once, and back by itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

import pytest
from circuit_sage import CircuitSage, eventually, now, plain, rows_of, stays
from made_company import PASSWORD, Company

POOL_FORGETS = 45  # seconds: idle connections are closed after 30


@dataclass(frozen=True)
class Stopped:
    """The moment, and the life that the backend was in."""

    mark: datetime
    life: str


@pytest.fixture(autouse=True, scope="module")
def stopped(system: CircuitSage) -> Iterator[Stopped]:
    """Maintenance mode on, the pool empty, then PostgreSQL stopped."""
    before = system.maintenance_mode()
    try:
        system.set_maintenance_mode('{"enabled": true}')
        with closing(system.connect()) as connection:
            for session in system.application_sessions("active", connection=connection):  # of the request that hung
                rows_of(connection, "SELECT pg_terminate_backend(%s)", session["pid"])
            eventually(
                lambda: not system.application_sessions(connection=connection), POOL_FORGETS, "the backend has closed its connections"
            )
        made = Stopped(now(), system.started_at("backend"))
        system.docker.api.stop(system.settings.containers["postgres"], timeout=10)
        yield made
    finally:
        system.docker.api.start(system.settings.containers["postgres"])
        eventually(lambda: system.container_health("postgres") == "healthy", 30, "PostgreSQL is healthy")
        system.set_maintenance_mode(before)
        system.prove_health()


def test_stopped_postgres_is_not_restarted(system: CircuitSage) -> None:
    """Exit status 0: somebody stopped it."""
    state = system.inspect("postgres")["State"]
    assert (state["Status"], state["ExitCode"]) == ("exited", 0)


def test_health_is_503_at_once(system: CircuitSage) -> None:
    """The name is gone with the container: nothing to wait for."""
    reply = system.health()
    assert reply.status == 503
    assert reply.json["status"] == "unhealthy"
    assert reply.json["database"] in ("disconnected", "error")
    assert reply.seconds < 1


def test_sign_in_is_500(system: CircuitSage, company: Company) -> None:
    """Not 401."""
    assert system.sign_in(company.email, PASSWORD).status == 500


def test_authenticated_calls_are_403(system: CircuitSage, token: str) -> None:
    """A token that cannot be looked up counts as none; and maintenance mode, which was on, fails open."""
    reply = system.backend("GET", "/api/subscriptions", token=token)
    assert reply.status == 403
    assert "Unauthorized" in reply.text


def test_log_names_the_lost_name(system: CircuitSage, stopped: Stopped) -> None:
    """The text that operators search for."""
    assert "getaddrinfo ENOTFOUND postgres" in plain(system.log("backend", stopped.mark))


def test_comes_back_without_a_restart(system: CircuitSage, stopped: Stopped) -> None:
    """About a second after PostgreSQL takes logins again; the backend never went down."""
    stays(lambda: system.started_at("backend") == stopped.life, 1, "the backend does not crash")
    system.docker.api.start(system.settings.containers["postgres"])
    eventually(lambda: system.container_health("postgres") == "healthy", 20, "PostgreSQL is healthy")
    eventually(lambda: system.status(f"{system.settings.backend_url}/health") == 200, 5, "the backend is healthy again")
    assert system.started_at("backend") == stopped.life
