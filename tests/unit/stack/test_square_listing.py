# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Listings of the Square simulator: seconds late, of the main location where none is named, in pages whose cursors hold."""

from __future__ import annotations

import time
import typing as t
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import pytest
from square import Square
from square_control import SquareControl, started
from square_simulator import merchant, order, token_of

Refusal = Callable[..., tuple[int, str]]


def keys(square: SquareControl, **query: t.Any) -> list[str]:
    """The references of what a listing shows, without the pager of the SDK."""
    text = "&".join(f"{name}={value}" for name, value in query.items())
    found = square.ask("GET", f"/v2/payments?{text}", token=token_of(1))["payments"]
    return [one["reference_id"].removeprefix("reference of ") for one in found]


def test_without_a_location_only_the_main_one_is_listed(square: SquareControl, client: Square) -> None:
    for place in ("L1", "L1A", "L1AB"):
        client.payments.create(**order(1, place, location_id=place))
    assert keys(square) == ["L1"]
    assert [keys(square, location_id=place) for place in ("L1", "L1A", "L1AB")] == [["L1"], ["L1A"], ["L1AB"]]


def test_another_merchants_location_is_refused(client: Square, refusal: Refusal) -> None:
    assert refusal(client.payments.list, location_id="L2") == (400, "INVALID_LOCATION")


def test_a_listing_shows_a_payment_some_seconds_late_and_a_look_at_it_does_not(square: SquareControl, client: Square) -> None:
    square.listing(None)
    began = time.monotonic()
    made: t.Any = client.payments.create(**order(1, "k1")).payment
    assert client.payments.get(made.id).payment == made
    seen: list[str] = []
    while not seen and time.monotonic() - began < 10:
        seen = keys(square)
        time.sleep(0.05)
    assert seen == ["k1"]
    assert 2 <= time.monotonic() - began < 9


def test_a_change_is_listed_late_too(square: SquareControl, client: Square) -> None:
    square.listing(0.5)
    made: t.Any = client.payments.create(**order(1, "k1", autocomplete=False)).payment
    time.sleep(0.6)
    client.payments.complete(made.id)
    (listed,) = client.payments.list()
    assert listed.status == "APPROVED"
    time.sleep(0.6)
    (listed,) = client.payments.list()
    assert listed.status == "COMPLETED"


def test_pages_hold_a_hundred_and_follow_each_other(square: SquareControl, client: Square) -> None:
    for number in range(205):
        client.payments.create(**order(1, f"k{number:03}"))
    first = square.ask("GET", "/v2/payments?limit=1000", token=token_of(1))
    assert len(first["payments"]) == 100
    expected = [f"reference of k{number:03}" for number in reversed(range(205))]
    assert [one.reference_id for one in client.payments.list()] == expected
    assert [one.reference_id for one in client.payments.list(limit=60, sort_order="ASC")] == expected[::-1]


def test_what_is_made_between_two_pages_neither_hides_nor_doubles_anything(square: SquareControl, client: Square) -> None:
    for number in range(6):
        client.payments.create(**order(1, f"k{number}"))
    pager = client.payments.list(limit=3)
    seen = [one.reference_id for one in pager.items or []]
    client.payments.create(**order(1, "new"))
    following: t.Any = pager.get_next()
    seen += [one.reference_id for one in following.items]
    assert seen == [f"reference of k{number}" for number in reversed(range(6))]
    assert not following.has_next


def test_a_cursor_belongs_to_its_question(square: SquareControl, client: Square, refusal: Refusal) -> None:
    for number in range(3):
        client.payments.create(**order(1, f"k{number}"))
    cursor = square.ask("GET", "/v2/payments?limit=2", token=token_of(1))["cursor"]
    assert refusal(client.payments.list, cursor=cursor, sort_order="ASC") == (400, "INVALID_CURSOR")
    assert refusal(client.payments.list, cursor="2") == (400, "INVALID_CURSOR")


def test_a_window_of_time_begins_with_its_begin_and_ends_before_its_end(square: SquareControl) -> None:
    for day in range(1, 6):
        square.pay(100, merchant_id="merchant-1", created_at=f"2026-11-0{day}T02:00:00Z", reference_id=f"{day}")
    assert keys(square, begin_time="2026-11-02T02:00:00Z", end_time="2026-11-04T02:00:00Z") == ["3", "2"]
    assert keys(square, begin_time="2026-11-04T03:00:00%2B01:00") == ["5", "4"]
    assert keys(square, updated_at_begin_time="2026-11-05T00:00:00Z", sort_field="UPDATED_AT") == ["5"]


def test_the_last_year_is_what_is_listed_without_a_time(square: SquareControl) -> None:
    now = datetime.now(timezone.utc)
    for days in (360, 370):
        square.pay(100, merchant_id="merchant-1", created_at=(now - timedelta(days=days)).isoformat(), reference_id=f"{days}")
    assert keys(square) == ["360"]
    assert keys(square, begin_time="2020-01-01T00:00:00Z") == ["360", "370"]


def test_amount_and_card_narrow_it_down(square: SquareControl, client: Square) -> None:
    client.payments.create(**order(1, "k1", 5000))
    client.payments.create(**order(1, "k2", 6000))
    assert keys(square, total=6000) == ["k2"]
    assert keys(square, last_4="1111", card_brand="VISA") == ["k2", "k1"]
    assert keys(square, last_4="2222") == []


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"begin_time": "yesterday"}, "INVALID_TIME"),
        ({"begin_time": "2026-11-02T02:00:00"}, "INVALID_TIME"),
        ({"begin_time": "2026-11-02T02:00:00Z", "end_time": "2026-11-01T02:00:00Z"}, "INVALID_TIME_RANGE"),
        ({"sort_order": "UP"}, "INVALID_SORT_ORDER"),
    ],
)
def test_a_question_that_is_none_is_refused(client: Square, refusal: Refusal, query: dict[str, t.Any], code: str) -> None:
    assert refusal(client.payments.list, **query) == (400, code)


def test_what_was_told_with_an_account_is_listed_and_stays_over_a_reset(tmp_path_factory: pytest.TempPathFactory) -> None:
    """As history: it is not in the ledger. The account is known after a restart too."""
    home = tmp_path_factory.mktemp("square")
    history = [{"id": "old", "amount": 4200, "created_at": "2026-10-01T02:00:00Z", "customer_id": "customer-1", "card": "ccof:card-1"}]
    with started(home) as control:
        control.accounts([merchant(1, payments=history)])
        control.reset()
        assert control.charges() == []
    with started(home) as control:
        client = Square(token=token_of(1), base_url=control.base_url)
        (listed,) = client.payments.list()
        assert (listed.id, listed.amount_money and listed.amount_money.amount) == ("old", 4200)
        made: t.Any = client.payments.create(**order(1, "k1")).payment
        # Told again with something new: what was made meanwhile stays.
        more = {"id": "newer", "amount": 4300, "created_at": "2026-11-01T02:00:00Z"}
        control.accounts([merchant(1, payments=[*history, more])])
        assert client.payments.get(made.id).payment == made
        assert {one.id for one in client.payments.list()} >= {"old", "newer"}
