# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fills the disposable database with a healthy Circuit Sage: forty companies and what belongs to them, with nothing wrong in it.

Ids and values are the same on every machine and in every run; the secrets among them come from SEED_PASSWORD and ENCRYPTION_KEY.
Run again, it adds what is missing and changes nothing that is there. As a command: `python3 /app/seed.py`; it waits for the schema first.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import random
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import bcrypt
from billing import NO_AUTOPAY, amount_due, period_of
from credentials import encrypt
from database_errors import DatabaseError, from_session
from pool import Connection, connect_to, run
from psycopg2 import Error as DriverError
from psycopg2.extras import Json, execute_values
from seed_square import AtSquare, square_id
from settings import Settings

COMPANIES = 40
MONTHS = 12
# The migrations of another backend may go on when it is asked for its health already.
SCHEMA_SECONDS = 30
ADMINISTRATOR = "admin@repairmanager.com"
# Companies by number: what is special about them. All others are active.
STATUS = {7: "pending", 13: "past_due", 22: "canceled", 29: "cancelled", 34: "expired"}
# Who has a Square subscription has Square credentials: one still in plaintext from before encryption, and one has lost them.
PLAINTEXT_CREDENTIALS = 21
WITHOUT_CREDENTIALS = 31
WITH_EMAIL_CREDENTIALS = 3
WITHOUT_AUTOPAY = (5, 11, 19, 26, 33, 38)
BILLING_DAYS = {4: 15, 12: 15, 20: 15, 9: 28, 24: 28}
# The ended subscriptions stopped being billed so many months ago.
ENDED_MONTHS_AGO = 4
ENDED = ("canceled", "cancelled", "expired")

_NAMESPACE = uuid.UUID("7b1c1d9e-6b5f-5f0e-9d43-2f6d4b8a1c55")
_TOWNS = ("Harbor", "Maple", "Summit", "Riverside", "Lakeview", "Cedar", "Granite", "Sunset", "Prairie", "Union")
_TRADES = ("Phone Repair", "Device Clinic", "Computer Works", "Circuit Shop")
_STREETS = (
    *("Main St", "Oak Ave", "2nd St", "Market St", "Mill Rd", "Station Rd"),
    *("Park Ave", "Hill St", "Bridge St", "Elm St", "Airport Rd", "Pine St"),
)
_FIRST_NAMES = ("Alex", "Dana", "Jordan", "Kim", "Lee", "Morgan", "Robin", "Sam")
_LAST_NAMES = ("Carter", "Diaz", "Evans", "Fisher", "Garcia", "Hughes", "Ito", "Jones")
_TABLES = ("companies", "users", "locations", "subscriptions", "subscription_payments", "invoices")


def identity(*names: object) -> str:
    """The id of a row, made from what it is."""
    return str(uuid.uuid5(_NAMESPACE, "/".join(map(str, names))))


def pays_by_square(number: int) -> bool:
    """Whether a company has autopay, and so a subscription at Square."""
    return number not in WITHOUT_AUTOPAY and STATUS.get(number) not in ("pending", *ENDED)


