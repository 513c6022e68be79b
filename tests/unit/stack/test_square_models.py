# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The answers of the Square simulator are those of the SDK's own models: every field is one of theirs, of its type and its words.

The SDK takes what it gets without a look, and its models let unknown fields pass, so that all is looked at here.
"""

from __future__ import annotations

import importlib
import json
import re
import types
import typing as t
import urllib.error
from collections.abc import Iterator

import pydantic
import pytest
from square_control import SquareControl, free_port
from square_simulator import order, token_of

Json = t.Any


def strangers(value: Json, kind: t.Any, place: str) -> Iterator[str]:
    """Where a value is not what a type of the SDK says, and how."""
    origin, parts = t.get_origin(kind), t.get_args(kind)
    if origin is t.Annotated:
        yield from strangers(value, parts[0], place)
    elif origin in (t.Union, types.UnionType):
        yield from of_union(value, parts, place)
    elif origin is t.Literal:
        if value not in parts:
            yield f"{place}: {value!r} is none of its words"
    elif isinstance(kind, type) and issubclass(kind, pydantic.BaseModel):
        yield from of_model(value, kind, place)
    elif origin in (list, t.Sequence):
        if not isinstance(value, list):
            yield f"{place}: {value!r} is no list"
            return
        for number, one in enumerate(value):
            yield from strangers(one, parts[0], f"{place}[{number}]")
    # A boolean is an int to Python, and not to Square.
    elif kind is not t.Any and (not isinstance(value, origin or kind) or (isinstance(value, bool) and kind is not bool)):
        yield f"{place}: {value!r} is no {kind}"


def of_union(value: Json, parts: tuple[t.Any, ...], place: str) -> Iterator[str]:
    """A list of words that anything may stand beside is held to its words; otherwise one of the types has to fit."""
    kinds = [part for part in parts if part is not type(None)]
    if any(t.get_origin(kind) is t.Literal for kind in kinds):
        kinds = [kind for kind in kinds if kind is not t.Any]
    if value is None and type(None) in parts:
        return
    found = [list(strangers(value, kind, place)) for kind in kinds]
    yield from min(found, key=len)


def of_model(value: Json, model: type[pydantic.BaseModel], place: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{place}: {value!r} is no {model.__name__}"
        return
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    hints = t.get_type_hints(model)
    names = {field.alias or name: name for name, field in model.model_fields.items()}
    for name, one in value.items():
        if name in fields:
            yield from strangers(one, hints[names[name]], f"{place}.{name}")
        else:
            yield f"{place}: {model.__name__} has no {name}"
    for name, field in fields.items():
        if field.is_required() and name not in value:
            yield f"{place}: {model.__name__} needs {name}"


def model_of(name: str) -> type[pydantic.BaseModel]:
    """A model of the SDK, which has each in a module of its own."""
    module = importlib.import_module("square.types." + re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower())
    model: type[pydantic.BaseModel] = getattr(module, name)
    return model


def test_a_stranger_is_found() -> None:
    """The look at the models sees what it is for."""
    sound = {"payment": {"id": "p", "amount_money": {"amount": 1, "currency": "USD"}, "card_details": {"card": {"last_4": "1111"}}}}
    assert list(strangers(sound, model_of("GetPaymentResponse"), "")) == []
    for wrong, words in (
        ({"payment": {"colour": "red"}}, "Payment has no colour"),
        ({"payment": {"id": 1}}, "is no <class 'str'>"),
        ({"payment": {"amount_money": {"amount": "1"}}}, "is no <class 'int'>"),
        ({"payment": {"amount_money": {"amount": True}}}, "is no <class 'int'>"),
        ({"payment": {"amount_money": {"currency": "XYZ"}}}, "is none of its words"),
        ({"payment": {"card_details": {"card": {"last4": "1111"}}}}, "Card has no last4"),
        ({"payment": {"refund_ids": "r"}}, "is no list"),
        ({"errors": [{"code": "NOT_FOUND"}]}, "Error needs category"),
    ):
        found = list(strangers(wrong, model_of("GetPaymentResponse"), ""))
        assert len(found) == 1 and words in found[0], found


class Asked:
    """Calls as they are sent, each with the model of its answer."""

    def __init__(self, square: SquareControl) -> None:
        self._square = square
        self.found: list[str] = []

    def __call__(self, name: str, method: str, path: str, body: Json = None) -> Json:
        """The answer, which may be a refusal."""
        try:
            answer = self._square.ask(method, f"/v2/{path}", body, token_of(1))
        except urllib.error.HTTPError as refused:
            answer = json.loads(refused.read())
        model = model_of(name)
        self.found += strangers(answer, model, f"{method} {path}")
        model.model_validate(answer, strict=True)
        return answer


def test_every_answer_is_of_its_model(square: SquareControl) -> None:
    ask = Asked(square)
    ask("EnableEventsResponse", "PUT", "events/enable")
    create, get = "CreatePaymentResponse", "GetPaymentResponse"
    payment = ask(create, "POST", "payments", order(1, "k1", note="n", statement_description_identifier="s"))["payment"]
    first = ask(create, "POST", "payments", order(1, "k2", autocomplete=False))["payment"]["id"]
    second = ask(create, "POST", "payments", order(1, "k3", autocomplete=False))["payment"]["id"]
    ask("CompletePaymentResponse", "POST", f"payments/{first}/complete", {})
    ask("CancelPaymentResponse", "POST", f"payments/{second}/cancel", {})
    ask("CancelPaymentByIdempotencyKeyResponse", "POST", "payments/cancel", {"idempotency_key": "k3"})
    square.fault("hard_decline", count=1)
    assert ask(create, "POST", "payments", order(1, "k4"))["payment"]["status"] == "FAILED"
    assert ask(create, "POST", "payments", order(1, "k1", 1))["errors"][0]["code"] == "IDEMPOTENCY_KEY_REUSED"
    asked = {"idempotency_key": "r1", "amount_money": {"amount": 5, "currency": "USD"}, "payment_id": payment["id"], "reason": "why"}
    refund = ask("RefundPaymentResponse", "POST", "refunds", asked)["refund"]
    square.pay(100, merchant_id="merchant-1", card="ccof:card-1", customer_id="customer-1", status="FAILED")
    assert ask(get, "GET", f"payments/{payment['id']}")["payment"]["refunded_money"]["amount"] == 5
    assert ask(get, "GET", "payments/nobody")["errors"][0]["code"] == "NOT_FOUND"
    assert len(ask("ListPaymentsResponse", "GET", "payments?limit=3")["payments"]) == 3
    ask("GetPaymentRefundResponse", "GET", f"refunds/{refund['id']}")
    assert ask("ListPaymentRefundsResponse", "GET", "refunds")["refunds"]
    assert ask("ListCardsResponse", "GET", "cards")["cards"]
    ask("GetCardResponse", "GET", "cards/ccof:card-1")
    ask("DisableCardResponse", "POST", "cards/ccof:card-1/disable", {})
    ask("GetCustomerResponse", "GET", "customers/customer-1")
    assert ask("ListLocationsResponse", "GET", "locations")["locations"]
    ask("GetLocationResponse", "GET", "locations/main")
    square.set_price("sub-1", 100)
    ask("GetSubscriptionResponse", "GET", "subscriptions/sub-1")
    price = {"subscription": {"version": 2, "price_override_money": {"amount": 200, "currency": "USD"}}}
    assert ask("UpdateSubscriptionResponse", "PUT", "subscriptions/sub-1", price)["subscription"]["version"] == 3
    assert ask("SearchSubscriptionsResponse", "POST", "subscriptions/search", {})["subscriptions"]
    ask("GetCatalogObjectResponse", "GET", "catalog/object/plan-1")
    events = ask("SearchEventsResponse", "POST", "events", {})["events"]
    ask("DisableEventsResponse", "PUT", "events/disable")
    square.webhook(f"http://127.0.0.1:{free_port()}", "key", "https://circuit-sage.example")
    (hook,) = ask("ListWebhookSubscriptionsResponse", "GET", "webhooks/subscriptions")["subscriptions"]
    ask("GetWebhookSubscriptionResponse", "GET", f"webhooks/subscriptions/{hook['id']}")
    assert ask("TestWebhookSubscriptionResponse", "POST", f"webhooks/subscriptions/{hook['id']}/test", {})["status_code"] == 504
    bodies = {
        "payment.created": "PaymentCreatedEvent",
        "payment.updated": "PaymentUpdatedEvent",
        "refund.created": "RefundCreatedEvent",
        "subscription.updated": "SubscriptionUpdatedEvent",
    }
    for event in events:
        # A webhook is told the same without the location, in a form for each type.
        told = {name: value for name, value in event.items() if name != "location_id"}
        ask.found += strangers(told, model_of(bodies[event["type"]]), event["type"])
    assert {event["type"] for event in events} == set(bodies)
    assert ask.found == []


@pytest.mark.parametrize("mode", ["token_expired", "scope_missing", "rate_limited", "square_down", "currency_mismatch", "card_disabled"])
def test_every_refusal_is_of_the_model(square: SquareControl, mode: str) -> None:
    ask = Asked(square)
    square.fault(mode)
    assert ask("CreatePaymentResponse", "POST", "payments", order(1, "k1"))["errors"]
    assert ask.found == []
