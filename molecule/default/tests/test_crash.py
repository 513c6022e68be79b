# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The backend crashes when PostgreSQL ends a connection that lies idle in its pool: by a stop, or by pg_terminate_backend."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from circuit_sage import CircuitSage, eventually, now, plain


@dataclass(frozen=True)
class Crash:
    """When it was brought about, and the restart count before."""

    mark: datetime
    restarts: int


def lives(system: CircuitSage, since: datetime) -> list[dict[str, Any]]:
    """The deaths and starts of the backend's container, in order."""
    until = (now() + timedelta(seconds=1)).timestamp()
    filters = {"container": system.settings.containers["backend"], "event": ["die", "start"]}
    return list(system.docker.api.events(since=since.timestamp(), until=until, filters=filters, decode=True))


def pauses(system: CircuitSage, since: datetime) -> list[float]:
    """Seconds from each death to the start that followed."""
    events = lives(system, since)
    pairs = itertools.pairwise(events)
    return [
        (after["timeNano"] - before["timeNano"]) / 1e9 for before, after in pairs if (before["Action"], after["Action"]) == ("die", "start")
    ]


class TestTerminated:
    """pg_terminate_backend on the application's connections."""

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def terminated(cls, system: CircuitSage) -> Crash:
        """End the backend's sessions, one of them idle."""
        assert system.health().status == 200
        crash = Crash(now(), system.restarts("backend"))
        ended = system.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE host(client_addr) = %s", system.address("backend"))
        assert ended
        return crash

    def test_crashes_and_is_back_in_seconds(self, system: CircuitSage, terminated: Crash) -> None:
        """Docker restarts it once; about four seconds in all."""
        eventually(lambda: system.restarts("backend") > terminated.restarts, 10, "Docker has restarted the backend")
        eventually(lambda: system.status(f"{system.settings.backend_url}/health") == 200, 15, "the backend is healthy again")
        assert system.restarts("backend") == terminated.restarts + 1

    def test_log_has_the_code(self, system: CircuitSage, terminated: Crash) -> None:
        """57P01, which no handler takes."""
        text = plain(system.log("backend", terminated.mark))
        assert "57P01" in text
        assert "terminating connection due to administrator command" in text


class TestStopped:
    """PostgreSQL stopped while the pool holds an idle connection."""

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def stopped(cls, system: CircuitSage) -> Iterator[Crash]:
        """Stop it under a fresh connection."""
        assert system.health().status == 200
        crash = Crash(now(), system.restarts("backend"))
        try:
            system.docker.api.stop(system.settings.containers["postgres"], timeout=10)
            yield crash
        finally:
            system.docker.api.start(system.settings.containers["postgres"])
            system.prove_health(90)

    def test_crashes(self, system: CircuitSage, stopped: Crash) -> None:
        """57P01 in its log, exit status 1."""
        eventually(lambda: "57P01" in system.log("backend", stopped.mark), 10, "the backend's last words")
        died = [event for event in lives(system, stopped.mark) if event["Action"] == "die"]
        assert died[0]["Actor"]["Attributes"]["exitCode"] == "1"

    def test_nginx_answers_502(self, system: CircuitSage) -> None:
        """Never 503: there is nobody to say so."""
        assert {system.edge("GET", "/api/health", timeout=10).status for _ in range(3)} == {502}

    def test_crash_loop_with_growing_pauses(self, system: CircuitSage, stopped: Crash) -> None:
        """Docker starts it again and again, waiting longer each time."""
        eventually(lambda: len(pauses(system, stopped.mark)) >= 5, 40, "five restarts")
        found = pauses(system, stopped.mark)
        assert max(found[3:]) > min(found[:2]) + 0.8  # seconds: Docker waits 0.1, 0.2, 0.4, 0.8, 1.6
        assert system.restarts("backend") >= stopped.restarts + 5

    def test_words_of_a_failed_start(self, system: CircuitSage, stopped: Crash) -> None:
        """The start script goes on after a failed migration; then the server gives up."""
        text = plain(system.log("backend", stopped.mark))
        assert "Migration failed: error: getaddrinfo ENOTFOUND postgres" in text
        assert "Database connection failed: getaddrinfo ENOTFOUND postgres" in text
        assert "Unable to connect to the database" in text

    def test_comes_back_after_a_short_outage(self, system: CircuitSage, stopped: Crash) -> None:
        """By the next restart, once PostgreSQL takes logins."""
        system.docker.api.start(system.settings.containers["postgres"])
        eventually(lambda: system.status(f"{system.settings.backend_url}/health") == 200, 20, "the backend is healthy again")
        assert system.restarts("backend") > stopped.restarts
