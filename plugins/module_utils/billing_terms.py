# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The terms of a billing audit as the options give them: the price, the moment, the companies. Pure."""

from __future__ import annotations

import re
import typing as t
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from decimal import Decimal

from .errors import IncidentError

PRICE_VARIABLE = "BILLING_AMOUNT_PER_LOCATION"
# What the backend takes where the env file says nothing.
DEFAULT_PRICE = "50.00"

_MONEY = re.compile(r"(?P<whole>[0-9]{1,8})(?:\.[0-9]{1,2})?")
_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME = r"[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?"
_MOMENT = re.compile(rf"(?P<date>{_DATE})(?:[T ](?P<time>{_TIME})(?P<offset>Z|[+-][0-9]{{2}}:?[0-9]{{2}}))?")
# No company of Circuit Sage is older: an earlier year is one of another calendar.
FIRST_YEAR = 2000

# The options of the doc fragment `billing`.
BILLING_OPTIONS: dict[str, dict[str, t.Any]] = {
    "company_ids": {"type": "list", "elements": "str"},
    "price_per_location": {"type": "str"},
    "first_location_free": {"type": "bool", "default": True},
    "as_of": {"type": "str"},
    "limit": {"type": "int", "default": 1000},
    "statement_timeout": {"type": "int", "default": 60},
}


@dataclass(frozen=True)
class Terms:
    """What an audit goes by. `as_of` is None for the present, `company_ids` for all companies."""

    price: Decimal
    first_location_free: bool
    as_of: datetime | None
    company_ids: tuple[str, ...] | None


def money(text: str, name: str) -> Decimal:
    """The amount in an option. Raises IncidentError for anything but digits with at most two decimals."""
    if not _MONEY.fullmatch(text.strip()):
        raise IncidentError(f"{name} is `{text}`, which is no amount of money; write digits with at most two decimals, for example 50.00")
    return Decimal(text.strip()).quantize(Decimal("0.01"))


def cents(amount: Decimal) -> int:
    """The amount in whole cents."""
    return int(amount * 100)


def shown(amount_in_cents: int) -> str:
    """Cents as money, for example "-150.00"."""
    sign = "-" if amount_in_cents < 0 else ""
    return f"{sign}{abs(amount_in_cents) // 100}.{abs(amount_in_cents) % 100:02}"


def signed(amount_in_cents: int) -> str:
    """Cents as money with its sign, for example "+150.00"."""
    return shown(amount_in_cents) if amount_in_cents < 0 else f"+{shown(amount_in_cents)}"


def price_of(option: str | None, variables: Mapping[str, str]) -> Decimal:
    """The price per location: the option, else the env file's, else the backend's own default."""
    name = "price_per_location" if option is not None else f"{PRICE_VARIABLE} of the env file"
    text = option if option is not None else variables.get(PRICE_VARIABLE) or DEFAULT_PRICE
    price = money(text, name)
    if price <= 0:
        raise IncidentError(f"{name} is {text}, and at that price nothing would be billed; write the price of one location, above 0")
    return price


def moment_of(text: str | None, now: datetime) -> datetime | None:
    """The moment of `as_of` in UTC; a date is its first second. Raises IncidentError for another form and for the future."""
    if text is None:
        return None
    found = _MOMENT.fullmatch(text.strip())
    form = "write an ISO 8601 date, or a time with its offset, for example 2026-11-01T02:00:00+00:00"
    if not found:
        raise IncidentError(f"as_of is `{text}`, which cannot be read; {form}")
    offset = (found["offset"] or "+00:00").replace("Z", "+00:00").replace(":", "")
    time = found["time"] or "00:00"
    time = f"{time}:00" if time.count(":") == 1 else time
    if "." not in time:
        time += ".0"
    try:
        moment = datetime.strptime(f"{found['date']}T{time}{offset}", "%Y-%m-%dT%H:%M:%S.%f%z").astimezone(timezone.utc)
    except (ValueError, OverflowError):
        raise IncidentError(f"as_of is `{text}`, which is no day or time of the calendar; {form}") from None
    if moment.year < FIRST_YEAR:
        raise IncidentError(f"as_of is `{text}`, which lies before {FIRST_YEAR} or is of another calendar; {form}")
    if moment > now:
        raise IncidentError(f"as_of is `{text}`, which lies in the future or is of another calendar; write a time that has passed")
    return moment


def companies_of(texts: Sequence[str] | None) -> tuple[str, ...] | None:
    """The ids of the companies that were named, each once; None where none was."""
    if not texts:
        return None
    found: dict[str, None] = {}
    for text in texts:
        try:
            found[str(uuid.UUID(text.strip()))] = None
        except ValueError:
            raise IncidentError(f"the company `{text}` is no UUID; write the id of the company, as in companies.id") from None
    return tuple(found)


def terms_of(options: Mapping[str, t.Any], variables: Mapping[str, str], now: datetime | None = None) -> Terms:
    """What the options say."""
    for name in ("limit", "statement_timeout"):
        if options[name] < 1:
            raise IncidentError(f"{name} is {options[name]}; write a number above 0")
    return Terms(
        price_of(options["price_per_location"], variables),
        options["first_location_free"],
        moment_of(options["as_of"], now or datetime.now(timezone.utc)),
        companies_of(options["company_ids"]),
    )


def period_of(moment: datetime) -> tuple[datetime, datetime]:
    """First and last second of the moment's calendar month in UTC, as the billing run writes them."""
    start = moment.astimezone(timezone.utc).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    following = start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)
    return start, datetime.fromtimestamp(following.timestamp() - 1, timezone.utc)
