# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The questions to PostgreSQL's catalogue, each one statement that answers with one line of JSON, and what their answers mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from .container_psql import literal
from .maintenance import standing
from .postgres_errors import DATABASE_MISSING, DATABASE_NOT_ACCEPTING, ROLE_MISSING, ROLE_NOT_PERMITTED
from .redaction import MASK, is_secret_name
from .timestamps import utc

# Our sessions carry this name, and are left out of every answer. `_` stands for any character in LIKE: a blank does as well.
APPLICATION_NAME = "circuit_sage_incident_response"

# In milliseconds. What is asked reads a few hundred rows of memory; on a server that cannot do that in time, the rest counts for more.
CATALOG_TIMEOUT = 1000
CONTENT_LOCK_TIMEOUT = 300
WRITE_TIMEOUT = 2000
WRITE_LOCK_TIMEOUT = 1000

# A role or database may have any of these set to something that would break our reading.
READ_SETTINGS = {
    "statement_timeout": str(CATALOG_TIMEOUT),
    "lock_timeout": str(CONTENT_LOCK_TIMEOUT),
    "idle_in_transaction_session_timeout": "0",
    "search_path": "pg_catalog",
    "default_transaction_read_only": "on",
}

# Four hours: the longest maintenance that somebody would announce without saying until when.
OWNED_SECONDS = 4 * 3600

NEWEST_MIGRATIONS = 20

# Seconds after which a statement at work is described.
LONG_STATEMENT_SECONDS = 1
MOST_TABLES = 200

CONTENT_TABLES = ("companies", "locations", "subscriptions", "subscription_payments", "users")

_STAMP = "to_char({0} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"


def _grants(column: str, kind: str, owner: str) -> str:
    """Who may do what, as text in a fixed order. What was never granted has no list: then what its kind of object has by nature counts."""
    return f"ARRAY(SELECT entry::text FROM unnest(coalesce({column}, acldefault('{kind}', {owner}))) AS entry ORDER BY 1)"  # noqa: S608


def read_settings_sql() -> str:
    """What a session of psql has to set before it asks; a session over TCP is opened with the same settings."""
    settings = {**READ_SETTINGS, "application_name": APPLICATION_NAME, "client_encoding": "UTF8"}
    return "".join(f"SET {name} = '{value}';\n" for name, value in settings.items())


