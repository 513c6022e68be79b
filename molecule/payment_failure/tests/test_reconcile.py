# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The books and Square disagree: what is named, what is brought in line, and what is taken back."""

from __future__ import annotations

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
