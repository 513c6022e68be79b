# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A connection pool with the semantics of the real application's (node-pg): they decide how an outage of PostgreSQL looks.

At most ten connections; two seconds to make one, and two seconds to wait for one when all ten are taken; the connection that came
back last is given out first; one that nobody used for thirty seconds is closed. A statement has no time limit of its own, so a
request hangs as long as PostgreSQL does. When the server ends a connection that nobody uses, the real application has no handler
for it and dies: a watcher sees this at once and tells its owner, whose business the end of the process is.
"""

from __future__ import annotations

import os
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg2
import psycopg2.extras
from database_errors import (
    CONNECT_TIMEOUT,
    POOL_TIMEOUT,
    TERMINATED,
    DatabaseError,
    from_connect,
    from_last_words,
    from_lookup,
    from_session,
)

MAX_CONNECTIONS = 10
CONNECT_SECONDS = 2.0
IDLE_SECONDS = 30.0
# libpq's own limit, in whole seconds and longer than the pool's: it only makes an attempt that was given up end some day.
LIBPQ_CONNECT_SECONDS = 4

Connection = Any  # psycopg2 has no types
Row = dict[str, Any]


def connect_to(host: str, port: int, user: str, password: str, dbname: str) -> Connection:
    """Open one session; look the name up first, since Node reports that step in its own words."""
    try:
        address = str(socket.getaddrinfo(host, port, socket.AF_INET, socket.SOCK_STREAM)[0][4][0])
    except socket.gaierror as failure:
        raise from_lookup(host, failure) from failure
    try:
        connection = psycopg2.connect(
            host=host,
            hostaddr=address,
            port=port,
            user=user,
            password=password,
            dbname=dbname,
            connect_timeout=LIBPQ_CONNECT_SECONDS,
            # node-pg speaks plain TCP without keep-alive; with libpq's defaults a refused login would be tried and reported twice.
            sslmode="disable",
            gssencmode="disable",
            keepalives=0,
        )
    except psycopg2.Error as failure:
        raise from_connect(failure, address, port) from failure
    connection.autocommit = True
    return connection


class _Attempt:
    """One connection being made in a thread of its own, so that the two seconds hold for the look-up and the log-in alike."""

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._given_up = False
        self._connection: Connection = None
        self._failure: DatabaseError | None = None
        threading.Thread(target=self._run, name="connect", daemon=True).start()

    def _run(self) -> None:
        try:
            connection = self._connect()
        except DatabaseError as failure:
            self._failure = failure
        else:
            with self._lock:
                if self._given_up:
                    connection.close()
                else:
                    self._connection = connection
        self._done.set()

    def result(self, seconds: float) -> Connection:
        """The connection, or the reason why there is none."""
        self._done.wait(seconds)
        with self._lock:
            if self._connection is not None:
                return self._connection
            self._given_up = True
        raise self._failure or DatabaseError(CONNECT_TIMEOUT, "ETIMEDOUT", connection_lost=True)


class Pool:
    """Up to ten sessions, or as many as it is given, shared by the request threads."""

    def __init__(
        self, connect: Callable[[], Connection], on_idle_error: Callable[[DatabaseError], None], most: int = MAX_CONNECTIONS
    ) -> None:
        self.most = most
        self._connect = connect
        self._on_idle_error = on_idle_error
        self._changed = threading.Condition()
        self._idle: list[tuple[Connection, float]] = []
        self._size = 0
        self._wake_read, self._wake_write = os.pipe()
        threading.Thread(target=self._watch, name="pool-watcher", daemon=True).start()

    def acquire(self) -> Connection:
        """An idle connection, else a new one, else the wait for one that somebody gives back."""
        deadline = time.monotonic() + CONNECT_SECONDS
        with self._changed:
            while not self._idle and self._size >= self.most:
                if not self._changed.wait(deadline - time.monotonic()):
                    raise DatabaseError(POOL_TIMEOUT)
            if self._idle:
                return self._idle.pop()[0]
            self._size += 1
        try:
            return _Attempt(self._connect).result(CONNECT_SECONDS)
        except DatabaseError:
            self._forget()
            raise

    def release(self, connection: Connection) -> None:
        """Take a connection back; a broken one is dropped."""
        if connection.closed:
            self._forget()
            return
        with self._changed:
            self._idle.append((connection, time.monotonic()))
            self._changed.notify()
        os.write(self._wake_write, b"+")

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """A connection for one or more statements; errors come out as DatabaseError."""
        connection = self.acquire()
        try:
            yield connection
        except psycopg2.Error as failure:
            lost = bool(connection.closed)
            raise from_session(failure, closed=lost) from failure
        finally:
            self.release(connection)

    def query(self, statement: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Run one statement in a transaction of its own and give its rows."""
        with self.connection() as connection:
            return run(connection, statement, parameters)

    def close(self) -> None:
        """Close what is idle; what is in use ends with the process."""
        with self._changed:
            while self._idle:
                self._idle.pop()[0].close()

    def _forget(self) -> None:
        with self._changed:
            self._size -= 1
            self._changed.notify()

    def _watch(self) -> None:
        """Close what has been idle too long, and see at once when the server ends an idle connection."""
        while True:
            poller = select.poll()
            poller.register(self._wake_read, select.POLLIN)
            with self._changed:
                now = time.monotonic()
                expired = [connection for connection, since in self._idle if now - since >= IDLE_SECONDS]
                self._idle = [(connection, since) for connection, since in self._idle if now - since < IDLE_SECONDS]
                self._size -= len(expired)
                for connection in expired:
                    connection.close()
                for connection, _since in self._idle:
                    poller.register(connection.fileno(), select.POLLIN)
                oldest = min((since for _connection, since in self._idle), default=None)
            timeout = None if oldest is None else max(0.0, (oldest + IDLE_SECONDS - now) * 1000) + 1
            for descriptor, _event in poller.poll(timeout):
                if descriptor == self._wake_read:
                    os.read(self._wake_read, 4096)
                else:
                    self._look_at(descriptor)

    def _look_at(self, descriptor: int) -> None:
        """Read what the server said on a connection, if it still is idle: a request may have taken it meanwhile."""
        with self._changed:
            connection = next((held for held, _since in self._idle if held.fileno() == descriptor), None)
            if connection is None or not select.select([descriptor], [], [], 0)[0]:
                return
            failure = None
            try:
                connection.poll()
            except psycopg2.Error:
                failure = DatabaseError(TERMINATED, connection_lost=True)
            failure = from_last_words(connection.notices) or failure
        if failure:
            self._on_idle_error(failure)


def run(connection: Connection, statement: str, parameters: Sequence[Any] = ()) -> list[Row]:
    """Run a statement on a connection and give its rows as dictionaries (none for a statement that returns nothing)."""
    with connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
        try:
            cursor.execute(statement, parameters or None)
        except ValueError as failure:
            # psycopg2 refuses a zero character itself; node-pg sends it, and this is what the server answers.
            raise DatabaseError('invalid byte sequence for encoding "UTF8": 0x00', "22021") from failure
        return [dict(row) for row in cursor.fetchall()] if cursor.description else []
