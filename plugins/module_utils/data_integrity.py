# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the data is whole: what the database promises, what the application does, and what was there before. Reads only."""

from __future__ import annotations

import typing as t
from collections.abc import Callable, Mapping, Sequence

from . import backup_manifest, database_facts
from .backup_store import Store
from .container_psql import identifier
from .database_copy import DatabaseServer
from .database_facts import ask
from .errors import IncidentError

# How many keys a finding names.
SHOWN = 5
Finding = dict[str, t.Any]

_FOREIGN_KEYS = """
SELECT c.conname, n.nspname, f.relname, m.nspname, r.relname,
  ARRAY(SELECT a.attname FROM unnest(c.conkey) WITH ORDINALITY k(number, place)
    JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.number ORDER BY place)::text[],
  ARRAY(SELECT a.attname FROM unnest(c.confkey) WITH ORDINALITY k(number, place)
    JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.number ORDER BY place)::text[]
FROM pg_constraint c
JOIN pg_class f ON f.oid = c.conrelid JOIN pg_namespace n ON n.oid = f.relnamespace
JOIN pg_class r ON r.oid = c.confrelid JOIN pg_namespace m ON m.oid = r.relnamespace
WHERE c.contype = 'f' AND c.conparentid = 0 ORDER BY 2, 3, 1
"""
_ENUMERATED = """
SELECT n.nspname, s.relname, tn.nspname, t.relname, a.attname FROM pg_depend d
JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S' JOIN pg_namespace n ON n.oid = s.relnamespace
JOIN pg_class t ON t.oid = d.refobjid JOIN pg_namespace tn ON tn.oid = t.relnamespace
JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i') ORDER BY 1, 2
"""
# What was charged or is to be charged; a refused or refunded payment may stand beside another one.
_DUPLICATES = """
SELECT subscription_id::text || ' ' || to_char(billing_period_start AT TIME ZONE 'UTC', 'YYYY-MM')
FROM public.subscription_payments WHERE status IN ('pending', 'succeeded')
GROUP BY subscription_id, to_char(billing_period_start AT TIME ZONE 'UTC', 'YYYY-MM') HAVING count(*) > 1 ORDER BY 1
"""
_TWICE_AT_SQUARE = """
SELECT square_payment_id FROM public.subscription_payments WHERE square_payment_id IS NOT NULL
GROUP BY square_payment_id HAVING count(*) > 1 ORDER BY 1
"""
_RECENT = """
SELECT count(*) FILTER (WHERE {column} > now() - make_interval(hours => %s)), to_char(max({column}) AT TIME ZONE 'UTC',
  'YYYY-MM-DD"T"HH24:MI:SS"+00:00"') FROM {table}
"""
_STAMPED = """
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'created_at' AND a.atttypid = 'timestamptz'::regtype
WHERE c.relkind = 'r' AND n.nspname = 'public' ORDER BY 2
"""


def finding(kind: str, title: str, places: Sequence[str], count: int | None = None, **evidence: t.Any) -> list[Finding]:
    """A finding of an incident, unless there is nothing to name."""
    number = len(places) if count is None else count
    if not number:
        return []
    return [
        {
            "id": kind,
            "title": title,
            "layer": "state",
            "evidence": {"count": number, "some": list(places[:SHOWN]), **evidence},
            "remedy": None,
            "risk": None,
            "decision": "leave",
            "reason": "a person has to decide which rows are right",
            "why_not_restart": "a restart changes no row",
        }
    ]


