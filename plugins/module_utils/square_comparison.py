# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Square charges for the subscriptions of the database, beside what the database says. Reads only."""

from __future__ import annotations

import typing as t
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field

from . import billing_query
from .billing_audit import AUDIT_OPTIONS, examine, present_of, refuse_unknown_companies
from .billing_database import server_and_password, transaction
from .billing_discrepancy import APPROVE
from .billing_terms import Terms, shown, terms_of
from .errors import LibraryMissing
from .password_login import Server
from .square_account import Accounts, AtSquare, PlanPrice, SquareAccount, SquareDown, SquareRefusal, base_url_of, check_base_url
from .square_credentials import KEY_VARIABLE, StoredCredentials, Unreadable

# How many questions are under way at once. Square publishes no limit of its rate; it answers 429 beyond it, which ends the asking.
_IN_FLIGHT = 8
# The states in which Square goes on charging.
_CHARGING = ("ACTIVE", "PENDING")
# Of the currencies that Square charges in the one that has no hundredth part.
_WITHOUT_CENTS = ("JPY",)
_MONTHLY = "MONTHLY"
# What has to happen first where the stored amount is wrong itself.
RECALCULATE = "recalculate"
# The kinds of discrepancies after which the stored amount is not what is due.
_AMOUNT_KINDS = ("location_change_missed", "price_drift", "amount_drift")

SQUARE_OPTIONS: dict[str, dict[str, t.Any]] = {"square_base_url": {"type": "str", "default": ""}}
COMPARISON_OPTIONS = {**AUDIT_OPTIONS, **SQUARE_OPTIONS}


class Candidate(t.NamedTuple):
    """A counting subscription of a company that is there, which has a subscription at Square."""

    company_id: str
    company: str
    subscription_id: str
    square_id: str
    stored_cents: int
    stored_token: str | None
    test_mode: bool


class Difference(t.NamedTuple):
    """A subscription that Square charges another amount than is stored. `mend` is APPROVE, or RECALCULATE where what is stored is wrong."""

    candidate: Candidate
    at_square: AtSquare
    charged_cents: int
    currency: str
    mend: str

    @property
    def company_id(self) -> str:
        return self.candidate.company_id

    @property
    def company(self) -> str:
        return self.candidate.company

    @property
    def difference_cents(self) -> int:
        """Stored less charged: above zero where Square charges too little, as in the audit of the billing."""
        return self.candidate.stored_cents - self.charged_cents

    @property
    def reason(self) -> str:
        """Why it is one, in words."""
        by = "the price of its plan" if self.at_square.override_cents is None else "a price set for it"
        wait = (
            "; the stored amount is not what the locations come to, so it has to be recalculated first" if self.mend == RECALCULATE else ""
        )
        stored, charged = shown(self.candidate.stored_cents), shown(self.charged_cents)
        return f"Square charges {charged} {self.currency}, {by}, and {stored} is stored{wait}"

    def told(self) -> dict[str, t.Any]:
        """The difference as a module returns it."""
        return {
            "company_id": self.company_id,
            "company": self.company,
            "subscription_id": self.candidate.subscription_id,
            "square_subscription_id": self.candidate.square_id,
            "stored": shown(self.candidate.stored_cents),
            "charged": shown(self.charged_cents),
            "currency": self.currency,
            "status": self.at_square.status,
            "version": self.at_square.version,
            "difference_cents": self.difference_cents,
            "mend": self.mend,
            "reason": self.reason,
        }


@dataclass
class Comparison:
    """What came of asking. `unknown` is one sentence where Square could not be asked at all, or no more after a while."""

    subscriptions: int
    compared: int = 0
    differences: list[Difference] = field(default_factory=list)
    unreadable: list[tuple[Candidate, str]] = field(default_factory=list)
    unknown: str | None = None

    def told(self, limit: int) -> dict[str, t.Any]:
        """The comparison as a module returns it."""
        totals: dict[str, dict[str, int]] = {}
        for one in self.differences:
            total = totals.setdefault(one.mend, {"count": 0, "difference_cents": 0, "absolute_difference_cents": 0})
            total["count"] += 1
            total["difference_cents"] += one.difference_cents
            total["absolute_difference_cents"] += abs(one.difference_cents)
        return {
            "subscriptions": self.subscriptions,
            "compared": self.compared,
            "differences": [one.told() for one in self.differences[:limit]],
            "totals": totals,
            "unreadable": [
                {"company_id": one.company_id, "company": one.company, "reason": reason} for one, reason in self.unreadable[:limit]
            ],
            "unreadable_count": len(self.unreadable),
            "unknown": self.unknown,
            "truncated": max(len(self.differences), len(self.unreadable)) > limit,
        }


def candidates_of(connection: t.Any, terms: Terms) -> list[Candidate]:
    """The subscriptions to ask Square about, in the order of the companies' names. Raises IncidentError for a company that is not there."""
    named = terms.company_ids
    refuse_unknown_companies(connection, named)
    with connection.cursor() as cursor:
        cursor.execute(billing_query.AT_SQUARE, {"companies": None if named is None else list(named)})
        return [Candidate(*row) for row in cursor]


