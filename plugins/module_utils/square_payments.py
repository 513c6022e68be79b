# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Payments through Square's SDK: one charge with what came of it, and what an account shows of its payments, locations and cards.

The SDK's own retries are off: who calls decides what is asked again. No sentence and no result holds a token, and none an answer's text.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import re
import threading
import typing as t
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from datetime import datetime, timezone
from urllib.parse import quote

from . import square_transport
from .errors import LibraryMissing
from .square_account import MISSING_SDK, SquareDown, SquareLimited, SquareRefusal, SquareUnclear, refusal, seconds_of

if MISSING_SDK is None:
    import httpx
    from square import Square
    from square.core.api_error import ApiError

    # Loaded here for the same reason as in square_account.
    for _part in ("locations", "payments"):
        importlib.import_module(f"square.{_part}.client")

# For one answer to a payment, which a bank takes part in.
PAYMENT_SECONDS = 30.0
_ASKED_ONCE: t.Any = {"max_retries": 0}
_CODE = re.compile(r"[A-Z0-9_]{3,60}")
_PAGE = 100
# So many cards Square lists at once, and no other number.
CARDS_PAGE = 25
# How often a look is tried whose rate Square limits.
_LOOKS = 4
_FORMLESS = "an answer that has not the form of Square's API"

Found = t.TypeVar("Found")


class Seen(t.NamedTuple):
    """A payment as Square shows it."""

    identity: str
    status: str
    cents: int
    currency: str
    created_at: datetime
    updated_at: datetime
    location: str
    customer: str | None
    reference: str | None
    note: str | None
    card: str | None
    refunded_cents: int
    code: str | None


class Place(t.NamedTuple):
    """A location of an account."""

    identity: str
    currency: str
    is_active: bool


class Made(t.NamedTuple):
    """A payment as the answer to its request has it."""

    identity: str
    status: str


class Reply(t.NamedTuple):
    """What came of one request to charge. `status` is 0 where no answer came. `after` are the seconds that Square asks to wait."""

    status: int
    code: str | None = None
    payment: Made | None = None
    after: float | None = None
    detail: str = ""


