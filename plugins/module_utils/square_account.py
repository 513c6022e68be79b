# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Square through its SDK: one company's account under its access token, and one sentence for each way in which Square refuses.

The SDK's own retries are off: whoever asks for many companies stops at the first answer that says that Square is not there. No sentence
holds a token, and none an answer's text.
"""

from __future__ import annotations

import importlib
import ipaddress
import re
import threading
import typing as t
from collections.abc import Callable
from contextlib import ExitStack
from urllib.parse import urlsplit

from .errors import IncidentError, LibraryMissing

try:
    import httpx
    from square import Square
    from square.core.api_error import ApiError

    # The SDK loads a part when that is first used. Ansible's process, of which the process of each task is a copy, loads it here.
    importlib.import_module("square.subscriptions.client")
    MISSING_SDK: str | None = None
except ImportError:
    MISSING_SDK = "squareup is missing for this Python; install the package `squareup`, version 46 or later"

# Square's addresses; companies in test mode have an account in its sandbox.
PRODUCTION_URL = "https://connect.squareup.com"
SANDBOX_URL = "https://connect.squareupsandbox.com"
# For one answer. Square's API usually answers in some hundred milliseconds.
ANSWER_SECONDS = 5.0
# Where Square limits the rate and does not say for how long.
_LIMITED_SECONDS = 1.0

_ASKED_ONCE: t.Any = {"max_retries": 0}
_CODE = re.compile(r"[A-Z0-9_]{3,60}")
# As Square writes ids. One with a slash or dots would lead the request, and the token, to another address.
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_:=-]{0,254}")
_CONFLICT_CODES = ("CONFLICT", "VERSION_MISMATCH")

Answer = t.TypeVar("Answer")


class SquareRefusal(IncidentError):
    """Square answers, and not with what was asked for; for another company it may. `status` is 0 where that was no answer's."""

    status: int = 0
    code: str | None = None


class SquareConflict(SquareRefusal):
    """Somebody has changed the subscription since its version was read."""


class SquareUnclear(SquareRefusal):
    """Square answers in a form that is not its API's; after a change nobody knows whether it was made."""


class SquareDown(IncidentError):
    """Square does not answer, or asks to be left alone: to ask for another company would be no use. `status` is 0 without an answer."""

    status: int = 0
    code: str | None = None


class SquareLimited(SquareDown):
    """Square limits the rate, and asks to wait so many seconds."""

    after: float = 0.0


class AtSquare(t.NamedTuple):
    """A subscription as Square has it. `override_cents` is None where the plan's price holds."""

    identity: str
    status: str
    version: int
    plan_variation_id: str
    override_cents: int | None
    currency: str | None


class PlanPrice(t.NamedTuple):
    """The price of a plan variation, in cents for each `cadence`. Where it cannot be compared `why_not` says why, and there is no price."""

    cents: int
    currency: str
    cadence: str
    why_not: str


def check_base_url(url: str) -> None:
    """Raise IncidentError for an address that tokens must not be sent to."""
    form = f"write an address such as {PRODUCTION_URL}, or nothing for Square's own"
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        odd = bool(parts.username or parts.password or parts.query or parts.fragment or parts.path.strip("/") or parts.port == 0)
    except ValueError:
        raise IncidentError(f"square_base_url cannot be read as an address; {form}") from None
    if parts.scheme not in ("http", "https") or not host or odd:
        raise IncidentError(f"square_base_url is no address of an API, which is a scheme, a host and a port alone; {form}")
    if parts.scheme == "http" and not is_loopback(host):
        raise IncidentError(f"square_base_url leads to {host} without TLS, where the access tokens could be read on the way; {form}")


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def base_url_of(setting: str, test_mode: bool) -> str:
    """Where a company's account is: at the address of the setting, else at Square's own for its mode."""
    return setting.rstrip("/") or (SANDBOX_URL if test_mode else PRODUCTION_URL)


class SquareAccount:
    """The account of one company. Each method raises SquareRefusal or SquareDown."""

    def __init__(self, token: str, base_url: str, transport: t.Any) -> None:
        self._base_url = base_url
        self._square = Square(token=token, base_url=base_url, httpx_client=transport)

    def subscription(self, identity: str) -> AtSquare:
        """A subscription as it is now."""
        return self._asked(
            "subscription",
            identity,
            lambda: _subscription_of(self._square.subscriptions.get(identity, request_options=_ASKED_ONCE).subscription),
        )

    def plan_price(self, identity: str) -> PlanPrice:
        """The price of a plan variation."""
        return self._asked(
            "plan variation", identity, lambda: _price_of(self._square.catalog.object.get(identity, request_options=_ASKED_ONCE).object)
        )

    def override_price(self, identity: str, cents: int | None, currency: str | None, version: int) -> AtSquare:
        """Set the price of a subscription, or with None leave it to the plan again. Raises SquareConflict when the version is another now.

        After SquareDown and SquareUnclear it is not known whether the price was set.
        """
        wanted: t.Any = {"version": version, "price_override_money": None if cents is None else {"amount": cents, "currency": currency}}
        return self._asked(
            "subscription",
            identity,
            lambda: _subscription_of(
                self._square.subscriptions.update(identity, subscription=wanted, request_options=_ASKED_ONCE).subscription
            ),
        )

    def _asked(self, kind: str, identity: str, question: Callable[[], Answer]) -> Answer:
        if not _ID.fullmatch(identity):
            raise SquareRefusal(f"`{identity[:40]}` is no id of a {kind} at Square; correct it in the application")
        what = f"the {kind} {identity}"
        try:
            return question()
        except ApiError as error:
            raise refusal(error, what, self._base_url) from None
        except httpx.TimeoutException:
            raise SquareDown(f"Square at {self._base_url} did not answer within {ANSWER_SECONDS:g} s; run again when it does") from None
        except httpx.HTTPError as error:
            raise SquareDown(
                f"Square does not answer at {self._base_url} ({type(error).__name__}); correct square_base_url, or run again when it does"
            ) from None
        except (AttributeError, IndexError, TypeError, ValueError):
            raise _unclear(what) from None


