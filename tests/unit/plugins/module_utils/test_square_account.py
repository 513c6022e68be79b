# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Square through its SDK, against the simulator: prices and versions, and one sentence for each way in which it refuses."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from square import Square
from square.core.api_error import ApiError
from square.types.get_catalog_object_response import GetCatalogObjectResponse
from square.types.get_subscription_response import GetSubscriptionResponse
from square.types.search_subscriptions_response import SearchSubscriptionsResponse
from square_control import SquareControl, free_port, started
from square_simulator import entry, token_of

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import square_account
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError, LibraryMissing
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.square_account import (
    Accounts,
    PlanPrice,
    SquareAccount,
    SquareConflict,
    SquareDown,
    SquareRefusal,
    SquareUnclear,
)


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SquareControl]:
    """With three subscriptions: a price of its own, that of the plan, and one priced by items."""
    with started(tmp_path_factory.mktemp("square")) as control:
        relative = entry(3, pricing={"type": "RELATIVE"})
        control.ask("POST", "/_sim/subscriptions", {"subscriptions": [entry(1, override_cents=15000), entry(2, 20000), relative]})
        yield control


@pytest.fixture
def square(simulator: SquareControl) -> SquareControl:
    simulator.reset()
    return simulator


@pytest.fixture
def accounts() -> Iterator[Accounts]:
    with ExitStack() as stack:
        yield Accounts(stack)


@pytest.fixture
def account(square: SquareControl, accounts: Accounts) -> SquareAccount:
    return accounts.account(token_of(1), square.base_url)


def test_a_subscription_and_its_price(square: SquareControl, accounts: Accounts) -> None:
    own = accounts.account(token_of(1), square.base_url).subscription("sub-1")
    assert (own.identity, own.status, own.version, own.override_cents, own.currency) == ("sub-1", "ACTIVE", 1, 15000, "USD")
    of_plan = accounts.account(token_of(2), square.base_url)
    assert of_plan.subscription("sub-2").override_cents is None
    assert of_plan.plan_price("plan-2") == PlanPrice(20000, "USD", "MONTHLY", "")
    assert accounts.account(token_of(3), square.base_url).plan_price("plan-3").why_not.endswith("(RELATIVE)")


def test_a_price_is_set_and_taken_away_under_the_version(square: SquareControl, account: SquareAccount) -> None:
    assert account.override_price("sub-1", 9900, "USD", 1).version == 2
    assert square.prices()["sub-1"] == (2, 9900)
    assert account.override_price("sub-1", None, "USD", 2).override_cents is None
    assert square.prices()["sub-1"] == (3, None)


def test_a_version_that_is_not_the_present_one_changes_nothing(square: SquareControl, account: SquareAccount) -> None:
    square.set_price("sub-1", 7000)
    before = square.prices()
    with pytest.raises(
        SquareConflict, match=r"somebody has changed the subscription sub-1 at Square meanwhile \(409 CONFLICT\); run again"
    ):
        account.override_price("sub-1", 9900, "USD", 1)
    assert square.prices() == before


@pytest.mark.parametrize(
    ("kind", "error", "words"),
    [
        ("token_expired", SquareRefusal, r"does not take the access token \(401 ACCESS_TOKEN_EXPIRED\)"),
        ("scope_missing", SquareRefusal, r"may not do this at Square \(403 INSUFFICIENT_SCOPES\)"),
        ("rate_limited", SquareDown, r"limits the rate \(429 RATE_LIMITED\)"),
        ("square_down", SquareDown, r"has a failure of its own \(503 SERVICE_UNAVAILABLE\)"),
    ],
)
def test_each_refusal_has_its_sentence_and_is_asked_for_once(
    square: SquareControl, account: SquareAccount, kind: str, error: type[IncidentError], words: str
) -> None:
    square.fault(kind)
    with pytest.raises(error, match=words) as told:
        account.subscription("sub-1")
    assert token_of(1) not in str(told.value)
    assert told.value.__cause__ is None and told.value.__suppress_context__
    assert square.calls() == ["GET /v2/subscriptions/sub-1"]


def test_another_companys_subscription_is_not_known(square: SquareControl, accounts: Accounts) -> None:
    with pytest.raises(SquareRefusal, match=r"does not know the subscription sub-2 under this access token \(404 NOT_FOUND\)"):
        accounts.account(token_of(1), square.base_url).subscription("sub-2")


def test_an_answer_that_is_lost_leaves_it_open(square: SquareControl, account: SquareAccount) -> None:
    square.fault("close_after", count=1, match={"method": "PUT"})
    with pytest.raises(SquareDown, match="does not answer"):
        account.override_price("sub-1", 9900, "USD", 1)
    assert square.prices()["sub-1"] == (2, 9900)