class PaymentAccount:
    """The account of one company. Everything but `charge` raises SquareRefusal or SquareDown."""

    def __init__(
        self,
        token: str,
        base_url: str,
        transport: t.Any,
        limited: Callable[[float], None] | None = None,
        looking: Callable[[], AbstractContextManager[t.Any]] = nullcontext,
    ) -> None:
        """`limited` waits so many seconds where Square limits the rate of a look; without it that is a SquareDown.

        `looking` is entered for each look.
        """
        self._base_url, self._limited, self._looking = base_url, limited, looking
        self._square = Square(token=token, base_url=base_url, httpx_client=transport)
        self._unused = _objects_of(type(self._square.payments).create)

    def charge(self, request: dict[str, t.Any]) -> Reply:
        """Ask for one payment, once. Whatever happens is a reply."""
        # As a field that is added to the body, since of one of its own the SDK looks the types up anew each time: a third of its own time.
        options: t.Any = {**_ASKED_ONCE, "additional_body_parameters": {"amount_money": request["amount_money"]}}
        asked = {name: value for name, value in request.items() if name != "amount_money"}
        try:
            made = _made(_plain(self._square.payments.create(**self._unused, **asked, request_options=options))["payment"])
            return Reply(200, payment=made) if made else Reply(0, detail=_FORMLESS)
        except ApiError as error:
            return _refused(error)
        except httpx.TimeoutException:
            return Reply(0, detail="no answer in time")
        except httpx.HTTPError as error:
            return Reply(0, detail=type(error).__name__)
        except (AttributeError, KeyError, IndexError, TypeError, ValueError):
            return Reply(0, detail=_FORMLESS)

    def places(self) -> list[Place]:
        """The locations of the account."""
        return self._asked(
            "the locations",
            lambda: [_place(one) for one in _plain(self._square.locations.list(request_options=_ASKED_ONCE)).get("locations", [])],
        )

    def main_place(self) -> Place:
        """The location that Square takes where none is named."""
        return self._asked(
            "the main location",
            lambda: _place(_plain(self._square.locations.get(location_id="main", request_options=_ASKED_ONCE))["location"]),
        )

    def payments(self, places: t.Sequence[str], begin: datetime) -> Iterator[Seen]:
        """The payments since a moment over all these locations. Without one Square lists those of the main location alone."""
        for place in places:
            cursor: str | None = None
            while True:
                found, cursor = self._asked("the payments", functools.partial(self._page, place, begin, cursor))
                yield from found
                if not cursor:
                    break

    def _page(self, place: str, begin: datetime, cursor: str | None) -> tuple[list[Seen], str | None]:
        stamp = begin.astimezone(timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z")
        where = {"begin_time": stamp, "location_id": place, "limit": _PAGE, "sort_order": "ASC", "cursor": cursor}
        page: t.Any = self._square.payments.list(**where, request_options=_ASKED_ONCE)
        # An empty page has no list at all.
        return [_seen(one) for one in _plain(page.response).get("payments", [])], page.response.cursor

    def payment(self, identity: str) -> Seen:
        """One payment, which is shown as it is now."""
        return self._asked(
            "a payment", lambda: _seen(_plain(self._square.payments.get(payment_id=identity, request_options=_ASKED_ONCE))["payment"])
        )

    def cards(self) -> Iterator[tuple[str, bool]]:
        """The cards on file, and whether each is enabled."""
        cursor: str | None = None
        while True:
            found, cursor = self._asked("the cards", functools.partial(self._cards, cursor))
            yield from found
            if not cursor:
                break

    def _cards(self, cursor: str | None) -> tuple[list[tuple[str, bool]], str | None]:
        page: t.Any = self._square.cards.list(include_disabled=True, cursor=cursor, request_options=_ASKED_ONCE)
        return [(str(one["id"]), one.get("enabled") is True) for one in _plain(page.response).get("cards", [])], page.response.cursor

    def has_card(self, identity: str) -> bool:
        """Whether a card is on file and enabled."""
        # The SDK puts the id into the address as it is.
        asked = functools.partial(self._square.cards.get, card_id=quote(identity, safe=":"), request_options=_ASKED_ONCE)
        try:
            return self._asked("a card", lambda: _plain(asked())["card"].get("enabled") is True)
        except SquareRefusal as error:
            if (error.status, error.code) != (404, "NOT_FOUND"):
                raise
            return False

    def subscription_status(self, identity: str) -> str:
        """What state a subscription is in."""
        found: t.Any = self._asked(
            "a subscription", lambda: self._square.subscriptions.get(subscription_id=identity, request_options=_ASKED_ONCE).subscription
        )
        return str(found.status)

    def events(self, begin: datetime) -> Iterator[tuple[str, datetime, Seen]]:
        """The events of payments since a moment, the oldest first: id, time, and the payment as it was told."""
        stamp = begin.astimezone(timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z")
        wanted: t.Any = {
            "filter": {"event_types": ["payment.created", "payment.updated"], "created_at": {"start_at": stamp}},
            "sort": {"field": "DEFAULT", "order": "ASC"},
        }
        cursor: str | None = None
        while True:
            page: t.Any = self._asked("the events", functools.partial(self._events, wanted, cursor))
            for one in _plain(page).get("events", []):
                yield self._asked("an event", functools.partial(_told_in, one))
            cursor = page.cursor
            if not cursor:
                break

    def _events(self, query: t.Any, cursor: str | None) -> t.Any:
        more = {"cursor": cursor} if cursor else {}
        return self._square.events.search_events(limit=_PAGE, query=query, **more, request_options=_ASKED_ONCE)

    def _asked(self, what: str, question: Callable[[], Found]) -> Found:
        for number in range(_LOOKS):
            try:
                with self._looking():
                    return self._asked_once(what, question)
            except SquareLimited as error:
                if self._limited is None or number == _LOOKS - 1:
                    raise
                self._limited(error.after)
        raise AssertionError("not reached")

    def _asked_once(self, what: str, question: Callable[[], Found]) -> Found:
        try:
            return question()
        except ApiError as error:
            raise refusal(error, what, self._base_url) from None
        except httpx.TimeoutException:
            raise SquareDown(f"Square at {self._base_url} did not answer in time; run again when it does") from None
        except httpx.HTTPError as error:
            raise SquareDown(
                f"Square does not answer at {self._base_url} ({type(error).__name__}); correct square_base_url, or run again when it does"
            ) from None
        except (AttributeError, KeyError, IndexError, TypeError, ValueError):
            raise SquareUnclear(f"Square's answer about {what} has not the form of its API; look at it in Square's dashboard") from None


class PaymentAccounts:
    """The accounts of many companies over one pool of connections for each address; companies with one token share an account."""

    def __init__(
        self,
        stack: ExitStack,
        connections: int,
        limited: Callable[[float], None] | None = None,
        looking: Callable[[], AbstractContextManager[t.Any]] = nullcontext,
    ) -> None:
        """The connections are closed with the stack. Raises LibraryMissing where the SDK is missing."""
        if MISSING_SDK:
            raise LibraryMissing(MISSING_SDK)
        self._stack, self._connections, self._limited, self._looking = stack, connections, limited, looking
        self._transports: dict[str, t.Any] = {}
        self._accounts: dict[tuple[str, str], PaymentAccount] = {}
        self._lock = threading.Lock()

    def account(self, token: str, base_url: str) -> PaymentAccount:
        """The account behind a token at an address."""
        with self._lock:
            if base_url not in self._transports:
                transport = square_transport.client_of(base_url, PAYMENT_SECONDS, self._connections)
                self._transports[base_url] = self._stack.enter_context(transport)
            if (base_url, token) not in self._accounts:
                self._accounts[base_url, token] = PaymentAccount(token, base_url, self._transports[base_url], self._limited, self._looking)
            return self._accounts[base_url, token]


def _refused(error: t.Any) -> Reply:
    """An answer other than 2xx: its first code, and the payment that a decline comes with."""
    status = error.status_code or 0
    if status < 400:
        return Reply(0, detail=_FORMLESS)
    found = error.errors[0].code if error.errors else None
    code = found if isinstance(found, str) and _CODE.fullmatch(found) else None
    headers = {name.lower(): value for name, value in (error.headers or {}).items()}
    told = error.body.get("payment") if isinstance(error.body, dict) else None
    payment = _made(told)
    return Reply(status, code, payment, seconds_of(headers.get("retry-after")), f"{status} {code or 'without a code'}")


@functools.cache
def _objects_of(method: Callable[..., t.Any]) -> dict[str, None]:
    """The parameters of a method that take an object, as none, which our connections leave out of the body.

    Of one that is not given the SDK looks the types up all the same, each time: for a charge these are half of its own time.
    """
    named = inspect.signature(method).parameters.items()
    return dict.fromkeys(name for name, one in named if "Params" in str(one.annotation) and name != "amount_money")


def _plain(answer: t.Any) -> dict[str, t.Any]:
    """What went past the SDK in an answer."""
    found = getattr(answer, square_transport.PLAIN, {})
    return found if isinstance(found, dict) else {}


def _made(told: t.Any) -> Made | None:
    """None where the answer does not say what it is."""
    if not isinstance(told, dict) or not isinstance(told.get("id"), str) or not isinstance(told.get("status"), str):
        return None
    return Made(told["id"], told["status"])


def _told_in(event: t.Any) -> tuple[str, datetime, Seen]:
    """What an event tells of a payment."""
    return str(event["event_id"]), _moment(event["created_at"]), _seen(event["data"]["object"]["payment"])


def _place(told: t.Any) -> Place:
    return Place(str(told["id"]), str(told["currency"]), told.get("status") == "ACTIVE")


def _moment(text: t.Any) -> datetime:
    moment = datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    if moment.tzinfo is None:
        raise ValueError("a time without its offset")
    return moment.astimezone(timezone.utc)


def _seen(told: t.Any) -> Seen:
    """A payment as Square tells it. Raises KeyError, TypeError or ValueError for another form."""
    details = told.get("card_details") or {}
    errors, card = details.get("errors") or [{}], details.get("card") or {}
    money, refunded = told["amount_money"], told.get("refunded_money") or {}
    amount = int(money["amount"]), str(money["currency"])
    times = _moment(told["created_at"]), _moment(told.get("updated_at") or told["created_at"])
    whose = told.get("customer_id"), told.get("reference_id"), told.get("note"), card.get("id")
    rest = int(refunded.get("amount", 0)), errors[0].get("code")
    return Seen(str(told["id"]), str(told["status"]), *amount, *times, str(told["location_id"]), *whose, *rest)
