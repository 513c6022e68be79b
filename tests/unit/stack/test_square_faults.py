# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of the Square simulator: each mode does what it is called, to the calls that it is for, as often as it was told."""

from __future__ import annotations

import json
import socket
import struct
import time
import typing as t
import urllib.error
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx
import pytest
from square import Square
from square.core.api_error import ApiError
from square_control import SquareControl
from square_simulator import order, token_of

Refusal = Callable[..., tuple[int, str]]
ONCE: t.Any = {"max_retries": 0}


def outcome(client: Square, key: str, merchant: int = 1, **more: t.Any) -> str:
    """What a client sees of a payment: COMPLETED, the code of a refusal, or that there was no answer."""
    try:
        payment: t.Any = client.payments.create(**order(merchant, key, **more), request_options=ONCE).payment
        status: str = payment.status
        return status
    except ApiError as refused:
        code: str = refused.body["errors"][0]["code"]
        return code
    except httpx.RemoteProtocolError:
        return "no answer"


@pytest.mark.parametrize(
    ("mode", "more", "answer"),
    [
        ("token_expired", {}, (401, "ACCESS_TOKEN_EXPIRED")),
        ("scope_missing", {}, (403, "INSUFFICIENT_SCOPES")),
        ("rate_limited", {}, (429, "RATE_LIMITED")),
        ("square_down", {}, (503, "SERVICE_UNAVAILABLE")),
        ("refuse", {"status": 500, "code": "INTERNAL_SERVER_ERROR"}, (500, "INTERNAL_SERVER_ERROR")),
        ("currency_mismatch", {}, (400, "CURRENCY_MISMATCH")),
        ("card_disabled", {}, (402, "INVALID_CARD")),
    ],
)
def test_a_refusal_makes_no_payment_and_uses_up_no_key(
    square: SquareControl, client: Square, refusal: Refusal, mode: str, more: dict[str, t.Any], answer: tuple[int, str]
) -> None:
    square.fault(mode, count=1, **more)
    assert refusal(client.payments.create, **order(1, "k1")) == answer
    assert square.charges() == []
    assert square.taken() == {mode: 1}
    assert outcome(client, "k1") == "COMPLETED"
    assert len(square.charges()) == 1


@pytest.mark.parametrize(
    ("mode", "more", "code"),
    [
        ("insufficient_funds", {}, "INSUFFICIENT_FUNDS"),
        ("generic_decline", {}, "GENERIC_DECLINE"),
        ("hard_decline", {}, "CARD_EXPIRED"),
        ("hard_decline", {"code": "PAN_FAILURE"}, "PAN_FAILURE"),
        ("verification_required", {}, "CARD_DECLINED_VERIFICATION_REQUIRED"),
        ("decline", {"code": "A_CODE_OF_TOMORROW"}, "A_CODE_OF_TOMORROW"),
    ],
)
def test_a_decline_is_a_failed_payment_and_no_charge(
    square: SquareControl, client: Square, mode: str, more: dict[str, t.Any], code: str
) -> None:
    square.fault(mode, **more)
    with pytest.raises(ApiError) as declined:
        client.payments.create(**order(1, "k1"), request_options=ONCE)
    body = declined.value.body
    assert (declined.value.status_code, body["errors"][0]["category"], body["errors"][0]["code"]) == (402, "PAYMENT_METHOD_ERROR", code)
    assert body["payment"]["status"] == "FAILED"
    assert body["payment"]["card_details"]["errors"] == body["errors"]
    square.fault(None)
    # The same key keeps its outcome, although the card would be taken now.
    assert outcome(client, "k1") == code
    assert outcome(client, "k2") == "COMPLETED"
    assert [charge["idempotency_key"] for charge in square.charges()] == ["k2"]


