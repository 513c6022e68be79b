# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each kind of discrepancy, and what looks like one and is none: found, rightly named, mended or proposed, and taken back to the byte."""

from __future__ import annotations

import pytest
from books import Books, company, location, subscription

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import billing_audit

# The seeded companies with billing day 1 that are active: 1 to 3, 6, 8, 10, 14, … Company 1 owes 150.00.
THIS_MONTH = "date_trunc('month', now(), 'UTC')"
PAYMENT = f"subscription_id = '%s' AND billing_period_start = {THIS_MONTH}"


def payment_of(number: int) -> str:
    return PAYMENT % subscription(number)


def copy_of(number: int, status: str, square: str) -> str:
    return f"""
    INSERT INTO subscription_payments (subscription_id, company_id, square_payment_id, amount, status, billing_period_start,
      billing_period_end, location_count, created_at, updated_at)
    SELECT subscription_id, company_id, {square}, amount, '{status}', billing_period_start, billing_period_end, location_count,
      created_at + interval '1 hour', updated_at + interval '1 hour' FROM subscription_payments WHERE {payment_of(number)}
    """


FAULTS = {
    "amount_drift": (f"UPDATE subscriptions SET monthly_amount = 163.37 WHERE id = '{subscription(1)}'", [("set", -1337)]),
    "location_change_missed": (f"UPDATE locations SET deleted_at = now() WHERE id = '{location(1, 2)}'", [("set", -5000)]),
    "price_drift": (
        f"UPDATE subscriptions SET monthly_amount = monthly_amount / 50 * 45 WHERE id IN ('{subscription(1)}', '{subscription(14)}')",
        [("set", 1000), ("set", 1500)],
    ),
    "subscription_missing": (
        f"DELETE FROM subscription_payments WHERE subscription_id = '{subscription(1)}'; "
        f"DELETE FROM subscriptions WHERE id = '{subscription(1)}'",
        [("report", 15000)],
    ),
    "subscription_orphaned": (f"UPDATE companies SET deleted_at = now() WHERE id = '{company(1)}'", [("approve", -15000)]),
    "payment_duplicate": (copy_of(1, "pending", "NULL"), [("void", -15000)]),
    "payment_duplicate, both paid": (copy_of(1, "succeeded", "'second'"), [("propose", -15000)]),
    "payment_duplicate, paid at Square": (copy_of(1, "pending", "'second'"), [("propose", -15000)]),
    "payment_amount_wrong": (
        "UPDATE subscription_payments SET status = 'pending', square_payment_id = NULL, amount = 1, location_count = 1 "
        f"WHERE {payment_of(1)}",
        [("set", 14900)],
    ),
    "payment_amount_wrong, only the count": (
        f"UPDATE subscription_payments SET status = 'pending', square_payment_id = NULL, location_count = 4 WHERE {payment_of(1)}",
        [("set", 0)],
    ),
    "payment_amount_wrong, paid": (f"UPDATE subscription_payments SET amount = 200 WHERE {payment_of(1)}", [("propose", -5000)]),
    "payment_missing": (
        f"DELETE FROM subscription_payments WHERE subscription_id = '{subscription(1)}' "
        f"AND billing_period_start = {THIS_MONTH} - interval '2 months'",
        [("create", 15000)],
    ),
    "billing_day_invalid": (f"UPDATE subscriptions SET billing_day = 31 WHERE id = '{subscription(1)}'", [("approve", 0)]),
    "billing_day_invalid, never": (f"UPDATE subscriptions SET billing_day = 0 WHERE id = '{subscription(1)}'", [("approve", 0)]),
}