class Accounts:
    """The accounts of many companies over one pool of connections for each address. They may be asked in several threads."""

    def __init__(self, stack: ExitStack) -> None:
        """The connections are closed with the stack. Raises LibraryMissing where the SDK is missing."""
        if MISSING_SDK:
            raise LibraryMissing(MISSING_SDK)
        self._stack = stack
        self._transports: dict[str, t.Any] = {}
        self._lock = threading.Lock()

    def account(self, token: str, base_url: str) -> SquareAccount:
        """The account of a company. A proxy of the environment is for what leaves the host, which is what goes by TLS."""
        with self._lock:
            if base_url not in self._transports:
                transport = httpx.Client(timeout=ANSWER_SECONDS, trust_env=base_url.startswith("https://"))
                self._transports[base_url] = self._stack.enter_context(transport)
        return SquareAccount(token, base_url, self._transports[base_url])


def _unclear(what: str) -> SquareUnclear:
    return SquareUnclear(f"Square's answer about {what} has not the form of its API; look at it in Square's dashboard")


def refusal(error: t.Any, what: str, base_url: str) -> SquareRefusal | SquareDown:
    """What an answer other than 2xx means, by its status and its first code."""
    found = error.errors[0].code if error.errors else ""
    code = found if isinstance(found, str) and _CODE.fullmatch(found) else None
    refused = _refusal(error.status_code or 0, code, what, base_url)
    refused.status, refused.code = error.status_code or 0, code
    if isinstance(refused, SquareLimited):
        headers = {name.lower(): value for name, value in (error.headers or {}).items()}
        refused.after = seconds_of(headers.get("retry-after")) or _LIMITED_SECONDS
    return refused


def seconds_of(text: str | None) -> float | None:
    """A number of seconds of a header, None where there is none."""
    try:
        seconds = float(text or "")
    except ValueError:
        return None
    return seconds if 0 <= seconds < float("inf") else None


def _refusal(status: int, found: str | None, what: str, base_url: str) -> SquareRefusal | SquareDown:
    """The same, in one sentence."""
    told = f"({status} {found})" if found else f"({status})"
    if status < 300:
        return _unclear(what)
    if status == 409 or found in _CONFLICT_CODES:
        return SquareConflict(f"somebody has changed {what} at Square meanwhile {told}; run again")
    if status == 401:
        return SquareRefusal(f"Square does not take the access token {told}; connect the company to Square again in the application")
    if status == 403:
        return SquareRefusal(f"the access token may not do this at Square {told}; connect the company again with all permissions")
    if status == 404:
        return SquareRefusal(f"Square does not know {what} under this access token {told}; correct it in the application")
    if status == 429:
        return SquareLimited(f"Square limits the rate {told}; run again later")
    if status == 408 or status >= 500:
        return SquareDown(f"Square at {base_url} has a failure of its own {told}; run again when it is well")
    return SquareRefusal(f"Square refuses what was asked about {what} {told}; look at it in Square's dashboard")


def _subscription_of(found: t.Any) -> AtSquare:
    money = found.price_override_money
    if not isinstance(found.version, int) or not isinstance(found.plan_variation_id, str):
        raise ValueError("no subscription")
    return AtSquare(
        found.id,
        str(found.status),
        found.version,
        found.plan_variation_id,
        None if money is None else _whole(money.amount),
        None if money is None else str(money.currency),
    )


def _price_of(found: t.Any) -> PlanPrice:
    phases = found.subscription_plan_variation_data.phases
    pricing = phases[-1].pricing
    cadence = str(phases[-1].cadence)
    if len(phases) > 1:
        return PlanPrice(0, "", cadence, f"its plan has {len(phases)} phases, each with a price of its own")
    if pricing is not None and pricing.type == "RELATIVE":
        return PlanPrice(0, "", cadence, "its plan is priced by the items of the order (RELATIVE)")
    # Plans from before plan variations have the price in the phase itself.
    money = phases[-1].recurring_price_money if pricing is None else pricing.price_money
    return PlanPrice(_whole(money.amount), str(money.currency), cadence, "")


def _whole(amount: t.Any) -> int:
    if isinstance(amount, bool) or not isinstance(amount, int):
        raise ValueError("no amount of money")
    return amount