def test_nobody_listens(accounts: Accounts) -> None:
    with pytest.raises(SquareDown, match=r"does not answer at http://127\.0\.0\.1:\d+ \(ConnectError\)"):
        accounts.account(token_of(1), f"http://127.0.0.1:{free_port()}").subscription("sub-1")


def test_an_answer_of_another_form_is_told(square: SquareControl, account: SquareAccount) -> None:
    square.change("sub-1", subscription={"plan_variation_id": None})
    with pytest.raises(SquareUnclear, match="has not the form of its API"):
        account.subscription("sub-1")


@pytest.mark.parametrize("identity", ["../payments", "a/b", "", "..", "a?b", "x" * 256])
def test_an_id_that_would_lead_elsewhere_is_not_asked_for(square: SquareControl, account: SquareAccount, identity: str) -> None:
    with pytest.raises(SquareRefusal, match="is no id of a subscription at Square"):
        account.subscription(identity)
    assert square.calls() == []


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [(200, "<html>", SquareUnclear), (408, {}, SquareDown), (418, {}, SquareRefusal), (500, None, SquareDown)],
)
def test_statuses_without_a_code(status: int, body: object, error: type[IncidentError]) -> None:
    found = square_account.refusal(ApiError(status_code=status, body=body), "the subscription s", "https://square.example.com")
    assert found.__class__.__name__ == error.__name__


@pytest.mark.parametrize(
    "url",
    ["https://connect.squareup.com", "https://connect.squareup.com/", "http://127.0.0.1:14010", "http://localhost:1", "http://[::1]:14010"],
)
def test_addresses_that_tokens_may_go_to(url: str) -> None:
    square_account.check_base_url(url)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://connect.squareup.com", "without TLS"),
        ("http://10.0.0.7:4010", "without TLS"),
        ("http://localhost.example.com", "without TLS"),
        ("ftp://127.0.0.1", "no address of an API"),
        ("connect.squareup.com", "no address of an API"),
        ("https://", "no address of an API"),
        ("https://user:secret-value@127.0.0.1", "no address of an API"),
        ("https://127.0.0.1/v2", "no address of an API"),
        ("https://127.0.0.1?x=1", "no address of an API"),
        ("https://[::1", "cannot be read as an address"),
        ("https://127.0.0.1:port", "cannot be read as an address"),
    ],
)
def test_addresses_that_tokens_may_not_go_to(url: str, words: str) -> None:
    with pytest.raises(IncidentError, match=f"square_base_url .*{words}") as told:
        square_account.check_base_url(url)
    assert "secret-value" not in str(told.value)


def test_where_an_account_is() -> None:
    assert square_account.base_url_of("", test_mode=False) == "https://connect.squareup.com"
    assert square_account.base_url_of("", test_mode=True) == "https://connect.squareupsandbox.com"
    assert square_account.base_url_of("http://127.0.0.1:1/", test_mode=True) == "http://127.0.0.1:1"


def test_a_missing_sdk_is_told_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(square_account, "MISSING_SDK", "squareup is missing for this Python; install the package `squareup`")
    with ExitStack() as stack, pytest.raises(LibraryMissing, match="squareup is missing"):
        Accounts(stack)


def test_a_plan_with_several_phases_or_from_before_variations() -> None:
    def price(*phases: dict[str, t.Any]) -> PlanPrice:
        plan = {"type": "SUBSCRIPTION_PLAN_VARIATION", "id": "p", "subscription_plan_variation_data": {"name": "n", "phases": list(phases)}}
        return square_account._price_of(GetCatalogObjectResponse.model_validate({"object": plan}).object)

    money = {"amount": 700, "currency": "USD"}
    assert price({"cadence": "MONTHLY", "recurring_price_money": money}) == PlanPrice(700, "USD", "MONTHLY", "")
    assert "2 phases" in price({"cadence": "MONTHLY", "recurring_price_money": money}, {"cadence": "MONTHLY"}).why_not


def test_the_sdks_models_accept_the_simulators_answers(square: SquareControl) -> None:
    """The SDK does not validate what it gets; its models do when they are asked to."""
    client = Square(token=token_of(1), base_url=square.base_url)
    assert GetSubscriptionResponse.model_validate(client.subscriptions.get("sub-1").model_dump()).subscription
    page = client.subscriptions.search(query={"filter": {"customer_ids": ["customer-1"]}})
    assert [one.id for one in SearchSubscriptionsResponse.model_validate(page.model_dump()).subscriptions or []] == ["sub-1"]
    assert not client.subscriptions.search(query={"filter": {"customer_ids": ["another"]}}).subscriptions
    assert GetCatalogObjectResponse.model_validate(client.catalog.object.get("plan-1").model_dump()).object