NEAR_MISSES = {
    "an inactive location is billed": f"UPDATE locations SET is_active = false WHERE id = '{location(1, 2)}'",
    "a first location without the flag is free": f"UPDATE locations SET is_free = false WHERE id = '{location(1, 1)}'",
    "a new location that was recalculated": f"""
        INSERT INTO locations (company_id, name) VALUES ('{company(1)}', 'New');
        UPDATE subscriptions SET monthly_amount = 200, updated_at = now() WHERE id = '{subscription(1)}'""",
    "an ended subscription may have any amount": f"UPDATE subscriptions SET monthly_amount = 1 WHERE id = '{subscription(22)}'",
    "a cancelled subscription of a deleted company": f"UPDATE companies SET deleted_at = now() WHERE id = '{company(29)}'",
    "a past_due subscription has gaps": f"DELETE FROM subscription_payments WHERE subscription_id = '{subscription(13)}' "
    f"AND billing_period_start < {THIS_MONTH} AND billing_period_start > {THIS_MONTH} - interval '4 months'",
    "a failed payment beside a paid one": copy_of(1, "failed", "NULL"),
    "a refunded payment of any amount": f"UPDATE subscription_payments SET status = 'refunded', amount = 1 WHERE {payment_of(1)}",
    "a company whose only location is free": """
        INSERT INTO companies (id, name) VALUES (gen_random_uuid(), 'One place');
        INSERT INTO locations (company_id, name) SELECT id, 'Here' FROM companies WHERE name = 'One place'""",
    "a subscription that was made after its billing moment": f"""
        INSERT INTO companies (id, name) VALUES (gen_random_uuid(), 'Newcomer');
        INSERT INTO subscriptions (company_id, status, billing_day, created_at) SELECT id, 'active', 1, {THIS_MONTH} + interval '3 hours'
        FROM companies WHERE name = 'Newcomer'""",
}


def test_the_seeded_database_is_healthy(books: Books) -> None:
    """Nothing is found, in one pass or by a look at every company, and a recalculation makes no schema."""
    ids = [one for (one,) in books.ask("SELECT id::text FROM companies")]
    seen = books.audit()
    assert (seen["companies"], seen["subscriptions"], seen["totals"]) == (40, 37, {})
    assert books.found(company_ids=ids) == []
    assert not books.recalculate()["changed"]
    assert books.recorded() == -1


@pytest.mark.parametrize("name", FAULTS)
def test_fault(books: Books, name: str) -> None:
    """Found by its kind; in check mode the same changes and not a byte; mended once; taken back."""
    statement, expected = FAULTS[name]
    kind = name.partition(",")[0]
    books.ask(statement)
    before = books.digest()
    assert sorted(books.found()) == sorted((kind, mend, cents) for mend, cents in expected)
    checked = books.recalculate(check_mode=True)
    assert (books.digest(), books.recorded()) == (before, -1)
    done = books.recalculate()
    assert {**done, "as_of": 0} == {**checked, "as_of": 0}
    mended = [one for one in expected if one[0] not in ("report", "propose")]
    assert sorted(one["difference_cents"] for one in done["changes"]) == sorted(cents for _mend, cents in mended)
    assert [one["cents"] for one in done["proposals"]] == [abs(cents) for mend, cents in expected if mend == "propose"]
    # Another billing day than the one the months were billed on leaves no gap.
    assert [one for one in books.found() if one[1] not in ("report", "propose")] == []
    after = books.digest()
    assert (books.recalculate()["changed"], books.digest()) == (False, after)
    if mended:
        undone = books.undo()
        assert (undone["undone_count"], undone["kept_count"]) == (len(mended), 0)
        assert not books.undo()["changed"]
    assert books.digest() == before


@pytest.mark.parametrize("name", NEAR_MISSES)
def test_near_miss(books: Books, name: str) -> None:
    """What looks like a fault and is none."""
    books.ask(NEAR_MISSES[name])
    assert books.found() == []


def test_an_interrupted_run_is_resumed(books: Books) -> None:
    """The tail of the run's order was not billed; two in its middle would be gaps."""
    tail = "SELECT id FROM subscriptions WHERE billing_day = 1 AND status = 'active' ORDER BY id DESC LIMIT 3"
    gone = f"DELETE FROM subscription_payments WHERE billing_period_start = {THIS_MONTH} AND subscription_id IN ({tail})"
    books.ask(gone)
    assert [one[:2] for one in books.found()] == [("batch_interrupted", "create")] * 3
    assert "stopped after" in books.audit()["discrepancies"][0]["reason"]
    assert len(books.recalculate()["changes"]) == 3
    assert books.found() == []
    books.undo()
    books.ask(gone.replace("LIMIT 3", "LIMIT 3 OFFSET 2"))
    last = "SELECT id FROM subscriptions WHERE billing_day = 1 AND status = 'active' ORDER BY id DESC LIMIT 1"
    books.ask(
        "INSERT INTO subscription_payments (subscription_id, company_id, amount, status, billing_period_start, billing_period_end,"
        f" location_count) SELECT id, company_id, monthly_amount, 'succeeded', {THIS_MONTH}, {THIS_MONTH}, 1 FROM subscriptions"
        f" WHERE id = ({last})"
    )
    assert {one[0] for one in books.found()} == {"payment_missing"}


