# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Square's payments through the official SDK, as the simulator answers, and answers of other forms."""

from __future__ import annotations

import json
import typing as t
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace

import pytest
import urllib3
from certificates import make_pair, served
from kept_payments import account, token
from square_control import SquareControl, free_port, started

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import square_payments, square_transport
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import LibraryMissing
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.square_account import (
    SquareDown,
    SquareRefusal,
    SquareUnclear,
    seconds_of,
)
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.square_payments import (
    Made,
    PaymentAccount,
    PaymentAccounts,
    Reply,
)

YESTERDAY = datetime.now(timezone.utc) - timedelta(days=1)


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SquareControl]:
    with started(tmp_path_factory.mktemp("square")) as control:
        control.listing(0)
        control.accounts([account(1)])
        yield control


@pytest.fixture
def square(simulator: SquareControl) -> SquareControl:
    simulator.reset()
    return simulator


@pytest.fixture
def shop(square: SquareControl) -> Iterator[PaymentAccount]:
    with ExitStack() as stack:
        yield PaymentAccounts(stack, 4).account(token(1), square.base_url)


def request(number: int = 1, **other: t.Any) -> dict[str, t.Any]:
    money = {"amount": 5000, "currency": "USD"}
    whose = {"source_id": "ccof:card-1", "customer_id": "customer-1", "location_id": "L1"}
    return {"idempotency_key": f"k{number}", "amount_money": money, **whose, "reference_id": f"r{number}", "note": "n", **other}


def test_one_charge_and_the_same_again(square: SquareControl, shop: PaymentAccount) -> None:
    first = shop.charge(request())
    assert (first.status, first.payment and first.payment.status) == (200, "COMPLETED")
    assert shop.charge(request()) == first
    assert shop.charge(request(note="another")) == Reply(400, "IDEMPOTENCY_KEY_REUSED", detail="400 IDEMPOTENCY_KEY_REUSED")
    assert len(square.charges()) == 1


def test_a_decline_comes_with_its_payment(square: SquareControl, shop: PaymentAccount) -> None:
    square.fault("hard_decline")
    found = shop.charge(request())
    assert (found.status, found.code, found.payment and found.payment.status) == (402, "CARD_EXPIRED", "FAILED")
    square.fault("rate_limited")
    assert shop.charge(request(2)).after == 7


def test_no_answer_is_a_reply_too(square: SquareControl, shop: PaymentAccount) -> None:
    square.fault("timeout_after_charge")
    assert shop.charge(request()).status == 0
    with ExitStack() as stack:
        nobody = PaymentAccounts(stack, 1).account(token(1), f"http://127.0.0.1:{free_port()}")
        assert nobody.charge(request()) == Reply(0, detail="ConnectError")
        with pytest.raises(SquareDown, match="ConnectError"):
            nobody.places()


def test_every_page_of_every_location_is_listed(square: SquareControl, shop: PaymentAccount) -> None:
    for number in range(120):
        square.pay(100 + number, merchant_id="merchant-1", location_id="L1" if number % 12 else "M1", reference_id=f"r{number}")
    assert [(one.identity, one.currency, one.is_active) for one in shop.places()] == [("M1", "USD", True), ("L1", "USD", True)]
    found = list(shop.payments(["M1", "L1"], YESTERDAY))
    assert sorted(one.cents for one in found) == [100 + number for number in range(120)]
    assert {one.location for one in found} == {"M1", "L1"}
    assert shop.payment(found[0].identity)._replace(updated_at=found[0].updated_at) == found[0]
    assert shop.main_place().identity == "M1"


def test_a_listed_payment_says_whose_it_is_and_why_it_failed(square: SquareControl, shop: PaymentAccount) -> None:
    square.fault("insufficient_funds")
    shop.charge(request())
    (seen,) = shop.payments(["L1"], YESTERDAY)
    assert (seen.status, seen.code, seen.reference, seen.note, seen.customer) == ("FAILED", "INSUFFICIENT_FUNDS", "r1", "n", "customer-1")
    assert (seen.cents, seen.refunded_cents, seen.created_at.tzinfo) == (5000, 0, timezone.utc)


