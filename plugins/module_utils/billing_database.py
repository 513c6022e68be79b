# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions with the application's database for the billing modules, and one sentence for each way in which they fail."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from .errors import IncidentError
from .password_login import REJECTED, Server, outcome_of, server_of
from .postgres_errors import words
from .recorded_value import ENV_FILE, Source, find_value, variables_of

try:
    import psycopg2
    import psycopg2.extras

    MISSING_DRIVER: str | None = None
except ImportError:
    MISSING_DRIVER = "psycopg2 is missing for this Python; install the package `psycopg2-binary`, version 2.9 or later"

APPLICATION_NAME = "circuit_sage billing"
TABLES = ("companies", "locations", "subscriptions", "subscription_payments")
# Of the server's memory, for one step of a query: the tally of 100,000 companies takes 30 MB, and would else go to disk.
WORK_MEMORY = "96MB"

_SENTENCES = {
    "55P03": "a row was locked by somebody else for longer than lock_timeout; look who holds it with postgres_info, then run again",
    "40P01": "the server ended a deadlock with another session by rolling this one back; run again",
    "40001": "another session changed the same rows meanwhile; run again",
    "57014": "the database took longer than statement_timeout; raise it, or name fewer companies in company_ids",
    "25006": "the database is read-only; mend that first (db_failure), then run again",
    "22003": "an amount would have more digits than the column takes; correct price_per_location",
    "53100": "the disk of the database is full; mend that first, then run again",
}


def server_and_password(options: Mapping[str, t.Any]) -> tuple[Server, str, dict[str, str]]:
    """Where and as whom to log in, the password of the env file, and everything that the file says."""
    path = Path(options["project_src"]) / options["env_file"]
    variables = variables_of(path)
    return server_of(options, variables), find_value(Source(ENV_FILE), "POSTGRES_PASSWORD", path, lambda _service: []), variables


def connect(server: Server, password: str, application_name: str = APPLICATION_NAME) -> t.Any:
    """A session of psycopg2. Raises IncidentError that says what to correct; the password is not in it."""
    if MISSING_DRIVER:
        raise IncidentError(MISSING_DRIVER)
    try:
        return psycopg2.connect(
            host=server.host,
            port=server.port,
            user=server.user,
            dbname=server.database,
            password=password,
            connect_timeout=server.connect_timeout,
            application_name=application_name,
            client_encoding="UTF8",
            options="-c timezone=UTC -c datestyle=ISO",
        )
    except psycopg2.OperationalError as error:
        login = outcome_of(str(error), password)
    cure = (
        "correct POSTGRES_PASSWORD of the env file"
        if login.outcome == REJECTED
        else "correct login_host, login_port, login_user or login_db"
    )
    raise IncidentError(f"the login of {server.user} to {server.database} at {server} failed ({login.reason}); {cure}, or run db_failure")


def sentence(error: Exception, server: Server) -> str:
    """What an error of the server means, and what to do, in one sentence."""
    code = getattr(error, "pgcode", None)
    if code == "42501":
        return f"the role {server.user} has too few rights ({words(str(error))}); grant them, or name another role in login_user"
    if code in _SENTENCES:
        return f"{_SENTENCES[code]}; nothing was written"
    return f"the database {server.database} at {server} answered: {words(str(error))}; nothing was written"


@contextmanager
def transaction(server: Server, password: str, *, read_only: bool, statement_timeout: int, lock_timeout: int = 5) -> Iterator[t.Any]:
    """One transaction: committed at the end, rolled back whole when anything fails. The timeouts are in seconds.

    A reader sees one state of the database throughout, a writer in each statement what others have committed by then.
    """
    connection = connect(server, password)
    try:
        connection.set_session(isolation_level="REPEATABLE READ" if read_only else "READ COMMITTED", readonly=read_only)
        with connection:
            with connection.cursor() as cursor:
                # The statements say themselves in which order to join; planning and compiling them would take longer than it saves.
                cursor.execute("SET LOCAL jit = off; SET LOCAL join_collapse_limit = 1; SET LOCAL from_collapse_limit = 1")
                # A hash that processes share is in /dev/shm, of which a container has 64 MB.
                cursor.execute("SET LOCAL enable_mergejoin = off; SET LOCAL enable_parallel_hash = off")
                cursor.execute("SET LOCAL work_mem = %s", (WORK_MEMORY,))
                cursor.execute("SET LOCAL statement_timeout = %s", (f"{statement_timeout}s",))
                cursor.execute("SET LOCAL lock_timeout = %s", (f"{lock_timeout}s",))
            refuse_missing_tables(connection, server)
            yield connection
    except psycopg2.Error as error:
        raise IncidentError(sentence(error, server)) from None
    finally:
        connection.close()


def refuse_missing_tables(connection: t.Any, server: Server) -> None:
    """A database without the application's tables is the wrong one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM unnest(%s) AS name WHERE to_regclass(name) IS NULL", (list(TABLES),))
        missing = [name for (name,) in cursor]
    if missing:
        raise IncidentError(
            f"the database {server.database} at {server} has no table {' and no '.join(missing)}; correct login_db, or restore it"
        )
