# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Books with payments that are due, the same companies at the simulator of Square, and the payment modules' functions on both."""

from __future__ import annotations

import dataclasses
import hashlib
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from books import BACKEND, ENCRYPTION_KEY, Books, Server
from sandbox import CHECKOUT
from square_control import SquareControl

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import (
    payment_audit,
    payment_options,
    payment_reconciliation,
    payment_retry,
)
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.payment_books import PaymentBooks
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.payment_options import Pace, Scope

INCIDENT = "20261123T093000Z-payment_failure"
# So that a failed payment may be tried again at once, and again.
AT_ONCE = [0, 1e-9, 2e-9, 3e-9, 4e-9, 5e-9]


def identity(kind: str, *numbers: int) -> str:
    """The id of a row that `fill` makes."""
    return str(uuid.UUID(hashlib.md5((kind + "/".join(map(str, numbers))).encode()).hexdigest()))  # noqa: S324 - as in the statement


def fill(books: Books, square: SquareControl, companies: int, periods: int = 1, accounts: int = 1) -> None:
    """So many companies with one failed payment for each period, each paying into one of the accounts."""
    # Those of one account follow one another, as they do by name.
    each = -(-companies // accounts)
    data = (CHECKOUT / "bench" / "payments_data.sql").read_text(encoding="utf-8")
    with books.connection.cursor() as cursor:
        cursor.execute(data, {"companies": companies, "periods": periods, "each": each})
    square.accounts([account(number, range(number * each + 1, min((number + 1) * each, companies) + 1)) for number in range(accounts)])


def account(number: int, companies: Iterable[int]) -> dict[str, Any]:
    """An account at Square with customers and cards of so many companies, and a second location that is the main one."""
    places = [
        {"id": f"M{number}", "name": "Main", "currency": "USD", "main": True},
        {"id": f"L{number}", "name": "Shop", "currency": "USD"},
    ]
    token = hashlib.sha256(f"EAAAtoken-{number}".encode()).hexdigest()
    whose = {
        "customers": [{"id": f"customer-{one}"} for one in companies],
        "cards": [{"id": f"ccof:card-{one}", "customer_id": f"customer-{one}"} for one in companies],
    }
    return {"token_sha256": token, "merchant_id": f"merchant-{number}", "locations": places, "events_enabled": True, **whose}


@contextmanager
def copied(server: Server, template: str = "template1") -> Iterator[Books]:
    """A database with what another one holds."""
    name = f"charges_{uuid.uuid4().hex[:8]}"
    server.admin(f"CREATE DATABASE {name} TEMPLATE {template}")
    books = Books(server, name)
    try:
        yield books
    finally:
        books.close()
        server.admin(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def empty(server: Server) -> Iterator[Books]:
    """A database with the application's schema and no rows."""
    with copied(server) as books:
        books.ask("CREATE EXTENSION pgcrypto")
        for path in sorted((BACKEND / "migrations").glob("*.sql")):
            books.ask(path.read_text(encoding="utf-8"))
        yield books


def options(books: Books, square: SquareControl, **given: Any) -> dict[str, Any]:
    """The options of a module with all defaults, and what a test wants otherwise."""
    spec = {**payment_options.PAYMENT_OPTIONS, **payment_options.CHARGING_OPTIONS}
    defaults = {name: option.get("default") for name, option in spec.items()}
    sandbox = {"square_base_url": square.base_url, "square_environment": "sandbox", "lock_timeout": 5, "max_per_second": 0}
    guards = {"max_payments": 10**6, "max_total": "99999999"}
    return {**defaults, **sandbox, **guards, "listing_lag_seconds": 1, **given}


def scope_of(books: Books, square: SquareControl, **given: Any) -> Scope:
    """Whose payments, by what rules."""
    chosen = options(books, square, **given)
    key = chosen.pop("encryption_key", ENCRYPTION_KEY)
    variables = {"ENCRYPTION_KEY": key, "FRONTEND_URL": "https://app.example.com"}
    paying = PaymentBooks(books.login, books.password, variables, chosen["statement_timeout"], chosen["lock_timeout"])
    return payment_options.scope_in(paying, chosen)


def pace_of(books: Books, square: SquareControl, **given: Any) -> Pace:
    """How a run charges."""
    first_wait = given.pop("first_wait", 0.01)
    return dataclasses.replace(payment_options.pace_of(options(books, square, **given)), first_wait=first_wait)


def retry(books: Books, square: SquareControl, check_mode: bool = False, **given: Any) -> dict[str, Any]:
    """What payment_retry returns."""
    return payment_retry.retry(scope_of(books, square, **given), pace_of(books, square, **given), INCIDENT, check_mode)


def audit(books: Books, square: SquareControl, **given: Any) -> dict[str, Any]:
    """What payment_audit_info returns."""
    return payment_audit.audit(scope_of(books, square, **given), given.get("since_days", 45), given.get("ask_square", True))


def reconcile(books: Books, square: SquareControl, check_mode: bool = False, **given: Any) -> dict[str, Any]:
    """What payment_reconcile returns."""
    run = payment_reconciliation.Run(INCIDENT, given.get("since_days", 45), 100)
    return payment_reconciliation.reconcile(scope_of(books, square, **given), run, check_mode)
