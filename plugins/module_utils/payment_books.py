# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions with the database for payments: one for each charge that is under way, kept for the next one."""

from __future__ import annotations

import threading
import typing as t
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

from . import payment_intent, row_change
from .billing_database import connect, sentence, transaction
from .errors import IncidentError
from .password_login import Server
from .payment_statement import Often

with suppress(ImportError):  # without it `connect` says so
    import psycopg2

# A settlement that the server ended for another session's sake is tried so often.
_TRIES = 5
_AGAIN = ("40P01", "55P03")


@dataclass(frozen=True)
class PaymentBooks:
    """The database, and the env file's variables. The timeouts are in seconds."""

    server: Server
    password: str
    variables: Mapping[str, str]
    statement_timeout: int
    lock_timeout: int

    def reading(self) -> t.Any:
        """A transaction that sees one state of the database."""
        return transaction(self.server, self.password, read_only=True, statement_timeout=self.statement_timeout)

    @contextmanager
    def writing(self, incident: str) -> Iterator[t.Any]:
        """A transaction that is committed at its end, while no other run changes rows."""
        timeouts = {"statement_timeout": self.statement_timeout, "lock_timeout": self.lock_timeout}
        with transaction(self.server, self.password, read_only=False, **timeouts) as connection:
            row_change.take_lock(connection, incident)
            yield connection


class Sessions:
    """Sessions that threads borrow. They are closed with the stack."""

    def __init__(self, books: PaymentBooks, stack: ExitStack) -> None:
        self._books, self._stack = books, stack
        self._free: list[t.Any] = []
        self._lock = threading.Lock()

    @contextmanager
    def borrowed(self) -> Iterator[Session]:
        """A session for one charge. Raises IncidentError with one sentence for whatever the server refuses."""
        session = self._take()
        try:
            yield session
        except psycopg2.Error as error:
            raise IncidentError(sentence(error, self._books.server)) from None
        finally:
            with self._lock:
                if not session.connection.closed:
                    self._free.append(session)

    def _take(self) -> Session:
        with self._lock:
            if self._free:
                return t.cast(Session, self._free.pop())
        connection = connect(self._books.server, self._books.password)
        with self._lock:
            self._stack.callback(connection.close)
        # A transaction begins where it is begun, so that a session in between holds nothing.
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = %s", (f"{self._books.statement_timeout}s",))
            cursor.execute("SET lock_timeout = %s", (f"{self._books.lock_timeout}s",))
        return Session(connection)


class Session(Often):
    """One session, and its transactions."""

    @contextmanager
    def transaction(self) -> Iterator[t.Any]:
        """One transaction: committed at the end, rolled back when anything fails. Gives a cursor."""
        with self.connection.cursor() as cursor:
            cursor.execute("BEGIN")
            with self.begun():
                yield cursor

    @contextmanager
    def begun(self) -> Iterator[None]:
        """The same where the first statement goes to the server together with its BEGIN."""
        try:
            yield
        except BaseException:
            if not self.connection.closed:
                self._end("ROLLBACK")
            raise
        self._end("COMMIT")

    def _end(self, how: str) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(how)

    def finally_unlock(self, payment: str) -> None:
        """Let others near a payment. A session that is gone has let go of it already."""
        if not self.connection.closed:
            payment_intent.unlock(self.connection, payment)

    def surely(self, work: t.Callable[[Session], t.Any]) -> t.Any:
        """Work that goes to the server at once and so is one transaction; again where the server ended it for another session's sake."""
        for number in range(_TRIES):
            try:
                return work(self)
            except psycopg2.Error as error:
                if error.pgcode not in _AGAIN or number == _TRIES - 1:
                    raise
        raise AssertionError("not reached")
