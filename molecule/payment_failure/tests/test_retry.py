# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Payments that are due, charged once on a real database and the simulator of Square."""

from __future__ import annotations

import psycopg2
import pytest
from books import Books
from charges import fill, identity, retry, scope_of
from square_control import SquareControl

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import payment_retry

DUPLICATE = """
INSERT INTO subscription_payments (subscription_id, company_id, amount, status, billing_period_start, billing_period_end, location_count,
  failure_reason)
SELECT subscription_id, company_id, amount, '{status}', billing_period_start, billing_period_end, location_count, {reason}
FROM subscription_payments
"""


def test_a_payment_is_charged_once(books: Books, square: SquareControl) -> None:
    fill(books, square, 1)
    planned = retry(books, square, check_mode=True)
    assert [(one["payment_id"], one["amount"], one["company"]) for one in planned["would_charge"]] == [
        (identity("payment", 1, 0), "50.00", "Company 00001")
    ]
    assert (square.charges(), books.ask("SELECT status FROM subscription_payments")) == ([], [("failed",)])
    done = retry(books, square)
    assert [one["state"] for one in done["charged"]] == ["SUCCEEDED"]
    (charge,) = square.charges()
    assert (charge["reference_id"], charge["amount"], charge["card"]) == (identity("payment", 1, 0), 5000, "ccof:card-1")
    assert books.ask("SELECT status, square_payment_id, failure_reason FROM subscription_payments") == [
        ("succeeded", charge["payment_id"], None)
    ]
    assert books.ask("SELECT status FROM subscriptions") == [("active",)]
    again = retry(books, square)
    assert (again["changed"], again["attempted"], len(square.charges())) == (False, [], 1)


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ("UPDATE subscriptions SET status = 'canceled'", "ended"),
        ("UPDATE subscriptions SET status = 'cancelled'", "ended"),
        ("UPDATE subscriptions SET status = 'expired'", "ended"),
        ("UPDATE subscriptions SET deleted_at = now()", "ended"),
        ("UPDATE companies SET deleted_at = now()", "ended"),
        ("UPDATE subscriptions SET autopay_enabled = false", "incomplete"),
        ("UPDATE subscriptions SET square_card_id = ''", "incomplete"),
        ("UPDATE subscriptions SET square_customer_id = NULL", "incomplete"),
        ("UPDATE subscription_payments SET amount = 0", "refused"),
        ("UPDATE subscription_payments SET amount = -50", "refused"),
        ("UPDATE subscription_payments SET failure_reason = 'CARD_EXPIRED'", "must_act"),
        ("UPDATE subscription_payments SET failure_reason = 'somebody wrote this'", "person"),
        ("UPDATE subscription_payments SET updated_at = now()", "wait"),
        ("UPDATE subscription_payments SET square_payment_id = 'p1'", "paid"),
        ("UPDATE subscription_payments SET billing_period_end = now() - interval '61 days'", "person"),
        (DUPLICATE.format(status="failed", reason="NULL"), "duplicate"),
        (DUPLICATE.format(status="succeeded", reason="NULL"), "paid"),
    ],
)
def test_what_is_not_due_is_left_with_its_reason(books: Books, square: SquareControl, change: str, verdict: str) -> None:
    fill(books, square, 1)
    books.ask(change)
    before = books.digest()
    done = retry(books, square)
    assert {one["verdict"] for one in done["left"]} == {verdict}
    assert (done["attempted"], square.charges(), books.digest()) == ([], [], before)


def test_a_voided_duplicate_is_not_in_the_way(books: Books, square: SquareControl) -> None:
    fill(books, square, 1)
    books.ask(DUPLICATE.format(status="failed", reason="'voided: duplicate of another (incident I)'"))
    assert [one["payment_id"] for one in retry(books, square)["charged"]] == [identity("payment", 1, 0)]
    assert books.ask("SELECT status FROM subscriptions") == [("active",)]


