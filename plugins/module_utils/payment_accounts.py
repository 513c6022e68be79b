# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which account at Square each company pays into, and what that account shows. Tokens are decrypted in memory, and stay there."""

from __future__ import annotations

import threading
import time
import typing as t
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from urllib.parse import urlsplit

from .errors import IncidentError
from .square_account import PRODUCTION_URL, SANDBOX_URL, SquareRefusal, base_url_of, check_base_url, is_loopback
from .square_codes import TAKEN
from .square_credentials import StoredCredentials, Unreadable
from .square_payments import PaymentAccount, PaymentAccounts, Place, Seen

PRODUCTION, SANDBOX = "production", "sandbox"
# Square keeps events for so long.
EVENT_DAYS = 28


class Firm(t.NamedTuple):
    """A company as far as its account at Square goes."""

    company_id: str
    company: str
    stored_token: str | None
    stored_location: str | None
    test_mode: bool


def refuse_wrong_square(setting: str, environment: str) -> None:
    """Raise IncidentError for an address that tokens must not be sent to, or that is of the other environment."""
    if not setting:
        return
    check_base_url(setting)
    host = urlsplit(setting).hostname or ""
    sandbox, production = urlsplit(SANDBOX_URL).hostname, urlsplit(PRODUCTION_URL).hostname
    if environment == PRODUCTION and (host == sandbox or is_loopback(host)):
        what = "Square's sandbox" if host == sandbox else "this host itself"
        raise IncidentError(
            f"square_base_url leads to {what}, where no money moves, and square_environment is production; "
            "leave square_base_url empty, or say that this is a sandbox"
        )
    if environment == SANDBOX and host == production:
        raise IncidentError(
            "square_base_url leads to Square's production, where real cards are charged, and square_environment is sandbox; "
            "correct one of them"
        )


def refuse_wrong_mode(firms: Sequence[Firm], setting: str, environment: str) -> None:
    """Raise IncidentError for companies whose own setting belongs to the other environment."""
    wrong = [one.company for one in firms if not setting and one.test_mode == (environment == PRODUCTION)]
    wrong += [one.company for one in firms if setting and one.test_mode and environment == PRODUCTION]
    if not wrong:
        return
    names = ", ".join(wrong[:5]) + (f" and {len(wrong) - 5} more" if len(wrong) > 5 else "")
    if environment == PRODUCTION:
        raise IncidentError(
            f"{names} would pay in Square's sandbox, where no money moves (testMode), and square_environment is production; "
            "switch the test mode off in the application, or name other companies"
        )
    raise IncidentError(
        f"{names} would pay with real cards (no testMode), and square_environment is sandbox; set square_base_url, or correct "
        "square_environment"
    )


class Account:
    """One account, and what it shows. May be asked by several threads; each thing is asked for once."""

    def __init__(self, at_square: PaymentAccount, begin: datetime) -> None:
        self.at_square = at_square
        self._begin = begin
        self._places: list[Place] | None = None
        self._main: Place | None = None
        self._listing: Listing | None = None
        self._cards: dict[str, bool] = {}
        self._has_events = False
        self._lock = threading.Lock()

    def places(self) -> list[Place]:
        """Its locations."""
        with self._lock:
            return self._known_places()

    def main_place(self) -> Place:
        """The location that Square takes where none is named."""
        with self._lock:
            if self._main is None:
                self._main = self.at_square.main_place()
            return self._main

    def _known_places(self) -> list[Place]:
        if self._places is None:
            self._places = self.at_square.places()
        return self._places

    def list_cards(self) -> Iterator[str]:
        """Its cards, page by page. None of them is asked for by itself afterwards."""
        for card, is_enabled in self.at_square.cards():
            self._cards[card] = is_enabled
            yield card

    def has_card(self, card: str | None) -> bool:
        """Whether a card is on file and enabled."""
        if not card:
            return False
        if card not in self._cards:
            self._cards[card] = self.at_square.has_card(card)
        return self._cards[card]

    def would_show(self, location: str, since: datetime) -> bool:
        """Whether its listing would have a payment that was asked for at a location at that time: it is its own, and not too old."""
        return since >= self._begin and any(one.identity == location for one in self.places())

    def listing(self) -> Listing:
        """Its payments since the beginning, over all locations."""
        with self._lock:
            if self._listing is None:
                places = [one.identity for one in self._known_places()]
                began = time.monotonic()
                self._listing = Listing(self.at_square.payments(places, self._begin), began)
            return self._listing

    def listing_with_events(self) -> Listing:
        """The same, and what events tell beside it, which is sooner; without them where the account's search is off."""
        listing = self.listing()
        with self._lock:
            if not self._has_events:
                self._has_events = True
                since = max(self._begin, datetime.now(timezone.utc) - timedelta(days=EVENT_DAYS))
                with suppress(SquareRefusal):
                    listing.take_in(payment for _identity, _at, payment in self.at_square.events(since))
        return listing


