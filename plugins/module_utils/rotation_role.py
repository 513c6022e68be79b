# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The SQL of alternating roles: two that log in by turns, and the owner of the tables as which both act. Pure.

Each is a member of the owner and becomes it at login (`SET role`), so that what a release creates belongs to the owner whichever of the two
is in use, and a dump never names one of them.
"""

from __future__ import annotations

import json
import re
import typing as t
from collections.abc import Mapping

from .container_psql import identifier, literal
from .errors import IncidentError
from .rotation_journal import Role

_TURN = re.compile(r"(?P<owner>.+)_(?P<turn>[ab])")
_OTHER = {"a": "b", "b": "a"}
# PostgreSQL cuts a longer name.
MOST_BYTES = 63
# Values of these are lists of names, each quoted where it has to be; as one literal the list would be one name (as in pg_dump).
_LISTS = ("local_preload_libraries", "search_path", "session_preload_libraries", "temp_tablespaces")

# Neither the verifier nor the statement that holds it comes into the server's log.
_QUIET = (
    "SET client_encoding = 'UTF8'; SET client_min_messages = 'warning'; SET log_statement = 'none';\n"
    "SET log_min_duration_statement = -1; SET log_min_error_statement = 'panic'; SET default_transaction_read_only = off;\n"
)


def names(user: str) -> list[str]:
    """The roles that may have a part when this is the application's."""
    turn = _TURN.fullmatch(user)
    owners = [user, turn["owner"]] if turn else [user]
    return [*owners, *(f"{owner}_{letter}" for owner in owners for letter in _OTHER)]


def question(user: str) -> str:
    """The SQL that asks for them, answered by one line of JSON."""
    wanted = ", ".join(map(literal, names(user)))
    return (
        "SELECT coalesce(json_object_agg(r.rolname, (SELECT coalesce(json_agg(o.rolname), '[]') FROM pg_catalog.pg_auth_members m\n"  # noqa: S608
        "  JOIN pg_catalog.pg_roles o ON o.oid = m.roleid WHERE m.member = r.oid)), '{}')\n"
        f"FROM pg_catalog.pg_roles r WHERE r.rolname IN ({wanted});"
    )


def next_role(user: str, answer: str) -> Role:
    """Whose turn is next. `answer` has each role's memberships by its name."""
    roles: Mapping[str, list[str]] = json.loads(answer)
    if user not in roles:
        raise IncidentError(f"the server has no role {user}; correct POSTGRES_USER of the env file, or restore the role")
    turn = _TURN.fullmatch(user)
    if turn and turn["owner"] in roles[user]:
        role = Role(user, f"{turn['owner']}_{_OTHER[turn['turn']]}", turn["owner"])
    else:
        role = Role(user, f"{user}_a", user)
    if len(role.pending.encode()) > MOST_BYTES:
        raise IncidentError(f"the role {role.pending} would have too long a name; use rotation_database_method single")
    if role.pending in roles and role.owner not in roles[role.pending]:
        raise IncidentError(
            f"the role {role.pending} is there and is no member of {role.owner}, so it is somebody else's; "
            "rename it, or use rotation_database_method single"
        )
    return role


