# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container off its network: the two texts that tell whose."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import pytest
from circuit_sage import CircuitSage, eventually, now, plain


@contextmanager
def detached(system: CircuitSage, service: str) -> Iterator[datetime]:
    """Take a container off the project's network, from that moment on; give it back its names and its address there."""
    name = system.settings.containers[service]
    found = system.inspect(service)["NetworkSettings"]["Networks"][system.settings.network]
    address = (found["IPAMConfig"] or {}).get("IPv4Address")
    system.docker.api.disconnect_container_from_network(name, system.settings.network)
    try:
        yield now()
    finally:
        system.docker.api.connect_container_to_network(name, system.settings.network, aliases=[service, name], ipv4_address=address)


@pytest.fixture(autouse=True, scope="module")
def put_back(system: CircuitSage) -> Iterator[None]:
    """Healthy again; the backend may sit out a pause between two restarts."""
    yield
    system.prove_health()


def test_backend_off_the_network(system: CircuitSage) -> None:
    """After its restart it cannot even ask for a name; PostgreSQL is well; and the restart does not attach it."""
    with detached(system, "backend") as mark:
        system.docker.api.restart(system.settings.containers["backend"], timeout=2)
        eventually(lambda: "getaddrinfo EAI_AGAIN postgres" in plain(system.log("backend", mark)), 15, "the backend logs it")
        assert system.inspect("backend")["NetworkSettings"]["Networks"] == {}
        assert system.container_health("postgres") == "healthy"
        assert system.edge("GET", "/api/health", timeout=10).status == 502


def test_postgres_off_the_network(system: CircuitSage) -> None:
    """The name is gone, as when it is stopped; but it runs, and Docker calls it healthy."""
    with detached(system, "postgres") as mark:
        # Also where it has crashed: its back-off may be longer than the wait.
        system.docker.api.restart(system.settings.containers["backend"], timeout=2)
        eventually(lambda: "getaddrinfo ENOTFOUND postgres" in plain(system.log("backend", mark)), 15, "the backend logs it")
        assert system.state("postgres") == "running"
        assert system.container_health("postgres") == "healthy"
