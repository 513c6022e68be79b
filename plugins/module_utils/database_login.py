# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions with PostgreSQL over TCP in which nothing lasts longer than it is given: not the login, not a question, not a write."""

from __future__ import annotations

import json
import select
import time
from typing import Any, NamedTuple

from . import postgres_catalog
from .errors import IncidentError
from .postgres_errors import OK, Answer, login_answer, words, write_kind

try:
    import psycopg2
    import psycopg2.extensions

    MISSING_DRIVER: str | None = None
except ImportError:
    MISSING_DRIVER = "psycopg2 is missing for this Python; install the package `psycopg2-binary`, version 2.9 or later"


class NoAnswer(Exception):
    """The server did not answer within the time that it was given."""


class Login(NamedTuple):
    """Where to log in, and as whom."""

    host: str
    port: int
    user: str
    database: str
    password: str


class Write(NamedTuple):
    """What came of a write."""

    kind: str
    sqlstate: str | None
    message: str | None
    milliseconds: int


class _Clock:
    """The end of the time that the step at work was given. psycopg2 has one place for all its waiting, and so has this."""

    given = 0.0
    end = 0.0

    @classmethod
    def start(cls, seconds: float) -> None:
        cls.given, cls.end = seconds, time.monotonic() + seconds

    @classmethod
    def wait(cls, connection: Any) -> None:
        """Wait for the server, as psycopg2 asks, and not longer than allowed: it would wait for ever itself for a server that is paused."""
        while (wanted := connection.poll()) != psycopg2.extensions.POLL_OK:
            left = cls.end - time.monotonic()
            reading = [connection] if wanted == psycopg2.extensions.POLL_READ else []
            writing = [] if reading else [connection]
            if left <= 0 or not any(select.select(reading, writing, [], left)):
                raise NoAnswer(f"no answer within {cls.given:.3g} s")


class Session:
    """One session over TCP, or the reason why there is none."""

    def __init__(self, login: Login, timeout: float, settings: dict[str, str] | None = None) -> None:
        if MISSING_DRIVER:
            raise IncidentError(MISSING_DRIVER)
        psycopg2.extensions.set_wait_callback(_Clock.wait)
        self._timeout = timeout
        self._connection: Any = None
        started = time.monotonic()
        self.answer = self._open(login, settings or {})
        self.milliseconds = round((time.monotonic() - started) * 1000)

    def _open(self, login: Login, settings: dict[str, str]) -> Answer:
        _Clock.start(self._timeout)
        try:
            self._connection = psycopg2.connect(
                host=login.host,
                port=login.port,
                user=login.user,
                dbname=login.database,
                password=login.password,
                application_name=postgres_catalog.APPLICATION_NAME,
                options=" ".join(f"-c {name}={value}" for name, value in settings.items()),
                client_encoding="UTF8",
            )
        except (NoAnswer, psycopg2.OperationalError) as error:
            return login_answer(str(error))
        # With `trust` in pg_hba.conf anybody gets in, and the password is never asked for.
        return Answer(OK, None, None, True if self._connection.info.used_password else None)

    def ask(self, sql: str) -> dict[str, Any]:
        """The answer to a question that answers with one value of JSON. Raises IncidentError with the server's words."""
        _Clock.start(self._timeout)
        try:
            self._connection.autocommit = True
            with self._connection.cursor() as cursor:
                cursor.execute(sql)
                value = cursor.fetchone()[0]
        except (NoAnswer, psycopg2.Error) as error:
            raise IncidentError(words(str(error))) from None
        found: dict[str, Any] = value if isinstance(value, dict) else json.loads(value)
        return found

    def write(self) -> Write:
        """Write a row as the application would, and take it back."""
        started = time.monotonic()
        _Clock.start(self._timeout)
        kind, sqlstate, message = OK, None, None
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(postgres_catalog.write_settings_sql())
                cursor.execute(postgres_catalog.write_sql())
            self._connection.rollback()
        except (NoAnswer, psycopg2.Error) as error:
            sqlstate = getattr(error, "pgcode", None)
            kind, message = write_kind(sqlstate, str(error)), words(str(error))
        return Write(kind, sqlstate, message, round((time.monotonic() - started) * 1000))

    def close(self) -> None:
        """End the session; a transaction that is open is rolled back by the server."""
        if self._connection is not None:
            self._connection.close()
