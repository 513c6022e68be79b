# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Payments of the Square simulator: one charge for a key, whoever asks how often, and nothing that Square would not take."""

from __future__ import annotations

import json
import typing as t
import urllib.error
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from square import Square
from square_control import SquareControl, started
from square_simulator import merchant, order, token_of

Refusal = Callable[..., tuple[int, str]]


def test_a_payment_is_a_charge_with_everything_that_tells_whose_it_is(square: SquareControl, client: Square) -> None:
    payment: t.Any = client.payments.create(**order(1, "k1", location_id="L1A")).payment
    assert (payment.status, payment.location_id, payment.reference_id) == ("COMPLETED", "L1A", "reference of k1")
    (charge,) = square.charges()
    assert charge == {
        "payment_id": payment.id,
        "reference_id": "reference of k1",
        "amount": 5000,
        "currency": "USD",
        "card": "ccof:card-1",
        "at": payment.created_at,
        "customer_id": "customer-1",
        "location_id": "L1A",
        "merchant_id": "merchant-1",
        "idempotency_key": "k1",
    }
    assert client.payments.get(payment.id).payment == payment


def test_the_same_key_from_many_threads_charges_once_and_gives_the_same_answer(square: SquareControl) -> None:
    clients = [Square(token=token_of(1), base_url=square.base_url) for _turn in range(16)]
    square.fault("latency", seconds=0.02)
    with ThreadPoolExecutor(16) as pool:
        payments = list(pool.map(lambda one: one.payments.create(**order(1, "k1")).payment, clients * 4))
    assert all(payment == payments[0] for payment in payments)
    assert len(square.charges()) == 1


def test_the_order_of_the_fields_is_no_other_request(square: SquareControl) -> None:
    request = order(1, "k1")
    answers = [square.ask("POST", "/v2/payments", body, token_of(1)) for body in (request, dict(reversed(request.items())))]
    assert answers[0] == answers[1]
    assert len(square.charges()) == 1


@pytest.mark.parametrize(
    "more",
    [{"amount": 5001}, {"reference_id": "another"}, {"source_id": "ccof:card-1b"}, {"note": "new"}, {"location_id": "L1A"}],
    ids=lambda more: next(iter(more)),
)
def test_the_same_key_with_another_body_is_refused(square: SquareControl, client: Square, refusal: Refusal, more: dict[str, t.Any]) -> None:
    client.payments.create(**order(1, "k1"))
    assert refusal(client.payments.create, **order(1, "k1", **more)) == (400, "IDEMPOTENCY_KEY_REUSED")
    assert len(square.charges()) == 1


def test_keys_of_different_merchants_have_nothing_to_do_with_each_other(square: SquareControl, client: Square, other: Square) -> None:
    client.payments.create(**order(1, "k1"))
    other.payments.create(**order(2, "k1"))
    assert [charge["merchant_id"] for charge in square.charges()] == ["merchant-1", "merchant-2"]


def test_a_declined_payment_is_no_charge_and_stays_declined_under_its_key(square: SquareControl, client: Square, refusal: Refusal) -> None:
    square.fault("insufficient_funds", count=1)
    assert refusal(client.payments.create, **order(1, "k1")) == (402, "INSUFFICIENT_FUNDS")
    assert refusal(client.payments.create, **order(1, "k1")) == (402, "INSUFFICIENT_FUNDS")
    assert square.charges() == []
    (failed,) = client.payments.list()
    assert (failed.status, failed.reference_id) == ("FAILED", "reference of k1")
    client.payments.create(**order(1, "k2"))
    assert [charge["idempotency_key"] for charge in square.charges()] == ["k2"]


@pytest.mark.parametrize(
    ("changed", "answer"),
    [
        ({"idempotency_key": "k" * 46}, (400, "VALUE_TOO_LONG")),
        ({"idempotency_key": "ä" * 23}, (400, "VALUE_TOO_LONG")),
        ({"idempotency_key": ""}, (400, "MISSING_REQUIRED_PARAMETER")),
        ({"source_id": ""}, (400, "MISSING_REQUIRED_PARAMETER")),
        ({"reference_id": "r" * 41}, (400, "VALUE_TOO_LONG")),
        ({"note": "n" * 501}, (400, "VALUE_TOO_LONG")),
        ({"amount_money": {"amount": 0, "currency": "USD"}}, (400, "AMOUNT_TOO_LOW")),
        ({"amount_money": {"amount": -5, "currency": "USD"}}, (400, "AMOUNT_TOO_LOW")),
        ({"amount_money": {"amount": True, "currency": "USD"}}, (400, "MISSING_REQUIRED_PARAMETER")),
        ({"amount_money": {"amount": 5000}}, (400, "MISSING_REQUIRED_PARAMETER")),
        ({"amount_money": {"amount": 5000, "currency": "CAD"}}, (400, "CURRENCY_MISMATCH")),
        ({"location_id": "L2"}, (400, "INVALID_LOCATION")),
        ({"customer_id": None}, (400, "MISSING_REQUIRED_PARAMETER")),
        ({"customer_id": ["customer-1"]}, (400, "EXPECTED_STRING")),
        ({"customer_id": "customer-2"}, (404, "CUSTOMER_NOT_FOUND")),
        ({"source_id": "ccof:card-2"}, (404, "NOT_FOUND")),
    ],
)
def test_what_square_does_not_take_is_refused_and_uses_up_no_key(
    square: SquareControl, refusal: Refusal, client: Square, changed: dict[str, t.Any], answer: tuple[int, str]
) -> None:
    request = {**order(1, "k1"), **changed}
    assert refusal(client.payments.create, **request) == answer
    assert square.charges() == []
    assert list(client.payments.list()) == []
    client.payments.create(**order(1, "k1"))


