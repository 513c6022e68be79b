# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of the payment modules, and what they come to. What makes no sense is refused before anybody is asked."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Mapping
from dataclasses import dataclass

from .billing_database import server_and_password
from .billing_terms import cents, companies_of, money
from .errors import IncidentError
from .payment_accounts import PRODUCTION, SANDBOX, refuse_wrong_square
from .payment_books import PaymentBooks
from .payment_call import FIRST_WAIT
from .payment_due import Rules
from .payment_gate import MOST_HANDS
from .payment_resolution import Patience
from .payment_schedule import CARD_ATTEMPTS, schedule_of
from .stack_options import POSTGRES_OPTIONS, STACK_OPTIONS

# Those of the doc fragment `payments`.
PAYMENT_OPTIONS: dict[str, dict[str, t.Any]] = {
    **STACK_OPTIONS,
    **POSTGRES_OPTIONS,
    "company_ids": {"type": "list", "elements": "str"},
    "limit": {"type": "int", "default": 1000},
    "statement_timeout": {"type": "int", "default": 60},
    "square_base_url": {"type": "str", "default": ""},
    "square_environment": {"type": "str", "choices": [PRODUCTION, SANDBOX], "default": PRODUCTION},
    "currency": {"type": "str", "default": "USD"},
    "payment_page": {"type": "str", "default": ""},
    "schedule_days": {"type": "list", "elements": "float", "default": [1, 3, 7, 14]},
    "max_attempts": {"type": "int", "default": 4},
    "max_card_attempts": {"type": "int", "default": CARD_ATTEMPTS},
    "pending_hours": {"type": "int", "default": 24},
    "max_age_days": {"type": "int", "default": 60},
}
# Those of the doc fragment `charging`: how much a run may charge, and how fast.
PACE_OPTIONS: dict[str, dict[str, t.Any]] = {
    "max_in_flight": {"type": "int", "default": 4},
    "max_per_second": {"type": "float", "default": 10},
    "max_payments": {"type": "int", "default": 500},
    "max_total": {"type": "str", "default": "50000.00"},
}
# Those of payment_retry.
CHARGING_OPTIONS: dict[str, dict[str, t.Any]] = {
    **PACE_OPTIONS,
    "tries": {"type": "int", "default": 4},
    "breaker_after": {"type": "int", "default": 5},
    "same_key_hours": {"type": "int", "default": 24, "no_log": False},
    "listing_lag_seconds": {"type": "float", "default": 300},
}
_CURRENCY = re.compile(r"[A-Z]{3}")
# Of the currencies that Square takes the one without a hundredth part; what is stored has cents.
_WITHOUT_CENTS = ("JPY",)


@dataclass(frozen=True)
class Scope:
    """Whose payments, where Square is, and by what rules."""

    books: PaymentBooks
    company_ids: tuple[str, ...] | None
    setting: str
    environment: str
    currency: str
    page: str
    rules: Rules
    limit: int


@dataclass(frozen=True)
class Pace:
    """How a run charges, and what it may charge at most. Money is in cents."""

    max_in_flight: int
    max_per_second: float
    tries: int
    breaker_after: int
    patience: Patience
    max_payments: int
    max_total_cents: int
    first_wait: float = FIRST_WAIT


def _at_least(options: Mapping[str, t.Any], least: float, *names: str) -> None:
    for name in names:
        # Of what is no number at all neither is true, and a pace of it would be none.
        if not options[name] >= least:
            raise IncidentError(f"{name} is {options[name]}; write {least} or a number above it")


def refuse_bad_writer(options: Mapping[str, t.Any]) -> None:
    """Raise IncidentError for a run without an incident, and for a wait that makes no sense."""
    if not options["incident"].strip():
        raise IncidentError("incident is empty; give the id under which the intents are kept, as in incident.json")
    _at_least(options, 1, "lock_timeout")


def scope_of(options: Mapping[str, t.Any]) -> Scope:
    """What the options of all payment modules say, and the env file. Raises IncidentError for what makes no sense."""
    server, password, variables = server_and_password(options)
    books = PaymentBooks(server, password, variables, options["statement_timeout"], options.get("lock_timeout", 5))
    return scope_in(books, options)


def scope_in(books: PaymentBooks, options: Mapping[str, t.Any]) -> Scope:
    """The same where the database is known."""
    rules, currency = rules_of(options)
    refuse_wrong_square(options["square_base_url"], options["square_environment"])
    companies = companies_of(options["company_ids"])
    page = options["payment_page"].strip() or _page_of(books.variables)
    return Scope(books, companies, options["square_base_url"], options["square_environment"], currency, page, rules, options["limit"])


def rules_of(options: Mapping[str, t.Any]) -> tuple[Rules, str]:
    """By what is judged, and in which currency. Raises IncidentError for what makes no sense."""
    _at_least(options, 1, "limit", "statement_timeout", "max_age_days")
    _at_least(options, 0, "pending_hours")
    schedule = schedule_of(options["schedule_days"], options["max_attempts"], options["max_card_attempts"])
    currency = options["currency"].strip()
    if not _CURRENCY.fullmatch(currency) or currency in _WITHOUT_CENTS:
        raise IncidentError(f"currency is `{currency}`; write three capital letters of a currency with cents, for example USD")
    return Rules(schedule, options["pending_hours"], options["max_age_days"]), currency


def refuse_bad_pace(options: Mapping[str, t.Any]) -> int:
    """Raise IncidentError for a pace or a guard that makes no sense, also where nothing is due. Gives the guard of money, in cents."""
    _at_least(options, 1, "max_in_flight")
    _at_least(options, 0, "max_per_second", "max_payments")
    if options["max_in_flight"] > MOST_HANDS:
        raise IncidentError(
            f"max_in_flight is {options['max_in_flight']}, and each one takes a session of the database; write at most {MOST_HANDS}"
        )
    return cents(money(options["max_total"], "max_total"))


def pace_of(options: Mapping[str, t.Any]) -> Pace:
    """What the options of payment_retry alone say. Raises IncidentError for what makes no sense."""
    most_cents = refuse_bad_pace(options)
    _at_least(options, 1, "tries", "breaker_after")
    _at_least(options, 0, "same_key_hours", "listing_lag_seconds")
    return Pace(
        options["max_in_flight"],
        options["max_per_second"],
        options["tries"],
        options["breaker_after"],
        Patience(options["same_key_hours"] * 3600, options["listing_lag_seconds"]),
        options["max_payments"],
        most_cents,
    )


def _page_of(variables: Mapping[str, str]) -> str:
    """Where a customer can pay: the frontend's address of the env file."""
    return variables.get("FRONTEND_URL") or (f"https://{variables['DOMAIN_NAME']}" if variables.get("DOMAIN_NAME") else "")