def month_before(day: date, months: int) -> date:
    """The first of the month that lies so many months before a day's."""
    number = day.year * 12 + day.month - 1 - months
    return date(number // 12, number % 12 + 1, 1)


@dataclass
class Rows:
    """The rows of each table, ready to be inserted."""

    companies: list[tuple[Any, ...]] = field(default_factory=list)
    locations: list[tuple[Any, ...]] = field(default_factory=list)
    users: list[tuple[Any, ...]] = field(default_factory=list)
    user_roles: list[tuple[Any, ...]] = field(default_factory=list)
    subscriptions: list[tuple[Any, ...]] = field(default_factory=list)
    subscription_payments: list[tuple[Any, ...]] = field(default_factory=list)
    invoices: list[tuple[Any, ...]] = field(default_factory=list)


class Seed:
    """Everything that the forty companies own."""

    def __init__(self, settings: Settings, password: str, today: date) -> None:
        self._settings = settings
        self._password = password
        self._today = today
        self.rows = Rows()
        self.square = AtSquare(self.secret, settings.price_per_location)

    def build(self) -> Rows:
        """Make the rows of all companies."""
        for number in range(1, COMPANIES + 1):
            self._company(number)
        return self.rows

    def secret(self, purpose: str, number: int) -> str:
        """A secret of one company, the same in each run and known to nobody who does not know the seed's password."""
        return hmac.new(self._password.encode(), f"{purpose}/{number}".encode(), hashlib.sha256).hexdigest()

    def _company(self, number: int) -> None:
        choice = random.Random(number)  # noqa: S311 - made-up data, not a secret
        company = identity("company", number)
        # Before the first billed month, so that every payment is for the locations of today.
        founded = datetime(2024, 1, 8, 9, 0, tzinfo=UTC) + timedelta(days=9 * number)
        name = f"{_TOWNS[(number - 1) % len(_TOWNS)]} {_TRADES[(number - 1) // len(_TOWNS)]}"
        plan = "free" if STATUS.get(number) in ENDED else "premium"
        self.rows.companies.append((company, name, f"company-{number:02}", plan, Json(self._company_settings(number)), founded, founded))
        locations = choice.randint(2, 12)
        billable = sum(self._location(number, company, position, founded) for position in range(1, locations + 1))
        self._users(number, company, founded, choice)
        self._subscription(number, company, founded, billable)
        self._invoices(number, company, choice)

    def _company_settings(self, number: int) -> dict[str, Any]:
        if not pays_by_square(number) or number == WITHOUT_CREDENTIALS:
            return {}
        key = self._settings.encryption_key
        plain = {
            "accessToken": self.square.access_token(number),
            "applicationId": f"sandbox-sq0idb-{self.secret('square application', number)[:22]}",
            "locationId": self.square.location(number),
        }
        stored = plain if number == PLAINTEXT_CREDENTIALS else {name: encrypt(value, key) for name, value in plain.items()}
        integrations: dict[str, Any] = {
            "payment": {
                "provider": "square",
                "enabled": True,
                "credentials": stored,
                "settings": {"testMode": True},
            }
        }
        if number == WITH_EMAIL_CREDENTIALS:
            api_key = encrypt(f"SG.{self.secret('sendgrid', number)}", key)
            integrations["email"] = {"provider": "sendgrid", "enabled": True, "credentials": {"apiKey": api_key}, "settings": {}}
        return {"integrations": integrations}

    def _location(self, number: int, company: str, position: int, founded: datetime) -> bool:
        """Add one location; say whether it is billed. Each tenth company has one that was deleted, each eighth one that is inactive."""
        last = position == 2 + number % 3
        deleted = founded + timedelta(days=90) if last and number % 10 == 0 else None
        active = not (last and number % 8 == 0)
        opened = founded + timedelta(days=7 * (position - 1))
        free = position == 1
        street = _STREETS[position - 1]
        address = f"{100 + number} {street}"
        phone = f"555-{number:03}-{position:04}"
        email = f"shop{position}@company-{number:02}.example"
        described = (f"{street} Shop", address, phone, email, active, free)
        self.rows.locations.append((identity("location", number, position), company, *described, opened, opened, deleted))
        return not free and deleted is None

    def _users(self, number: int, company: str, founded: datetime, choice: random.Random) -> None:
        for position in range(1 + choice.randint(1, 4)):
            role = "technician" if position else "admin"
            user = identity("user", number, position)
            email = f"{role}{position or ''}@company-{number:02}.example"
            names = choice.choice(_FIRST_NAMES), choice.choice(_LAST_NAMES)
            home = identity("location", number, 1)
            self.rows.users.append((user, *names, email, self.hashed_password(), role, company, home, founded, founded))
            self.rows.user_roles.append((identity("role", number, position), user, role, True, company))

    def hashed_password(self) -> str:
        """A new hash; the least cost that bcrypt has, since a hundred of them are made and the password is a long random one."""
        hashed: bytes = bcrypt.hashpw(self._password.encode(), bcrypt.gensalt(4))
        return hashed.decode()

    def _subscription(self, number: int, company: str, founded: datetime, billable: int) -> None:
        subscription = identity("subscription", number)
        status = STATUS.get(number, "active")
        # A day that every month has: a later one would be a fault, and this is a healthy system.
        day = min(BILLING_DAYS.get(number, self._settings.billing_day), 28)
        autopay = pays_by_square(number)
        amount = amount_due(billable, self._settings.price_per_location)
        customer, card, plan = (square_id(kind, number) if autopay else None for kind in ("customer", "card", "subscription"))
        # Who is past due pays by hand since the card was refused, so that nothing is to be charged on a healthy system.
        charged = autopay and status != "past_due"
        row = (subscription, company, plan, status, amount, day, charged, customer, card, founded, founded)
        self.rows.subscriptions.append(row)
        if autopay:
            self.square.company(number, founded, billable, day)
        if status == "pending":
            return
        until = ENDED_MONTHS_AGO if status in ENDED else 0
        days = [month_before(self._today, months_ago).replace(day=day) for months_ago in range(MONTHS - 1, until - 1, -1)]
        billed = [billed_on for billed_on in days if billed_on <= self._today]
        for billed_on in billed:
            self._payment(number, subscription, company, billed_on, billable, newest=billed_on == billed[-1])

    def _payment(self, number: int, subscription: str, company: str, billed_on: date, billable: int, *, newest: bool) -> None:
        """One month's payment: paid, but for the newest one of a company that pays by hand or is past due."""
        status, reason = "succeeded", None
        if newest and STATUS.get(number) == "past_due":
            status, reason = "failed", "INSUFFICIENT_FUNDS"
        elif newest and number in WITHOUT_AUTOPAY:
            status, reason = "pending", NO_AUTOPAY
        start, end = period_of(billed_on)
        made = datetime(billed_on.year, billed_on.month, billed_on.day, 2, 0, tzinfo=UTC)
        amount = amount_due(billable, self._settings.price_per_location)
        payment = identity("payment", number, billed_on.isoformat()[:7])
        at_square = square_id("payment", number, billed_on.isoformat()[:7]) if status == "succeeded" else None
        row = (payment, subscription, company, at_square, amount, status, start, end, billable, reason, made, made)
        self.rows.subscription_payments.append(row)
        if at_square and pays_by_square(number):
            self.square.payment(number, at_square, amount, made)

    def _invoices(self, number: int, company: str, choice: random.Random) -> None:
        for position in range(1, 4):
            issued = datetime(2026, position, 10, 12, 0, tzinfo=UTC)
            subtotal = choice.randint(4000, 40000)
            tax = round(subtotal * 0.08)
            amounts = (f"{subtotal / 100:.2f}", f"{tax / 100:.2f}", f"{(subtotal + tax) / 100:.2f}")
            invoice, label = identity("invoice", number, position), f"INV-{number:03}-{position:04}"
            self.rows.invoices.append((invoice, label, company, "paid", issued, issued, issued, *amounts, issued))


_COLUMNS = {
    "companies": "id, name, subdomain, plan, settings, created_at, updated_at",
    "locations": "id, company_id, name, address, phone, email, is_active, is_free, created_at, updated_at, deleted_at",
    "users": "id, first_name, last_name, email, password, role, company_id, current_location_id, created_at, updated_at",
    "user_roles": "id, user_id, role, is_primary, company_id",
    "subscriptions": "id, company_id, square_subscription_id, status, monthly_amount, billing_day, autopay_enabled, square_customer_id,"
    " square_card_id, created_at, updated_at",
    "subscription_payments": "id, subscription_id, company_id, square_payment_id, amount, status, billing_period_start, billing_period_end,"
    " location_count, failure_reason, created_at, updated_at",
    "invoices": "id, invoice_number, company_id, status, issue_date, due_date, paid_date, subtotal, tax_amount, total_amount, created_at",
}


def lacking(connection: Connection) -> list[str]:
    """The tables that are filled here and that the schema has not, and the columns of those that it has."""
    statement = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema()"
    there = {(row["table_name"], row["column_name"]) for row in run(connection, statement)}
    tables = {table for table, _column in there}
    columns = [(table, column) for table, names in _COLUMNS.items() for column in names.split(", ") if table in tables]
    return [table for table in _COLUMNS if table not in tables] + [f"{t}.{c}" for t, c in columns if (t, c) not in there]


def await_schema(connection: Connection) -> None:
    """Wait until the migrations have made what is filled here, or end with what is lacking."""
    deadline = time.monotonic() + SCHEMA_SECONDS
    while missing := lacking(connection):
        if time.monotonic() > deadline:
            sys.exit(f"seed: the schema lacks {', '.join(missing)}, which the seed fills; seed a release of Circuit Sage that has it")
        time.sleep(0.5)


def insert(connection: Connection, rows: Rows, administrator_hash: Callable[[], str], password: str) -> None:
    """Insert what is not there, all of it or nothing, and let the first administrator sign in."""
    tables = vars(rows)
    with connection, connection.cursor() as cursor:
        for table, columns in _COLUMNS.items():
            execute_values(cursor, f"INSERT INTO {table} ({columns}) VALUES %s ON CONFLICT DO NOTHING", tables[table], page_size=1000)  # noqa: S608 - names from above
        known = run(connection, "SELECT password FROM users WHERE email = %s", (ADMINISTRATOR,))
        if known and not bcrypt.checkpw(password.encode(), known[0]["password"].encode()):
            run(connection, "UPDATE users SET password = %s, updated_at = now() WHERE email = %s", (administrator_hash(), ADMINISTRATOR))


def main() -> None:
    """Seed the database that the backend uses, and say what is in it."""
    settings = Settings.from_environment(os.environ)
    password = os.environ.get("SEED_PASSWORD", "")
    if not password or not settings.encryption_key:
        sys.exit("seed: SEED_PASSWORD and ENCRYPTION_KEY are needed: put them into the environment of the backend's container")
    seed = Seed(settings, password, datetime.now(UTC).date())
    try:
        connection = connect_to(settings.db_host, settings.db_port, settings.db_user, settings.db_password, settings.db_name)
        await_schema(connection)
        connection.autocommit = False
        insert(connection, seed.build(), seed.hashed_password, password)
        if failure := seed.square.tell(os.environ.get("SQUARE_BASE_URL", "")):
            sys.exit(f"seed: {failure}")
        counts = {table: run(connection, f"SELECT count(*) AS n FROM {table}")[0]["n"] for table in _TABLES}  # noqa: S608 - names from above
    except DatabaseError as failure:
        sys.exit(f"seed: {failure}")
    except DriverError as failure:
        sys.exit(f"seed: {from_session(failure, closed=False)}")
    print(f"seed: {json.dumps(counts)}")


if __name__ == "__main__":
    main()