class _Asking:
    """Many accounts asked at once, until an address turns out not to answer."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._prices: dict[tuple[str, str], PlanPrice] = {}
        self.down: dict[str, str] = {}

    def about(self, candidate: Candidate, token: str, base_url: str) -> Difference | str | None:
        """What differs, None where nothing does, or in a text why it cannot be compared; an empty one where nobody was asked any more."""
        if base_url in self.down:
            return ""
        try:
            return self._compared(candidate, self._accounts.account(token, base_url), base_url)
        except SquareDown as error:
            self.down[base_url] = str(error)
            return ""
        except SquareRefusal as error:
            return str(error)

    def _compared(self, candidate: Candidate, account: SquareAccount, base_url: str) -> Difference | str | None:
        found = account.subscription(candidate.square_id)
        if found.status not in _CHARGING:
            return f"the subscription is {found.status} at Square, which charges nothing for it"
        key = (base_url, found.plan_variation_id)
        if key not in self._prices:
            self._prices[key] = account.plan_price(found.plan_variation_id)
        price = self._prices[key]
        currency = found.currency or price.currency
        why_not = price.why_not
        if not why_not and price.cadence != _MONTHLY:
            why_not = f"Square charges it {price.cadence}, and what is stored is for a month"
        if not why_not and currency in _WITHOUT_CENTS:
            why_not = f"Square charges it in {currency}, and what is stored has cents"
        if why_not:
            return f"the charge cannot be compared: {why_not}"
        charged = price.cents if found.override_cents is None else found.override_cents
        if charged == candidate.stored_cents:
            return None
        return Difference(candidate, found, charged, currency, APPROVE)


def compare(candidates: Sequence[Candidate], credentials: StoredCredentials, setting: str) -> Comparison:
    """Ask Square about each candidate. Raises LibraryMissing where the libraries are."""
    comparison = Comparison(len(candidates))
    asked: list[tuple[Candidate, str, str]] = []
    for candidate in candidates:
        try:
            token = credentials.read(candidate.stored_token)
        except Unreadable as error:
            comparison.unreadable.append((candidate, str(error)))
        else:
            asked.append((candidate, token, base_url_of(setting, candidate.test_mode)))
    with ExitStack() as stack:
        asking = _Asking(Accounts(stack))
        with ThreadPoolExecutor(max_workers=_IN_FLIGHT) as threads:
            found = list(threads.map(lambda one: (one[0], asking.about(*one)), asked))
    for candidate, one in found:
        if isinstance(one, str):
            if one:
                comparison.unreadable.append((candidate, one))
            continue
        comparison.compared += 1
        if one is not None:
            comparison.differences.append(one)
    comparison.unknown = _unknown(comparison, list(asking.down.values()))
    return comparison


def _unknown(comparison: Comparison, down: Sequence[str]) -> str | None:
    if down:
        rest = comparison.subscriptions - comparison.compared - len(comparison.unreadable)
        return f"{rest} of {comparison.subscriptions} subscriptions could not be compared: {down[0]}"
    if comparison.unreadable and not comparison.compared:
        ((reason, number),) = Counter(reason for _candidate, reason in comparison.unreadable).most_common(1)
        return f"none of {comparison.subscriptions} subscriptions could be compared, {number} of them because: {reason}"
    return None


def _wrong_amounts(connection: t.Any, terms: Terms, companies: Iterable[str]) -> set[str]:
    """Of these companies those whose stored amount is not what is due."""
    found = examine(connection, terms, present_of(connection), list(companies))
    return {one.company_id for one in found if one.kind in _AMOUNT_KINDS}


def look(server: Server, password: str, terms: Terms, variables: Mapping[str, str], setting: str, statement_timeout: int) -> Comparison:
    """Compare, and look which of the stored amounts that differ are right themselves. No session is open while Square is asked.

    Raises IncidentError for what the caller has to put right.
    """
    if setting:
        check_base_url(setting)
    with transaction(server, password, read_only=True, statement_timeout=statement_timeout) as connection:
        candidates = candidates_of(connection, terms)
    if not candidates:
        return Comparison(0)
    try:
        comparison = compare(candidates, StoredCredentials(variables.get(KEY_VARIABLE, "")), setting)
    except LibraryMissing as error:
        return Comparison(len(candidates), unknown=str(error))
    if comparison.differences:
        with transaction(server, password, read_only=True, statement_timeout=statement_timeout) as connection:
            wrong = _wrong_amounts(connection, terms, {one.company_id for one in comparison.differences})
        comparison.differences = [one._replace(mend=RECALCULATE if one.company_id in wrong else APPROVE) for one in comparison.differences]
    return comparison


def compare_as(options: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """What the module returns for its options. Raises IncidentError for what the caller has to put right."""
    server, password, variables = server_and_password(options)
    found = look(server, password, terms_of(options, variables), variables, options["square_base_url"], options["statement_timeout"])
    return {"changed": False, **found.told(options["limit"])}
