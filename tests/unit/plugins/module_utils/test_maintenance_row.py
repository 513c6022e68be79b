# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The row of maintenance mode: changed only as it was looked at, and kept before."""

from __future__ import annotations

import json
import typing as t
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import maintenance, maintenance_row, row_change
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.password_login import Server

SERVER = Server("127.0.0.1", 5432, "sage_user", "sage", 2)
SEEN = "2026-11-30T05:00:00.000000Z"
CLAIM = maintenance.claim("I-1", "anna@ops", None, 30, "move")


class Database:
    """One row, and what was executed."""

    def __init__(self, row: dict[str, t.Any]) -> None:
        self.row = row
        self.executed: list[tuple[str, t.Any]] = []
        self.down = False

    def cursor(self) -> Database:
        return self

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *_error: object) -> None:
        pass

    def execute(self, statement: str, values: t.Any = None) -> None:
        self.executed.append((statement, values))

    def fetchone(self) -> tuple[t.Any, ...]:
        return (self.row,)

    def written(self) -> list[dict[str, t.Any]]:
        """The values that were given to the row."""
        return [json.loads(values["value"]) for statement, values in self.executed if "circuit_sage_ops.row_change" in statement]


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Database:
    found = Database({"value": {"enabled": False}, "updated_by": None, "changed_at": SEEN, "seconds": 5})

    @contextmanager
    def transaction(*_where: t.Any, **_how: t.Any) -> Iterator[Database]:
        if found.down:
            raise IncidentError("the login failed (refused); correct login_host, or run db_failure")
        yield found

    monkeypatch.setattr(maintenance_row, "transaction", transaction)
    monkeypatch.setattr(row_change, "take_lock", lambda _connection, _incident: None)
    monkeypatch.setattr(row_change, "make_table", lambda _connection: None)
    return found


def change(claim: t.Any = None, seen: str | None = SEEN, check_mode: bool = False) -> dict[str, t.Any]:
    return maintenance_row.change(SERVER, "password", "I-1", claim, seen, lock_timeout=5, check_mode=check_mode)


def test_a_row_that_cannot_be_read_says_why(database: Database) -> None:
    row, reason = maintenance_row.look(SERVER, "password")
    assert row and row["enabled"] is False and reason is None
    database.down = True
    assert maintenance_row.look(SERVER, "password") == (None, "the login failed (refused)")


def test_switched_on_and_off(database: Database) -> None:
    assert change(CLAIM, check_mode=True)["changed"] is True and database.written() == []
    done = change(CLAIM)
    assert done["changed"] is True and '"owner": "anna@ops"' in done["diff"]["after"]
    (value,) = database.written()
    database.row["value"] = value
    assert change()["changed"] is True
    assert database.written()[-1] == {"enabled": False}
    database.row["value"] = {"enabled": False}
    assert change()["changed"] is False and len(database.written()) == 2


def test_a_row_that_is_not_there_is_made(database: Database) -> None:
    database.row = {}
    assert change(CLAIM, seen=None)["changed"] is True
    assert any("INSERT INTO system_settings" in statement for statement, _values in database.executed)


def test_who_changed_it_meanwhile_keeps_it(database: Database) -> None:
    with pytest.raises(IncidentError, match=r"somebody changed maintenance mode in this moment; .* nothing was written"):
        change(CLAIM, seen="2026-11-30T04:00:00.000000Z")
    assert database.written() == []


ON = {"enabled": True, "owner": "anna@ops"}
OFF = {"enabled": False}


class Other:
    """A database to which the row is carried, with what was written into it."""

    def __init__(self, value: t.Any, table: bool = True) -> None:
        self.value, self.table = value, table
        self.written: t.Any = None
        self._rows: list[tuple[t.Any, ...]] = []

    def cursor(self) -> Other:
        return self

    def __enter__(self) -> Other:
        return self

    def __exit__(self, *_error: object) -> None:
        pass

    def execute(self, statement: str, values: t.Any = None) -> None:
        if "to_regclass" in statement:
            self._rows = [(self.table,)]
        elif "INSERT" in statement:
            self.written = json.loads(values[1])
        else:
            assert self.table
            self._rows = [(self.value, "2026-11-30", None)] if self.value is not None else []

    def fetchone(self) -> tuple[t.Any, ...] | None:
        return self._rows[0] if self._rows else None


@pytest.mark.parametrize(
    ("before", "there", "written"),
    [
        (ON, OFF, ON),
        (ON, None, ON),
        (OFF, ON, OFF),
        # It cannot be read, or is not there: the application was open.
        (None, ON, OFF),
        (None, OFF, None),
        (OFF, {"enabled": False, "message": "of the backup"}, None),
        (ON, ON, None),
    ],
)
def test_the_mode_goes_along_to_the_database_that_takes_the_name(before: t.Any, there: t.Any, written: t.Any) -> None:
    row = maintenance_row.standing(Other(before))
    other = Other(there)
    maintenance_row.carry_over(row, other)
    assert other.written == written


def test_a_database_without_settings_gets_none() -> None:
    other = Other(None, table=False)
    maintenance_row.carry_over((ON, None, None), other)
    assert other.written is None
