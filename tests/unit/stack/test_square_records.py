# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What else the Square simulator keeps: refunds, cards, customers, locations, and events with their webhook."""

from __future__ import annotations

import json
import threading
import time
import typing as t
import urllib.error
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from square import Square
from square.core.api_error import ApiError
from square.utils.webhooks_helper import verify_signature
from square_control import SquareControl, free_port
from square_simulator import order

Refusal = Callable[..., tuple[int, str]]
Notice = tuple[str, str]


def paid(client: Square, key: str, amount: int = 5000) -> str:
    """The id of a new payment."""
    payment: t.Any = client.payments.create(**order(1, key, amount)).payment
    identity: str = payment.id
    return identity


def money(amount: int, currency: str = "USD") -> t.Any:
    return {"amount": amount, "currency": currency}


def test_a_refund_is_made_once_for_a_key_and_of_no_more_than_is_left(square: SquareControl, client: Square, refusal: Refusal) -> None:
    payment = paid(client, "k1")
    first = client.refunds.refund_payment(idempotency_key="r1", amount_money=money(2000), payment_id=payment, reason="twice").refund
    again = client.refunds.refund_payment(idempotency_key="r1", amount_money=money(2000), payment_id=payment, reason="twice").refund
    assert first and again and (first.id, first.status, again.id) == (again.id, "PENDING", first.id)
    refunds = client.refunds.refund_payment
    assert refusal(refunds, idempotency_key="r1", amount_money=money(1), payment_id=payment) == (400, "IDEMPOTENCY_KEY_REUSED")
    assert refusal(refunds, idempotency_key="r2", amount_money=money(3001), payment_id=payment) == (400, "REFUND_AMOUNT_INVALID")
    assert refusal(refunds, idempotency_key="r2", amount_money=money(1, "CAD"), payment_id=payment) == (400, "CURRENCY_MISMATCH")
    assert refusal(refunds, idempotency_key="r2", amount_money=money(1), payment_id="nobody") == (404, "NOT_FOUND")
    refunds(idempotency_key="r2", amount_money=money(3000), payment_id=payment)
    of_payment: t.Any = client.payments.get(payment).payment
    assert (of_payment.refunded_money.amount, len(of_payment.refund_ids)) == (5000, 2)
    assert [(one["payment_id"], one["amount"], one["reason"]) for one in square.refunds()] == [
        (payment, 2000, "twice"),
        (payment, 3000, None),
    ]
    # The charge stays a charge.
    assert len(square.charges()) == 1


def test_what_was_not_taken_is_not_given_back(square: SquareControl, client: Square, refusal: Refusal) -> None:
    approved: t.Any = client.payments.create(**order(1, "k1", autocomplete=False)).payment
    refused = refusal(client.refunds.refund_payment, idempotency_key="r1", amount_money=money(1), payment_id=approved.id)
    assert refused == (400, "PAYMENT_NOT_REFUNDABLE")
    assert square.refunds() == []


def test_a_refund_is_completed_and_listed_some_seconds_later(square: SquareControl, client: Square) -> None:
    square.listing(0.5)
    made = client.refunds.refund_payment(idempotency_key="r1", amount_money=money(10), payment_id=paid(client, "k1")).refund
    assert made is not None
    assert client.refunds.get(made.id).refund == made
    assert list(client.refunds.list()) == []
    time.sleep(0.6)
    (listed,) = client.refunds.list()
    assert (listed.id, listed.status) == (made.id, "COMPLETED")
    assert client.refunds.get(made.id).refund == listed
    assert list(client.refunds.list(location_id="L1A")) == list(client.refunds.list(status="PENDING")) == []


def test_cards_are_listed_for_a_customer_and_disabled_for_good(square: SquareControl, client: Square, refusal: Refusal) -> None:
    assert [card.id for card in client.cards.list(customer_id="customer-1")] == ["ccof:card-1", "ccof:card-1b"]
    disabled: t.Any = client.cards.disable("ccof:card-1").card
    assert (disabled.enabled, disabled.version, disabled.disabled_at is not None) == (False, 2, True)
    assert client.cards.disable("ccof:card-1").card == disabled
    assert [card.id for card in client.cards.list()] == ["ccof:card-1b"]
    assert [card.id for card in client.cards.list(include_disabled=True)] == ["ccof:card-1", "ccof:card-1b"]
    assert refusal(client.payments.create, **order(1, "k1")) == (402, "INVALID_CARD")
    assert refusal(client.cards.get, "ccof:card-2") == (404, "NOT_FOUND")
    assert square.charges() == []


