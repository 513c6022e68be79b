# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong between the backend and PostgreSQL, in the words of the real application's driver (node-pg).

psycopg2 wraps the server's message for a refused connection into its own sentence and gives no SQLSTATE; operators look for
the bare message, so it is taken out of the sentence here.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable

import psycopg2

CONNECT_TIMEOUT = "Connection terminated due to connection timeout"
POOL_TIMEOUT = "timeout exceeded when trying to connect"
TERMINATED = "Connection terminated unexpectedly"

_SERVER_MESSAGE = re.compile(r"(?:FATAL|PANIC|ERROR):\s+(?P<text>[^\n]+)")
_SYSTEM_ERRORS = {
    "Connection refused": "ECONNREFUSED",
    "No route to host": "EHOSTUNREACH",
    "Network is unreachable": "ENETUNREACH",
    "Connection reset by peer": "ECONNRESET",
}
# What the server says when it ends a session that is doing nothing: libpq hands these over as notices, without their SQLSTATE.
_LAST_WORDS = {
    "terminating connection due to administrator command": "57P01",
    "terminating connection because of crash of another server process": "57P02",
    "terminating connection due to idle-session timeout": "57P05",
    "terminating connection due to idle-in-transaction timeout": "25P03",
}


class DatabaseError(Exception):
    """A failure of the database or of the way to it; the text is what the application logs."""

    def __init__(self, text: str, code: str | None = None, *, connection_lost: bool = False) -> None:
        super().__init__(text)
        self.code = code
        self.connection_lost = connection_lost


def from_lookup(host: str, failure: socket.gaierror) -> DatabaseError:
    """Name a failed look-up of the database's host as Node does."""
    name = "EAI_AGAIN" if failure.errno == socket.EAI_AGAIN else "ENOTFOUND"
    return DatabaseError(f"getaddrinfo {name} {host}", name, connection_lost=True)


def from_connect(failure: psycopg2.Error, address: str, port: int) -> DatabaseError:
    """Name a connection that could not be made."""
    text = str(failure).strip()
    from_server = _SERVER_MESSAGE.search(text)
    if from_server:
        return DatabaseError(from_server["text"], failure.pgcode, connection_lost=True)
    for words, name in _SYSTEM_ERRORS.items():
        if words in text:
            return DatabaseError(f"connect {name} {address}:{port}", name, connection_lost=True)
    if "no password supplied" in text:
        return DatabaseError("SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a non-empty string", connection_lost=True)
    if "timeout expired" in text:
        return DatabaseError(CONNECT_TIMEOUT, "ETIMEDOUT", connection_lost=True)
    return DatabaseError(TERMINATED, connection_lost=True)


def from_session(failure: psycopg2.Error, *, closed: bool) -> DatabaseError:
    """Name a failure on a connection that had worked: the server's message where it sent one."""
    primary = getattr(failure.diag, "message_primary", None)
    if primary is None:
        from_server = _SERVER_MESSAGE.search(str(failure))
        primary = from_server["text"] if from_server else None
    if primary is None:
        primary = TERMINATED if closed else (str(failure).strip().splitlines() or [TERMINATED])[0]
    return DatabaseError(primary, failure.pgcode, connection_lost=closed)


def from_last_words(notices: Iterable[str]) -> DatabaseError | None:
    """Find the reason with which the server ended an idle session among the notices of that session."""
    for notice in notices:
        from_server = _SERVER_MESSAGE.match(notice)
        if from_server:
            return DatabaseError(from_server["text"], _LAST_WORDS.get(from_server["text"]), connection_lost=True)
    return None
