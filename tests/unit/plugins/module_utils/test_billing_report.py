# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables and lines about what a recalculation or an undo did."""

from __future__ import annotations

import typing as t

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import billing_report

AMOUNT: dict[str, t.Any] = {
    "company": "Cedar",
    "kind": "amount_drift",
    "table": "subscriptions",
    "before": {"monthly_amount": "307.01"},
    "after": {"monthly_amount": "300.00"},
    "difference_cents": -701,
    "reason": "6 billable locations come to 300.00, and 307.01 is stored",
}
VOIDED: dict[str, t.Any] = {
    **AMOUNT,
    "kind": "payment_duplicate",
    "table": "subscription_payments",
    "before": {"status": "pending", "failure_reason": None},
    "after": {"status": "failed", "failure_reason": "voided"},
    "difference_cents": -45000,
}
MADE: dict[str, t.Any] = {
    **VOIDED,
    "kind": "payment_missing",
    "before": None,
    "after": {"status": "pending", "amount": "200.00", "billing_period_start": "2026-09-01T00:00:00+00:00", "location_count": 4},
    "difference_cents": 20000,
}
PROPOSAL = {"company": "Cedar", "payment_id": "p1", "period": "2026-11", "kind": "refund", "cents": 5000, "reason": "paid twice"}
LEFT = {"company": "Oak", "kind": "subscription_missing", "stored": "0.00", "due": "150.00", "difference_cents": 15000, "reason": "none"}
DONE: dict[str, t.Any] = {
    "price": "50.00",
    "as_of": "2026-11-23T22:17:08.123456+00:00",
    "changes": [AMOUNT, VOIDED, MADE],
    "proposals": [PROPOSAL],
    "left": [LEFT],
    "totals": {"amount_drift": {"count": 1, "difference_cents": -701}, "payment_missing": {"count": 1, "difference_cents": 20000}},
}


def test_the_changes_are_told_with_what_they_were_and_are() -> None:
    changes, proposals, left = billing_report.tables(DONE)
    assert [row[1:5] for row in changes["rows"]] == [
        ["monthly amount", "307.01", "300.00", "-7.01"],
        ["subscription payment", "status pending, failure reason none", "status failed, failure reason voided", "-450.00"],
        ["subscription payment", "none", "pending, 200.00 for 2026-09, 4 locations", "+200.00"],
    ]
    assert changes["rows"][0][5] == f"amount_drift: {AMOUNT['reason']}"
    assert changes["summary"] == "3 changes, -257.01 in all, at 50.00 a location as of 2026-11-23 22:17:08 UTC"
    assert proposals["rows"] == [["Cedar", "p1", "2026-11", "refund", "+50.00", "paid twice"]]
    assert left["rows"] == [["Oak", "subscription_missing", "0.00", "150.00", "+150.00", "none"]]


def test_a_table_without_rows_is_left_out() -> None:
    assert billing_report.tables({**DONE, "proposals": [], "left": [], "changes": []}) == []


def test_a_recalculation_in_one_line() -> None:
    assert billing_report.summary(DONE) == "mended 1 amount_drift, 1 payment_missing; +192.99 in all; 1 proposals for paid payments"
    assert billing_report.summary({**DONE, "totals": {}, "proposals": []}) == "mended nothing; +0.00 in all"


def test_an_undo_in_one_line() -> None:
    stays = [{"table": "subscriptions", "row": "r1", "reason": "monthly_amount changed since"}]
    none: dict[str, t.Any] = {"undone_count": 0, "kept_count": 0, "kept": [], "refunds": [], "refunds_count": 0}
    assert billing_report.undo_summary({**none, "undone_count": 2}, none) == "2 rows restored"
    assert billing_report.undo_summary({**none, "kept_count": 1, "kept": stays}, none).endswith(
        "1 stay, because somebody changed them since: subscriptions r1: monthly_amount changed since"
    )
    prices = {"undone_count": 1, "kept_count": 1, "kept": [{"company": "Oak", "reason": "somebody has changed it"}]}
    assert billing_report.undo_summary({**none, "undone_count": 2}, prices) == (
        "2 rows restored; 1 prices at Square put back; 1 prices at Square stay: Oak: somebody has changed it"
    )
    refund = {"company": "Oak", "amount": "50.00", "currency": "USD", "square_payment_id": "sq1"}
    assert billing_report.undo_summary({**none, "refunds": [refund], "refunds_count": 1}, none) == (
        "0 rows restored; 1 charges stay; refund with approval: Oak 50.00 USD (sq1)"
    )