def set_statement(role: Role, verifier: str) -> str:
    """The SQL that creates the pending role, or resets it: rights and settings of the current one, and the new password."""
    lists = ", ".join(map(literal, _LISTS))
    # Whatever the names are, they are literals.
    return f"""{_QUIET}BEGIN;
DO $rotation$
DECLARE
  pending CONSTANT text := {literal(role.pending)};
  owner CONSTANT text := {literal(role.owner)};
  old pg_catalog.pg_authid;
  one record;
BEGIN
  SELECT * INTO STRICT old FROM pg_catalog.pg_authid WHERE rolname = {literal(role.current)};
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_authid WHERE rolname = pending) THEN
    EXECUTE format('CREATE ROLE %I NOLOGIN', pending);
  END IF;
  EXECUTE format('ALTER ROLE %I INHERIT %s %s %s %s %s CONNECTION LIMIT %s VALID UNTIL %L', pending,
    CASE WHEN old.rolsuper THEN 'SUPERUSER' ELSE 'NOSUPERUSER' END,
    CASE WHEN old.rolcreatedb THEN 'CREATEDB' ELSE 'NOCREATEDB' END,
    CASE WHEN old.rolcreaterole THEN 'CREATEROLE' ELSE 'NOCREATEROLE' END,
    CASE WHEN old.rolreplication THEN 'REPLICATION' ELSE 'NOREPLICATION' END,
    CASE WHEN old.rolbypassrls THEN 'BYPASSRLS' ELSE 'NOBYPASSRLS' END,
    old.rolconnlimit, 'infinity');
  EXECUTE format('GRANT %I TO %I', owner, pending);
  EXECUTE format('ALTER ROLE %I RESET ALL', pending);
  FOR one IN
    SELECT d.datname, split_part(c, '=', 1) AS name, substr(c, strpos(c, '=') + 1) AS value
    FROM pg_catalog.pg_db_role_setting s LEFT JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase, unnest(s.setconfig) AS c
    WHERE s.setrole = old.oid AND split_part(c, '=', 1) <> 'role'
  LOOP
    EXECUTE format('ALTER ROLE %I %s SET %s = %s', pending,
      CASE WHEN one.datname IS NULL THEN '' ELSE format('IN DATABASE %I', one.datname) END,
      one.name, CASE WHEN one.name IN ({lists}) THEN one.value ELSE quote_literal(one.value) END);
  END LOOP;
  EXECUTE format('ALTER ROLE %I SET role = %L', pending, owner);
END
$rotation$;
ALTER ROLE {identifier(role.pending)} LOGIN PASSWORD {literal(verifier)};
COMMIT;"""  # noqa: S608


def password_statement(role: str, verifier: str) -> str:
    """The SQL of the single-role way: the role gets another password, and keeps everything else."""
    return f"{_QUIET}ALTER ROLE {identifier(role)} PASSWORD {literal(verifier)};"


def retire_statement(role: str) -> str:
    """The SQL that takes login and password from a role. A role that is not there needs nothing."""
    return f"""{_QUIET}DO $rotation$
BEGIN
  IF EXISTS (SELECT FROM pg_catalog.pg_authid WHERE rolname = {literal(role)}) THEN
    ALTER ROLE {identifier(role)} NOLOGIN PASSWORD NULL;
  END IF;
END
$rotation$;"""


def end_statement(role: str, began_before: str | None = None) -> str:
    """The SQL that ends the sessions of a role, all or those that are older, and tells from where they came and which are left."""
    older = f" AND a.backend_start < {literal(began_before)}::timestamptz" if began_before else ""
    return (
        "WITH ended AS (\n"  # noqa: S608 - the role is a literal
        "  SELECT coalesce(host(a.client_addr), 'the local socket') AS client, pg_catalog.pg_terminate_backend(a.pid, 5000) AS gone\n"
        f"  FROM pg_catalog.pg_stat_activity a WHERE a.usename = {literal(role)} AND a.pid <> pg_catalog.pg_backend_pid()\n"
        # The server's own workers run as the role with which the data directory was made.
        f"  AND a.backend_type IN ('client backend', 'walsender'){older}\n"
        ") SELECT json_build_object('ended', count(*) FILTER (WHERE gone), 'left', count(*) FILTER (WHERE NOT gone),\n"
        "  'clients', coalesce(json_agg(DISTINCT client), '[]')) FROM ended;"
    )


def ended(answer: str, role: str) -> dict[str, t.Any]:
    """What ending the sessions came to."""
    found: dict[str, t.Any] = json.loads(answer)
    if found["left"]:
        raise IncidentError(
            f"{found['left']} sessions of the role {role} did not end within 5 s; look at them with postgres_info, then run again"
        )
    return found