@pytest.mark.parametrize(
    ("mode", "charged", "seen"),
    [
        ("timeout_before_charge", 0, "no answer"),
        ("timeout_after_charge", 1, "no answer"),
        ("failed_after_charge", 1, "GATEWAY_TIMEOUT"),
        ("close_before", 0, "no answer"),
        ("close_after", 1, "no answer"),
    ],
)
def test_an_answer_that_is_lost_is_found_by_the_same_key(square: SquareControl, client: Square, mode: str, charged: int, seen: str) -> None:
    """To the client before and after charging look the same; the same key charges once in either case."""
    square.fault(mode, count=2)
    for _turn in range(2):
        assert outcome(client, "k1") == seen
        assert len(square.charges()) == charged
    assert outcome(client, "k1") == "COMPLETED"
    assert len(square.charges()) == 1


def test_a_new_key_after_a_lost_answer_charges_twice(square: SquareControl, client: Square) -> None:
    """The fault that must not be made is one that the ledger shows."""
    square.fault("timeout_after_charge", count=1)
    assert [outcome(client, key) for key in ("k1", "k2")] == ["no answer", "COMPLETED"]
    assert len(square.charges()) == 2


@pytest.mark.parametrize(("mode", "version"), [("close_before", 1), ("close_after", 2)])
def test_any_call_may_lose_its_answer_before_or_after_it_is_done(square: SquareControl, client: Square, mode: str, version: int) -> None:
    square.fault(mode, count=1, match={"method": "PUT", "path": "/v2/subscriptions/"})
    price: t.Any = {"price_override_money": {"amount": 100, "currency": "USD"}, "version": 1}
    with pytest.raises(httpx.RemoteProtocolError):
        client.subscriptions.update("sub-1", subscription=price, request_options=ONCE)
    assert square.prices()["sub-1"][0] == version
    assert square.ledger()["requests"][0]["status"] is None


def test_the_rate_limit_says_when_to_come_again(square: SquareControl, client: Square) -> None:
    for more, seconds in (({}, "7"), ({"retry_after": 2}, "2")):
        square.fault("rate_limited", **more)
        with pytest.raises(ApiError) as refused:
            client.payments.list(request_options=ONCE)
        assert (refused.value.headers or {})["retry-after"] == seconds


def test_latency_holds_up_neither_other_calls_nor_the_count_of_those_under_way(square: SquareControl) -> None:
    square.fault("latency", seconds=2, match={"method": "POST"})
    clients = [Square(token=token_of(1), base_url=square.base_url) for _turn in range(16)]
    with ThreadPoolExecutor(16) as pool:
        done = list(pool.map(lambda number: outcome(clients[number], f"k{number}"), range(16)))
    assert done == ["COMPLETED"] * 16
    assert square.in_flight_most() == 16
    square.reset()
    assert square.in_flight_most() == 0


def test_a_client_that_is_killed_in_the_middle_is_charged_all_the_same(square: SquareControl, client: Square) -> None:
    """What it asked for is under way; whoever looks at once may find nothing yet."""
    square.fault("latency", seconds=0.6, count=1)
    address = urlsplit(square.base_url)
    body = json.dumps(order(1, "k1"))
    head = f"POST /v2/payments HTTP/1.1\r\nHost: square\r\nAuthorization: Bearer {token_of(1)}\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection((str(address.hostname), address.port or 80)) as connection:
        # Closed without a farewell, as the kernel does for a process that is killed.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.sendall((head + body).encode())
        deadline = time.monotonic() + 5
        while not square.calls() and time.monotonic() < deadline:
            time.sleep(0.01)
    assert square.charges() == []
    while not square.charges() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert [charge["idempotency_key"] for charge in square.charges()] == ["k1"]
    assert outcome(client, "k1") == "COMPLETED"
    assert len(square.charges()) == 1


def test_what_is_under_way_at_a_reset_is_not_in_the_new_ledger(square: SquareControl, client: Square) -> None:
    square.fault("latency", seconds=0.4, count=1)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(outcome, client, "k1")
        deadline = time.monotonic() + 5
        while not square.calls() and time.monotonic() < deadline:
            time.sleep(0.01)
        square.reset()
        assert running.result() == "COMPLETED"
    assert square.ledger() == {"charges": [], "refunds": [], "requests": [], "in_flight_most": 0}
    assert list(client.payments.list()) == []