def test_a_payment_made_in_advance_fills_no_gap(books: Books) -> None:
    """Before the billing moment the current month has its payment already, and an earlier one has none."""
    books.ask(
        f"DELETE FROM subscription_payments WHERE subscription_id = '{subscription(1)}' "
        f"AND billing_period_start = {THIS_MONTH} - interval '2 months'"
    )
    first_second = books.ask(f"SELECT to_char({THIS_MONTH} AT TIME ZONE 'UTC', 'YYYY-MM-DD')")[0][0]
    assert ("payment_missing", "create", 15000) in books.found(as_of=first_second)


def test_the_reason_names_the_locations(books: Books) -> None:
    """Five of them, and how many more."""
    books.ask(f"INSERT INTO locations (company_id, name) SELECT '{company(1)}', 'New ' || n FROM generate_series(1, 7) n")
    (found,) = books.audit()["discrepancies"]
    assert found["kind"] == "location_change_missed"
    assert found["reason"].count("created") == 5
    assert ", and 2 more;" in found["reason"]


def test_many_companies_come_in_parts(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is wrong with many comes from the server little by little, and is the same; a recalculation mends it all."""
    books.ask("UPDATE subscriptions SET monthly_amount = monthly_amount + 0.37 WHERE status = 'active'")
    at_once = books.audit()["discrepancies"]
    monkeypatch.setattr(billing_audit, "_AT_ONCE", 0)
    monkeypatch.setattr(billing_audit, "_ROWS", 7)
    assert len(at_once) > 7
    assert books.audit()["discrepancies"] == at_once
    assert len(books.recalculate()["changes"]) == len(at_once)
    assert books.found() == []


def test_the_moment_is_respected(books: Books) -> None:
    """As of a time before a change, nothing was wrong yet; the totals count what the limit leaves out."""
    before = books.ask("SELECT now()::text")[0][0].replace("+00", "+00:00")
    books.ask(f"UPDATE locations SET deleted_at = now() WHERE id IN ('{location(1, 2)}', '{location(2, 2)}')")
    assert books.found(as_of=before) == []
    seen = books.audit(limit=1)
    assert (len(seen["discrepancies"]), seen["truncated"], seen["totals"]["location_change_missed"]["count"]) == (1, True, 2)


def test_what_somebody_changed_since_is_kept(books: Books) -> None:
    """Named with its columns; everything else is taken back, and the rest stays named."""
    books.ask(f"UPDATE subscriptions SET monthly_amount = 1 WHERE id IN ('{subscription(1)}', '{subscription(2)}')")
    books.recalculate()
    books.ask(f"UPDATE subscriptions SET monthly_amount = 7 WHERE id = '{subscription(2)}'")
    undone = books.undo()
    assert [one["row"] for one in undone["undone"]] == [subscription(1)]
    assert [(one["row"], one["columns"]) for one in undone["kept"]] == [(subscription(2), ["monthly_amount"])]
    assert books.undo()["kept_count"] == 1
    amounts = f"SELECT monthly_amount::text FROM subscriptions WHERE id IN ('{subscription(1)}', '{subscription(2)}') ORDER BY 1"
    assert [one for (one,) in books.ask(amounts)] == ["1.00", "7.00"]


def test_two_changes_of_one_row_are_taken_back_in_their_order(books: Books) -> None:
    """An incident that mended a row twice leaves it as it was before the first."""
    books.ask(f"UPDATE subscriptions SET monthly_amount = 1 WHERE id = '{subscription(1)}'")
    before = books.digest()
    books.recalculate(price_per_location="60")
    books.recalculate()
    assert books.undo()["undone_count"] > 2
    assert books.digest() == before
