# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What finance gets of a run over payments."""

from __future__ import annotations

import typing as t

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import payment_tables

ONE: dict[str, t.Any] = {
    "company": "Harbor",
    "period": "2026-11",
    "amount": "150.00",
    "amount_cents": 15000,
    "currency": "USD",
    "payment_id": "p1",
    "earlier": False,
}
NOTHING: dict[str, t.Any] = {name: [] for name in ("attempted", "charged", "declined", "unknown", "not_charged", "must_act", "proposals")}
TEXT = "Harbor: the payment of 150.00 USD for 2026-11 did not go through."


def retried(**lists: t.Any) -> dict[str, t.Any]:
    return {**NOTHING, "stopped": None, **lists}


def test_tables_of_a_run_that_charged() -> None:
    charged = {**ONE, "attempt": 2, "state": "SUCCEEDED", "code": None, "square_payment_id": "sq1"}
    declined = {**ONE, "attempt": 1, "state": "DECLINED", "code": "CARD_EXPIRED", "code_class": "hard", "amount_cents": 5001}
    act = {**ONE, "reason": "the card was refused", "payment_link_text": TEXT}
    done = retried(
        attempted=[charged, declined],
        charged=[charged],
        declined=[declined],
        must_act=[act],
        proposals=[{**charged, "approval": "required"}],
    )
    tables = {table["name"]: table for table in payment_tables.retried(done)}
    assert list(tables) == ["payments_attempted", "payments_charged", "payments_declined", "refund_proposals"]
    assert tables["payments_attempted"]["rows"][0] == [
        "Harbor",
        "2026-11",
        "150.00",
        "USD",
        "2",
        "by this run",
        "SUCCEEDED",
        "",
        "p1",
        "sq1",
    ]
    assert tables["payments_declined"]["rows"][0][4:] == ["CARD_EXPIRED", "hard", "p1"]
    assert tables["payments_charged"]["summary"] == "charged 1 payments, 150.00 USD"
    assert all(len(row) == len(table["columns"]) for table in tables.values() for row in table["rows"])
    assert payment_tables.retry_summary(done) == "charged 1 payments, 150.00 USD; 1 declined; 1 customers must act"


def test_what_an_earlier_run_charged_is_not_counted_as_charged_by_this_one() -> None:
    before = {**ONE, "attempt": 1, "state": "SUCCEEDED", "code": None, "square_payment_id": "sq0", "amount_cents": 2500, "earlier": True}
    now = {**before, "square_payment_id": "sq1", "amount_cents": 15000, "earlier": False}
    done = retried(attempted=[before, now], charged=[before, now])
    told = "charged 1 payments, 150.00 USD; settled 1 attempts of before as charged, 25.00 USD"
    assert payment_tables.retry_summary(done) == told
    attempted, charged = payment_tables.retried(done)
    assert (attempted["summary"], charged["summary"]) == (f"2 attempted; {told}", told)
    assert [row[4] for row in charged["rows"]] == ["before this run", "by this run"]


def test_a_run_without_an_outcome_says_so() -> None:
    done = retried(unknown=[{**ONE, "reason": "no answer"}], stopped="Square limits the rate")
    assert [table["name"] for table in payment_tables.retried(done)] == ["payments_unknown"]
    assert payment_tables.retry_summary(done) == "charged 0 payments, 0.00; 1 without an outcome; stopped: Square limits the rate"


def test_currencies_are_not_added_to_one_another() -> None:
    done = retried(charged=[ONE, {**ONE, "currency": "EUR", "amount_cents": 99}, ONE])
    assert payment_tables.retry_summary(done) == "charged 3 payments, 0.99 EUR, 300.00 USD"


def test_tables_of_a_reconciliation() -> None:
    change = {"company": "Harbor", "table": "subscription_payments", "row": "p1", "kind": "payment_recorded", "reason": "paid at Square"}
    settled = {**ONE, "state": "SUCCEEDED", "code": None, "square_payment_id": "sq1"}
    twice = {**ONE, "square_amount": "150.00", "square_payment_id": "sq2", "reason": "sq1 paid it already"}
    done = {"changes": [change], "settled": [settled], "proposals": [twice], "events": {"seen": 3, "new": 2}}
    tables = {table["name"]: table for table in payment_tables.reconciled(done)}
    assert tables["payments_reconciled"]["rows"] == [["Harbor", "subscription payment", "p1", "payment_recorded", "paid at Square"]]
    assert tables["attempts_settled"]["rows"][0][-1] == "sq1"
    assert tables["refunds_of_double_charges"]["rows"][0][4] == "sq2"
    assert payment_tables.reconcile_summary(done) == "brought 1 rows in line with Square, settled 1 attempts; 2 of 3 events are new"
    assert payment_tables.reconciled({**done, "changes": [], "settled": [], "proposals": []}) == []


def test_who_must_act_is_told_once() -> None:
    """Whom a run has found by its own attempts is told after it."""
    act = {**ONE, "reason": "the card was refused", "payment_link_text": TEXT}
    there = {"company": "Harbor", "period": "2026-11", "amount": "1.00", "payment_id": "p1", "square_payment_id": "sq1"}
    place = {"affected": [there], "affected_count": 1, "affected_total": "1.00"}
    seen = {"payments": {"customers": [act], "environment": place}}
    assert [table["name"] for table in payment_tables.observed(seen)] == ["customers_to_notify", "payments_without_money"]
    assert payment_tables.observed(seen, seen) == []
    (later,) = payment_tables.observed({"payments": {"customers": [act, {**act, "payment_id": "p2"}]}}, seen)
    assert (len(later["rows"]), later["rows"][0][-1]) == (1, TEXT)
    assert payment_tables.observed({"payments": None}) == payment_tables.observed({}) == []


def test_what_would_be_charged_is_listed_whole() -> None:
    due = [{**ONE, "payment_id": f"p{number}", "failure": "INSUFFICIENT_FUNDS"} for number in range(9)]
    opened = [{**ONE, "attempt": 2, "at_square": "absent", "since": "2026-11-30T16:09:22+00:00"}]
    charges, attempts = payment_tables.to_do({"payments": {"due": due, "unknown_payments": opened}})
    assert [row[-1] for row in charges["rows"]] == [f"p{number}" for number in range(9)]
    assert (charges["name"], charges["summary"]) == ("payments_due", "9 payments are due, 1350.00 USD in all")
    assert attempts["rows"] == [["Harbor", "2026-11", "150.00", "USD", "2", "absent", "2026-11-30T16:09:22+00:00", "p1"]]
    assert payment_tables.to_do({"payments": None}) == payment_tables.to_do({}) == []