@pytest.mark.parametrize(
    ("match", "hit"),
    [
        ({"card": "ccof:card-1b"}, [False, True, False]),
        ({"customer_id": "customer-2"}, [False, False, True]),
        ({"merchant_id": "merchant-1"}, [True, True, False]),
        ({"reference_id": "reference of k0"}, [True, False, False]),
        ({"idempotency_key": "k1"}, [False, True, False]),
        ({"location_id": "L1A"}, [False, True, False]),
        ({"method": "POST", "path": "/v2/pay"}, [True, True, True]),
        ({"method": "GET"}, [False, False, False]),
        ({"card": "ccof:card-1b", "customer_id": "customer-2"}, [False, False, False]),
    ],
)
def test_a_fault_is_for_the_calls_that_match(
    square: SquareControl, client: Square, other: Square, match: dict[str, str], hit: list[bool]
) -> None:
    square.fault("square_down", match=match)
    seen = [
        outcome(client, "k0"),
        outcome(client, "k1", source_id="ccof:card-1b", location_id="L1A"),
        outcome(other, "k2", 2),
    ]
    assert [one == "SERVICE_UNAVAILABLE" for one in seen] == hit


def test_a_count_a_beginning_and_an_end_bound_a_fault(square: SquareControl, client: Square) -> None:
    square.fault("square_down", after=1, count=2)
    assert [outcome(client, f"k{turn}") == "COMPLETED" for turn in range(4)] == [True, False, False, True]
    square.fault("square_down", for_seconds=0.5)
    assert outcome(client, "k5") == "SERVICE_UNAVAILABLE"
    time.sleep(0.5)
    assert outcome(client, "k5") == "COMPLETED"


def test_a_rate_with_a_seed_is_drawn_alike_in_whatever_order_the_calls_come(square: SquareControl, client: Square) -> None:
    faults: list[dict[str, t.Any]] = [
        {"mode": "insufficient_funds", "rate": 0.3},
        {"mode": "timeout_after_charge", "rate": 0.3},
        {"mode": "square_down", "rate": 0.2},
    ]
    numbers = list(range(60))

    def run(seed: int, order_of: list[int]) -> dict[int, str]:
        square.reset()
        assert square.faults(faults, seed=seed) == seed
        with ThreadPoolExecutor(4) as pool:
            return dict(zip(order_of, pool.map(lambda number: outcome(client, f"k{number}"), order_of), strict=True))

    first = run(7, numbers)
    assert run(7, numbers[::-1]) == first
    assert run(8, numbers) != first
    counted = Counter(first.values())
    assert set(counted) == {"COMPLETED", "INSUFFICIENT_FUNDS", "no answer", "SERVICE_UNAVAILABLE"}
    # 0.2 of 60, and 0.3 of those that are left: with room for chance.
    assert 3 <= counted["SERVICE_UNAVAILABLE"] <= 24 and 5 <= counted["INSUFFICIENT_FUNDS"] <= 26


def test_rates_without_a_seed_give_the_seed_with_which_they_come_again(square: SquareControl, client: Square) -> None:
    faults: list[dict[str, t.Any]] = [{"mode": "square_down", "rate": 0.5}]
    seed = square.faults(faults)
    first = [outcome(client, f"k{number}") for number in range(20)]
    square.reset()
    square.faults(faults, seed=seed)
    assert [outcome(client, f"k{number}") for number in range(20)] == first
    assert len(set(first)) == 2


def test_a_disabled_card_shows_as_that(square: SquareControl, client: Square) -> None:
    square.fault("card_disabled", match={"card": "ccof:card-1"})
    shown = {identity: client.cards.get(identity).card for identity in ("ccof:card-1", "ccof:card-1b")}
    assert [card and card.enabled for card in shown.values()] == [False, True]
    assert [card.id for card in client.cards.list(customer_id="customer-1")] == ["ccof:card-1b"]
    assert outcome(client, "k1") == "INVALID_CARD"
    assert outcome(client, "k2", source_id="ccof:card-1b") == "COMPLETED"


