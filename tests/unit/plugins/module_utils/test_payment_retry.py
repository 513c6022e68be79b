# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run over payments that are due, against the simulator of Square, with the database kept in memory."""

from __future__ import annotations

import json
import typing as t
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import psycopg2
import pytest
from kept_payments import NOW, Kept, account, token, unpaid
from square_control import SquareControl, started

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import (
    payment_accounts,
    payment_books,
    payment_charging,
    payment_due,
    payment_intent,
    payment_options,
    payment_resolution,
    payment_retry,
    row_change,
    square_payments,
)
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.password_login import Server
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.payment_books import PaymentBooks
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.payment_due import Row
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.payment_gate import Gate
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.payment_intent import Intent, Wish

DEFAULTS = {name: option.get("default") for name, option in {**payment_options.PAYMENT_OPTIONS, **payment_options.CHARGING_OPTIONS}.items()}


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SquareControl]:
    with started(tmp_path_factory.mktemp("square")) as control:
        control.listing(0)
        control.accounts([account(number) for number in range(1, 9)])
        yield control


@pytest.fixture
def square(simulator: SquareControl) -> SquareControl:
    simulator.reset()
    return simulator


class Scene:
    """Runs on what is kept."""

    def __init__(self, square: SquareControl, monkeypatch: pytest.MonkeyPatch) -> None:
        self.square, self._monkeypatch = square, monkeypatch
        self.kept = Kept()

    def with_rows(self, *rows: Row) -> Kept:
        self.kept = Kept(*rows)
        self._monkeypatch.setattr(payment_books, "transaction", self.kept.transaction)
        self._monkeypatch.setattr(payment_books, "connect", lambda _server, _password: self.kept)
        self._monkeypatch.setattr(row_change, "take_lock", lambda _connection, _incident: None)
        return self.kept

    def scope(self, **given: t.Any) -> payment_options.Scope:
        books = PaymentBooks(Server("127.0.0.1", 5432, "sage", "books", 1), "s3cret", {"FRONTEND_URL": "https://app.example.com/"}, 60, 5)
        options = {**DEFAULTS, "square_base_url": self.square.base_url, "square_environment": "sandbox", **given}
        return payment_options.scope_in(books, options)

    def retry(self, check_mode: bool = False, **given: t.Any) -> dict[str, t.Any]:
        options = {**DEFAULTS, "max_per_second": 0, "listing_lag_seconds": 0, **given}
        pace = replace(payment_options.pace_of(options), first_wait=0.001)
        self.kept.closed = 0
        names = payment_options.PAYMENT_OPTIONS.keys() & given.keys()
        done = payment_retry.retry(self.scope(**{name: given[name] for name in names}), pace, "I", check_mode)
        assert "EAAA" not in json.dumps(done)
        return done


