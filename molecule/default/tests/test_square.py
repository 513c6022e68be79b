# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulator of Square: the official SDK talks to it with nothing but its address set, and its models accept what it answers."""

from __future__ import annotations

import json
import os
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from circuit_sage import CircuitSage
from credential_format import decrypt
from square import Square
from square.core.api_error import ApiError
from square.types.get_catalog_object_response import GetCatalogObjectResponse
from square.types.get_subscription_response import GetSubscriptionResponse
from square.types.search_subscriptions_response import SearchSubscriptionsResponse
from square.types.update_subscription_response import UpdateSubscriptionResponse

pytestmark = pytest.mark.sandbox_only(reason="production has Square itself")

BASE_URL = f"http://127.0.0.1:{os.environ.get('SANDBOX_SQUARE_PORT', '14010')}"
PAYING = """
SELECT s.square_subscription_id AS id, s.square_customer_id AS customer, s.square_card_id AS card, (s.monthly_amount * 100)::int AS cents,
  c.settings #>> '{integrations,payment,credentials,locationId}' AS location,
  (SELECT json_object_agg(p.square_payment_id, (p.amount * 100)::int) FROM subscription_payments p
    WHERE p.subscription_id = s.id AND p.status = 'succeeded' AND p.square_payment_id LIKE 'sandbox-%%') AS paid,
  c.settings #>> '{integrations,payment,credentials,accessToken}' AS token
FROM subscriptions s JOIN companies c ON c.id = s.company_id
WHERE s.square_subscription_id LIKE 'sandbox-%%' AND c.settings #>> '{integrations,payment,credentials,accessToken}' LIKE '%%:%%:%%'
ORDER BY c.subdomain
"""


@pytest.fixture(scope="module")
def paying(system: CircuitSage) -> list[dict[str, Any]]:
    """Seeded companies with a subscription at Square, with their tokens and locations in plain."""
    key = system.env["ENCRYPTION_KEY"]
    return [{**row, **{name: decrypt(row[name], key) for name in ("token", "location")}} for row in system.sql(PAYING)]


def raw(method: str, path: str, token: str, body: Any = None) -> Any:
    """An answer as it is, before the SDK takes what it knows of it."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(BASE_URL + path, data, headers, method=method)  # noqa: S310 - loopback
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - loopback
        return json.loads(answer.read())


@pytest.fixture
def as_seeded() -> Iterator[None]:
    """Puts the subscriptions back."""
    yield
    raw("POST", "/_sim/subscriptions/reset", "", {})


def test_each_seeded_subscription_is_charged_what_is_stored(paying: list[dict[str, Any]]) -> None:
    """By a price of its own, or by that of its plan; both forms are there."""
    assert len(paying) == 28
    forms = set()
    for one in paying:
        client = Square(token=one["token"], base_url=BASE_URL)
        found = client.subscriptions.get(one["id"]).subscription
        assert found is not None and found.plan_variation_id is not None
        plan: Any = client.catalog.object.get(found.plan_variation_id).object
        own = found.price_override_money
        money = own or plan.subscription_plan_variation_data.phases[0].pricing.price_money
        assert (money.amount, money.currency) == (one["cents"], "USD")
        forms.add(own is None)
    assert forms == {True, False}


def test_each_seeded_company_has_an_account_that_agrees_with_the_database(paying: list[dict[str, Any]]) -> None:
    """Its location, customer and card are known there, and so is what it paid, at that location."""
    found_by_default = set()
    for one in paying:
        client = Square(token=one["token"], base_url=BASE_URL)
        place: Any = client.locations.get(one["location"]).location
        customer: Any = client.customers.get(one["customer"]).customer
        card: Any = client.cards.get(one["card"]).card
        assert (place.status, place.currency, customer.id) == ("ACTIVE", "USD", one["customer"])
        assert (card.enabled, card.customer_id) == (True, one["customer"])
        paid = {payment.id: payment.amount_money for payment in client.payments.list(location_id=one["location"])}
        assert {identity: money.amount for identity, money in paid.items() if money} == one["paid"]
        found_by_default.add(bool(list(client.payments.list())))
    # Where there is a head office, whoever asks without a location finds nothing.
    assert found_by_default == {True, False}


@pytest.mark.usefixtures("as_seeded")
def test_the_models_of_the_sdk_accept_the_answers(paying: list[dict[str, Any]]) -> None:
    """The SDK takes what it gets without a look; its models look when they are asked to."""
    one = paying[0]
    path = f"/v2/subscriptions/{one['id']}"
    found = GetSubscriptionResponse.model_validate(raw("GET", path, one["token"])).subscription
    assert found is not None and found.id == one["id"]
    plan = raw("GET", f"/v2/catalog/object/{found.plan_variation_id}", one["token"])
    assert GetCatalogObjectResponse.model_validate(plan).object
    query = {"query": {"filter": {"customer_ids": [one["customer"]]}}}
    page = SearchSubscriptionsResponse.model_validate(raw("POST", "/v2/subscriptions/search", one["token"], query))
    assert [each.id for each in page.subscriptions or []] == [one["id"]]
    wanted = {"subscription": {"version": found.version, "price_override_money": {"amount": 100, "currency": "USD"}}}
    changed = UpdateSubscriptionResponse.model_validate(raw("PUT", path, one["token"], wanted)).subscription
    assert changed is not None and (changed.version, changed.price_override_money and changed.price_override_money.amount) == (2, 100)


def test_a_subscription_is_known_under_its_own_token_only(paying: list[dict[str, Any]]) -> None:
    client = Square(token=paying[0]["token"], base_url=BASE_URL)
    with pytest.raises(ApiError) as refused:
        client.subscriptions.get(paying[1]["id"])
    assert (refused.value.status_code, refused.value.errors[0].code) == (404, "NOT_FOUND")


@pytest.mark.usefixtures("as_seeded")
def test_a_price_is_written_under_the_present_version_only(paying: list[dict[str, Any]]) -> None:
    """Null takes it away again."""
    updates = Square(token=paying[0]["token"], base_url=BASE_URL).subscriptions
    price: Any = {"price_override_money": {"amount": 1, "currency": "USD"}}
    nothing: Any = {"price_override_money": None}
    with pytest.raises(ApiError) as refused:
        updates.update(paying[0]["id"], subscription={**price, "version": 77}, request_options={"max_retries": 0})
    assert (refused.value.status_code, refused.value.errors[0].code) == (409, "CONFLICT")
    updates.update(paying[0]["id"], subscription={**price, "version": 1})
    cleared = updates.update(paying[0]["id"], subscription={**nothing, "version": 2}).subscription
    assert cleared is not None and (cleared.version, cleared.price_override_money) == (3, None)
