# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All ten connections of the backend's pool wait for a lock: requests hang, then fail; PostgreSQL itself is well."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from circuit_sage import CircuitSage, eventually, now, plain
from made_company import Company
from occupied_pool import Occupants, pool_occupied

POOL = 10


@pytest.fixture(scope="module")
def used_up(system: CircuitSage, company: Company, token: str) -> Iterator[Occupants]:
    """Ten requests that wait for one row, the one that hangs all the time among them."""
    with pool_occupied(system, company, token) as made:
        made.take_idle()
        made.add(POOL - made.blocked())
        yield made
    system.prove_health()


def test_the_eleventh_request_fails_after_two_seconds(system: CircuitSage, used_up: Occupants) -> None:
    """503 and the pool's own words; no more than ten sessions."""
    mark = now()
    reply = system.health()
    assert reply.status == 503
    assert 1.9 < reply.seconds < 4
    eventually(lambda: "timeout exceeded when trying to connect" in plain(system.log("backend", mark)), 10, "the backend logs it")
    assert used_up.blocked() == len(system.application_sessions()) == POOL
    assert not any(request.done() for request in used_up.replies)


def test_postgres_is_well(system: CircuitSage, used_up: Occupants) -> None:
    """It is no connection problem: others log in and read, and Docker calls it healthy."""
    assert system.sql("SELECT count(*) AS n FROM locations")[0]["n"] > 0
    assert system.container_health("postgres") == "healthy"
