# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a backup has to know of a database: what it is, how many rows and what else are in it, and what a dump alone does not bring back."""

from __future__ import annotations

import typing as t

from .container_psql import identifier, literal

Facts = dict[str, t.Any]

# Of the application: neither the server's own nor those of a session.
_OWN = r"n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"

_DATABASE = """
SELECT json_build_object(
  'database', d.datname,
  'owner', pg_get_userbyid(d.datdba),
  'encoding', pg_encoding_to_char(d.encoding),
  'collate', d.datcollate,
  'ctype', d.datctype,
  'database_bytes', pg_database_size(d.oid),
  'grants', (SELECT json_agg(json_build_object('to', CASE WHEN a.grantee <> 0 THEN pg_get_userbyid(a.grantee) END,
    'privilege', a.privilege_type)) FROM aclexplode(d.datacl) a),
  'settings', (SELECT coalesce(json_agg(json_build_object('role', CASE WHEN s.setrole <> 0 THEN pg_get_userbyid(s.setrole) END,
    'setting', c)), '[]') FROM pg_db_role_setting s CROSS JOIN unnest(s.setconfig) c WHERE s.setdatabase = d.oid),
  'roles', (SELECT coalesce(json_agg(DISTINCT r.rolname), '[]') FROM pg_shdepend s JOIN pg_roles r ON r.oid = s.refobjid
    WHERE s.refclassid = 'pg_authid'::regclass AND (s.dbid = d.oid OR (s.classid = 'pg_database'::regclass AND s.objid = d.oid))),
  'system_identifier', (SELECT system_identifier::text FROM pg_control_system()),
  'server_version', split_part(current_setting('server_version'), ' ', 1),
  'server_version_num', current_setting('server_version_num')::int,
  'data_directory', current_setting('data_directory')
) FROM pg_database d WHERE d.datname = %s
"""

_CONTENT = f"""
SELECT json_build_object(
  'objects', json_build_object(
    'tables', (SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p') AND {_OWN}),
    'indexes', (SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('i', 'I') AND {_OWN}),
    'sequences', (SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'S' AND {_OWN}),
    'views', (SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('v', 'm') AND {_OWN}),
    'constraints', (SELECT count(*) FROM pg_constraint c JOIN pg_namespace n ON n.oid = c.connamespace WHERE {_OWN}),
    'functions', (SELECT count(*) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE {_OWN}),
    'triggers', (SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal)),
  'unvalidated', (SELECT coalesce(json_agg(format('%s of %s', c.conname, c.conrelid::regclass) ORDER BY 1), '[]')
    FROM (SELECT * FROM pg_constraint ORDER BY conname) c WHERE NOT c.convalidated),
  'invalid_indexes', (SELECT coalesce(json_agg(indexrelid::regclass::text), '[]') FROM pg_index WHERE NOT indisvalid OR NOT indisready)
)
"""  # noqa: S608 # only text of our own goes in

# Rows of an extension are made by it, and those of unlogged and temporary tables are no part of a dump or of this session.
_TABLES = f"""
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND {_OWN}
AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY 1, 2
"""  # noqa: S608 # only text of our own goes in


def ask(connection: t.Any, statement: str, *values: t.Any) -> t.Any:
    """The one value that a statement answers; none where it has no row."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)
        row = cursor.fetchone()
    return row[0] if row else None


def database_facts(connection: t.Any, database: str) -> Facts | None:
    """What a database is, none where the server has none of that name."""
    found: Facts | None = ask(connection, _DATABASE, database)
    return found


def last_migration(connection: t.Any) -> str | None:
    """The migration that the connection's database has had last."""
    if ask(connection, "SELECT to_regclass('public.schema_migrations') IS NULL"):
        return None
    name: str | None = ask(connection, "SELECT filename FROM public.schema_migrations ORDER BY applied_at DESC, filename DESC LIMIT 1")
    return name


def structure(connection: t.Any) -> Facts:
    """The number of all but the rows of the connection's database, and what is not as it should be."""
    found: Facts = ask(connection, _CONTENT)
    return found


def content(connection: t.Any, digests: bool) -> Facts:
    """The rows of every table of the connection's database, the number of all else, and what is not as it should be.

    With *digests* the rows' content counts too: a sum over all rows, whatever their order.
    """
    found = structure(connection)
    with connection.cursor() as cursor:
        cursor.execute(_TABLES)
        names = cursor.fetchall()
    digest = "sum(hashtextextended(t::text, 0)::numeric)::text" if digests else "NULL"
    tables = {}
    for schema, name in names:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*), {digest} FROM {identifier(schema)}.{identifier(name)} t")  # noqa: S608 # quoted
            rows, value = cursor.fetchone()
        tables[f"{schema}.{name}"] = {"rows": rows, "digest": value}
    return {**found, "tables": tables}


# Settings that are lists of names are stored as SQL writes them.
_LISTS = ("local_preload_libraries", "search_path", "session_preload_libraries", "temp_tablespaces", "unix_socket_directories")


def properties_sql(facts: Facts, database: str) -> list[str]:
    """The statements that give a database the grants and settings that another one had."""
    name = identifier(database)
    statements = []
    if facts["grants"] is not None:
        statements.append(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC")
        for grant in facts["grants"]:
            to = "PUBLIC" if grant["to"] is None else identifier(grant["to"])
            statements.append(f"GRANT {grant['privilege']} ON DATABASE {name} TO {to}")
    for one in facts["settings"]:
        setting, _sign, value = one["setting"].partition("=")
        shown = value if setting in _LISTS else literal(value)
        whose = f"ROLE {identifier(one['role'])} IN DATABASE {name}" if one["role"] else f"DATABASE {name}"
        statements.append(f"ALTER {whose} SET {identifier(setting)} = {shown}")
    return statements


def create_sql(facts: Facts, database: str) -> str:
    """The statement that makes an empty database of the same kind."""
    return (
        f"CREATE DATABASE {identifier(database)} OWNER {identifier(facts['owner'])} TEMPLATE template0 "
        f"ENCODING {literal(facts['encoding'])} LC_COLLATE {literal(facts['collate'])} LC_CTYPE {literal(facts['ctype'])}"
    )
