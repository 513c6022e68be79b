# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables that matter: columns, types, defaults, what is unique, and what no constraint checks."""

from __future__ import annotations

import pytest
from circuit_sage import CircuitSage

SOFT = {"created_at": "timestamptz!", "updated_at": "timestamptz!", "deleted_at": "timestamptz"}

# Column -> type; "!" behind it: not null; "=": the default, as text. "" says only that the column is there.
TABLES: dict[str, dict[str, str]] = {
    "companies": {
        "id": "uuid!",
        "name": "varchar(255)!",
        "subdomain": "varchar(100)",
        "plan": "varchar(50)='free'",
        "status": "varchar(20)='active'",
        "settings": "jsonb='{}'",
        **SOFT,
    },
    "users": {
        "id": "uuid!",
        "first_name": "",
        "last_name": "",
        "email": "varchar(255)!",
        "password": "varchar(255)!",
        "role": "varchar(20)='technician'",
        "active": "bool",
        "company_id": "uuid",
        "current_location_id": "uuid",
        **SOFT,
    },
    "user_roles": {
        "user_id": "uuid!",
        "role": "varchar(50)!",
        "is_primary": "bool",
        "company_id": "uuid",
        "created_at": "timestamptz",
        "updated_at": "timestamptz",
    },
    "locations": {
        "id": "uuid!",
        "company_id": "uuid!",
        "name": "varchar(255)!",
        "address": "",
        "phone": "",
        "email": "",
        "is_active": "bool",
        "is_free": "bool!=false",
        **SOFT,
    },
    "subscriptions": {
        "id": "uuid!",
        "company_id": "uuid!",
        "square_subscription_id": "",
        "status": "varchar(50)!='pending'",
        "monthly_amount": "numeric(10,2)!=0",
        "billing_day": "int4!=1",
        "autopay_enabled": "bool!=false",
        "square_customer_id": "",
        "square_card_id": "",
        **SOFT,
    },
    "subscription_payments": {
        "id": "uuid!",
        "subscription_id": "uuid!",
        "company_id": "uuid!",
        "square_payment_id": "",
        "amount": "numeric(10,2)!",
        "status": "varchar(50)!='pending'",
        "billing_period_start": "timestamptz!",
        "billing_period_end": "timestamptz!",
        "location_count": "int4!",
        "failure_reason": "text",
        "created_at": "timestamptz!",
        "updated_at": "timestamptz!",
    },
    "invoices": {
        "id": "uuid!",
        "invoice_number": "",
        "company_id": "uuid!",
        "customer_id": "uuid",
        "status": "varchar(20)",
        "subtotal": "",
        "total_amount": "",
        "payment_reference": "",
        "refund_amount": "",
        **SOFT,
    },
    "system_settings": {"key": "varchar(100)!", "value": "jsonb!", "updated_at": "", "updated_by": "uuid"},
    "schema_migrations": {"filename": "!", "applied_at": "timestamptz", "checksum": "", "execution_time_ms": "int4"},
}

UNIQUE = {
    "companies": {("subdomain",)},
    "users": {("company_id", "email")},
    "user_roles": {("company_id", "role", "user_id")},
    "locations": {("company_id", "name")},
    "subscriptions": {("company_id",)},
    "subscription_payments": set(),
    "invoices": {("invoice_number",)},
    "system_settings": {("key",)},
    "schema_migrations": {("filename",)},
}

COLUMNS = """
SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS required, pg_get_expr(d.adbin, d.adrelid) AS initial
FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped
"""
UNIQUE_SETS = """
SELECT array_agg(a.attname::text ORDER BY a.attname) AS columns
FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey)
WHERE i.indrelid = %s::regclass AND i.indisunique AND NOT i.indisprimary
GROUP BY i.indexrelid
"""
SHORT = {"character varying": "varchar", "timestamp with time zone": "timestamptz", "boolean": "bool", "integer": "int4"}


def shown(column: dict[str, str], wanted: str) -> str:
    """A column in the notation of TABLES, as far as `wanted` says something."""
    kind = column["type"]
    for long, short in SHORT.items():
        kind = kind.replace(long, short)
    text = kind if wanted.strip("!") else ""
    text += "!" if column["required"] and "!" in wanted else ""
    if "=" in wanted:
        text += "=" + str(column["initial"]).partition("::")[0]
    return text


