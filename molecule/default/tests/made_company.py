# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A company of the suite's own, written into the database and taken out again: seeded or real customers are never touched."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from circuit_sage import CircuitSage, rows_of

PASSWORD = "conformance-Passw0rd"
PASSWORD_BCRYPT = "$2b$04$LW0UIlZaapCyItLN1N.EN.PcyCxTOcheuGRsRAyXYpW2k2EtDGG8u"


@dataclass(frozen=True)
class Company:
    """A company of the suite's own, with an administrator and locations, the oldest first."""

    id: str
    user_id: str
    email: str
    subscription_id: str
    locations: tuple[str, ...]


@contextmanager
def company_made(system: CircuitSage, locations: int = 3, billing_day: int = 28) -> Iterator[Company]:
    """Write a company straight into the database, and take out all that came of it."""
    tag = uuid.uuid4().hex[:12]
    identity, user, subscription = (str(uuid.uuid4()) for _ in range(3))
    places = tuple(str(uuid.uuid4()) for _ in range(locations))
    email = f"conformance-{tag}@circuit-sage.test"
    connection = system.connect()
    rows_of(
        connection, "INSERT INTO companies (id, name, subdomain) VALUES (%s, %s, %s)", identity, f"Conformance {tag}", f"conformance-{tag}"
    )
    rows_of(
        connection,
        "INSERT INTO users (id, first_name, last_name, email, password, role, company_id)"
        " VALUES (%s, 'Con', 'Formance', %s, %s, 'admin', %s)",
        *(user, email, PASSWORD_BCRYPT, identity),
    )
    rows_of(connection, "INSERT INTO user_roles (user_id, role, is_primary, company_id) VALUES (%s, 'admin', true, %s)", user, identity)
    for age, place in enumerate(places):
        rows_of(
            connection,
            "INSERT INTO locations (id, company_id, name, created_at) VALUES (%s, %s, %s, now() - %s * interval '1 day')",
            *(place, identity, f"Place {age}", locations - age),
        )
    rows_of(
        connection,
        "INSERT INTO subscriptions (id, company_id, status, monthly_amount, billing_day, autopay_enabled,"
        " square_customer_id, square_card_id) VALUES (%s, %s, 'active', 999, %s, true, 'conformance-customer', 'ccof:conformance')",
        *(subscription, identity, billing_day),
    )
    connection.close()
    try:
        yield Company(identity, user, email, subscription, places)
    finally:
        connection = system.connect()
        rows_of(connection, "UPDATE users SET current_location_id = NULL WHERE company_id = %s", identity)
        for table in ("subscription_payments", "subscriptions", "user_roles", "users", "locations"):
            rows_of(connection, f"DELETE FROM {table} WHERE company_id = %s", identity)  # noqa: S608 - the table is a name of ours
        rows_of(connection, "DELETE FROM companies WHERE id = %s", identity)
        connection.close()