def test_the_longest_texts_are_taken(square: SquareControl, client: Square) -> None:
    client.payments.create(**order(1, "k" * 45, reference_id="r" * 40, note="ä" * 500))
    assert len(square.charges()) == 1


def test_an_unknown_token_is_refused(square: SquareControl, refusal: Refusal) -> None:
    stranger = Square(token="EAAAnobody", base_url=square.base_url)
    assert refusal(stranger.payments.create, **order(1, "k1")) == (401, "UNAUTHORIZED")
    assert refusal(stranger.payments.list) == (401, "UNAUTHORIZED")
    assert square.charges() == []


def test_another_merchants_payment_is_not_known(client: Square, other: Square, refusal: Refusal) -> None:
    payment: t.Any = client.payments.create(**order(1, "k1")).payment
    assert refusal(other.payments.get, payment.id) == (404, "NOT_FOUND")
    assert list(other.payments.list()) == []


def test_an_authorized_payment_is_a_charge_once_it_is_completed(square: SquareControl, client: Square, refusal: Refusal) -> None:
    payment: t.Any = client.payments.create(**order(1, "k1", autocomplete=False)).payment
    assert (payment.status, square.charges()) == ("APPROVED", [])
    completed: t.Any = client.payments.complete(payment.id).payment
    assert completed.status == "COMPLETED"
    assert [(charge["idempotency_key"], charge["card"]) for charge in square.charges()] == [("k1", "ccof:card-1")]
    assert refusal(client.payments.complete, payment.id) == (400, "BAD_REQUEST")
    assert refusal(client.payments.cancel, payment.id) == (400, "BAD_REQUEST")


def test_an_authorized_payment_that_is_canceled_is_none(square: SquareControl, client: Square, refusal: Refusal) -> None:
    first: t.Any = client.payments.create(**order(1, "k1", autocomplete=False)).payment
    canceled: t.Any = client.payments.cancel(first.id).payment
    assert (canceled.status, canceled.card_details.status) == ("CANCELED", "VOIDED")
    second: t.Any = client.payments.create(**order(1, "k2", autocomplete=False)).payment
    client.payments.cancel_by_idempotency_key(idempotency_key="k2")
    again: t.Any = client.payments.get(second.id).payment
    assert again.status == "CANCELED"
    client.payments.cancel_by_idempotency_key(idempotency_key="k2")
    assert refusal(client.payments.complete, second.id) == (400, "BAD_REQUEST")
    assert square.charges() == []


def test_canceling_by_a_key_proves_nothing_and_undoes_no_charge(square: SquareControl, client: Square, refusal: Refusal) -> None:
    """A key that is not known is answered as one that was canceled, and can charge later."""
    client.payments.cancel_by_idempotency_key(idempotency_key="k1")
    client.payments.create(**order(1, "k1"))
    assert len(square.charges()) == 1
    assert refusal(client.payments.cancel_by_idempotency_key, idempotency_key="k1") == (400, "BAD_REQUEST")
    assert len(square.charges()) == 1


def test_a_payment_of_squares_own_billing_has_no_reference_and_is_a_charge(square: SquareControl, client: Square) -> None:
    made = square.pay(7700, customer_id="customer-1", card="ccof:card-1", location_id="L1A", created_at="2026-11-01T02:00:00Z")
    found: t.Any = client.payments.get(made["id"]).payment
    assert (found.reference_id, found.created_at, found.amount_money.amount) == (None, "2026-11-01T02:00:00.000Z", 7700)
    assert [(one["payment_id"], one["idempotency_key"]) for one in square.charges()] == [(made["id"], None)]
    assert square.pay(100, merchant_id="merchant-2")["location_id"] == "L2"


def test_without_accounts_each_token_is_the_same_merchant(tmp_path_factory: pytest.TempPathFactory) -> None:
    with started(tmp_path_factory.mktemp("square")) as control:
        one, two = (Square(token=token, base_url=control.base_url) for token in ("one", "two"))
        payment: t.Any = one.payments.create(
            source_id="cnon:card", idempotency_key="k", amount_money={"amount": 100, "currency": "USD"}
        ).payment
        assert (payment.location_id, two.payments.get(payment.id).payment) == ("LMAIN", payment)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({}, "not a JSON list"),
        (["merchant"], "not an object"),
        ([{**merchant(3), "locations": []}], "Missing required parameter"),
        ([{**merchant(3), "token_sha256": ""}], "Missing required parameter"),
        ([{**merchant(3), "cards": [{"customer_id": "customer-3"}]}], "Missing required parameter"),
        ([merchant(3, payments=[{"id": "p", "amount": 1, "created_at": "2026-11-01"}])], "Not an RFC 3339 time"),
    ],
)
def test_accounts_that_are_none_are_refused_and_none_is_taken(square: SquareControl, refusal: Refusal, told: t.Any, words: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        square.ask("POST", "/_sim/accounts", told)
    assert words in json.loads(refused.value.read())["errors"][0]["detail"]
    assert refusal(Square(token=token_of(3), base_url=square.base_url).locations.list) == (401, "UNAUTHORIZED")


@pytest.mark.parametrize("told", [{"amount": 100}, {"amount": 0, "merchant_id": "merchant-1"}, {"amount": 100, "merchant_id": "nobody"}])
def test_a_payment_of_squares_own_billing_needs_an_amount_and_one_account(square: SquareControl, told: dict[str, t.Any]) -> None:
    with pytest.raises(urllib.error.HTTPError, match="400"):
        square.pay(**told)
    assert square.charges() == []
