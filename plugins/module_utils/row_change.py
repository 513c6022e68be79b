# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The before- and after-images of every row that was written, in a schema of the collection's own, and taking them back."""

from __future__ import annotations

import typing as t
from contextlib import suppress

from . import payment_undo, square_price
from .errors import IncidentError

with suppress(ImportError):  # the session that every function here is given cannot have been made without it
    import psycopg2

# The tables whose rows may be taken back.
TABLES = ("subscriptions", "subscription_payments", "system_settings")

# The options that every module has which writes rows.
WRITER_OPTIONS: dict[str, dict[str, t.Any]] = {
    "incident": {"type": "str", "required": True},
    "lock_timeout": {"type": "int", "default": 5},
    "diff_limit": {"type": "int", "default": 100},
}

# Two numbers that no other program uses: "CSOP" and one for changes to rows.
_LOCK = (0x43534F50, 1)

_CREATE = """
CREATE SCHEMA IF NOT EXISTS circuit_sage_ops;
CREATE TABLE IF NOT EXISTS circuit_sage_ops.row_change (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  incident text NOT NULL,
  at timestamptz NOT NULL DEFAULT now(),
  table_name text NOT NULL,
  row_id uuid NOT NULL,
  action text NOT NULL CHECK (action IN ('update', 'insert')),
  before jsonb,
  after jsonb NOT NULL,
  undone_at timestamptz
);
CREATE INDEX IF NOT EXISTS row_change_incident ON circuit_sage_ops.row_change (incident);
"""

_HOLDER = """
SELECT format('%%s (%%s, process %%s) since %%s', a.usename, a.application_name, a.pid, to_char(a.xact_start,
  'YYYY-MM-DD HH24:MI:SS "UTC"'))
FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted AND l.classid = %s AND l.objid = %s AND l.pid <> pg_backend_pid()
AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""

_PRESENT = """
SELECT '{table}' AS table_name, t.id AS row_id, to_jsonb(t) AS content FROM {table} t
WHERE t.id IN (
  SELECT row_id FROM circuit_sage_ops.row_change WHERE incident = %(incident)s AND table_name = '{table}' AND undone_at IS NULL)