def test_a_decline_is_tried_again_days_later_under_a_new_key(books: Books, square: SquareControl) -> None:
    fill(books, square, 1)
    square.fault("insufficient_funds", count=1)
    assert [one["code"] for one in retry(books, square)["declined"]] == ["INSUFFICIENT_FUNDS"]
    assert books.ask("SELECT status, failure_reason FROM subscription_payments") == [("failed", "INSUFFICIENT_FUNDS")]
    # Marking a customer past due, or well, is for what is owed.
    assert books.ask("SELECT status FROM subscriptions") == [("past_due",)]
    assert [one["verdict"] for one in retry(books, square)["left"]] == ["wait"]
    books.ask("UPDATE circuit_sage_ops.payment_intent SET settled_at = settled_at - interval '3 days'")
    assert [one["attempt"] for one in retry(books, square)["charged"]] == [2]
    assert books.ask("SELECT attempt, state FROM circuit_sage_ops.payment_intent ORDER BY id") == [(1, "DECLINED"), (2, "SUCCEEDED")]
    assert books.ask("SELECT count(DISTINCT idempotency_key), max(length(idempotency_key)) FROM circuit_sage_ops.payment_intent") == [
        (2, 45)
    ]


def test_it_stays_past_due_while_anything_else_is_owed(books: Books, square: SquareControl) -> None:
    fill(books, square, 1, 2)
    square.fault("insufficient_funds", match={"reference_id": identity("payment", 1, 1)})
    done = retry(books, square)
    assert (len(done["charged"]), len(done["declined"]), done["became_active"]) == (1, 1, 0)
    assert books.ask("SELECT status FROM subscriptions") == [("past_due",)]


def test_a_card_that_was_refused_for_good_is_tried_for_no_other_month(books: Books, square: SquareControl) -> None:
    fill(books, square, 1, 4)
    square.fault("hard_decline")
    done = retry(books, square, max_age_days=3650)
    assert (len(done["declined"]), {one["verdict"] for one in done["left"]}, len(done["left"])) == (1, {"must_act"}, 3)
    again = retry(books, square, max_age_days=3650)
    assert (again["attempted"], len(again["must_act"]), square.calls().count("POST /v2/payments")) == ([], 4, 1)
    # Another card is the act of the customer that was waited for.
    square.faults([])
    books.ask("UPDATE circuit_sage_ops.payment_intent SET card_id = 'ccof:before', settled_at = settled_at - interval '3 days'")
    assert len(retry(books, square, max_age_days=3650)["charged"]) == 4


@pytest.mark.parametrize(("companies", "lists"), [(2, 0), (60, 3)], ids=["few", "many"])
def test_a_card_that_is_gone_is_not_tried(books: Books, square: SquareControl, companies: int, lists: int) -> None:
    """Few cards are asked for one by one. Of many the account's list is asked for, and by itself only what is not in it."""
    fill(books, square, companies)
    disabled, unknown = identity("payment", 1, 0), identity("payment", 2, 0)
    square.set_card("ccof:card-1", enabled=False)
    books.ask("UPDATE subscriptions SET square_card_id = 'ccof:none' WHERE square_card_id = 'ccof:card-2'")
    planned = retry(books, square, check_mode=True)
    assert len(planned["would_charge"]) == companies - 2
    before = len(square.ledger()["requests"])
    done = retry(books, square)
    asked = [one["path"] for one in square.ledger()["requests"][before:] if one["path"].startswith("/v2/cards")]
    assert asked.count("/v2/cards") == lists
    assert len(asked) - lists == (1 if lists else 2)
    assert (len(done["charged"]), len(square.charges())) == (companies - 2, companies - 2)
    assert {one["payment_id"] for one in done["left"] if one["verdict"] == "card_gone"} == {disabled, unknown}


