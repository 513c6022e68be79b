# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL paused: what has a connection hangs, what needs one fails after the pool's two seconds, and nothing crashes."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime

import pytest
from circuit_sage import CircuitSage, Reply, eventually, now, plain, stays


@dataclass(frozen=True)
class Paused:
    """The moment, the backend's life, and one request more than there were idle connections then."""

    mark: datetime
    life: str
    requests: list[Future[Reply]]


@pytest.fixture(autouse=True, scope="module")
def paused(system: CircuitSage) -> Iterator[Paused]:
    """Pause it while the pool holds an idle connection."""
    name = system.settings.containers["postgres"]
    life = system.started_at("backend")
    assert system.health().status == 200
    idle = len(eventually(lambda: system.application_sessions("idle"), 10, "the backend has an idle connection"))
    mark = now()
    system.docker.api.pause(name)
    try:
        made = Paused(mark, life, [system.later(system.health, timeout=40) for _ in range(idle + 1)])
        eventually(lambda: any(request.done() for request in made.requests), 10, "one of the requests is answered")
        yield made
    finally:
        if system.state("postgres") == "paused":
            system.docker.api.unpause(name)
        system.prove_health()


def test_what_needs_a_connection_fails_after_two_seconds(system: CircuitSage, paused: Paused) -> None:
    """503, and the text that goes with it; what had a connection has no answer yet."""
    reply = next(request for request in paused.requests if request.done()).result()
    assert reply.status == 503
    assert 1.9 < reply.seconds < 4
    eventually(
        lambda: "Connection terminated due to connection timeout" in plain(system.log("backend", paused.mark)), 10, "the backend logs it"
    )
    stays(lambda: sum(request.done() for request in paused.requests) == 1, 1, "the others hang")


def test_docker_says_paused(system: CircuitSage) -> None:
    """Which is how it is told from a network that drops everything."""
    assert system.state("postgres") == "paused"


def test_unpausing_recovers_without_a_crash(system: CircuitSage, paused: Paused) -> None:
    """The requests that hung are answered; the backend is the same."""
    system.docker.api.unpause(system.settings.containers["postgres"])
    assert sorted(request.result(timeout=10).status for request in paused.requests) == [200] * (len(paused.requests) - 1) + [503]
    assert system.health().status == 200
    assert system.started_at("backend") == paused.life
