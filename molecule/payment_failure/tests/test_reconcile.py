# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The books and Square disagree: what is named, what is brought in line, and what is taken back."""

from __future__ import annotations

import hashlib

from books import Books
from charges import INCIDENT, audit, fill, identity, reconcile, retry
from square_control import SquareControl

PAYMENT = identity("payment", 1, 0)


def rows(books: Books) -> list[tuple[str, ...]]:
    return books.ask(
        "SELECT p.status, p.square_payment_id, s.status FROM subscription_payments p JOIN subscriptions s ON s.id = subscription_id"
    )


def test_a_payment_that_square_has_is_recorded_once_and_taken_back(books: Books, square: SquareControl) -> None:
    fill(books, square, 1)
    paid = square.pay(amount=5000, merchant_id="merchant-0", location_id="L0", customer_id="customer-1", reference_id=PAYMENT)
    before = books.digest()
    told = audit(books, square)
    assert [(one["kind"], one["mend"], one["square_payment_id"]) for one in told["differences"]] == [
        ("paid_at_square", "record", paid["id"])
    ]
    assert [(one["stuck"], one["why"]) for one in told["past_due"]] == [(True, "what is owed here is paid at Square; reconcile it")]
    assert (told["webhooks_missed"]["payments"], told["unknown"]) == (1, {})
    left = retry(books, square)
    assert ([one["verdict"] for one in left["left"]], left["attempted"]) == (["paid_at_square"], [])
    planned = reconcile(books, square, check_mode=True)
    assert (planned["changed"], books.digest()) == (True, before)
    done = reconcile(books, square)
    assert done["changes"] == planned["changes"]
    assert [one["kind"] for one in done["changes"]] == ["payment_recorded", "subscription_active"]
    assert rows(books) == [("succeeded", paid["id"], "active")]
    assert reconcile(books, square)["changed"] is False
    assert books.undo(INCIDENT)["undone_count"] == 2
    assert books.digest() == before
    # Taken back, it is still not charged a second time.
    assert retry(books, square)["attempted"] == []
    assert len(square.charges()) == 1


def test_a_status_that_was_left_behind_is_set_right(books: Books, square: SquareControl) -> None:
    fill(books, square, 2)
    retry(books, square)
    books.ask("UPDATE subscriptions SET status = 'past_due'")
    assert [(one["stuck"], one["why"]) for one in audit(books, square)["past_due"]] == [
        (True, "nothing is owed; its status was left behind")
    ] * 2
    assert [one["kind"] for one in reconcile(books, square)["changes"]] == ["subscription_active"] * 2
    assert reconcile(books, square)["changed"] is False


def test_what_square_bills_by_itself_is_recorded_for_its_month(books: Books, square: SquareControl) -> None:
    fill(books, square, 1)
    books.ask("UPDATE subscription_payments SET status = 'pending', failure_reason = NULL")
    paid = square.pay(5000, merchant_id="merchant-0", location_id="L0", customer_id="customer-1")
    assert [one["kind"] for one in audit(books, square)["differences"]] == ["unknown_here"]
    token = hashlib.sha256(b"EAAAtoken-0").hexdigest()
    subscription = {"id": "sub-1", "location_id": "L0", "plan_variation_id": "plan-1", "status": "ACTIVE", "version": 1}
    plan = {"type": "SUBSCRIPTION_PLAN_VARIATION", "id": "plan-1", "version": 1}
    known = {"token_sha256": token, "subscription": subscription, "plan_variation": plan}
    square.ask("POST", "/_sim/subscriptions", {"subscriptions": [known]})
    books.ask("UPDATE subscriptions SET square_subscription_id = 'sub-1'")
    assert [one["verdict"] for one in retry(books, square)["left"]] == ["paid_at_square"]
    assert [one["kind"] for one in reconcile(books, square)["changes"]] == ["payment_recorded", "subscription_active"]
    assert rows(books) == [("succeeded", paid["id"], "active")]


def test_a_period_that_was_charged_twice_is_a_proposal_and_no_change(books: Books, square: SquareControl) -> None:
    fill(books, square, 1)
    retry(books, square)
    second = square.pay(5000, merchant_id="merchant-0", location_id="L0", customer_id="customer-1", reference_id=PAYMENT)
    before = books.digest()
    done = reconcile(books, square)
    assert (done["changed"], books.digest()) == (False, before)
    assert [(one["square_payment_id"], one["approval"]) for one in done["proposals"]] == [(second["id"], "required")]
    assert square.refunds() == []


def test_an_intent_of_a_killed_run_is_settled_without_a_call_that_writes(books: Books, square: SquareControl) -> None:
    fill(books, square, 1)
    square.fault("failed_after_charge")
    assert retry(books, square)["counts"]["unknown"] == 1
    square.fault(None)
    assert [one["state"] for one in audit(books, square)["unknown_payments"]] == ["UNKNOWN"]
    asked = square.calls().count("POST /v2/payments")
    done = reconcile(books, square)
    (charge,) = square.charges()
    assert [(one["state"], one["square_payment_id"]) for one in done["settled"]] == [("SUCCEEDED", charge["payment_id"])]
    assert (rows(books), square.calls().count("POST /v2/payments")) == ([("succeeded", charge["payment_id"], "active")], asked)
    assert retry(books, square)["attempted"] == []


def test_paid_rows_are_never_changed(books: Books, square: SquareControl) -> None:
    fill(books, square, 3)
    retry(books, square)
    books.ask("UPDATE subscription_payments SET amount = 40 WHERE id = %s", identity("payment", 1, 0))
    books.ask("UPDATE subscription_payments SET square_payment_id = 'elsewhere' WHERE id = %s", identity("payment", 2, 0))
    before = books.digest()
    done = reconcile(books, square)
    assert sorted((one["kind"], one["mend"]) for one in done["left"]) == [("amount_differs", "person"), ("paid_here_only", "person")]
    assert books.digest() == before