def test_a_card_is_not_declined_more_often_than_its_network_allows(books: Books, square: SquareControl) -> None:
    """Also where as many months are due at once."""
    fill(books, square, 1, 8)
    square.faults([{"mode": "latency", "seconds": 0.1, "match": {"method": "POST"}}, {"mode": "insufficient_funds"}])
    done = retry(books, square, max_age_days=3650, max_card_attempts=3, max_in_flight=8)
    assert (len(done["declined"]), {one["verdict"] for one in done["left"]}, len(done["left"])) == (3, {"wait"}, 5)
    assert square.calls().count("POST /v2/payments") == 3


def test_the_table_itself_keeps_a_second_intent_out(books: Books, square: SquareControl) -> None:
    fill(books, square, 1)
    retry(books, square)
    columns = "company_id, subscription_id, payment_id, period, amount_cents, currency, card_id, customer_id, location_id, status_before"
    again = (
        f"INSERT INTO circuit_sage_ops.payment_intent (incident, attempt, idempotency_key, request_sha256, {columns}) "
        f"SELECT 'I', 2, 'another', 'x', {columns} FROM circuit_sage_ops.payment_intent"
    )
    with pytest.raises(psycopg2.errors.UniqueViolation, match="payment_intent_once"):
        books.ask(again)


def test_a_row_that_somebody_holds_is_left(books: Books, square: SquareControl) -> None:
    fill(books, square, 2)
    with books.server.connect(books.name) as other, other.cursor() as cursor:
        cursor.execute("UPDATE subscriptions SET billing_day = 2 WHERE id = %s", (identity("subscription", 1),))
        done = retry(books, square, lock_timeout=1)
    other.close()
    assert [(one["company"], one["verdict"]) for one in done["left"]] == [("Company 00001", "left")]
    assert "locked by somebody else" in done["left"][0]["reason"]
    assert [one["company"] for one in done["charged"]] == ["Company 00002"]


def test_what_was_paid_by_hand_after_the_look_is_not_charged(books: Books, square: SquareControl, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(books, square, 1)
    plan = payment_retry.planned(scope_of(books, square))
    books.ask("UPDATE subscription_payments SET status = 'succeeded'")
    monkeypatch.setattr(payment_retry, "planned", lambda _scope: plan)
    assert [one["verdict"] for one in retry(books, square)["left"]] == ["paid"]
    assert square.charges() == []


def test_an_outage_leaves_pending_what_may_have_been_charged(books: Books, square: SquareControl) -> None:
    fill(books, square, 8)
    square.fault("failed_after_charge")
    done = retry(books, square, max_in_flight=1, breaker_after=2, tries=2)
    assert (done["is_outage"], done["counts"]["unknown"], done["counts"]["left"]) == (True, 2, 6)
    assert books.ask("SELECT status, count(*) FROM subscription_payments GROUP BY status ORDER BY status") == [
        ("failed", 6),
        ("pending", 2),
    ]
    square.fault(None)
    assert len(retry(books, square)["charged"]) == 8
    assert len({charge["reference_id"] for charge in square.charges()}) == len(square.charges()) == 8


def test_after_the_restore_of_an_older_backup_nothing_is_charged_twice(books: Books, square: SquareControl) -> None:
    fill(books, square, 1)
    retry(books, square)
    books.ask("DROP SCHEMA circuit_sage_ops CASCADE")
    books.ask("UPDATE subscription_payments SET status = 'failed', square_payment_id = NULL, updated_at = now() - interval '9 days'")
    assert [one["verdict"] for one in retry(books, square)["left"]] == ["paid_at_square"]
    assert len(square.charges()) == 1


def test_where_square_does_not_list_it_yet_the_key_protects(books: Books, square: SquareControl) -> None:
    fill(books, square, 1)
    square.listing(60)
    (first,) = retry(books, square)["charged"]
    books.ask("DROP SCHEMA circuit_sage_ops CASCADE")
    books.ask("UPDATE subscription_payments SET status = 'failed', square_payment_id = NULL, updated_at = now() - interval '9 days'")
    assert [one["square_payment_id"] for one in retry(books, square)["charged"]] == [first["square_payment_id"]]
    assert len(square.charges()) == 1