@pytest.mark.parametrize("table", TABLES)
def test_columns(system: CircuitSage, table: str) -> None:
    """The columns, their types, what may not be null, and their defaults."""
    found = {column["name"]: column for column in system.sql(COLUMNS, table)}
    assert {name: shown(found[name], wanted) if name in found else "missing" for name, wanted in TABLES[table].items()} == TABLES[table]


@pytest.mark.parametrize("table", TABLES)
def test_unique(system: CircuitSage, table: str) -> None:
    """What is unique beside the primary key; for payments nothing is."""
    found = {tuple(row["columns"]) for row in system.sql(UNIQUE_SETS, table)} - {("id",)}
    assert found == UNIQUE[table]


def test_tax_columns_of_a_location(system: CircuitSage) -> None:
    """A location has columns for its taxes."""
    assert any("tax" in column["name"] for column in system.sql(COLUMNS, "locations"))


def test_nothing_checks_billing_values(system: CircuitSage) -> None:
    """No check constraint: any status, any billing day, any amount goes in."""
    tables = "'subscriptions'::regclass, 'subscription_payments'::regclass"
    checks = f"SELECT conname FROM pg_constraint WHERE contype = 'c' AND conrelid IN ({tables})"  # noqa: S608 - the names above
    assert system.sql(checks) == []


def test_updated_by_refers_to_a_user(system: CircuitSage) -> None:
    """And may be null."""
    keys = "SELECT confrelid::regclass::text AS target FROM pg_constraint WHERE contype = 'f' AND conrelid = 'system_settings'::regclass"
    assert [row["target"] for row in system.sql(keys)] == ["users"]
    assert not [column for column in system.sql(COLUMNS, "system_settings") if column["name"] == "updated_by" and column["required"]]


def test_no_audit_table(system: CircuitSage) -> None:
    """Of no kind."""
    assert system.sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename ~ 'audit|history|event'") == []


def test_migrations_are_recorded(system: CircuitSage) -> None:
    """Every applied file has its time and checksum."""
    rows = system.sql("SELECT filename, applied_at, checksum FROM schema_migrations")
    assert rows
    assert all(row["filename"].endswith(".sql") and row["applied_at"] and row["checksum"] for row in rows)


@pytest.mark.sandbox_only(reason="the statuses are those of the seeded data; real data may lack some")
def test_seeded_statuses(system: CircuitSage) -> None:
    """Both spellings of cancelled are found; no status is another than the documented ones."""
    statuses = {row["status"] for row in system.sql("SELECT DISTINCT status FROM subscriptions")}
    assert (
        {"active", "past_due", "canceled", "cancelled"} <= statuses <= {"pending", "active", "past_due", "canceled", "cancelled", "expired"}
    )
    payments = {row["status"] for row in system.sql("SELECT DISTINCT status FROM subscription_payments")}
    assert {"succeeded"} <= payments <= {"pending", "succeeded", "failed", "refunded"}


@pytest.mark.sandbox_only(reason="the number of seeded companies")
def test_seeded_companies(system: CircuitSage) -> None:
    """40 companies beside the suite's own; each with locations and an account."""
    seeded = "SELECT id FROM companies WHERE subdomain NOT LIKE 'conformance-%%'"
    assert len(system.sql(seeded)) == 40
    assert system.sql(f"{seeded} AND NOT EXISTS (SELECT FROM users u WHERE u.company_id = companies.id)") == []
    assert system.sql(f"{seeded} AND NOT EXISTS (SELECT FROM locations l WHERE l.company_id = companies.id)") == []


@pytest.mark.sandbox_only(reason="an operator may have removed the first administrator")
def test_first_administrator(system: CircuitSage) -> None:
    """Seeded by the initial SQL, a superuser, and so without a company."""
    rows = system.sql("SELECT role, company_id, deleted_at FROM users WHERE email = 'admin@repairmanager.com'")
    assert [(row["role"], row["company_id"], row["deleted_at"]) for row in rows] == [("superuser", None, None)]