def _all(connection: t.Any, statement: str, *values: t.Any) -> list[tuple[t.Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)
        return list(cursor.fetchall())


def _table(schema: str, name: str) -> str:
    return f"{identifier(schema)}.{identifier(name)}"


def orphans(connection: t.Any) -> list[Finding]:
    """Rows that refer to what is not there: a foreign key does not see what was written while its triggers were off."""
    found = []
    for name, schema, table, to_schema, to_table, columns, to_columns in _all(connection, _FOREIGN_KEYS):
        pairs = list(zip(columns, to_columns, strict=True))
        joined = " AND ".join(f"r.{identifier(there)} = f.{identifier(here)}" for here, there in pairs)
        filled = " AND ".join(f"f.{identifier(here)} IS NOT NULL" for here in columns)
        value = " || ', ' || ".join(f"f.{identifier(here)}::text" for here in columns)
        missing = (
            f"FROM {_table(schema, table)} f WHERE {filled} AND NOT EXISTS (SELECT FROM {_table(to_schema, to_table)} r WHERE {joined})"
        )
        number = ask(connection, f"SELECT count(*) {missing}")  # quoted names of the catalogue
        if number:
            some = [row[0] for row in _all(connection, f"SELECT DISTINCT {value} {missing} LIMIT {SHOWN}")]
            found += finding("orphans", f"rows of {table} refer to {to_table} that are not there", some, number, constraint=name)
    return found


def sequences(connection: t.Any) -> list[Finding]:
    """Sequences that will give a number that is taken."""
    behind = []
    for schema, name, table_schema, table, column in _all(connection, _ENUMERATED):
        last = ask(connection, f"SELECT last_value - CASE WHEN is_called THEN 0 ELSE 1 END FROM {_table(schema, name)}")  # noqa: S608 # quoted
        most = ask(connection, f"SELECT max({identifier(column)}) FROM {_table(table_schema, table)}")  # noqa: S608 # quoted
        if most is not None and last < most:
            behind.append(f"{schema}.{name} is at {last}, and {table}.{column} has {most}")
    return finding("sequences_behind", "a sequence is behind its column, so that the next rows are refused", behind)


def payments(connection: t.Any) -> list[Finding]:
    """Payments that are there twice."""
    if ask(connection, "SELECT to_regclass('public.subscription_payments') IS NULL"):
        return []
    twice = [row[0] for row in _all(connection, _DUPLICATES)]
    at_square = [row[0] for row in _all(connection, _TWICE_AT_SQUARE)]
    return [
        *finding("duplicate_payments", "a subscription has two payments for one month", twice),
        *finding("duplicate_square_payments", "one payment of Square is there twice", at_square),
    ]


def structure(connection: t.Any) -> list[Finding]:
    """Constraints that the rows were never checked against, and indexes that are not used."""
    found = database_facts.structure(connection)
    return [
        *finding("constraints_not_validated", "a constraint does not hold for all rows", found["unvalidated"]),
        *finding("invalid_indexes", "an index is not whole and not used", found["invalid_indexes"]),
    ]


def checksums(connection: t.Any) -> tuple[list[Finding], str]:
    """Whether PostgreSQL has met a page with a wrong checksum, and what is not known of that."""
    if ask(connection, "SELECT current_setting('data_checksums')") != "on":
        return [], "data checksums are off in this cluster, so that a page that the disk has changed is not noticed"
    rows = _all(connection, "SELECT coalesce(datname, 'shared'), checksum_failures FROM pg_stat_database WHERE checksum_failures > 0")
    return finding("checksum_failures", "pages on the disk are damaged", [f"{name}: {number} pages" for name, number in rows]), ""


def tables_missing_rows(now: Mapping[str, t.Any], manifest: Mapping[str, t.Any]) -> list[Finding]:
    """Tables that have fewer rows than the last verified backup: the application marks rows as deleted, and removes none."""
    fewer = []
    for name, table in sorted(manifest["tables"].items()):
        seen = now["tables"].get(name)
        if seen is None:
            fewer.append(f"{name} is gone, and had {table['rows']}")
        elif name.startswith("public.") and seen["rows"] < table["rows"]:
            fewer.append(f"{name} has {seen['rows']}, and had {table['rows']}")
    return finding("rows_missing", "there are fewer rows than in the last verified backup", fewer, backup=manifest["id"])


def recent(connection: t.Any, hours: int) -> list[dict[str, t.Any]]:
    """How many rows each table got lately, and when it got the last one."""
    told = []
    for schema, name in _all(connection, _STAMPED):
        statement = _RECENT.format(column="created_at", table=_table(schema, name))
        ((number, newest),) = _all(connection, statement, hours)
        told.append({"table": name, "rows": number, "newest": newest})
    return told


def amcheck(server: DatabaseServer, connection: t.Any, database: str) -> tuple[list[Finding], str]:
    """What PostgreSQL's own program finds in tables and indexes, page by page."""
    if not ask(connection, "SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'amcheck')"):
        return [], "pages are not checked one by one, since the database has no extension amcheck (CREATE EXTENSION amcheck)"
    complaints = server.amcheck(database)
    return finding("damaged_pages", "pg_amcheck complains of tables or indexes", complaints), ""


def observe(options: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """What the module integrity_info returns."""
    if options["recent_hours"] < 1:
        raise IncidentError(f"integrity_recent_hours is {options['recent_hours']}; write 1 or a number above it")
    server = DatabaseServer(options)
    database = options["database"] or server.server.database
    with server.session() as connection:
        facts = server.facts(connection, database)
    found: list[Finding] = []
    with server.session(database, autocommit=False) as connection:
        connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
        looks: list[Callable[[t.Any], list[Finding]]] = [structure, orphans, payments, sequences]
        for look in looks:
            found += look(connection)
        pages, unknown_checksums = checksums(connection)
        damaged, unknown_pages = amcheck(server, connection, database)
        now = database_facts.content(connection, digests=False)
        lately = recent(connection, options["recent_hours"])
    manifests = [one.manifest for one in Store(options["folder"]).backups()]
    last = backup_manifest.latest([one for one in manifests if one["system_identifier"] == facts["system_identifier"]], database)
    unknown_rows = "" if last else "rows are compared with nothing, since there is no verified backup of this cluster"
    found += [*pages, *damaged, *(tables_missing_rows(now, last) if last else [])]
    return {
        "findings": found,
        "database": database,
        "tables": {name: one["rows"] for name, one in now["tables"].items()},
        "objects": now["objects"],
        "compared_with": last["id"] if last else None,
        "recent": lately,
        "not_checked": [text for text in (unknown_checksums, unknown_pages, unknown_rows) if text],
    }