def catalog_sql(user: str, database: str) -> str:
    """The question about server, role, databases, sessions and locks."""
    long = f"(state = 'active' AND clock_timestamp() - query_start > interval '{LONG_STATEMENT_SECONDS} s')"
    # pg_blocking_pids stops the lock manager for a moment: it is asked only for sessions that wait for a lock.
    return f"""
WITH waits AS MATERIALIZED (
  SELECT pid, pg_blocking_pids(pid) AS blocked_by FROM pg_stat_activity
  WHERE wait_event_type = 'Lock' AND pid <> pg_backend_pid() AND application_name NOT LIKE '{APPLICATION_NAME}%'
), involved AS MATERIALIZED (
  SELECT pid FROM waits UNION SELECT unnest(blocked_by) FROM waits
)
SELECT jsonb_build_object(
  'server', (SELECT jsonb_build_object(
      'version', current_setting('server_version'),
      'system_identifier', system_identifier::text,
      'started_at', {_STAMP.format("pg_postmaster_start_time()")},
      'max_connections', current_setting('max_connections')::int,
      'superuser_reserved_connections', current_setting('superuser_reserved_connections')::int,
      'in_recovery', pg_is_in_recovery()) FROM pg_control_system()),
  'role', (SELECT jsonb_build_object(
      'can_login', rolcanlogin, 'superuser', rolsuper, 'connection_limit', rolconnlimit,
      'valid_until', CASE WHEN isfinite(rolvaliduntil) THEN {_STAMP.format("rolvaliduntil")} END,
      'expired', coalesce(rolvaliduntil < now(), false)) FROM pg_roles WHERE rolname = {literal(user)}),
  'superusers', (SELECT jsonb_agg(rolname ORDER BY rolname) FROM pg_roles WHERE rolsuper),
  'databases', (SELECT jsonb_agg(jsonb_build_object(
      'name', datname, 'size_bytes', pg_database_size(oid), 'allow_connections', datallowconn, 'connection_limit', datconnlimit,
      'grants', {_grants("datacl", "d", "datdba")}) ORDER BY datname)
      FROM pg_database WHERE NOT datistemplate OR datname = {literal(database)}),
  'settings', (SELECT jsonb_agg(jsonb_build_object('role', rolname, 'database', datname, 'set', setconfig))
      FROM pg_db_role_setting LEFT JOIN pg_roles ON pg_roles.oid = setrole LEFT JOIN pg_database ON pg_database.oid = setdatabase
      WHERE coalesce(rolname = {literal(user)}, setrole = 0) AND coalesce(datname = {literal(database)}, setdatabase = 0)),
  'sessions', (SELECT jsonb_agg(jsonb_build_object(
      'pid', pid, 'backend_type', backend_type, 'backend_start', {_STAMP.format("backend_start")}, 'user', usename, 'database', datname,
      'client', CASE WHEN client_port = -1 THEN '[local]' ELSE host(client_addr) END, 'client_port', client_port,
      'application', application_name, 'state', state,
      'state_seconds', extract(epoch FROM clock_timestamp() - state_change),
      'transaction_seconds', extract(epoch FROM clock_timestamp() - xact_start),
      'query_seconds', CASE WHEN state = 'active' THEN extract(epoch FROM clock_timestamp() - query_start) END,
      'wait', wait_event_type, 'writes', backend_xid IS NOT NULL,
      'query', CASE WHEN pid IN (SELECT pid FROM involved) OR {long} THEN query END))
      FROM pg_stat_activity
      WHERE (backend_type = 'client backend' OR pid IN (SELECT pid FROM involved) OR (backend_type <> 'parallel worker' AND {long}))
      AND pid <> pg_backend_pid() AND application_name NOT LIKE '{APPLICATION_NAME}%'),
  'waits', (SELECT jsonb_agg(jsonb_build_object('pid', pid, 'blocked_by', blocked_by)) FROM waits),
  'locks', (SELECT jsonb_agg(DISTINCT jsonb_build_object('pid', pid, 'relation', relname, 'granted', granted))
      FROM pg_locks JOIN pg_class ON pg_class.oid = relation
      WHERE pid IN (SELECT pid FROM involved) AND relkind IN ('r', 'p', 'm') AND relnamespace <> 'pg_catalog'::regnamespace
      AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database()))
);
"""  # noqa: S608 # names come in through literal()


def content_sql() -> str:
    """The question how many rows the application's tables hold."""
    counts = ", ".join(f"'{table}', (SELECT count(*) FROM public.{table})" for table in CONTENT_TABLES)  # noqa: S608 # names of our own
    return f"SELECT jsonb_build_object({counts});\n"


def maintenance_sql() -> str:
    """The question for the row of maintenance mode, and how long ago it was changed."""
    return f"""
SELECT coalesce((SELECT jsonb_build_object('value', value, 'updated_by', updated_by, 'changed_at', {_STAMP.format("updated_at")},
  'seconds', extract(epoch FROM clock_timestamp() - updated_at)::bigint)
  FROM public.system_settings WHERE key = 'maintenance_mode'), '{{}}'::jsonb);
"""  # noqa: S608 # text of our own


def migrations_sql() -> str:
    """The question for the newest migrations: there is no way down from one."""
    return f"""
SELECT jsonb_build_object('newest', coalesce((SELECT jsonb_agg(jsonb_build_object('filename', filename, 'applied_at', at) ORDER BY at DESC)
  FROM (SELECT filename, {_STAMP.format("applied_at")} AS at FROM public.schema_migrations
    ORDER BY applied_at DESC LIMIT {NEWEST_MIGRATIONS}) few),
  '[]'::jsonb));
"""  # noqa: S608 # text of our own


