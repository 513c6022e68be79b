# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The payments and subscriptions of the database, beside what the companies' accounts at Square show. Reads only."""

from __future__ import annotations

import typing as t
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from .errors import IncidentError, LibraryMissing
from .payment_accounts import EVENT_DAYS, Account, Firm, Listing, Register
from .payment_difference import Difference, Entry, differences
from .payment_options import Scope
from .payment_settlement import OWED
from .square_account import SquareDown, SquareRefusal
from .square_credentials import KEY_VARIABLE, StoredCredentials
from .square_payments import PaymentAccounts, Seen

# How many questions are under way at once.
_IN_FLIGHT = 8

_ENTRIES = """
SELECT p.id::text, p.company_id::text, c.name, p.subscription_id::text, (p.amount * 100)::bigint, p.status, p.failure_reason,
  nullif(p.square_payment_id, ''), date_trunc('month', p.billing_period_start AT TIME ZONE 'UTC')::date, p.billing_period_start,
  p.billing_period_end, s.square_customer_id, coalesce(s.square_subscription_id, '') <> ''
FROM subscription_payments p JOIN subscriptions s ON s.id = p.subscription_id JOIN companies c ON c.id = p.company_id
WHERE p.billing_period_end >= %(since)s AND (%(companies)s::uuid[] IS NULL OR p.company_id = ANY(%(companies)s::uuid[]))
ORDER BY c.name, c.id, p.billing_period_start, p.id
"""
_SUBSCRIBERS = """
SELECT s.id::text, c.id::text, c.name, s.status, s.autopay_enabled, nullif(s.square_subscription_id, ''), s.square_customer_id,
  s.square_card_id, s.deleted_at IS NOT NULL OR c.deleted_at IS NOT NULL,
  c.settings #>> '{integrations,payment,credentials,accessToken}', c.settings #>> '{integrations,payment,credentials,locationId}',
  coalesce(c.settings #>> '{integrations,payment,settings,testMode}' = 'true', false),
  EXISTS (OWED)
FROM subscriptions s JOIN companies c ON c.id = s.company_id
WHERE (%(companies)s::uuid[] IS NULL OR c.id = ANY(%(companies)s::uuid[])) ORDER BY c.name, c.id
"""


class Subscriber(t.NamedTuple):
    """A subscription and whose it is."""

    subscription_id: str
    company_id: str
    company: str
    status: str
    has_autopay: bool
    square_subscription_id: str | None
    customer: str | None
    card: str | None
    is_deleted: bool
    stored_token: str | None
    stored_location: str | None
    test_mode: bool
    owes: bool

    @property
    def firm(self) -> Firm:
        """Its account at Square."""
        return Firm(self.company_id, self.company, self.stored_token, self.stored_location, self.test_mode)


class Event(t.NamedTuple):
    """An event of a payment."""

    identity: str
    at: datetime
    payment: Seen


@dataclass
class AtSquare:
    """What the accounts show. `unknown` says why something could not be asked, by what it is.

    `refused` has status and code of Square's refusal by company, `outage` the same where Square as a whole was away.
    """

    differences: list[Difference] = field(default_factory=list)
    events: dict[str, Event] = field(default_factory=dict)
    cards: dict[str, bool] = field(default_factory=dict)
    statuses: dict[str, str] = field(default_factory=dict)
    listings: dict[str, Listing] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)
    unreadable: dict[str, str] = field(default_factory=dict)
    unknown: dict[str, str] = field(default_factory=dict)
    refused: dict[str, tuple[int, str | None]] = field(default_factory=dict)
    outage: tuple[int, str | None] | None = None


def entries_of(connection: t.Any, companies: Sequence[str] | None, since: datetime) -> list[Entry]:
    """The payments of the periods that ended after a moment."""
    with connection.cursor() as cursor:
        cursor.execute(_ENTRIES, {"companies": None if companies is None else list(companies), "since": since})
        return [Entry(*row) for row in cursor]