def test_a_card_that_somebody_disables_in_the_dashboard_is_that_until_a_reset(square: SquareControl, client: Square) -> None:
    square.set_card("ccof:card-1", enabled=False)
    card: t.Any = client.cards.get("ccof:card-1").card
    assert card.enabled is False
    square.reset()
    assert [one.id for one in client.cards.list()] == ["ccof:card-1", "ccof:card-1b"]


def test_customers_and_locations_are_those_of_the_merchant(client: Square, other: Square, refusal: Refusal) -> None:
    found: t.Any = client.customers.get("customer-1").customer
    assert found.id == "customer-1"
    assert refusal(other.customers.get, "customer-1") == (404, "NOT_FOUND")
    assert [place.id for place in client.locations.list().locations or []] == ["L1", "L1A", "L1AB"]
    main: t.Any = client.locations.get("main").location
    assert (main.id, main.currency, main.merchant_id) == ("L1", "USD", "merchant-1")
    assert refusal(client.locations.get, "L2") == (404, "NOT_FOUND")


def search(client: Square, **values: t.Any) -> list[str]:
    """Type and object of the events that are found."""
    found = client.events.search_events(**values).events or []
    return [f"{event.type} {event.data.id}" for event in found if event.data]


def test_only_what_happens_while_events_are_enabled_is_found(client: Square, other: Square) -> None:
    paid(client, "k1")
    client.events.enable_events()
    payment = paid(client, "k2")
    client.refunds.refund_payment(idempotency_key="r1", amount_money=money(5000), payment_id=payment)
    client.events.disable_events()
    paid(client, "k3")
    client.events.enable_events()
    found = search(client, query={"sort": {"order": "ASC"}})
    assert found[0] == f"payment.created {payment}"
    assert sorted(one.split()[0] for one in found) == ["payment.created", "payment.updated", "refund.created"]
    assert search(other) == []


def test_an_event_has_the_object_as_it_was_then(client: Square) -> None:
    client.events.enable_events()
    payment: t.Any = client.payments.create(**order(1, "k1", autocomplete=False)).payment
    client.payments.complete(payment.id)
    events = client.events.search_events(query={"sort": {"order": "ASC"}}).events or []
    assert [event.data and (event.data.object or {})["payment"]["status"] for event in events] == ["APPROVED", "COMPLETED"]
    assert {(event.merchant_id, event.location_id) for event in events} == {("merchant-1", "L1")}
    assert len({event.event_id for event in events}) == 2


def test_events_are_filtered_and_come_in_pages(square: SquareControl, client: Square) -> None:
    client.events.enable_events()
    payments = [paid(client, f"k{number}") for number in range(5)]
    square.set_price("sub-1", 100)
    subscription: t.Any = {"filter": {"event_types": ["subscription.updated"]}}
    assert search(client, query=subscription) == ["subscription.updated sub-1"]
    created: t.Any = {"filter": {"event_types": ["payment.created"], "location_ids": ["L1"]}, "sort": {"order": "ASC"}}
    first = client.events.search_events(query=created, limit=3)
    assert [event.data and event.data.id for event in first.events or []] == payments[:3]
    assert search(client, query=created, limit=3, cursor=first.cursor) == [f"payment.created {one}" for one in payments[3:]]
    later: t.Any = {"filter": {"created_at": {"start_at": "2100-01-01T00:00:00Z"}}}
    assert search(client, query=later) == []


def test_events_are_gone_after_28_days(square: SquareControl, client: Square) -> None:
    client.events.enable_events()
    now = datetime.now(timezone.utc)
    made = [square.pay(1, merchant_id="merchant-1", created_at=(now - timedelta(days=days)).isoformat()) for days in (27, 29)]
    assert search(client) == [f"payment.created {made[0]['id']}"]