"""
# The changes of an incident that are not taken back yet, each with what its row has to be like now for that: what the next newer change of
# the same row found, or the row itself. `whole`: so it is, and the newer ones can be taken back too. `oldest`: what the row becomes.
_LOOK = """
WITH present AS ({present}), chain AS (
  SELECT c.id, c.table_name, c.row_id, c.action, c.before, c.after, p.content, p.row_id IS NOT NULL AS there,
    coalesce(lag(c.before) OVER w, p.content) AS expected
  FROM circuit_sage_ops.row_change c LEFT JOIN present p ON p.table_name = c.table_name AND p.row_id = c.row_id
  WHERE c.incident = %(incident)s AND c.undone_at IS NULL
  WINDOW w AS (PARTITION BY c.table_name, c.row_id ORDER BY c.id DESC)
), judged AS (
  SELECT *, there AND bool_and(coalesce(expected = after, false)) OVER (PARTITION BY table_name, row_id ORDER BY id DESC) AS whole
    FROM chain
)
SELECT id, table_name, row_id::text, action, whole, whole AND id = min(id) FILTER (WHERE whole) OVER (PARTITION BY table_name,
  row_id) AS oldest,
  CASE WHEN before IS NOT NULL THEN (SELECT jsonb_object_agg(key, value #>> '{{}}') FROM jsonb_each(before)
    WHERE value IS DISTINCT FROM after -> key) END,
  (SELECT jsonb_object_agg(key, value #>> '{{}}') FROM jsonb_each(after) WHERE before IS NULL OR value IS DISTINCT FROM before -> key),
  CASE WHEN there AND NOT whole THEN (
    SELECT coalesce(array_agg(key ORDER BY key), '{{}}') FROM jsonb_each(content) WHERE value IS DISTINCT FROM after -> key
  ) END
FROM judged ORDER BY id DESC
"""


class Undoable(t.NamedTuple):
    """One change of an incident: whether it can be taken back, and the columns that it changed, before and after, as text.

    `before` is None for a row that was made. `changed_since` names the columns that differ from what was written, and is None where the row
    is gone.
    """

    id: int
    table: str
    row_id: str
    action: str
    whole: bool
    oldest: bool
    before: dict[str, str | None] | None
    after: dict[str, str | None]
    changed_since: list[str] | None


def refuse_bad_options(options: t.Mapping[str, t.Any]) -> None:
    """Raise IncidentError for an incident without a name and for numbers that make no sense."""
    if not options["incident"].strip():
        raise IncidentError("incident is empty; give the id under which the changes are kept, as in incident.json")
    for name, least in (("lock_timeout", 1), ("diff_limit", 0), ("limit", 1), ("statement_timeout", 1)):
        if options[name] < least:
            raise IncidentError(f"{name} is {options[name]}; write {least} or a number above it")


def take_lock(connection: t.Any, incident: str) -> None:
    """Let one run at a time write, until the end of the transaction. Raises IncidentError that names who does."""
    with connection.cursor() as cursor:
        cursor.execute("SAVEPOINT lock")
        try:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", _LOCK)
            return
        except psycopg2.errors.LockNotAvailable:
            cursor.execute("ROLLBACK TO SAVEPOINT lock")
        cursor.execute(_HOLDER, _LOCK)
        row = cursor.fetchone()
    raise IncidentError(
        f"another run is changing billing rows: {row[0] if row else 'it has just ended'}; wait for its end, then run {incident} again; "
        "nothing was written"
    )


def exists(connection: t.Any) -> bool:
    """Whether there are images at all."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('circuit_sage_ops.row_change') IS NOT NULL")
        return bool(cursor.fetchone()[0])


def make_table(connection: t.Any) -> None:
    """Make the schema and its table where they are missing. The lock has to be held: two sessions would trip over each other."""
    if not exists(connection):
        with connection.cursor() as cursor:
            cursor.execute(_CREATE)


def recorded(statement: str, table: str, action: str) -> str:
    """A statement that changes rows of the table and returns id, before and after of each, as one that also keeps these images."""
    return f"""
WITH changed AS ({statement})
INSERT INTO circuit_sage_ops.row_change (incident, table_name, row_id, action, before, after)
SELECT %(incident)s, '{table}', id, '{action}', before, after FROM changed
"""  # noqa: S608 # only text of the collection goes in; values are parameters


def changes_of(connection: t.Any, incident: str) -> list[Undoable]:
    """The changes of the incident that are not taken back, the newest first. Raises IncidentError when there never were any."""
    with connection.cursor() as cursor:
        if exists(connection):
            cursor.execute("SELECT DISTINCT table_name FROM circuit_sage_ops.row_change WHERE incident = %s", (incident,))
            tables = {name for (name,) in cursor}
            if tables:
                refuse_foreign(tables)
                present = " UNION ALL ".join(_PRESENT.format(table=table) for table in sorted(tables))
                # The server knows little of a table that was filled just now: for a few rows it would compare each with each.
                cursor.execute("SET LOCAL enable_nestloop = off")
                cursor.execute(_LOOK.format(present=present), {"incident": incident})
                return [Undoable(*row) for row in cursor]
    if square_price.is_known(connection, incident) or payment_undo.is_known(connection, incident):
        return []
    raise IncidentError(
        f"the database has no changes of the incident `{incident}`; give the id of one that changed rows, as in incident.json"
    )


def refuse_foreign(tables: set[str]) -> None:
    """Only rows of known tables are written, whatever the images say."""
    foreign = sorted(tables - set(TABLES))
    if foreign:
        raise IncidentError(
            f"the incident changed rows of {', '.join(foreign)}, which are not taken back here; undo it with the release that did it"
        )


def lock_rows(connection: t.Any, ids: t.Mapping[str, t.Sequence[str]]) -> None:
    """Keep others from changing these rows, table by table and in the order of their ids, so that no two sessions wait for each other."""
    with connection.cursor() as cursor:
        for table in TABLES:
            if ids.get(table):
                statement = f"SELECT FROM {table} WHERE id = ANY(%s::uuid[]) ORDER BY id FOR UPDATE"  # names from above
                cursor.execute(statement, (sorted(ids[table]),))


def take_back(connection: t.Any, changes: t.Sequence[Undoable]) -> None:
    """Give the rows what they had, all columns of them, delete those that were made, and mark the changes as undone."""
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(
                "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped", (table,)
            )
            columns = [f'"{name}"' for (name,) in cursor]
            made = [change.id for change in changes if change.oldest and change.table == table and change.action == "insert"]
            changed = [change.id for change in changes if change.oldest and change.table == table and change.action == "update"]
            source = "circuit_sage_ops.row_change c"
            if made:
                statement = f"DELETE FROM {table} t USING {source} WHERE c.id = ANY(%s) AND t.id = c.row_id"  # noqa: S608 # names from above
                cursor.execute(statement, (made,))
            if changed:
                assignments = ", ".join(f"{column} = r.{column}" for column in columns)
                cursor.execute(
                    f"UPDATE {table} t SET {assignments} FROM {source} CROSS JOIN LATERAL jsonb_populate_record(NULL::{table}, c.before) r "  # noqa: S608
                    "WHERE c.id = ANY(%s) AND t.id = c.row_id",
                    (changed,),
                )
        whole = [change.id for change in changes if change.whole]
        cursor.execute("UPDATE circuit_sage_ops.row_change SET undone_at = now() WHERE id = ANY(%s)", (whole,))