def subscribers_of(connection: t.Any, companies: Sequence[str] | None) -> list[Subscriber]:
    """All subscriptions."""
    owed = OWED.format(subscription="s.id", payment="'00000000-0000-0000-0000-000000000000'")
    with connection.cursor() as cursor:
        cursor.execute(_SUBSCRIBERS.replace("OWED", owed.replace("%", "%%")), {"companies": None if companies is None else list(companies)})
        return [Subscriber(*row) for row in cursor]


class _Asking:
    """Many accounts asked at once, until an address does not answer."""

    def __init__(self, now: datetime, begin: datetime, with_cards: bool, currency: str) -> None:
        self._now, self._begin, self._with_cards, self._currency = now, begin, with_cards, currency
        self.found = AtSquare()

    def ask(self, account: Account, entries: Sequence[Entry], subscribers: Sequence[Subscriber]) -> None:
        """What an account shows about these companies."""
        found = self.found
        if "square" in found.unknown:
            return
        try:
            events = self._events(account)
            listing = account.listing()
            listing.take_in(event.payment for event in events)
            if self._with_cards:
                found.cards.update(account.at_square.cards())
            for one in subscribers:
                if one.square_subscription_id:
                    found.statuses[one.subscription_id] = account.at_square.subscription_status(one.square_subscription_id)
        except SquareDown as error:
            found.unknown["square"] = str(error)
            found.outage = error.status, error.code
            return
        except SquareRefusal as error:
            found.unreadable.update({one.company_id: str(error) for one in subscribers})
            found.refused.update({one.company_id: (error.status, error.code) for one in subscribers})
            return
        found.differences += differences(entries, listing, self._begin, self._currency)
        found.events.update({event.identity: event for event in events})
        found.listings.update({one.company_id: listing for one in subscribers})
        found.asked |= {one.company_id for one in subscribers}

    def _events(self, account: Account) -> list[Event]:
        try:
            return [Event(*one) for one in account.at_square.events(max(self._begin, self._now - timedelta(days=EVENT_DAYS)))]
        except SquareRefusal as error:
            # Search is off until somebody enables it; the payments themselves are listed all the same.
            self.found.unknown["events"] = str(error)
            return []


def look(
    scope: Scope, entries: Sequence[Entry], subscribers: Sequence[Subscriber], now: datetime, since: datetime, with_cards: bool
) -> AtSquare:
    """Ask the accounts of these companies. Where Square cannot be asked it says so, and nothing is raised."""
    of_company: Mapping[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        of_company[entry.company_id].append(entry)
    with ExitStack() as stack:
        try:
            credentials = StoredCredentials(scope.books.variables.get(KEY_VARIABLE, ""))
            register = Register(PaymentAccounts(stack, _IN_FLIGHT), credentials, scope.setting, since)
            asked = [one for one in subscribers if not one.is_deleted or of_company[one.company_id]]
            unreadable = register.enrol([one.firm for one in asked if one.stored_token])
        except LibraryMissing as error:
            return AtSquare(unknown={"square": str(error)})
        except IncidentError as error:
            return AtSquare(unknown={"square": str(error).removesuffix("; nothing was charged")})
        asking = _Asking(now, since, with_cards, scope.currency)
        asking.found.unreadable.update(unreadable)
        grouped: dict[int, tuple[Account, list[Subscriber]]] = {}
        for one in asked:
            if register.knows(one.company_id):
                account = register.account(one.company_id)
                grouped.setdefault(id(account), (account, []))[1].append(one)

        def ask(group: tuple[Account, list[Subscriber]]) -> None:
            account, members = group
            asking.ask(account, [entry for one in members for entry in of_company[one.company_id]], members)

        with ThreadPoolExecutor(max_workers=_IN_FLIGHT) as threads:
            list(threads.map(ask, grouped.values()))
    return asking.found
