# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Health is green while the service is broken: a read-only database, and slots that are full around a connection that works."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing

import psycopg2
import pytest
from circuit_sage import CircuitSage, rows_of


@pytest.fixture
def read_only(system: CircuitSage) -> Iterator[None]:
    """`default_transaction_read_only` for the database, set from another one."""
    with closing(system.connect(dbname="postgres")) as admin:
        rows_of(admin, f"ALTER DATABASE {system.database} SET default_transaction_read_only = on")
        yield
        rows_of(admin, f"ALTER DATABASE {system.database} RESET default_transaction_read_only")


def test_read_only_database(system: CircuitSage, read_only: None) -> None:
    """New sessions read and cannot write (25006); health and Docker see nothing of it."""
    assert system.sql("SELECT 1 AS one") == [{"one": 1}]
    with pytest.raises(psycopg2.errors.ReadOnlySqlTransaction) as refused:
        system.sql("UPDATE system_settings SET updated_at = updated_at")
    assert refused.value.pgcode == "25006"
    assert system.health().status == 200
    assert system.container_health("postgres") == "healthy"


def test_slots_full_around_a_working_connection(system: CircuitSage) -> None:
    """The connection that the pool has still answers the health check."""
    assert system.health().status == 200
    with ExitStack() as held:
        with pytest.raises(psycopg2.OperationalError, match="sorry, too many clients already"):
            for _ in range(1000):
                held.enter_context(closing(system.connect()))
        assert system.health().status == 200
