# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Trying recorded passwords over TCP: each distinct one once, none at a server that is not reached; the session that opens is kept."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from . import database_login, postgres_catalog, postgres_errors
from .docker_engine import ContainerGone, DockerEngine
from .errors import EngineUnreachable, IncidentError
from .password_login import Server
from .postgres_errors import Answer
from .recorded_passwords import BACKEND, CONTAINER, ENV_FILE, Candidate

MAINTENANCE_DATABASE = "postgres"
# An answer's way back, in seconds, beyond what the server itself may take.
MARGIN = 0.25
POLL_SECONDS = 0.1


class Attempt(NamedTuple):
    """What a candidate met; no milliseconds when another one had already shown that the server cannot be reached."""

    candidate: Candidate
    answer: Answer
    milliseconds: int | None


class Logins:
    """The attempts to log in, each distinct one made once, and the session that came of them."""

    def __init__(self, server: Server, deadline: float) -> None:
        self._server = server
        self._deadline = deadline
        self.attempts: list[Attempt] = []
        self.session: database_login.Session | None = None
        self.session_database: str | None = None

    def _open(self, candidate: Candidate, database: str, settings: dict[str, str], most: float | None = None) -> database_login.Session:
        login = database_login.Login(self._server.host, self._server.port, candidate.user, database, candidate.password)
        seconds = min(self._server.connect_timeout if most is None else most, max(self._deadline - time.monotonic(), MARGIN))
        return database_login.Session(login, seconds, settings)

    def _made(self, candidate: Candidate) -> Attempt | None:
        """An attempt that answers for this candidate too."""
        for made in self.attempts:
            if made.candidate[1:] == candidate[1:]:
                return made._replace(candidate=candidate)
            if made.answer.kind in postgres_errors.NOT_REACHED:
                return Attempt(candidate, made.answer, None)
        return None

    def attempt(self, candidate: Candidate) -> Attempt:
        """Try one candidate; the first session that opens is kept for reading."""
        made = self._made(candidate)
        if made is None:
            session = self._open(candidate, candidate.database, postgres_catalog.READ_SETTINGS)
            made = Attempt(candidate, session.answer, session.milliseconds)
            self._keep(session, candidate.database)
        self.attempts.append(made)
        return made

    def _keep(self, session: database_login.Session, database: str) -> None:
        if session.answer.kind == postgres_errors.OK and self.session is None:
            self.session, self.session_database = session, database
        else:
            session.close()

    def attempt_all(self, wanted: Sequence[Candidate]) -> None:
        """Try what is recorded. Copies of the env file are of interest only where the application's own password is not accepted."""
        for candidate in wanted:
            own = candidate.source in (BACKEND, ENV_FILE, CONTAINER)
            if own or not any(made.candidate.source == BACKEND and made.answer.password_taken for made in self.attempts):
                self.attempt(candidate)
        self._enter_another_database()

    def _enter_another_database(self) -> None:
        """Where one database refuses, the catalogue is read from another one of the same server."""
        refused = [made.candidate for made in self.attempts if made.answer.kind in postgres_errors.ONE_DATABASE]
        if self.session is None and refused:
            self._keep(self._open(refused[0], MAINTENANCE_DATABASE, postgres_catalog.READ_SETTINGS), MAINTENANCE_DATABASE)

    def tables_of(self, database: str, user: str) -> list[dict[str, Any]] | None:
        """The tables of another database of the server, as whoever was let in so far."""
        able = [made.candidate for made in self.attempts if made.answer.password_taken]
        if not able:
            return None
        session = self._open(able[0], database, postgres_catalog.READ_SETTINGS)
        try:
            if session.answer.kind != postgres_errors.OK:
                return None
            found: list[dict[str, Any]] = session.ask(postgres_catalog.tables_sql(user))["tables"]
            return found
        except IncidentError:
            return None
        finally:
            session.close()

    def write(self, user: str, database: str) -> database_login.Write | None:
        """A write in a new session, as the application; None when no login as the application works."""
        able = [
            made.candidate for made in self.attempts if made.answer.kind == postgres_errors.OK and made.candidate[1:3] == (user, database)
        ]
        if not able:
            return None
        # No settings of ours: the role's and the database's own are what is tried.
        session = self._open(able[0], database, {}, postgres_catalog.WRITE_TIMEOUT / 1000 + MARGIN)
        try:
            if session.answer.kind != postgres_errors.OK:
                return database_login.Write(session.answer.kind, session.answer.sqlstate, session.answer.message, session.milliseconds)
            return session.write()
        finally:
            session.close()

    def close(self) -> None:
        """End the session that was kept."""
        if self.session is not None:
            self.session.close()


def settle(engine: DockerEngine, identity: str, server: Server, candidate: Candidate, seconds: float) -> None:
    """Wait until the server answers one way or the other, at most so long, and only while its container is not stopped or paused."""
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        login = database_login.Login(server.host, server.port, candidate.user, candidate.database, candidate.password)
        session = database_login.Session(login, min(left, server.connect_timeout))
        session.close()
        if session.answer.kind not in postgres_errors.PASSING:
            return
        try:
            state = engine.inspect(identity)["State"]["Status"]
        except (ContainerGone, EngineUnreachable):
            return
        if state not in ("running", "restarting"):
            return
        time.sleep(min(POLL_SECONDS, left))