def test_faults_go_together_where_they_can(square: SquareControl, client: Square) -> None:
    """A decline whose answer is lost, later than it should be."""
    square.faults([{"mode": "close_after", "count": 1}, {"mode": "generic_decline"}, {"mode": "latency", "seconds": 0.2}])
    began = time.monotonic()
    assert outcome(client, "k1") == "no answer"
    assert time.monotonic() - began >= 0.2
    assert outcome(client, "k1") == "GENERIC_DECLINE"
    assert square.charges() == []
    assert square.taken() == {"close_after": 1, "generic_decline": 1, "latency": 2}


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"mode": "meteor"}, "mode must be one of card_disabled,"),
        ({}, "mode must be one of"),
        ("square_down", "mode must be one of"),
        ({"mode": "square_down", "times": 1}, "square_down has no times"),
        ({"mode": "square_down", "match": {"colour": "red"}}, "match may ask for card,"),
        ({"mode": "square_down", "rate": 0.5, "count": 1}, "rate or count, not both"),
        ({"mode": "square_down", "rate": 1.5}, "rate must be a number from 0 to 1"),
        ({"mode": "square_down", "count": 0}, "count must be a whole number, 1 or more"),
        ({"mode": "latency"}, "latency needs seconds"),
        ({"mode": "latency", "seconds": -1}, "seconds must be above 0"),
        ({"mode": "refuse", "status": 500}, "refuse needs status, code"),
        ({"mode": "refuse", "status": 299, "code": "X"}, "status must be one of 400,"),
    ],
)
def test_a_fault_that_is_none_is_refused_and_those_in_force_stay(square: SquareControl, client: Square, entry: t.Any, words: str) -> None:
    square.fault("square_down")
    with pytest.raises(urllib.error.HTTPError) as refused:
        square.faults([{"mode": "latency", "seconds": 1}, entry])
    told = json.loads(refused.value.read())["errors"][0]["detail"]
    assert told.startswith("fault 1: ") and words in told
    assert outcome(client, "k1") == "SERVICE_UNAVAILABLE"


def test_a_reset_ends_faults_and_forgets_what_was_made(square: SquareControl, client: Square, refusal: Refusal) -> None:
    payment: t.Any = client.payments.create(**order(1, "k1")).payment
    square.fault("square_down")
    square.reset()
    assert square.ledger() == {"charges": [], "refunds": [], "requests": [], "in_flight_most": 0}
    assert refusal(client.payments.get, payment.id) == (404, "NOT_FOUND")
    # The key is free again, also for another body.
    assert outcome(client, "k1", amount=6000) == "COMPLETED"
    assert [one["status"] for one in square.ledger()["requests"]] == [404, 200]


def test_with_every_mode_at_once_a_key_charges_once_and_no_charge_is_missing(square: SquareControl) -> None:
    """Eight clients ask for each payment until they know what became of it, with one key: the simulator keeps its own books right."""
    modes = [
        *("token_expired", "scope_missing", "rate_limited", "square_down", "close_before", "close_after", "currency_mismatch"),
        *("timeout_before_charge", "timeout_after_charge", "failed_after_charge"),
        *("insufficient_funds", "generic_decline", "hard_decline", "verification_required", "decline"),
    ]
    square.faults([{"mode": mode, "rate": 0.04} for mode in modes] + [{"mode": "latency", "seconds": 0.005, "rate": 0.2}], seed=11)
    final = {"COMPLETED", "INSUFFICIENT_FUNDS", "GENERIC_DECLINE", "CARD_EXPIRED", "CARD_DECLINED_VERIFICATION_REQUIRED"}

    def settle(numbers: range) -> dict[str, str]:
        client = Square(token=token_of(1), base_url=square.base_url)
        known: dict[str, str] = {}
        for number in numbers:
            seen = (outcome(client, f"k{number}") for _turn in range(50))
            known[f"k{number}"] = next(one for one in seen if one in final)
        return known

    with ThreadPoolExecutor(8) as pool:
        known = {key: seen for part in pool.map(settle, [range(start, 240, 8) for start in range(8)]) for key, seen in part.items()}
    assert len(known) == 240
    assert sorted(one["idempotency_key"] for one in square.charges()) == sorted(key for key, seen in known.items() if seen == "COMPLETED")
    assert sorted(mode for mode, taken in square.taken().items() if taken) == sorted([*modes, "latency"])