def describe_maintenance(row: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Maintenance mode, and whether somebody who may still be at work owns it.

    Owned is what says itself until when it lasts, or what a user of the application switched on a short while ago. Nobody owns what has
    passed its time, what a run switched on for itself that has ended, and what SQL switched on without a word.
    """
    value = row.get("value")
    told = value if isinstance(value, dict) else {}
    at = standing(told, now)
    lately = row.get("updated_by") is not None and row["seconds"] < OWNED_SECONDS
    return {
        **at,
        # Only a real boolean counts, as in the application.
        "enabled": told.get("enabled") is True,
        "owned": lately if at["owned"] is None else at["owned"],
        "owner": at["owner"] or row.get("updated_by"),
        "changed_at": row.get("changed_at"),
        "seconds": row.get("seconds"),
    }


def hba_sql() -> str:
    """The question about the rules of pg_hba.conf as the file stands, which a reload would put into force; only a superuser may ask."""
    return """
SELECT jsonb_build_object('file', current_setting('hba_file'), 'rules', coalesce(jsonb_agg(jsonb_build_object(
  'type', type, 'database', database, 'user', user_name, 'address', address, 'netmask', netmask,
  'method', auth_method, 'error', error, 'text', concat_ws(' ', type, array_to_string(database, ','), array_to_string(user_name, ','),
    address, netmask, auth_method)) ORDER BY line_number), '[]')) FROM pg_hba_file_rules;
"""


def tables_sql(user: str) -> str:
    """The question about the tables of the schema public: nothing in it takes a lock on them.

    A primary key keeps the name that it got with its table: it tells what a renamed table was called.
    """
    return f"""
SELECT jsonb_build_object('tables', coalesce(jsonb_agg(jsonb_build_object(
  'name', relname, 'key', conname, 'may_read', readable, 'may_write', writable, 'owner', owner, 'grants', grants, 'rows', rows,
  'seq_scans', seq_scan, 'idx_scans', idx_scan) ORDER BY relname), '[]'))
FROM (SELECT pg_class.relname, conname, pg_get_userbyid(relowner) AS owner,
    {_grants("relacl", "r", "relowner")} AS grants,
    greatest(n_live_tup, reltuples)::bigint AS rows, seq_scan, idx_scan,
    has_table_privilege({literal(user)}, pg_class.oid, 'SELECT') AS readable,
    has_table_privilege({literal(user)}, pg_class.oid, 'INSERT') AS writable
  FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace AND nspname = 'public'
  LEFT JOIN pg_constraint ON conrelid = pg_class.oid AND contype = 'p'
  LEFT JOIN pg_stat_all_tables ON relid = pg_class.oid
  WHERE relkind IN ('r', 'p') ORDER BY pg_class.relname LIMIT {MOST_TABLES}) AS found;
"""  # noqa: S608 # the name comes in through literal()


def ping_sql() -> str:
    """A question that costs nothing; it answers how long the server itself took, in milliseconds."""
    return "SELECT jsonb_build_object('server_ms', 1000 * extract(epoch FROM clock_timestamp() - statement_timestamp()));\n"


def split_tables(rows: Sequence[Mapping[str, Any]]) -> tuple[dict[str, dict[str, Any]], list[dict[str, Any]]]:
    """Of each table what stays as it is, by name, and how it is used, which changes all the time."""
    stays = {row["name"]: {key: row[key] for key in ("key", "may_read", "may_write", "owner", "grants")} for row in rows}
    return stays, [{key: row[key] for key in ("name", "rows", "seq_scans", "idx_scans")} for row in rows]


def missing_tables(tables: Mapping[str, Mapping[str, Any]] | None) -> list[dict[str, str | None]] | None:
    """The tables that the application cannot do without and that are not there, each with the table that has its primary key."""
    if tables is None:
        return None
    keys = {one["key"]: name for name, one in tables.items() if one["key"]}
    return [{"name": name, "renamed_to": keys.get(f"{name}_pkey")} for name in CONTENT_TABLES if name not in tables]


def write_settings_sql() -> str:
    """The limits of a write by the application's role: its own statement timeout is kept when it is tighter, since it may be the fault."""
    return f"""
SELECT set_config('lock_timeout', '{WRITE_LOCK_TIMEOUT}', false),
  CASE WHEN (SELECT setting::int NOT BETWEEN 1 AND {WRITE_TIMEOUT} FROM pg_catalog.pg_settings WHERE name = 'statement_timeout')
  THEN set_config('statement_timeout', '{WRITE_TIMEOUT}', false) END;
"""  # noqa: S608 # numbers of our own


def write_sql() -> str:
    """A row as the application might write it, rolled back by who runs this.

    Its key is new each time, so that two probes never wait for each other. Its value does not compress and is larger than a page: the table
    has to grow, which a full disk refuses, while a small row fits into a page that is there.
    """
    return """
INSERT INTO system_settings (key, value)
SELECT 'circuit_sage_incident_response_' || gen_random_uuid(), jsonb_agg(gen_random_uuid()) FROM generate_series(1, 400);
"""


def initialised_at(system_identifier: str | int) -> datetime:
    """When initdb made the data directory: the identifier's upper half is the second of that moment."""
    return datetime.fromtimestamp(int(system_identifier) >> 32, timezone.utc)


def iso(moment: datetime) -> str:
    """A moment as ISO 8601 in UTC, to the second."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def initialised_with(created: str | None, identifier: str | int | None) -> bool | None:
    """Whether a container that was created then initialised this data directory, so that its password was the first one."""
    stamp = utc(created)
    if stamp is None or identifier is None:
        return None
    born = datetime.fromisoformat(stamp.replace("Z", "+00:00"))
    # The container is created first, and initdb runs when it starts; the identifier holds whole seconds only.
    return born <= initialised_at(identifier) + timedelta(seconds=1)


def settings_of(rows: Sequence[Mapping[str, Any]], role: bool, database: bool) -> dict[str, str]:
    """The settings that are stored for the role, for the database, or for the role in the database; secrets masked."""
    pairs = (
        entry.partition("=")
        for row in rows
        if (row["role"] is not None) == role and (row["database"] is not None) == database
        for entry in row["set"]
    )
    return {name: MASK if is_secret_name(name) else value for name, _sign, value in pairs}


def describe_server(catalog: Mapping[str, Any]) -> dict[str, Any]:
    """The server, as the catalogue tells it."""
    server = catalog["server"]
    return {
        **server,
        "initialised_at": iso(initialised_at(server["system_identifier"])),
        "settings_of_all_roles": settings_of(catalog["settings"] or [], role=False, database=False),
    }


def describe_role(name: str, catalog: Mapping[str, Any]) -> dict[str, Any]:
    """The application's role; everything but its name is null when there is no such role."""
    role = catalog["role"]
    if role is None:
        return {**unknown_role(name), "exists": False}
    return {"name": name, "exists": True, **role, "settings": settings_of(catalog["settings"] or [], role=True, database=False)}


def describe_database(name: str, catalog: Mapping[str, Any]) -> dict[str, Any]:
    """The application's database, and the other databases of the server, of which one may be the missing one under another name."""
    found = {one["name"]: one for one in catalog["databases"] or []}
    mine = found.pop(name, None)
    rows = catalog["settings"] or []
    return {
        "name": name,
        "exists": mine is not None,
        "allow_connections": mine["allow_connections"] if mine else None,
        "connection_limit": mine["connection_limit"] if mine else None,
        "grants": mine["grants"] if mine else None,
        "size_bytes": mine["size_bytes"] if mine else None,
        "settings": settings_of(rows, role=False, database=True),
        "role_settings": settings_of(rows, role=True, database=True),
        "neighbours": [{key: one[key] for key in ("name", "size_bytes", "allow_connections")} for one in found.values()],
    }


def unknown_server() -> dict[str, Any]:
    """A server of which nothing is known."""
    names = (
        "version",
        "system_identifier",
        "initialised_at",
        "started_at",
        "max_connections",
        "superuser_reserved_connections",
        "in_recovery",
    )
    return {**dict.fromkeys(names), "settings_of_all_roles": None}


def unknown_role(name: str) -> dict[str, Any]:
    """A role of which nothing is known but its name."""
    names = ("exists", "can_login", "superuser", "connection_limit", "valid_until", "expired", "settings")
    return {"name": name, **dict.fromkeys(names)}


def unknown_database(name: str) -> dict[str, Any]:
    """A database of which nothing is known but its name."""
    names = ("exists", "allow_connections", "connection_limit", "grants", "size_bytes", "settings", "role_settings", "neighbours")
    return {"name": name, **dict.fromkeys(names)}


# What the refusal of a login tells of role and database.
_TOLD: dict[str, tuple[dict[str, bool], dict[str, bool]]] = {
    ROLE_MISSING: ({"exists": False}, {}),
    ROLE_NOT_PERMITTED: ({"exists": True, "can_login": False}, {}),
    DATABASE_NOT_ACCEPTING: ({"exists": True, "can_login": True}, {"exists": True, "allow_connections": False}),
    DATABASE_MISSING: ({"exists": True, "can_login": True}, {"exists": False}),
}


def told_by_refusal(kind: str) -> tuple[dict[str, bool], dict[str, bool]]:
    """What a refused login tells of role and database, for when the catalogue cannot be asked."""
    return _TOLD.get(kind, ({}, {}))
