# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of the login: what the backend logs for each once it needs a new connection, while connections made before go on working."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg2
import pytest
from circuit_sage import CircuitSage, eventually, now, plain, rows_of
from occupied_pool import Occupants

Act = Callable[[str], list[dict[str, Any]]]


@dataclass(frozen=True)
class Fault:
    """How the role or the database is changed and put back, and the text that the backend logs; {user}, {database} stand for the names."""

    name: str
    change: str
    undo: str
    text: str


FAULTS = (
    Fault("nologin", "ALTER ROLE {user} NOLOGIN", "ALTER ROLE {user} LOGIN", 'role "{user}" is not permitted to log in'),
    Fault(
        "password_moved",
        "ALTER ROLE {user} PASSWORD 'conformance-moved'",
        "ALTER ROLE {user} PASSWORD '{verifier}'",
        'password authentication failed for user "{user}"',
    ),
    Fault(
        "password_expired",
        "ALTER ROLE {user} VALID UNTIL '2020-01-01'",
        "UPDATE pg_authid SET rolvaliduntil = NULL WHERE rolname = '{user}'",  # as it was: infinity would be another value
        'password authentication failed for user "{user}"',
    ),
    Fault(
        "database_not_accepting",
        "ALTER DATABASE {database} ALLOW_CONNECTIONS false",
        "ALTER DATABASE {database} ALLOW_CONNECTIONS true",
        'database "{database}" is not currently accepting connections',
    ),
    Fault(
        "host_rule_gone",
        "COPY (SELECT 1) TO PROGRAM 'cp $PGDATA/pg_hba.conf /tmp/hba && sed -i /scram/d $PGDATA/pg_hba.conf'; SELECT pg_reload_conf()",
        "COPY (SELECT 1) TO PROGRAM 'cat /tmp/hba > $PGDATA/pg_hba.conf && rm /tmp/hba'; SELECT pg_reload_conf()",
        'no pg_hba.conf entry for host "{backend}", user "{user}", database "{database}", no encryption',
    ),
)


@pytest.fixture(scope="module")
def names(system: CircuitSage) -> dict[str, str]:
    """What the faults' braces stand for."""
    verifier = system.sql("SELECT rolpassword FROM pg_authid WHERE rolname = %s", system.user)[0]["rolpassword"]
    return {"user": system.user, "database": system.database, "verifier": verifier, "backend": system.address("backend")}


@contextmanager
def fault_made(occupants: Occupants, fault: Fault, names: dict[str, str]) -> Iterator[datetime]:
    """The fault, for as long as it takes; changed and put back through a session that was open before."""
    mark = now()
    rows_of(occupants.admin, fault.change.format(**names))
    try:
        yield mark
    finally:
        rows_of(occupants.admin, fault.undo.format(**names))


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_refused_login(system: CircuitSage, occupants: Occupants, names: dict[str, str], fault: Fault) -> None:
    """Health 503, the server's own words in the backend's log, and a PostgreSQL that Docker still calls healthy."""
    occupants.take_idle()
    with fault_made(occupants, fault, names) as mark:
        eventually(lambda: refused(system), 10, "new logins are refused")
        reply = system.health()
        assert (reply.status, reply.json["status"]) == (503, "unhealthy")
        wanted = fault.text.format(**names)
        eventually(lambda: wanted in plain(system.log("backend", mark)), 10, f"the backend logs: {wanted}")
        assert system.container_health("postgres") == "healthy"
    eventually(lambda: not refused(system), 10, "logins are taken again")


def refused(system: CircuitSage) -> bool:
    """Whether a login as the application fails now."""
    try:
        system.connect().close()
    except psycopg2.OperationalError:
        return True
    return False


class TestSlotsFull:
    """Every connection slot held idle by somebody else."""

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def full(cls, system: CircuitSage, occupants: Occupants) -> Iterator[datetime]:
        """Take slots until none is left; the application is a superuser, and so are these: the reserved ones go too."""
        occupants.take_idle()
        held: list[Any] = []
        mark = now()
        try:
            with pytest.raises(psycopg2.OperationalError, match="sorry, too many clients already"):
                while len(held) < 1000:
                    held.append(system.connect())
            yield mark
        finally:
            for connection in held:
                connection.close()
            eventually(lambda: not refused(system), 10, "there are slots again")

    def test_health_and_log(self, system: CircuitSage, full: datetime) -> None:
        """503, and the server's words."""
        assert system.health().status == 503
        eventually(lambda: "sorry, too many clients already" in plain(system.log("backend", full)), 10, "the backend logs it")

    def test_administrators_are_refused_too(self, postgres_host: Any, system: CircuitSage) -> None:
        """`exec psql` as well: nobody can look or end a session by SQL."""
        done = postgres_host.run(f"psql -XAtqw -U {system.user} -d postgres -c 'SELECT 1'")
        assert done.rc != 0
        assert "too many clients" in done.stderr

    def test_container_stays_healthy(self, system: CircuitSage, full: datetime) -> None:
        """pg_isready takes a refusal for an answer: a check begun since then says 0."""

        def checked_since() -> list[dict[str, Any]]:
            checks = system.inspect("postgres")["State"]["Health"]["Log"]
            return [check for check in checks if datetime.fromisoformat(check["Start"][:26] + "+00:00") > full]

        checks = eventually(checked_since, 15, "Docker has checked PostgreSQL's health since")
        assert {check["ExitCode"] for check in checks} == {0}
        assert system.container_health("postgres") == "healthy"
