# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the catalogue's answers mean. That the questions are SQL which PostgreSQL understands is proven on the stack."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import postgres_catalog as catalog
from ansible_collections.circuit_sage.incident_response.plugins.module_utils import postgres_errors

RECORDED = Path(__file__).parents[2] / "recorded" / "postgres"
USER, DATABASE = "circuit_sage_user", "circuit_sage_db"
# Of a real data directory: initdb ran at 2026-11-23T11:26:31Z.
IDENTIFIER = "7711326838020775956"


@pytest.fixture
def found() -> dict[str, Any]:
    answer: dict[str, Any] = json.loads((RECORDED / "catalog_with_blocked_sessions.json").read_text(encoding="utf-8"))
    return answer


def test_names_cannot_leave_their_quotes() -> None:
    sql = catalog.catalog_sql("o'neil\\", "data'base")
    assert "E'o''neil\\\\'" in sql
    assert "E'data''base'" in sql


def test_our_own_sessions_are_left_out_of_every_list() -> None:
    sql = catalog.catalog_sql(USER, DATABASE)
    assert sql.count("FROM pg_stat_activity") == sql.count("pid <> pg_backend_pid() AND application_name NOT LIKE") == 2
    assert f"SET application_name = '{catalog.APPLICATION_NAME}';" in catalog.read_settings_sql()


def test_reading_is_limited_in_time_and_cannot_write() -> None:
    settings = catalog.read_settings_sql()
    assert "SET statement_timeout = '1000';" in settings
    assert "SET default_transaction_read_only = 'on';" in settings
    assert "SET search_path = 'pg_catalog';" in settings


def test_rows_are_counted_in_the_applications_own_schema() -> None:
    assert all(f"public.{table}" in catalog.content_sql() for table in catalog.CONTENT_TABLES)


def test_a_write_keeps_the_roles_own_tighter_limit() -> None:
    assert "NOT BETWEEN 1 AND 2000" in catalog.write_settings_sql()


@pytest.mark.parametrize(
    ("created", "identifier", "expected"),
    [
        ("2026-11-23T11:26:30.435879788Z", IDENTIFIER, True),
        ("2026-11-23T11:26:32Z", IDENTIFIER, True),
        ("2026-11-23T11:26:32.5Z", IDENTIFIER, False),
        ("2026-11-24T11:26:30.435879788Z", IDENTIFIER, False),
        (None, IDENTIFIER, None),
        ("2026-11-23T11:26:30Z", None, None),
    ],
)
def test_the_container_that_initialised_the_directory_was_created_before_it(
    created: str | None, identifier: str | None, expected: bool | None
) -> None:
    assert catalog.initialised_with(created, identifier) is expected


def test_the_server_tells_when_it_was_initialised(found: dict[str, Any]) -> None:
    server = catalog.describe_server(found)
    assert server["initialised_at"] == "2026-11-23T11:26:31Z"
    assert server["max_connections"] == 100
    assert server["in_recovery"] is False
    assert set(server) == set(catalog.unknown_server())


def test_settings_are_told_apart_by_whom_they_are_for(found: dict[str, Any]) -> None:
    found["settings"] = [
        {"role": None, "database": DATABASE, "set": ["default_transaction_read_only=on", "search_path=a=b"]},
        {"role": USER, "database": None, "set": ["statement_timeout=1ms"]},
        {"role": USER, "database": DATABASE, "set": ["app.jwt_secret=abc"]},
        {"role": None, "database": None, "set": ["work_mem=1MB"]},
    ]
    database = catalog.describe_database(DATABASE, found)
    assert database["settings"] == {"default_transaction_read_only": "on", "search_path": "a=b"}
    assert database["role_settings"] == {"app.jwt_secret": "********"}
    assert catalog.describe_role(USER, found)["settings"] == {"statement_timeout": "1ms"}
    assert catalog.describe_server(found)["settings_of_all_roles"] == {"work_mem": "1MB"}


def test_the_role_is_described(found: dict[str, Any]) -> None:
    role = catalog.describe_role(USER, found)
    assert (role["exists"], role["can_login"], role["superuser"], role["expired"]) == (True, True, True, False)
    assert set(role) == set(catalog.unknown_role(USER))


def test_a_role_that_is_not_there_has_a_name_only(found: dict[str, Any]) -> None:
    found["role"] = None
    role = catalog.describe_role("ghost", found)
    assert role["exists"] is False
    assert role["can_login"] is None


def test_the_database_has_neighbours(found: dict[str, Any]) -> None:
    database = catalog.describe_database(DATABASE, found)
    assert (database["exists"], database["allow_connections"]) == (True, True)
    assert [one["name"] for one in database["neighbours"]] == ["postgres"]
    assert set(database) == set(catalog.unknown_database(DATABASE))


def test_a_renamed_database_is_among_the_neighbours_of_the_missing_one(found: dict[str, Any]) -> None:
    found["databases"] = [{**one, "name": one["name"].replace(DATABASE, "renamed")} for one in found["databases"]]
    found["settings"] = None
    database = catalog.describe_database(DATABASE, found)
    assert database["exists"] is False
    assert database["allow_connections"] is None
    assert {"renamed", "postgres"} == {one["name"] for one in database["neighbours"]}


def test_a_server_without_databases_of_its_own_is_described_too(found: dict[str, Any]) -> None:
    found["databases"] = None
    assert catalog.describe_database(DATABASE, found)["neighbours"] == []


def test_a_refusal_tells_something() -> None:
    assert catalog.told_by_refusal(postgres_errors.ROLE_NOT_PERMITTED) == ({"exists": True, "can_login": False}, {})
    assert catalog.told_by_refusal(postgres_errors.DATABASE_NOT_ACCEPTING)[1] == {"exists": True, "allow_connections": False}
    assert catalog.told_by_refusal(postgres_errors.DATABASE_MISSING)[1] == {"exists": False}
    # A wrong password and a role that is not there are told alike.
    assert catalog.told_by_refusal(postgres_errors.PASSWORD_REJECTED) == ({}, {})


NOW = datetime(2026, 11, 23, 15, 0, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("row", "enabled", "owned", "owner"),
    [
        ({}, False, False, None),
        ({"value": {"enabled": True}, "updated_by": None, "seconds": 5}, True, False, None),
        ({"value": {"enabled": "true"}, "updated_by": None, "seconds": 5}, False, False, None),
        ({"value": {"enabled": True}, "updated_by": "a user", "seconds": 5}, True, True, "a user"),
        ({"value": {"enabled": True}, "updated_by": "a user", "seconds": 20_000}, True, False, "a user"),
        ({"value": {"enabled": True, "owner": "run", "expires_at": "2026-11-23T15:30:00Z"}, "seconds": 20_000}, True, True, "run"),
        ({"value": {"enabled": True, "expires_at": "2026-11-23T16:30:00+02:00"}, "seconds": 5}, True, False, None),
        ({"value": {"enabled": True, "expires_at": "2026-11-23T14:30:00Z"}, "updated_by": "a user", "seconds": 5}, True, False, "a user"),
        ({"value": {"enabled": True, "expires_at": "tomorrow"}, "updated_by": "a user", "seconds": 5}, True, True, "a user"),
    ],
)
def test_who_owns_maintenance_mode(row: dict[str, Any], enabled: bool, owned: bool, owner: str | None) -> None:
    found = catalog.describe_maintenance(row, NOW)
    assert (found["enabled"], found["owned"], found["owner"]) == (enabled, owned, owner)