@pytest.fixture
def scene(square: SquareControl, monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(square, monkeypatch)


def states(kept: Kept) -> list[tuple[str, str | None]]:
    return [(one.state, one.code) for one in kept.intents.values()]


def test_nothing_to_do_is_asked_nowhere(scene: Scene) -> None:
    scene.with_rows()
    assert scene.retry()["changed"] is False
    assert scene.square.calls() == []


def test_check_mode_lists_what_a_run_then_charges(scene: Scene) -> None:
    kept = scene.with_rows(unpaid(1), unpaid(2, cents=12345))
    planned = scene.retry(check_mode=True)
    assert (planned["totals"]["would_charge"], planned["counts"]["would_charge"], planned["changed"]) == ("173.45", 2, True)
    assert (kept.intents, scene.square.charges()) == ({}, [])
    assert {call.split()[0] for call in scene.square.calls()} == {"GET"}
    done = scene.retry()
    for name in ("company", "payment_id", "amount", "currency"):
        assert [one[name] for one in done["charged"]] == [one[name] for one in planned["would_charge"]]
    assert done["totals"]["charged"] == "173.45"
    assert [one["earlier"] for one in done["charged"]] == [False, False]
    assert sorted(charge["amount"] for charge in scene.square.charges()) == [5000, 12345]
    assert [one["kind"] for one in done["proposals"]] == ["refund", "refund"]
    assert done["became_active"] == 2
    assert scene.retry()["attempted"] == []


def test_a_soft_and_a_hard_decline(scene: Scene) -> None:
    kept = scene.with_rows(unpaid(1), unpaid(2), unpaid(3))
    scene.square.faults(
        [
            {"mode": "insufficient_funds", "match": {"card": "ccof:card-1"}},
            {"mode": "hard_decline", "match": {"card": "ccof:card-2"}},
            {"mode": "decline", "code": "OF_TOMORROW", "match": {"card": "ccof:card-3"}},
        ]
    )
    done = scene.retry()
    assert sorted(states(kept), key=str) == [("DECLINED", "CARD_EXPIRED"), ("DECLINED", "INSUFFICIENT_FUNDS"), ("DECLINED", "OF_TOMORROW")]
    assert [row.status for row in kept.rows.values()] == ["failed"] * 3
    assert [one["company"] for one in done["must_act"]] == ["Company 2"]
    text = done["must_act"][0]["payment_link_text"]
    assert text.startswith("Company 2: the payment of 50.00 USD for 2026-11") and text.endswith("https://app.example.com.")
    assert [one["company"] for one in done["persons"]] == ["Company 3"]
    again = scene.retry()
    assert sorted(one["verdict"] for one in again["left"]) == ["must_act", "person", "wait"]
    assert [one["company"] for one in again["must_act"]] == ["Company 2"]


@pytest.mark.parametrize("mode", ["timeout_after_charge", "timeout_before_charge", "failed_after_charge", "close_after"])
def test_an_answer_that_is_lost_charges_once(scene: Scene, mode: str) -> None:
    kept = scene.with_rows(unpaid(1))
    scene.square.faults([{"mode": mode, "count": 1, "match": {"method": "POST", "path": "/v2/payments"}}])
    assert len(scene.retry()["charged"]) == 1
    (charge,) = scene.square.charges()
    assert [one.square_payment_id for one in kept.intents.values()] == [charge["payment_id"]]


def test_what_stays_unknown_is_resolved_by_the_next_run_under_the_same_key(scene: Scene) -> None:
    kept = scene.with_rows(unpaid(1))
    scene.square.faults([{"mode": "timeout_after_charge", "count": 4}])
    assert [one["state"] for one in scene.retry()["unknown"]] == ["UNKNOWN"]
    assert kept.rows[unpaid(1).payment_id].status == "pending"
    planned = scene.retry(check_mode=True)
    assert (planned["counts"]["would_resolve"], planned["would_charge"]) == (1, [])
    assert [(one["state"], one["earlier"]) for one in scene.retry()["charged"]] == [("SUCCEEDED", True)]
    assert (len(kept.intents), len(scene.square.charges())) == (1, 1)


def intended(kept: Kept, row: Row, **other: t.Any) -> Intent:
    """What a run leaves that is killed after it committed its intent."""
    wish = Wish("I", row.subscription_id, row.payment_id, row.period, 1, row.cents, "USD", row.card or "", row.customer or "", "L1")
    intent = payment_intent.intend(payment_books.Session(kept), wish)
    assert intent is not None
    kept.intents[intent.id] = intent._replace(**other)
    return kept.intents[intent.id]


def test_an_old_intent_is_looked_up_and_not_sent_again(scene: Scene) -> None:
    kept = scene.with_rows(unpaid(1))
    old = NOW - timedelta(days=3)
    intent = intended(kept, unpaid(1), at=old, called_at=old)
    scene.square.pay(5000, merchant_id="merchant-1", reference_id=intent.payment_id)
    done = scene.retry()
    assert len(done["charged"]) == 1
    assert "POST /v2/payments" not in scene.square.calls()


def test_an_old_intent_that_square_does_not_know_never_arrived(scene: Scene) -> None:
    kept = scene.with_rows(unpaid(1))
    old = NOW - timedelta(days=3)
    intended(kept, unpaid(1), at=old, called_at=old)
    done = scene.retry(listing_lag_seconds=300)
    # Its own end comes first; in the same run the payment is not charged any more.
    assert states(kept) == [("DECLINED", "NEVER_ARRIVED")]
    assert (len(done["not_charged"]), scene.square.charges()) == (1, [])


def test_what_was_charged_before_its_period_began_is_found(scene: Scene) -> None:
    """A month that is billed ahead: the charge is older than anything of its period."""
    begins = NOW + timedelta(days=3000)
    row = unpaid(1, begins_at=begins, ends_at=begins + timedelta(days=29), period=begins.date().replace(day=1))
    kept, old = scene.with_rows(row), NOW - timedelta(days=3)
    intended(kept, row, at=old, called_at=old)
    paid = scene.square.pay(5000, merchant_id="merchant-1", reference_id=row.payment_id)
    assert [one["square_payment_id"] for one in scene.retry()["charged"]] == [paid["id"]]
    # The same where no intent tells of it, as after the restore of a backup.
    scene.with_rows(row)
    assert [one["verdict"] for one in scene.retry()["left"]] == ["paid_at_square"]
    assert len(scene.square.charges()) == 1


@pytest.mark.parametrize("days", [3, 400])
def test_an_account_proves_nothing_of_what_it_would_not_show(scene: Scene, days: int) -> None:
    """The company was connected to another account since, or Square does not list it any more."""
    kept, old = scene.with_rows(unpaid(1)), NOW - timedelta(days=days)
    intended(kept, unpaid(1), at=old, called_at=old)
    if days == 3:
        scene.square.pay(5000, merchant_id="merchant-1", reference_id=unpaid(1).payment_id)
        kept.rows[unpaid(1).payment_id] = unpaid(1, stored_token=token(2), stored_location="L2", card="ccof:card-2", customer="customer-2")
    for _run in range(2):
        (told,) = scene.retry()["unknown"]
        assert "look it up in the account that it had then" in told["reason"]
    assert states(kept) == [("UNKNOWN", None)]
    assert "POST /v2/payments" not in scene.square.calls()


@pytest.mark.parametrize("was_charged", [True, False])
def test_a_young_intent_is_sent_again_rather_than_taken_for_lost(scene: Scene, was_charged: bool) -> None:
    """Though it was called long before a list would show it: lists have been later, and the same key charges once."""
    kept = scene.with_rows(unpaid(1))
    intent = intended(kept, unpaid(1), at=NOW - timedelta(hours=1), called_at=NOW - timedelta(hours=1))
    scene.square.faults([{"mode": "scope_missing", "match": {"path": "/v2/events"}}])
    if was_charged:
        scene.square.listing(60)
        scene.square.ask("POST", "/_sim/requests", intent.request())
    done = scene.retry(listing_lag_seconds=1)
    scene.square.listing(0)
    assert [one["state"] for one in done["charged"]] == ["SUCCEEDED"]
    assert [charge["idempotency_key"] for charge in scene.square.charges()] == [intent.idempotency_key]


def test_an_event_tells_what_the_list_does_not_show_yet(scene: Scene) -> None:
    kept = scene.with_rows(unpaid(1))
    old = NOW - timedelta(days=3)
    intent = intended(kept, unpaid(1), at=old, called_at=old)
    scene.square.listing(60)
    paid = scene.square.pay(5000, merchant_id="merchant-1", reference_id=intent.payment_id)
    done = scene.retry()
    scene.square.listing(0)
    assert [one["square_payment_id"] for one in done["charged"]] == [paid["id"]]
    assert "POST /v2/payments" not in scene.square.calls()


def test_where_the_search_of_events_is_off_the_list_counts_alone(scene: Scene) -> None:
    kept = scene.with_rows(unpaid(1))
    old = NOW - timedelta(days=3)
    intended(kept, unpaid(1), at=old, called_at=old)
    scene.square.faults([{"mode": "scope_missing", "match": {"path": "/v2/events"}}])
    scene.retry()
    assert states(kept) == [("DECLINED", "NEVER_ARRIVED")]


def test_not_found_in_a_young_listing_proves_nothing(scene: Scene) -> None:
    kept = scene.with_rows(unpaid(1))
    kept.still = False
    intended(kept, unpaid(1))
    done = scene.retry(listing_lag_seconds=300)
    assert (states(kept), len(done["unknown"])) == ([("UNKNOWN", None)], 1)


def test_a_payment_that_is_under_way_at_square_is_looked_up_by_its_id(scene: Scene) -> None:
    kept = scene.with_rows(unpaid(1))
    paid = scene.square.pay(5000, merchant_id="merchant-1")
    intended(kept, unpaid(1), state="UNKNOWN", square_payment_id=paid["id"])
    assert [one["square_payment_id"] for one in scene.retry()["charged"]] == [paid["id"]]


def test_what_is_paid_at_square_is_not_charged(scene: Scene) -> None:
    scene.with_rows(
        unpaid(1), unpaid(2, square_subscription_id="sub-2", begins_at=NOW - timedelta(days=3000), ends_at=NOW + timedelta(days=3000))
    )
    scene.square.pay(5000, merchant_id="merchant-1", reference_id=unpaid(1).payment_id)
    by_square = scene.square.pay(5000, merchant_id="merchant-2", customer_id="customer-2")
    for check_mode in (True, False):
        done = scene.retry(check_mode=check_mode)
        assert [one["verdict"] for one in done["left"]] == ["paid_at_square"] * 2
        assert (done["would_charge"], done["attempted"]) == ([], [])
    # It is known here already, for another period.
    scene.kept.recorded.add(by_square["id"])
    assert [one["company"] for one in scene.retry()["charged"]] == ["Company 2"]


def test_a_card_that_is_gone_is_not_tried_and_stops_nobody_else(scene: Scene) -> None:
    """Of a card that Square does not know at all it would answer with NOT_FOUND, at which the whole run stops."""
    kept = scene.with_rows(unpaid(1), unpaid(2, card="ccof:none"), unpaid(3))
    scene.square.set_card("ccof:card-1", enabled=False)
    planned = scene.retry(check_mode=True)
    done = scene.retry()
    scene.square.set_card("ccof:card-1", enabled=True)
    for told, name in ((planned, "would_charge"), (done, "charged")):
        assert [one["company"] for one in told[name]] == ["Company 3"]
        assert [(one["company"], one["verdict"]) for one in told["left"]] == [("Company 1", "card_gone"), ("Company 2", "card_gone")]
    assert (done["stopped"], states(kept)) == (None, [("SUCCEEDED", None)])
    # Nor one that was exchanged since the run looked.
    kept = scene.with_rows(unpaid(4))
    plan = payment_retry.planned(scene.scope())
    kept.rows[unpaid(4).payment_id] = unpaid(4, card="ccof:other")
    scene._monkeypatch.setattr(payment_retry, "planned", lambda _scope: plan)
    (left,) = scene.retry()["left"]
    assert "its card has changed meanwhile" in left["reason"]


@pytest.mark.parametrize(("mode", "code"), [("token_expired", "ACCESS_TOKEN_EXPIRED"), ("scope_missing", "INSUFFICIENT_SCOPES")])
def test_an_operator_code_stops_the_run_and_marks_nobody(scene: Scene, mode: str, code: str) -> None:
    kept = scene.with_rows(*(unpaid(number) for number in range(1, 9)))
    scene.square.faults([{"mode": mode, "match": {"method": "POST"}}])
    done = scene.retry(max_in_flight=1)
    assert code in done["stopped"] and "Company 1" in done["stopped"]
    assert (len(done["not_charged"]), done["counts"]["left"], done["must_act"], done["declined"]) == (1, 7, [], [])
    assert kept.rows[unpaid(1).payment_id].failure == "as before"
    assert not done["is_outage"]


def test_a_token_that_may_not_even_read_stops_the_run_before_a_charge(scene: Scene) -> None:
    kept = scene.with_rows(unpaid(1), unpaid(2))
    scene.square.faults([{"mode": "token_expired", "match": {"merchant_id": "merchant-1"}}])
    done = scene.retry()
    assert "Company 1: Square does not take the access token" in done["stopped"]
    assert (kept.intents, done["counts"]["left"]) == ({}, 2)
    assert [one["verdict"] for one in scene.retry(check_mode=True)["left"]] == ["stopped"] * 2


def test_an_outage_opens_the_breaker_and_keeps_the_intents(scene: Scene) -> None:
    kept = scene.with_rows(*(unpaid(number) for number in range(1, 9)))
    scene.square.faults([{"mode": "square_down", "match": {"method": "POST"}}])
    done = scene.retry(max_in_flight=1, breaker_after=2, tries=2)
    assert done["is_outage"] and len(kept.intents) == 2
    assert [row.status for row in kept.rows.values()].count("failed") == 6
    scene.square.faults([])
    assert len(scene.retry()["charged"]) == 8
    assert len(scene.square.charges()) == 8


def test_a_run_that_ends_between_intent_and_request_leaves_the_intent_to_the_next(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = scene.with_rows(unpaid(1), unpaid(2))
    real = payment_intent.intend

    def intend(session: t.Any, wish: Wish) -> Intent | None:
        intent = real(session, wish)
        gates[-1].stop("the account is not in order")
        return intent

    gates: list[Gate] = []

    def gate(*how: t.Any) -> Gate:
        gates.append(Gate(*how))
        return gates[-1]

    monkeypatch.setattr(payment_retry, "Gate", gate)
    monkeypatch.setattr(payment_intent, "intend", intend)
    done = scene.retry(max_in_flight=1)
    assert [(one["verdict"], one["reason"]) for one in done["left"]] == [("stopped", "the account is not in order")] * 2
    assert (states(kept), kept.rows[unpaid(1).payment_id].status, scene.square.charges()) == ([("INTENT", None)], "pending", [])
    assert (done["unknown"], done["declined"], kept.busy, done["changed"]) == ([], [], set(), True)
    monkeypatch.setattr(payment_intent, "intend", real)
    assert len(scene.retry()["charged"]) == 2
    assert [one.attempt for one in kept.intents.values()] == [1, 1]
    assert len({charge["reference_id"] for charge in scene.square.charges()}) == len(scene.square.charges()) == 2


def test_the_rate_limit_is_honoured_under_the_same_key(scene: Scene) -> None:
    scene.with_rows(unpaid(1))
    scene.square.faults([{"mode": "rate_limited", "retry_after": 1, "count": 1, "match": {"method": "POST"}}])
    assert len(scene.retry()["charged"]) == 1
    moments = [one["at"] for one in scene.square.ledger()["requests"] if one["method"] == "POST"]
    assert len(moments) == 2 and moments[1] > moments[0]


def test_what_another_run_has_is_left(scene: Scene) -> None:
    kept = scene.with_rows(unpaid(1), unpaid(2), unpaid(3))
    kept.busy.add(unpaid(1).payment_id)
    plan = payment_retry.planned(scene.scope())
    # Since it was planned another run made an intent, and a third payment was paid.
    kept.rows[unpaid(3).payment_id] = unpaid(3, status="succeeded")
    intended(kept, unpaid(2), state="UNKNOWN")
    scene._monkeypatch.setattr(payment_retry, "planned", lambda _scope: plan)
    assert sorted(one["verdict"] for one in scene.retry()["left"]) == ["busy", "open", "paid"]
    scene._monkeypatch.setattr(payment_due, "judged", lambda *_facts: payment_due.Turn("due"))
    assert sorted(one["verdict"] for one in scene.retry()["left"]) == ["busy", "busy", "paid"]
    kept.rows[unpaid(2).payment_id] = unpaid(2, cents=1)
    assert "has changed meanwhile" in {one["company"]: one["reason"] for one in scene.retry()["left"]}["Company 2"]
    assert scene.square.charges() == []


def test_an_intent_that_another_run_is_at_or_has_settled(scene: Scene) -> None:
    kept = scene.with_rows(unpaid(1))
    intended(kept, unpaid(1))
    kept.busy.add(unpaid(1).payment_id)
    assert scene.retry()["unknown"][0]["reason"] == "another run is at it"
    plan = payment_retry.planned(scene.scope())
    kept.busy.clear()
    kept.intents[1] = kept.intents[1]._replace(state="SUCCEEDED", square_payment_id="p1")
    scene._monkeypatch.setattr(payment_retry, "planned", lambda _scope: plan)
    done = scene.retry()
    # It is in the books of the other one, and money is counted once.
    assert [(one["verdict"], one["reason"]) for one in done["left"]] == [("busy", "another run has settled it as SUCCEEDED")]
    assert (done["charged"], done["changed"]) == ([], False)


@pytest.mark.parametrize(
    ("rows", "given", "words"),
    [
        ([unpaid(1, stored_token="00:11:22")], {}, "Company 1: the access token is encrypted and the env file has no ENCRYPTION_KEY"),
        ([unpaid(1)], {"currency": "EUR"}, "Company 1: its location L1 takes USD, and currency is EUR"),
        ([unpaid(1, stored_location="LNONE")], {}, "the account has no location LNONE"),
        (
            [unpaid(1)],
            {"square_base_url": "https://connect.squareup.com", "square_environment": "production"},
            r"Company 1 would pay in Square's sandbox, where no money moves \(testMode\)",
        ),
        ([unpaid(1)], {"max_payments": 0}, r"the guard max_payments \(0\) stopped the run: 1 payments are due"),
        ([unpaid(1)], {"max_total": "49.99"}, r"the guard max_total \(49.99\) stopped the run: 50.00 is due"),
        ([unpaid(1)], {"company_ids": ["579c5d00-a784-57f9-b262-b2b0f1cec847"]}, "there is no company 579c5d00"),
    ],
)
def test_bad_input_is_refused_before_any_charge(scene: Scene, rows: list[Row], given: dict[str, t.Any], words: str) -> None:
    kept = scene.with_rows(*rows)
    for check_mode in (True, False):
        with pytest.raises(IncidentError, match=words):
            scene.retry(check_mode=check_mode, **given)
    assert (kept.intents, scene.square.charges()) == ({}, [])


def test_a_company_without_a_token_is_left_and_the_others_are_charged(scene: Scene) -> None:
    scene.with_rows(unpaid(1, stored_token=None), unpaid(2, stored_location=None))
    done = scene.retry()
    assert [(one["company"], one["verdict"]) for one in done["left"]] == [("Company 1", "incomplete")]
    # Without a location of its own it pays at the main one.
    assert [charge["location_id"] for charge in scene.square.charges()] == ["M2"]


def test_an_open_intent_of_a_company_without_a_token_is_told(scene: Scene) -> None:
    kept = scene.with_rows(unpaid(1, stored_token=None))
    intended(kept, unpaid(1))
    assert [(one["company"], one["verdict"]) for one in scene.retry()["left"]] == [("Company 1", "incomplete")]
    assert states(kept) == [("INTENT", None)]


def test_a_location_that_is_closed_takes_nothing(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.with_rows(unpaid(1))
    monkeypatch.setattr(square_payments.PaymentAccount, "places", lambda _self: [payment_accounts.Place("L1", "USD", False)])
    with pytest.raises(IncidentError, match="location L1 is not active"):
        scene.retry()


def test_keys_are_the_same_for_ever_and_short_enough() -> None:
    subscription = "e9ef1918-e4f6-5302-aca2-86d5b3c43127"
    # Another one, by whatever release, would let Square charge an attempt again that it has charged.
    assert payment_intent.key_of(subscription, unpaid().period, 1) == "2xrrmrc23duip4cosp3o42gy4nuruqj3zwws24f4z7nwl"
    others = [payment_intent.key_of(subscription, unpaid().period, attempt) for attempt in range(1, 5)]
    assert len(set(others)) == 4 and {len(key) for key in others} == {payment_intent.KEY_LENGTH}


def test_tokens_are_nowhere_to_be_seen(scene: Scene) -> None:
    scene.with_rows(unpaid(1))
    for fault in ("token_expired", "square_down", "close_before"):
        scene.square.faults([{"mode": fault}])
        assert token(1) not in json.dumps(scene.retry(tries=1))


def test_what_nobody_thought_of_ends_the_run(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = scene.with_rows(*(unpaid(number) for number in range(1, 9)))

    def broken(*_facts: t.Any) -> t.NoReturn:
        raise ZeroDivisionError

    monkeypatch.setattr(payment_charging, "found_at_square", broken)
    with pytest.raises(ZeroDivisionError):
        scene.retry(max_in_flight=1)
    intended(kept, unpaid(1))
    monkeypatch.setattr(payment_resolution, "looked_up", broken)
    with pytest.raises(ZeroDivisionError):
        scene.retry(max_in_flight=1)
    assert scene.square.charges() == []


@pytest.mark.parametrize("mode", ["square_down", "token_expired"])
def test_a_list_that_square_does_not_give_charges_nothing(scene: Scene, mode: str) -> None:
    kept = scene.with_rows(unpaid(1), unpaid(2))
    intended(kept, unpaid(2))
    scene.square.faults([{"mode": mode, "match": {"method": "GET", "path": "/v2/payments"}}])
    done = scene.retry(max_in_flight=1)
    assert (len(done["unknown"]), done["counts"]["left"], scene.square.charges()) == (1, 1, [])
    assert (done["stopped"] is None) is (mode == "square_down")
    assert {one["verdict"] for one in scene.retry(check_mode=True)["left"]} == {"left"}


class Refused(psycopg2.Error):
    """As the server ends a statement for another session's sake."""

    pgcode = "40P01"


def test_a_settlement_is_tried_again_where_the_server_ended_it(scene: Scene) -> None:
    session = payment_books.Session(scene.with_rows(unpaid(1)))
    tries: list[int] = []

    def work(_session: payment_books.Session) -> str:
        tries.append(1)
        if len(tries) < 3:
            raise Refused
        return "settled"

    assert session.surely(work) == "settled"

    def never(_session: payment_books.Session) -> str:
        raise Refused

    with pytest.raises(Refused):
        session.surely(never)


def test_a_session_that_breaks_is_told_in_one_sentence(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = scene.with_rows(unpaid(1))

    def lost(*_facts: t.Any) -> t.NoReturn:
        kept.closed = 1
        raise psycopg2.OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(payment_charging, "_intended", lost)
    (left,) = scene.retry()["left"]
    assert "server closed the connection unexpectedly" in left["reason"]
    assert scene.square.charges() == []


def test_a_charge_that_cannot_be_written_down_is_unknown(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database went away after Square had charged: that is no payment that was left alone."""
    kept = scene.with_rows(unpaid(1))
    real = payment_charging.charge_intent

    def charged(*facts: t.Any, **how: t.Any) -> t.NoReturn:
        real(*facts, **how)
        kept.closed = 1
        raise psycopg2.OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(payment_charging, "charge_intent", charged)
    done = scene.retry()
    assert ["server closed the connection unexpectedly" in one["reason"] for one in done["unknown"]] == [True]
    assert (done["left"], done["changed"], len(scene.square.charges())) == ([], True, 1)
    monkeypatch.setattr(payment_charging, "charge_intent", real)
    assert len(scene.retry()["charged"]) == len(scene.square.charges()) == 1
