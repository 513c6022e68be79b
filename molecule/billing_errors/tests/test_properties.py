# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""For any books: mending leaves nothing to mend, changes what the audit said, is done once, and is taken back to the byte."""

from __future__ import annotations

from typing import Any

from books import Books
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

UNASKED = ("set", "create", "void")
# Days before now; a location or a payment is made at such a time.
ages = st.integers(0, 150)

locations = st.lists(st.tuples(st.booleans(), ages, st.none() | st.integers(0, 60)), max_size=5)
payments = st.lists(
    st.tuples(
        st.integers(0, 4),
        st.sampled_from(["pending", "succeeded", "failed", "refunded"]),
        st.booleans(),
        st.sampled_from([0, 5000, 10000, 15000, 4500, 1]),
        st.integers(0, 4),
        st.integers(0, 200),
    ),
    max_size=6,
)
subscriptions = st.none() | st.tuples(
    st.sampled_from(["active", "active", "pending", "past_due", "canceled", "expired"]),
    st.sampled_from([0, 5000, 10000, 15000, 9000, 4500, 1]),
    st.sampled_from([1, 1, 15, 28, 29, 31, 0]),
    ages,
    st.booleans(),
)
companies = st.lists(st.tuples(st.booleans(), locations, subscriptions, payments), min_size=1, max_size=4)

_FILL = """
TRUNCATE companies, locations, subscriptions, subscription_payments CASCADE;
DROP SCHEMA IF EXISTS circuit_sage_ops CASCADE
"""


def fill(books: Books, made: list[Any]) -> None:
    """Put the companies into the database instead of what is there."""
    books.ask(_FILL)
    ask = books.ask
    for number, (deleted, places, contract, paid) in enumerate(made):
        ((identity,),) = ask(
            "INSERT INTO companies (name, deleted_at) VALUES (%s, CASE WHEN %s THEN now() END) RETURNING id", f"Company {number}", deleted
        )
        for position, (free, age, gone) in enumerate(places):
            ask(
                "INSERT INTO locations (company_id, name, is_free, created_at, updated_at, deleted_at) SELECT %s, %s, %s, at, at, "
                "greatest(at, now() - make_interval(days => %s)) FROM (SELECT now() - make_interval(days => %s) AS at) a",
                *(identity, f"Shop {position}", free, gone, age),
            )
        if contract is None:
            continue
        status, amount, day, age, square = contract
        ((subscription,),) = ask(
            "INSERT INTO subscriptions (company_id, status, monthly_amount, billing_day, autopay_enabled, square_subscription_id,"
            " created_at, updated_at) SELECT %s, %s, %s / 100.0, %s, %s, 'at-square', at, at"
            " FROM (SELECT now() - make_interval(days => %s) AS at) a RETURNING id",
            *(identity, status, amount, day, square, age),
        )
        for months, state, at_square, cents, count, age in paid:
            ask(
                "INSERT INTO subscription_payments (subscription_id, company_id, square_payment_id, amount, status, billing_period_start,"
                " billing_period_end, location_count, created_at, updated_at) SELECT %s, %s, %s, %s / 100.0, %s, m,"
                " m + interval '1 month - 1 second', %s, at, at FROM (SELECT date_trunc('month', now(), 'UTC')"
                " - make_interval(months => %s) AS m, now() - make_interval(hours => %s) AS at) a",
                *(subscription, identity, "paid" if at_square else None, cents, state, count, months, age),
            )


@settings(
    max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(made=companies)
def test_any_books(empty_books: Books, made: list[Any]) -> None:
    """The four promises, and that the pass over all companies misses nothing that a look at each finds."""
    books = empty_books
    fill(books, [(False, [(False, 1, None)], None, []), *made])
    before = books.digest()
    audit = books.audit()
    everybody = [one for (one,) in books.ask("SELECT id::text FROM companies")]
    assert books.audit(company_ids=everybody)["discrepancies"] == audit["discrepancies"]
    expected = [one["difference_cents"] for one in audit["discrepancies"] if one["mend"] in UNASKED]
    checked = books.recalculate(books.order(approve=()), check_mode=True)
    assert (books.digest(), books.recorded()) == (before, -1)
    done = books.recalculate(books.order(approve=()))
    assert {**done, "as_of": 0} == {**checked, "as_of": 0}
    assert sorted(one["difference_cents"] for one in done["changes"]) == sorted(expected)
    assert [one for one in books.found() if one[1] in UNASKED] == []
    after = books.digest()
    assert (books.recalculate(books.order(approve=()))["changed"], books.digest()) == (False, after)
    if expected:
        assert books.undo()["kept_count"] == 0
        assert not books.undo()["changed"]
    assert books.digest() == before