class Listing:
    """The payments of an account. A payment that is not there may still be: Square shows them late."""

    def __init__(self, payments: Iterable[Seen], began: float) -> None:
        self.began = began
        self.by_id: dict[str, Seen] = {}
        self._by_reference: dict[str, list[Seen]] = {}
        self._by_customer: dict[str, list[Seen]] = {}
        self.take_in(payments)

    def age(self) -> float:
        """How many seconds ago it was begun."""
        return time.monotonic() - self.began

    def take_in(self, payments: Iterable[Seen]) -> None:
        """Add payments. Of one that is told twice the newer state counts."""
        for one in payments:
            known = self.by_id.get(one.identity)
            if known is None or known.updated_at <= one.updated_at:
                self.by_id[one.identity] = one
        references: dict[str, list[Seen]] = defaultdict(list)
        customers: dict[str, list[Seen]] = defaultdict(list)
        for one in self.by_id.values():
            if one.reference:
                references[one.reference].append(one)
            elif one.customer and one.status in TAKEN:
                customers[one.customer].append(one)
        self._by_reference, self._by_customer = references, customers

    def referring(self, reference: str) -> list[Seen]:
        """The payments that refer to a row, refused ones too."""
        return self._by_reference.get(reference, [])

    def taken_for(self, reference: str) -> list[Seen]:
        """The payments that refer to a row and took money, or are about to."""
        return [one for one in self.referring(reference) if one.status in TAKEN]

    def by_square_itself(self, customer: str | None, begins: datetime, ends: datetime) -> list[Seen]:
        """What Square charged a customer by itself, which refers to nothing, within a period."""
        return [one for one in self._by_customer.get(customer or "", []) if begins <= one.created_at <= ends + timedelta(seconds=1)]


class Register:
    """The accounts of companies."""

    def __init__(self, accounts: PaymentAccounts, credentials: StoredCredentials, setting: str, begin: datetime) -> None:
        self._accounts, self._credentials, self._setting, self._begin = accounts, credentials, setting, begin
        self._known: dict[int, Account] = {}
        self._of_company: dict[str, tuple[Account, str]] = {}
        self._lock = threading.Lock()

    def enrol(self, firms: Sequence[Firm]) -> dict[str, str]:
        """Decrypt what the companies have stored; gives those that cannot pay, each with the reason.

        Raises IncidentError where a token does not decrypt: then the key is a wrong one, for whomever.
        """
        without: dict[str, str] = {}
        for firm in firms:
            if firm.company_id in self._of_company:
                continue
            if not firm.stored_token:
                without[firm.company_id] = "the company has no Square access token; connect it to Square again in the application"
                continue
            try:
                token = self._credentials.read(firm.stored_token)
                location = self._credentials.read(firm.stored_location) if firm.stored_location else ""
            except Unreadable as error:
                raise IncidentError(f"{firm.company}: {error}; nothing was charged") from None
            at_square = self._accounts.account(token, base_url_of(self._setting, firm.test_mode))
            account = self._known.setdefault(id(at_square), Account(at_square, self._begin))
            self._of_company[firm.company_id] = (account, location)
        return without

    def account(self, company: str) -> Account:
        """The account of a company that was enrolled."""
        return self._of_company[company][0]

    def knows(self, company: str) -> bool:
        """Whether a company has an account."""
        return company in self._of_company

    def place_of(self, company: str, currency: str) -> Place:
        """The location at which a company pays. Raises IncidentError where there is none, or it takes another currency."""
        account, location = self._of_company[company]
        found = [one for one in account.places() if one.identity == location] if location else [account.main_place()]
        if not found:
            raise IncidentError(f"the account has no location {location}; correct the locationId in the application")
        if not found[0].is_active:
            raise IncidentError(f"the location {found[0].identity} is not active at Square; correct the locationId in the application")
        if found[0].currency != currency:
            raise IncidentError(f"its location {found[0].identity} takes {found[0].currency}, and currency is {currency}; correct currency")
        return found[0]
