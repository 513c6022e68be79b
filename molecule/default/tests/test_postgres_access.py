# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who gets into PostgreSQL how: trust inside the container, passwords over TCP, a superuser application, settings of the first start."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from typing import Any

import psycopg2
import pytest
from circuit_sage import CircuitSage, eventually, now, rows_of

WRONG = "conformance-wrong"


def psql(host: Any, system: CircuitSage, *where: str) -> Any:
    """psql inside the container, from this place, with a wrong password."""
    place = f"-h {where[0]}" if where else ""
    return host.run(f"PGPASSWORD={WRONG} psql -XAtqw {place} -U {system.user} -d {system.database} -c 'SELECT 1'")


def test_version(system: CircuitSage) -> None:
    """PostgreSQL 15."""
    assert system.sql("SHOW server_version")[0]["server_version"].startswith("15.")


def test_local_socket_trusts(system: CircuitSage, postgres_host: Any) -> None:
    """`exec psql` never tests a password: a wrong one does not matter."""
    assert psql(postgres_host, system).stdout.strip() == "1"


def test_loopback_of_the_container_trusts(system: CircuitSage, postgres_host: Any) -> None:
    """Nor does psql over the container's own loopback."""
    assert psql(postgres_host, system, "127.0.0.1").stdout.strip() == "1"


def test_own_address_wants_the_password(system: CircuitSage, postgres_host: Any) -> None:
    """From any other address the password is asked for, also inside the container."""
    refused = psql(postgres_host, system, "$(hostname)")
    assert refused.rc != 0
    assert "password authentication failed" in refused.stderr


def test_published_port_wants_the_password(system: CircuitSage) -> None:
    """Over TCP from the host."""
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed for user"):
        system.connect(password=WRONG)


def test_passwords_are_scram(system: CircuitSage) -> None:
    """By the rule for other addresses, and as it is stored."""
    stored = system.sql("SELECT rolpassword FROM pg_authid WHERE rolname = %s", system.user)[0]["rolpassword"]
    assert stored.startswith("SCRAM-SHA-256$")
    rules = system.sql("SELECT auth_method FROM pg_hba_file_rules WHERE type = 'host' AND address = 'all'")
    assert [rule["auth_method"] for rule in rules] == ["scram-sha-256"]


def test_server_log_has_no_client_address(system: CircuitSage) -> None:
    """A failed login: time in UTC, process, level, user, and no word of the client."""
    mark = now()
    with pytest.raises(psycopg2.OperationalError):
        system.connect(password=WRONG)
    wanted = re.compile(
        rf'^\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{{3}} UTC \[\d+\] FATAL:  password authentication failed for user "{system.user}"$',
        re.MULTILINE,
    )
    eventually(lambda: wanted.search(system.log("postgres", mark)), 10, "the failed login is in the server's log")
    assert system.gateway() not in system.log("postgres", mark)


def test_application_is_a_superuser(system: CircuitSage) -> None:
    """POSTGRES_USER is made a superuser by the image."""
    assert system.sql("SELECT rolsuper FROM pg_roles WHERE rolname = %s", system.user) == [{"rolsuper": True}]


@pytest.fixture
def connection_limit(system: CircuitSage) -> Iterator[None]:
    """A connection limit of the role that has long been reached."""
    admin = system.connect()
    rows_of(admin, f"ALTER ROLE {system.user} CONNECTION LIMIT 0")
    yield
    rows_of(admin, f"ALTER ROLE {system.user} CONNECTION LIMIT -1")
    admin.close()


def test_connection_limit_does_not_bite(system: CircuitSage, connection_limit: None) -> None:
    """A superuser is exempt from its role's limit."""
    assert system.sql("SELECT rolconnlimit FROM pg_roles WHERE rolname = %s", system.user) == [{"rolconnlimit": 0}]


def test_revoke_does_not_bite(system: CircuitSage) -> None:
    """Nor does a table's rights."""
    connection = system.connect()
    connection.autocommit = False
    rows_of(connection, f"REVOKE ALL ON companies FROM {system.user}")
    assert rows_of(connection, "SELECT count(*) AS n FROM companies")[0]["n"] > 0
    connection.rollback()
    connection.close()


@pytest.fixture
def second_start(system: CircuitSage) -> Iterator[str]:
    """A throw-away PostgreSQL of the same image, initialised with one POSTGRES_PASSWORD and started again with another; its name."""
    name = f"{system.settings.project}-conformance-{uuid.uuid4().hex[:8]}"
    image = system.inspect("postgres")["Image"]
    containers = system.docker.containers

    def start(password: str) -> None:
        environment = {"POSTGRES_USER": "first", "POSTGRES_PASSWORD": password, "POSTGRES_DB": "first_db"}
        container = containers.run(
            image, name=name, detach=True, environment=environment, volumes={name: {"bind": "/var/lib/postgresql/data"}}
        )
        ready = "pg_isready -q -h 127.0.0.1 -U first -d first_db"
        eventually(lambda: container.exec_run(ready).exit_code == 0, 30, "the throw-away PostgreSQL is ready")

    try:
        start("first-password")
        containers.get(name).remove(force=True)
        start("second-password")
        yield name
    finally:
        containers.get(name).remove(force=True, v=True)
        system.docker.volumes.get(name).remove()


def test_settings_of_the_first_start_last(system: CircuitSage, second_start: str) -> None:
    """POSTGRES_* are read while the data directory is empty, and never again: an initialised volume keeps its old password."""
    container = system.docker.containers.get(second_start)

    def login(password: str) -> tuple[int, str]:
        done = container.exec_run(
            ["sh", "-c", "psql -XAtqw -h $(hostname) -U first -d first_db -c 'SELECT 1'"], environment={"PGPASSWORD": password}
        )
        return done.exit_code, done.output.decode()

    assert login("first-password") == (0, "1\n")
    status, words = login("second-password")
    assert status != 0
    assert "password authentication failed" in words
