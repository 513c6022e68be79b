# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The SQL that looks at a role's password and sets it, and when setting it would not help."""

from __future__ import annotations

import json
from dataclasses import dataclass

from .container_psql import identifier, literal
from .errors import IncidentError
from .password_login import NOT_ASKED, REJECTED, Login, Server
from .scram import verifies


@dataclass(frozen=True)
class Role:
    """What pg_authid says of a role. The stored verifier never leaves the module."""

    name: str
    can_login: bool
    expired: bool
    valid_until: str | None
    stored: str | None


def question(role: str) -> str:
    """The SQL that asks for a role, answered by one line of JSON, or none where there is no such role."""
    return (
        "SET client_encoding = 'UTF8'; SET datestyle = 'ISO'; SET timezone = 'UTC';\n"
        "SELECT json_build_object('can_login', rolcanlogin, 'expired', coalesce(rolvaliduntil < now(), false),\n"
        "  'valid_until', rolvaliduntil::text, 'stored', rolpassword)\n"
        f"FROM pg_catalog.pg_authid WHERE rolname = {literal(role)};"
    )


def role_of(name: str, answer: str) -> Role:
    """The role out of the answer."""
    if not answer.strip():
        raise IncidentError(f"the server has no role {name}; restore the role first, or correct login_user")
    return Role(name, **json.loads(answer))


def statement(role: str, verifier: str) -> str:
    """The SQL that sets the password. VALID UNTIL is not named, so it stays. The verifier stays out of the server's log too."""
    return (
        "SET client_encoding = 'UTF8'; SET log_statement = 'none'; SET log_min_duration_statement = -1;\n"
        "SET log_min_error_statement = 'panic'; SET default_transaction_read_only = off;\n"
        f"ALTER ROLE {identifier(role)} PASSWORD {literal(verifier)};"
    )


def refuse_other_failure(login: Login, server: Server) -> None:
    """A new password helps only where the password was what the server refused."""
    if login.outcome == NOT_ASKED:
        raise IncidentError(
            f"the server at {server} asks the role {server.user} for no password, so none can be proven; look for `trust` in pg_hba.conf"
        )
    if login.outcome != REJECTED:
        raise IncidentError(f"the login of {server.user} at {server} failed, but not for its password ({login.reason}); mend that first")


def refuse_hopeless(role: Role, server: Server, password: str) -> None:
    """The same words from the server have causes that no new password mends."""
    if role.expired:
        raise IncidentError(
            f"the password of the role {role.name} expired at {role.valid_until}, so no new one helps; extend VALID UNTIL first"
        )
    if not role.can_login:
        raise IncidentError(f"the role {role.name} may not log in (NOLOGIN), so no password can be proven; decide about that first")
    if verifies(password, role.stored):
        raise IncidentError(
            f"the role {role.name} already has this password in the container's server, and {server} rejects it; "
            "look whether login_host and login_port lead to that server, and into its pg_hba.conf"
        )