def test_events_tell_of_payments(square: SquareControl, shop: PaymentAccount) -> None:
    shop.charge(request())
    events = list(shop.events(YESTERDAY))
    assert {one.reference for _id, _at, one in events} == {"r1"}
    assert len({identity for identity, _at, _one in events}) == len(events) > 0


def test_cards_and_subscriptions(square: SquareControl, shop: PaymentAccount) -> None:
    assert dict(shop.cards()) == {"ccof:card-1": True}
    square.set_card("ccof:card-1", enabled=False)
    assert dict(shop.cards()) == {"ccof:card-1": False}
    assert not shop.has_card("ccof:card-1")
    assert not shop.has_card("ccof:card-2")
    with pytest.raises(SquareRefusal, match="404"):
        shop.subscription_status("none")
    square.set_card("ccof:card-1", enabled=True)
    assert shop.has_card("ccof:card-1")


@pytest.mark.parametrize(
    ("text", "seconds"), [("7", 7.0), ("0.5", 0.5), ("-1", None), ("soon", None), (None, None), ("inf", None), ("nan", None)]
)
def test_seconds_of(text: str | None, seconds: float | None) -> None:
    assert seconds_of(text) == seconds


class Scripted:
    """A pool that gives one answer to everything."""

    def __init__(self, status: int, body: t.Any) -> None:
        self._answer = status, body
        self.asked: list[str] = []

    def request(self, _method: str, target: str, **_how: t.Any) -> t.Any:
        self.asked.append(target)
        if isinstance(self._answer[1], Exception):
            raise self._answer[1]
        content = self._answer[1] if isinstance(self._answer[1], bytes) else json.dumps(self._answer[1]).encode()
        return SimpleNamespace(status=self._answer[0], headers={"Content-Type": "application/json"}, data=content)


def answered(status: int, body: t.Any) -> PaymentAccount:
    return PaymentAccount(token(1), "https://square.example.com", square_transport.Client(Scripted(status, body), 1))


LATE = urllib3.exceptions.ReadTimeoutError(t.cast(t.Any, None), "/", "late")


@pytest.mark.parametrize(
    ("status", "body", "reply"),
    [
        (200, {}, Reply(0, detail=square_payments._FORMLESS)),
        (200, {"payment": {"status": "COMPLETED"}}, Reply(0, detail=square_payments._FORMLESS)),
        (200, {"payment": {"id": "p", "status": "COMPLETED"}}, Reply(200, payment=Made("p", "COMPLETED"))),
        (200, [1], Reply(0, detail=square_payments._FORMLESS)),
        (302, {}, Reply(0, detail=square_payments._FORMLESS)),
        (500, {"errors": [{"code": "odd code!", "category": "API_ERROR"}]}, Reply(500, None, detail="500 without a code")),
        (200, LATE, Reply(0, detail="no answer in time")),
        (200, urllib3.exceptions.ProtocolError("gone"), Reply(0, detail="ReadError")),
        (200, urllib3.exceptions.SSLError("another name"), Reply(0, detail="ConnectError")),
        (200, b"no json", Reply(0, detail=square_payments._FORMLESS)),
        (502, b"<html>\xff", Reply(502, None, detail="502 without a code")),
    ],
)
def test_answers_of_other_forms(status: int, body: t.Any, reply: Reply) -> None:
    assert answered(status, body).charge(request()) == reply


def test_a_look_at_an_answer_of_another_form_is_a_sentence() -> None:
    with pytest.raises(SquareUnclear, match="the locations"):
        answered(200, {"locations": 7}).places()
    with pytest.raises(SquareUnclear, match="a payment"):
        answered(200, {"payment": {"id": "p", "status": "COMPLETED", "amount_money": {"amount": 1, "currency": "USD"}}}).payment("p")
    with pytest.raises(SquareUnclear, match="a payment"):
        odd = {"id": "p", "status": "S", "created_at": "2026-11-24T09:30:00", "amount_money": {"amount": 1, "currency": "USD"}}
        answered(200, {"payment": odd}).payment("p")
    with pytest.raises(SquareDown, match="did not answer in time"):
        answered(200, LATE).places()


