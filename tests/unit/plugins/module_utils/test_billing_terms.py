# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the options of a billing audit mean, and what is refused."""

from __future__ import annotations

from datetime import datetime, timezone
from decimal import Decimal

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import billing_terms
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=timezone.utc)
OPTIONS = {"company_ids": None, "price_per_location": None, "first_location_free": True, "as_of": None, "limit": 1, "statement_timeout": 1}


@pytest.mark.parametrize(
    ("option", "variables", "price"),
    [
        (None, {}, "50.00"),
        (None, {"BILLING_AMOUNT_PER_LOCATION": ""}, "50.00"),
        (None, {"BILLING_AMOUNT_PER_LOCATION": "45.5"}, "45.50"),
        ("60", {"BILLING_AMOUNT_PER_LOCATION": "45"}, "60.00"),
    ],
)
def test_price(option: str | None, variables: dict[str, str], price: str) -> None:
    assert str(billing_terms.price_of(option, variables)) == price


@pytest.mark.parametrize("text", ["abc", "-1", "NaN", "Infinity", "1e2", "1.005", "", "\u0665\u0660", "1,50", "999999999", "50.", ".5"])
def test_no_price(text: str) -> None:
    with pytest.raises(IncidentError, match=r"price_per_location is `.*`, which is no amount of money; write digits"):
        billing_terms.price_of(text, {})


def test_a_price_of_nothing() -> None:
    with pytest.raises(IncidentError, match=r"BILLING_AMOUNT_PER_LOCATION of the env file is 0.00, and at that price nothing"):
        billing_terms.price_of(None, {"BILLING_AMOUNT_PER_LOCATION": "0.00"})


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-01", "2026-11-01T00:00:00+00:00"),
        ("2026-11-01T02:00Z", "2026-11-01T02:00:00+00:00"),
        ("2026-11-01 02:00:00.5+02:00", "2026-11-01T00:00:00.500000+00:00"),
        ("2026-11-01T02:00:00-0130", "2026-11-01T03:30:00+00:00"),
    ],
)
def test_moment(text: str, moment: str) -> None:
    found = billing_terms.moment_of(text, NOW)
    assert found is not None
    assert found.isoformat() == moment


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("yesterday", "cannot be read"),
        ("2026-W48-1", "cannot be read"),
        ("2026-11-01T02:00", "cannot be read"),
        ("\u0662\u0660\u0662\u0666-11-01", "cannot be read"),
        ("2026-13-01", "no day or time of the calendar"),
        ("0001-01-01T00:00:00+14:00", "no day or time of the calendar"),
        ("1448-06-12", "before 2000 or is of another calendar"),
        ("2569-11-23", "in the future or is of another calendar"),
        ("2026-11-23T09:30:01Z", "in the future"),
    ],
)
def test_no_moment(text: str, words: str) -> None:
    with pytest.raises(IncidentError, match=words) as caught:
        billing_terms.moment_of(text, NOW)
    assert "\n" not in str(caught.value)


def test_companies() -> None:
    one = "579C5D00-a784-57f9-b262-b2b0f1cec847"
    assert billing_terms.companies_of([]) is None
    assert billing_terms.companies_of([one, one.lower()]) == (one.lower(),)
    with pytest.raises(IncidentError, match="the company `company-01` is no UUID"):
        billing_terms.companies_of(["company-01"])


@pytest.mark.parametrize("name", ["limit", "statement_timeout"])
def test_terms(name: str) -> None:
    assert billing_terms.terms_of(OPTIONS, {}).price == Decimal("50.00")
    with pytest.raises(IncidentError, match=f"{name} is 0"):
        billing_terms.terms_of({**OPTIONS, name: 0}, {})


@pytest.mark.parametrize(
    ("moment", "start", "end"),
    [
        (NOW, "2026-11-01T00:00:00+00:00", "2026-11-30T23:59:59+00:00"),
        (datetime(2024, 2, 29, tzinfo=timezone.utc), "2024-02-01T00:00:00+00:00", "2024-02-29T23:59:59+00:00"),
        (datetime(2026, 12, 31, tzinfo=timezone.utc), "2026-12-01T00:00:00+00:00", "2026-12-31T23:59:59+00:00"),
    ],
)
def test_period(moment: datetime, start: str, end: str) -> None:
    assert tuple(one.isoformat() for one in billing_terms.period_of(moment)) == (start, end)


@pytest.mark.parametrize(("amount", "text"), [(0, "0.00"), (5, "0.05"), (-1337, "-13.37"), (1000000, "10000.00")])
def test_shown(amount: int, text: str) -> None:
    assert billing_terms.shown(amount) == text
    assert billing_terms.cents(Decimal(text)) == amount
