# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults that a restart of the backend leaves as they are: a table that is locked, a database that is read-only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
import requests
from circuit_sage import CircuitSage, now, plain, rows_of
from made_company import PASSWORD, Company


@dataclass
class Restarted:
    """The moment of the restart under both faults, the session with the lock, and the one that set the database read-only."""

    mark: datetime
    locker: Any = None
    admin: Any = None
    reconnected: bool = False


@pytest.fixture(autouse=True, scope="module")
def restarted(system: CircuitSage) -> Iterator[Restarted]:
    """Lock the table, set the database read-only, restart the backend; the tests come in the order of the story."""
    made = Restarted(now())
    try:
        with closing(system.connect()) as made.locker, closing(system.connect(dbname="postgres")) as made.admin:
            made.locker.autocommit = False
            rows_of(made.locker, "LOCK TABLE locations IN ACCESS EXCLUSIVE MODE")
            try:
                rows_of(made.admin, f"ALTER DATABASE {system.database} SET default_transaction_read_only = on")
                system.restart_backend()
                yield made
            finally:
                rows_of(made.admin, f"ALTER DATABASE {system.database} RESET default_transaction_read_only")
    finally:
        if not made.reconnected:
            system.restart_backend()
        system.prove_health()


def test_start_of_a_read_only_database(system: CircuitSage, restarted: Restarted) -> None:
    """The first statement of the migrations fails, the start goes on, and health is 200."""
    assert "cannot execute CREATE EXTENSION in a read-only transaction" in plain(system.log("backend", restarted.mark))
    assert "Migration failed: error:" in plain(system.log("backend", restarted.mark))
    assert system.health().status == 200


def test_locked_table_still_hangs(system: CircuitSage, token: str) -> None:
    """What needs the table has no answer; what does not is well."""
    with pytest.raises(requests.ReadTimeout):
        system.backend("GET", "/api/locations", token=token, timeout=1)
    assert system.health().status == 200


def test_writes_still_fail(system: CircuitSage, company: Company, token: str, restarted: Restarted) -> None:
    """Reading and signing in are well, so everything looks well."""
    restarted.locker.rollback()
    assert system.sign_in(company.email, PASSWORD).status == 200
    path = f"/api/locations/{company.locations[0]}/free"
    assert system.backend("PATCH", path, token=token, body={"isFree": True}).status == 500


def test_open_sessions_keep_the_old_value(system: CircuitSage, company: Company, token: str, restarted: Restarted) -> None:
    """Setting it back is not enough: the pool has to connect anew."""
    rows_of(restarted.admin, f"ALTER DATABASE {system.database} RESET default_transaction_read_only")
    path = f"/api/locations/{company.locations[0]}/free"
    assert system.backend("PATCH", path, token=token, body={"isFree": True}).status == 500
    system.restart_backend()
    restarted.reconnected = True
    assert system.backend("PATCH", path, token=token, body={"isFree": True}).status == 200