def test_payments_and_cards_go_past_the_sdk() -> None:
    assert square_transport.past({"payments": [{"id": "p"}], "cursor": "c"}) == {"plain": {"payments": [{"id": "p"}]}, "cursor": "c"}
    others: list[t.Any] = [[1], {"subscription": {}}, None]
    for body in others:
        assert square_transport.past(body) == body


def test_what_is_asked_is_written_as_square_reads_it() -> None:
    pool = Scripted(200, {"cards": []})
    account = PaymentAccount(token(1), "https://square.example.com", square_transport.Client(pool, 1))
    assert list(account.cards()) == []
    assert pool.asked == ["/v2/cards?include_disabled=true"]


def test_the_id_of_a_card_leads_to_no_other_address() -> None:
    pool = Scripted(200, {"card": {"enabled": True}})
    account = PaymentAccount(token(1), "https://square.example.com", square_transport.Client(pool, 1))
    assert account.has_card("../payments?x#y")
    assert pool.asked == ["/v2/cards/..%2Fpayments%3Fx%23y"]


def test_only_square_itself_says_that_a_card_is_gone() -> None:
    with pytest.raises(SquareRefusal, match="404"):
        answered(404, {"errors": []}).has_card("ccof:card-1")
    with pytest.raises(SquareRefusal, match="401"):
        answered(401, {"errors": [{"category": "AUTHENTICATION_ERROR", "code": "UNAUTHORIZED"}]}).has_card("ccof:card-1")


@pytest.mark.parametrize(
    ("variables", "proxy"),
    [
        ({}, None),
        ({"https_proxy": "http://me:p%40ss@proxy.example:3128"}, "http://me:p%40ss@proxy.example:3128"),
        ({"all_proxy": "http://proxy.example:3128"}, "http://proxy.example:3128"),
        ({"https_proxy": "http://proxy.example:3128", "no_proxy": "square.example.com"}, None),
    ],
)
def test_a_proxy_is_for_what_leaves_the_host(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], proxy: str | None) -> None:
    for name in ("https_proxy", "all_proxy", "no_proxy", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    pool = square_transport.client_of("https://square.example.com", 1, 1)._pool
    assert (pool.proxy.url if pool.proxy else None) == proxy
    assert ("proxy-authorization" in pool.proxy_headers) is ("@" in str(proxy))
    assert square_transport.client_of("http://127.0.0.1:1", 1, 1)._pool.proxy is None


def test_a_certificate_that_nobody_vouches_for_is_no_answer(tmp_path: Path) -> None:
    with served(make_pair(tmp_path)) as port, ExitStack() as stack:
        shop = PaymentAccounts(stack, 1).account(token(1), f"https://localhost:{port}")
        assert shop.charge(request()) == Reply(0, detail="ConnectError")


def test_a_look_waits_where_square_limits_the_rate(square: SquareControl) -> None:
    waited: list[float] = []
    with ExitStack() as stack:
        shop = PaymentAccounts(stack, 1, waited.append).account(token(1), square.base_url)
        square.fault("rate_limited", count=2, retry_after=3)
        assert len(shop.places()) == 2
        square.fault("rate_limited")
        with pytest.raises(SquareDown, match="429"):
            shop.places()
    assert waited == [3, 3, 7, 7, 7]


def test_companies_with_one_token_share_an_account(monkeypatch: pytest.MonkeyPatch) -> None:
    with ExitStack() as stack:
        accounts = PaymentAccounts(stack, 1)
        assert accounts.account("a", "https://x.example") is accounts.account("a", "https://x.example")
        assert accounts.account("a", "https://x.example") is not accounts.account("b", "https://x.example")
    monkeypatch.setattr(square_payments, "MISSING_SDK", "squareup is missing")
    with pytest.raises(LibraryMissing, match="squareup is missing"):
        PaymentAccounts(ExitStack(), 1)