@pytest.fixture
def endpoint() -> Iterator[tuple[str, list[Notice]]]:
    """An address that takes webhooks, and what it got: signature and body. It refuses those that are not signed."""
    got: list[Notice] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            got.append((self.headers["x-square-hmacsha256-signature"], body))
            self.send_response(500 if "sub-1" in body else 200)
            self.end_headers()

        def log_message(self, *_words: t.Any) -> None:
            """The log of a test has no use for it."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hook", got
    server.shutdown()
    thread.join()
    server.server_close()


def test_each_event_is_told_once_in_order_and_signed(square: SquareControl, client: Square, endpoint: tuple[str, list[Notice]]) -> None:
    url, got = endpoint
    public = "https://circuit-sage.example/api/payments/webhook/square"
    square.webhook(url, "the key", public)
    payment = paid(client, "k1")
    client.refunds.refund_payment(idempotency_key="r1", amount_money=money(1), payment_id=payment)
    square.set_price("sub-1", 100)
    told = square.deliveries()
    assert [(one["type"], one["status"]) for one in told] == [
        ("payment.created", 200),
        ("refund.created", 200),
        ("payment.updated", 200),
        ("subscription.updated", 500),
    ]
    for signature, body in got:
        assert sorted(json.loads(body)) == ["created_at", "data", "event_id", "merchant_id", "type"]
        assert verify_signature(request_body=body, signature_header=signature, signature_key="the key", notification_url=public)
        # Neither another address nor another key fits.
        assert not verify_signature(request_body=body, signature_header=signature, signature_key="the key", notification_url=url)
        assert not verify_signature(request_body=body, signature_header=signature, signature_key="a key", notification_url=public)
    assert "the key" not in str(square.ask("GET", "/_sim/webhook"))


def test_an_endpoint_that_does_not_answer_is_told_so(square: SquareControl, client: Square) -> None:
    square.webhook(f"http://127.0.0.1:{free_port()}", "key", "https://circuit-sage.example")
    paid(client, "k1")
    assert [one["status"] for one in square.deliveries()] == [None]
    square.webhook(None)
    paid(client, "k2")
    assert len(square.deliveries()) == 1


def test_a_webhook_is_shown_to_whose_it_is_and_tested_by_a_signed_event(
    square: SquareControl, client: Square, endpoint: tuple[str, list[Notice]]
) -> None:
    url, got = endpoint
    public = "https://circuit-sage.example/api/payments/webhook/square"
    square.webhook(url, "the key", public, merchant_id="merchant-1")
    (shown,) = client.webhooks.subscriptions.list()
    assert (shown.notification_url, shown.signature_key, shown.enabled) == (public, "the key", True)
    assert client.webhooks.subscriptions.test(shown.id or "").status_code == 200
    ((signature, body),) = got
    assert verify_signature(request_body=body, signature_header=signature, signature_key="the key", notification_url=public)
    square.webhook(url, "the key", public, merchant_id="merchant-2")
    assert list(client.webhooks.subscriptions.list()) == []
    with pytest.raises(ApiError):
        client.webhooks.subscriptions.test(shown.id or "")
    paid(client, "k1")
    square.webhook(url, "the key", public, enabled=False)
    assert list(client.webhooks.subscriptions.list()) == []
    assert [one.enabled for one in client.webhooks.subscriptions.list(include_disabled=True)] == [False]
    paid(client, "k2")
    assert square.deliveries() == []


def test_a_payment_may_never_have_been_made_and_a_request_be_anybodys(square: SquareControl, client: Square) -> None:
    """What a drill asks for: without a token, under the key that the request has."""
    asked = order(1, "k1", location_id="L1")
    made = square.ask("POST", "/_sim/requests", asked)["payment"]
    assert client.payments.create(**asked).payment.id == made["id"]
    assert square.ask("POST", f"/_sim/payments/{made['id']}/forget")["merchant_id"] == "merchant-1"
    with pytest.raises(ApiError):
        client.payments.get(payment_id=made["id"])
    with pytest.raises(urllib.error.HTTPError, match="404"):
        square.ask("POST", f"/_sim/payments/{made['id']}/forget")


@pytest.mark.parametrize("url", ["http://192.0.32.7/", "https://127.0.0.1/", "http://[::1", "nonsense"])
def test_nothing_is_told_outside_of_private_networks(square: SquareControl, url: str) -> None:
    with pytest.raises(urllib.error.HTTPError, match="400"):
        square.webhook(url, "key", "https://circuit-sage.example")
