# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the words of PostgreSQL and its client library mean, for a login and for a write."""

from __future__ import annotations

import re
from typing import NamedTuple

OK = "ok"
REFUSED = "refused"
TIMEOUT = "timeout"
UNREACHABLE = "unreachable"
PASSWORD_REJECTED = "password_rejected"  # noqa: S105 # the name of a class of errors
ROLE_NOT_PERMITTED = "role_not_permitted"
TOO_MANY_CONNECTIONS = "too_many_connections"
DATABASE_NOT_ACCEPTING = "database_not_accepting"
DATABASE_MISSING = "database_missing"
ROLE_MISSING = "role_missing"
STARTING_UP = "starting_up"
SHUTTING_DOWN = "shutting_down"
OTHER = "other"

# The server was not reached at all: no password changes that.
NOT_REACHED = frozenset({REFUSED, TIMEOUT, UNREACHABLE})
# What passes by itself when the server has just been started.
PASSING = NOT_REACHED | {STARTING_UP, SHUTTING_DOWN}
# One database refuses; another one of the same server may let the same role in.
ONE_DATABASE = frozenset({DATABASE_NOT_ACCEPTING, DATABASE_MISSING})


class Answer(NamedTuple):
    """What a login met. `password_taken` is None when the server got no further than to ask for the password, or never asked."""

    kind: str
    sqlstate: str | None
    message: str | None
    password_taken: bool | None


# Before it looks at the password the server checks its state, its slots and pg_hba.conf; after it the role, the reserved slots and the
# database. The client library gives no SQLSTATE for a failed login, only the server's words: those of the server's source stand here.
_LOGIN_ERRORS: tuple[tuple[str, str | None, bool | None, re.Pattern[str]], ...] = (
    (PASSWORD_REJECTED, "28P01", False, re.compile(r"FATAL: +password authentication failed for user \"")),
    (ROLE_NOT_PERMITTED, "28000", True, re.compile(r"FATAL: +role \".*\" is not permitted to log in$", re.MULTILINE)),
    (ROLE_MISSING, "28000", None, re.compile(r"FATAL: +role \".*\" does not exist$", re.MULTILINE)),
    (TOO_MANY_CONNECTIONS, "53300", None, re.compile(r"FATAL: +sorry, too many clients already$", re.MULTILINE)),
    (TOO_MANY_CONNECTIONS, "53300", True, re.compile(r"FATAL: +remaining connection slots are reserved")),
    (TOO_MANY_CONNECTIONS, "53300", True, re.compile(r"FATAL: +too many connections for (?:role|database) \"")),
    (DATABASE_NOT_ACCEPTING, "55000", True, re.compile(r"FATAL: +database \".*\" is not currently accepting connections$", re.MULTILINE)),
    (DATABASE_MISSING, "3D000", True, re.compile(r"FATAL: +database \".*\" does not exist$", re.MULTILINE)),
    (OTHER, "42501", True, re.compile(r"FATAL: +permission denied for database \"")),
    ("hba_rejected", "28000", None, re.compile(r"FATAL: +(?:no pg_hba\.conf entry for|pg_hba\.conf rejects connection for) ")),
    (
        STARTING_UP,
        "57P03",
        None,
        re.compile(r"FATAL: +the database system is (?:starting up|not yet accepting connections|in recovery mode)$", re.MULTILINE),
    ),
    (SHUTTING_DOWN, "57P03", None, re.compile(r"FATAL: +the database system is shutting down$", re.MULTILINE)),
    (TIMEOUT, None, None, re.compile(r"timeout expired$|[Cc]onnection timed out|^no answer within ", re.MULTILINE)),
    (UNREACHABLE, None, None, re.compile(r"No route to host|Network is unreachable|could not translate host name")),
    # The engine's proxy takes a connection for a container in which nothing listens, and closes it.
    (REFUSED, None, None, re.compile(r"Connection refused|server closed the connection unexpectedly|Connection reset by peer")),
)

_PREFIX = re.compile(r"^(?:psql: error: )?connection to server (?:at|on socket) .*? failed: ")
_SEVERITY = re.compile(r"^(?:FATAL|ERROR|PANIC): +")
_DETAIL = re.compile(r"^DETAIL: +")

_WRITE_ERRORS = {
    "25006": "read_only",
    "55P03": "lock_timeout",
    "57014": "statement_timeout",
    "53100": "disk_full",
    "53200": "out_of_memory",
    "42P01": "undefined_table",
    "42501": "permission_denied",
    "23502": "constraint",
    "23514": "constraint",
    "57P01": "terminated",
    "57P03": "shutting_down",
    "XX001": "data_corrupted",
    "XX002": "index_corrupted",
    "58030": "io_error",
}


def words(text: str) -> str:
    """The server's own words in one line: without the address that the client library puts before, and the guesses behind."""
    lines = [_PREFIX.sub("", line.strip()) for line in text.splitlines() if line.strip()]
    told = next((number for number, line in enumerate(lines) if _SEVERITY.match(line)), 0)
    shown = [_SEVERITY.sub("", line) for line in lines[told : told + 1]]
    shown += [_DETAIL.sub("", line) for line in lines[told + 1 :] if _DETAIL.match(line)]
    return " ".join(shown) or "it gave no reason"


def login_answer(text: str) -> Answer:
    """What the text of a failed login means."""
    for kind, sqlstate, taken, pattern in _LOGIN_ERRORS:
        if pattern.search(text):
            return Answer(kind, sqlstate, words(text), taken)
    return Answer(OTHER, None, words(text), None)


def write_kind(sqlstate: str | None, text: str) -> str:
    """The class of a failed write."""
    if sqlstate is None:
        return login_answer(text).kind
    if sqlstate == "57014" and "due to user request" in text:
        return "cancelled"
    return _WRITE_ERRORS.get(sqlstate, OTHER)
