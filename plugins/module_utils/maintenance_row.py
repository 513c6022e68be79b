# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The application's row of maintenance mode: read as it stands, changed only while it is as it was seen, taken to another database."""

from __future__ import annotations

import json
import typing as t
from collections.abc import Mapping
from datetime import datetime, timezone

from . import maintenance, postgres_catalog, row_change
from .billing_database import transaction
from .errors import IncidentError
from .password_login import Server

STATEMENT_SECONDS = 5
TABLE = "system_settings"
_KEY = "maintenance_mode"
_LOCK = "SELECT value FROM system_settings WHERE key = %s FOR UPDATE"
_UPDATE = """
UPDATE system_settings t SET value = %(value)s::jsonb, updated_at = now(), updated_by = NULL
FROM (SELECT * FROM system_settings) prior WHERE t.key = %(key)s AND prior.id = t.id
RETURNING t.id, to_jsonb(prior) AS before, to_jsonb(t) AS after
"""
_INSERT = """
INSERT INTO system_settings (key, value) VALUES (%(key)s, %(value)s::jsonb)
RETURNING id, NULL::jsonb AS before, to_jsonb(system_settings) AS after
"""


_STANDS = "SELECT value, updated_at, updated_by FROM public.system_settings WHERE key = %s"
# Who changed it may be a user whom the other database does not have.
_CARRY = """
INSERT INTO public.system_settings AS t (key, value, updated_at, updated_by)
VALUES (%s, %s::jsonb, coalesce(%s, now()), (SELECT id FROM public.users WHERE id = %s))
ON CONFLICT (key) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at, updated_by = excluded.updated_by
"""


def _read(connection: t.Any) -> dict[str, t.Any]:
    with connection.cursor() as cursor:
        cursor.execute(postgres_catalog.maintenance_sql())
        found: dict[str, t.Any] = cursor.fetchone()[0]
    return found


def look(server: Server, password: str) -> tuple[dict[str, t.Any] | None, str | None]:
    """The row as it stands, or why it cannot be read."""
    try:
        with transaction(server, password, read_only=True, statement_timeout=STATEMENT_SECONDS) as connection:
            return postgres_catalog.describe_maintenance(_read(connection), datetime.now(timezone.utc)), None
    except IncidentError as error:
        return None, str(error).partition(";")[0]


def change(
    server: Server,
    password: str,
    incident: str,
    claim: Mapping[str, t.Any] | None,
    seen: str | None,
    *,
    lock_timeout: int,
    check_mode: bool,
) -> dict[str, t.Any]:
    """Switch the mode on under a claim, or off without one, and keep what was there. Who changed it since it was `seen` owns it now."""
    timeouts = {"statement_timeout": STATEMENT_SECONDS + lock_timeout, "lock_timeout": lock_timeout}
    with transaction(server, password, read_only=check_mode, **timeouts) as connection:
        if not check_mode:
            row_change.take_lock(connection, incident)
            with connection.cursor() as cursor:
                cursor.execute(_LOCK, (_KEY,))
        row = _read(connection)
        before = row.get("value")
        after = maintenance.value_on(before, claim) if claim else maintenance.value_off(before)
        result = {
            "changed": before != after,
            "diff": {name: json.dumps(value, indent=1) + "\n" for name, value in (("before", before), ("after", after))},
        }
        if row.get("changed_at") != seen:
            raise IncidentError("somebody changed maintenance mode in this moment; look at it with maintenance=status, nothing was written")
        if result["changed"] and not check_mode:
            row_change.make_table(connection)
            statement, action = (_UPDATE, "update") if row else (_INSERT, "insert")
            with connection.cursor() as cursor:
                values = {"key": _KEY, "value": json.dumps(after), "incident": incident}
                cursor.execute(row_change.recorded(statement, TABLE, action), values)
        return {**result, "changed_at": _read(connection).get("changed_at")}


def standing(connection: t.Any) -> tuple[t.Any, ...] | None:
    """The row as another database is to have it; none where there is none."""
    with connection.cursor() as cursor:
        cursor.execute(_STANDS, (_KEY,))
        row: tuple[t.Any, ...] | None = cursor.fetchone()
    return row


def carry_over(row: tuple[t.Any, ...] | None, connection: t.Any) -> None:
    """Give the connection's database the row that another one had, where the mode is on in one of them.

    Where the other one had none, or could not say, the application was open: then the mode is off here too.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('public.system_settings') IS NOT NULL")
        if not cursor.fetchone()[0]:
            return
    there = standing(connection)
    before = there[0] if there else None
    value, changed_at, changed_by = row or (maintenance.value_off(before), None, None)
    if value != before and (_is_on(value) or _is_on(before)):
        with connection.cursor() as cursor:
            cursor.execute(_CARRY, (_KEY, json.dumps(value), changed_at, changed_by))


def _is_on(value: t.Any) -> bool:
    return isinstance(value, dict) and value.get("enabled") is True
