# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Payments that are due, charged once on a real database and the simulator of Square."""

from __future__ import annotations

from books import Books
from charges import fill, identity, retry
from square_control import SquareControl


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
