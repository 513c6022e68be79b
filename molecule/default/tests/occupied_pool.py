# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests that hang on purpose and so keep the backend's pooled connections busy: the next request has to make a new one.

This is how a fault of the login shows at once: a connection that was made before the fault goes on working.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from circuit_sage import CircuitSage, Reply, eventually
from made_company import Company


@dataclass
class Occupants:
    """Requests that hold connections of the backend's pool, until the row they want is let go."""

    system: CircuitSage
    place: str
    token: str
    admin: Any
    replies: list[Future[Reply]]

    def blocked(self) -> int:
        """How many of the backend's sessions wait for a lock."""
        sessions = self.system.application_sessions("active", connection=self.admin)
        return sum(session["wait_event_type"] == "Lock" for session in sessions)

    def add(self, count: int = 1) -> None:
        """Let so many more requests hang."""
        wanted = self.blocked() + count
        path = f"/api/locations/{self.place}/free"
        for _ in range(count):
            call = self.system.later(self.system.backend, "PATCH", path, token=self.token, body={"isFree": True}, timeout=60)
            self.replies.append(call)
        eventually(lambda: self.blocked() >= wanted, 15, f"{wanted} of the backend's sessions wait for a lock")

    def take_idle(self) -> None:
        """Leave the pool without an idle connection, so that the next request has to make one."""
        while self.system.application_sessions("idle", connection=self.admin):
            self.add()


@contextmanager
def pool_occupied(system: CircuitSage, company: Company, token: str) -> Iterator[Occupants]:
    """Occupy connections of the pool; let all of them go at the end."""
    # Looks on through a session of its own, to a database of its own: it gets in before the fault and out of it.
    admin = system.connect(dbname="postgres")
    occupants = Occupants(system, company.locations[0], token, admin, [])
    try:
        with system.row_locked("locations", occupants.place):
            yield occupants
        for reply in occupants.replies:
            assert reply.result(timeout=30).status in (200, 500)
    finally:
        admin.close()
