# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Trying a password where the application uses it: a login over TCP, never the container's local socket, which asks for none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .errors import IncidentError
from .redaction import redact

if TYPE_CHECKING:
    from collections.abc import Mapping

# What the compose file takes where the env file says nothing.
DEFAULT_USER = "circuit_sage_user"
DEFAULT_DATABASE = "circuit_sage_db"

ACCEPTED = "accepted"
REJECTED = "rejected"
NOT_ASKED = "not asked"
FAILED = "failed"


@dataclass(frozen=True)
class Server:
    """Where and as whom to log in."""

    host: str
    port: int
    user: str
    database: str
    connect_timeout: float

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def server_of(options: Mapping[str, Any], variables: Mapping[str, str]) -> Server:
    """The server that the options name; role and database are those of the env file unless they are given."""
    return Server(
        options["login_host"],
        options["login_port"],
        options["login_user"] or variables.get("POSTGRES_USER") or DEFAULT_USER,
        options["login_db"] or variables.get("POSTGRES_DB") or DEFAULT_DATABASE,
        options["connect_timeout"],
    )


@dataclass(frozen=True)
class Login:
    """What came of a login: the server took the password, rejected it, never asked for it, or the login failed for another reason."""

    outcome: str
    reason: str = ""


def outcome_of(error: str, password: str) -> Login:
    """What a failed login means. psycopg2 gives no SQLSTATE for one, only the server's words."""
    lines = [" ".join(line.split()) for line in error.splitlines() if line.strip()] or ["it gave no reason"]
    # libpq puts the address that it tried before the server's own words, and its guesses on the lines behind.
    told = next((line.rpartition("FATAL:")[2].strip() for line in lines if "FATAL:" in line), lines[0])
    return Login(REJECTED if "password authentication failed" in told else FAILED, redact(told, [password]))


def log_in(server: Server, password: str) -> Login:
    """Log in once with the password, and close the session."""
    try:
        import psycopg2
    except ImportError:
        raise IncidentError("psycopg2 is missing for this Python; install the package `psycopg2-binary`, version 2.9 or later") from None
    try:
        connection = psycopg2.connect(
            host=server.host,
            port=server.port,
            user=server.user,
            dbname=server.database,
            password=password,
            connect_timeout=server.connect_timeout,
            application_name="circuit_sage incident response",
        )
    except psycopg2.OperationalError as error:
        return outcome_of(str(error), password)
    try:
        # A `trust` line lets everybody in with any password, and proves nothing.
        return Login(ACCEPTED) if connection.info.used_password else Login(NOT_ASKED, "it lets the role in without a password")
    finally:
        connection.close()
