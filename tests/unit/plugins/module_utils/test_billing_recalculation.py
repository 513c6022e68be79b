# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Discrepancies in words and sums, the changes that mend them, and the guards that stop a run. What the database does is proven on one."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import (
    billing_guards,
    billing_recalculation,
    row_change,
    row_undo,
)
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.billing_discrepancy import Discrepancy, Totals, reason
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.row_change import Undoable

EVENT = {"name": "Oak Ave Shop", "what": "deleted", "at": "2026-11-20T08:15:02.5+00:00"}
NOVEMBER = date(2026, 11, 1)


def found(kind: str, mend: str = "set", stored: str = "200.00", due: str = "150.00", **facts: Any) -> Discrepancy:
    payment = "payment" if kind.startswith("payment") and mend != "create" else None
    period = NOVEMBER if kind.startswith(("payment", "batch")) else None
    return Discrepancy(kind, mend, "company", "Harbor", "subscription", payment, period, stored, due, 3, facts)


GAP: dict[str, Any] = {"billed_at": "2026-11-01T02:00:00+00:00", "by_square": False}
BATCH: dict[str, Any] = {**GAP, "day": 1, "done": 3, "missing": 2, "last": "2026-11-01T02:00:07+00:00"}
CASES = [
    (
        found("location_change_missed", events=1, shown=[EVENT]),
        "not recalculated since: Oak Ave Shop deleted 2026-11-20 08:15:02 UTC; 3 billable locations come to 150.00, and 200.00 is stored",
    ),
    (found("location_change_missed", events=7, shown=[EVENT] * 5), "UTC, and 2 more; 3 billable"),
    (found("price_drift", price="45.00"), "calculated at 45.00 for each location; 3 billable"),
    (found("amount_drift", freed="Main"), "200.00 is stored; Main was counted as free, because the first location is, although"),
    (found("subscription_missing", "report"), "there is no subscription, and 3 billable locations come to 150.00"),
    (found("subscription_orphaned", "approve", status="active"), "the company is deleted, and its subscription is still active"),
    (found("payment_duplicate", "void", survivor="first"), "the period has the payment first already, and this one is not paid"),
    (found("payment_duplicate", "propose", survivor="first"), "paid already by payment first, so 200.00 are to be refunded"),
    (found("payment_amount_wrong", at=None, paid=False, count=4), "the pending payment is of 200.00 for 4 locations, and 3 billable"),
    (
        found("payment_amount_wrong", "propose", at="2026-11-01T02:00:00+00:00", paid=True, count=3),
        "the paid payment is of 200.00, and 3 billable locations at 2026-11-01 02:00:00 UTC come to 150.00",
    ),
    (found("payment_missing", "create", "0.00", **GAP), "the period 2026-11 has no payment, billed on 2026-11-01 02:00:00 UTC; 3 billable"),
    (
        found("batch_interrupted", "create", "0.00", **BATCH),
        "day 1 stopped after 3 of 5, the last one at 2026-11-01 02:00:07 UTC; 3 billable",
    ),
    (found("billing_day_invalid", "approve", "31", "28"), "billing day 31 does not come in every month; 28 is the nearest that does"),
]


@pytest.mark.parametrize(("one", "words"), CASES)
def test_reason(one: Discrepancy, words: str) -> None:
    assert words in reason(one)
    assert one.told()["reason"] == reason(one)


def test_one_location() -> None:
    assert "1 billable location come" not in reason(found("amount_drift")._replace(location_count=3))
    assert "1 billable location " in reason(found("amount_drift")._replace(location_count=1))


def test_totals() -> None:
    ones = [found("amount_drift"), found("amount_drift", stored="100.00"), found("billing_day_invalid", "approve", "31", "28")]
    assert Totals(ones).told() == {
        "amount_drift": {"count": 2, "difference_cents": 0, "absolute_difference_cents": 10000, "companies": 1, "mend": {"set": 2}},
        "billing_day_invalid": {"count": 1, "difference_cents": 0, "absolute_difference_cents": 0, "companies": 1, "mend": {"approve": 1}},
    }


@pytest.mark.parametrize(
    ("one", "table", "action", "before", "after"),
    [
        (found("amount_drift"), "subscriptions", "update", {"monthly_amount": "200.00"}, {"monthly_amount": "150.00"}),
        (found("billing_day_invalid", "approve", "0", "1"), "subscriptions", "update", {"billing_day": 0}, {"billing_day": 1}),
        (
            found("subscription_orphaned", "approve", status="past_due"),
            *("subscriptions", "update", {"status": "past_due"}, {"status": "canceled"}),
        ),
        (
            found("payment_amount_wrong", at=None, paid=False, count=4),
            *("subscription_payments", "update"),
            {"amount": "200.00", "location_count": 4},
            {"amount": "150.00", "location_count": 3},
        ),
        (
            found("payment_duplicate", "void", survivor="first", failure_reason=None),
            *("subscription_payments", "update"),
            {"status": "pending", "failure_reason": None},
            {"status": "failed", "failure_reason": "voided: duplicate of first (incident I)"},
        ),
    ],
)
def test_change(one: Discrepancy, table: str, action: str, before: dict[str, Any], after: dict[str, Any]) -> None:
    change = billing_recalculation.change_of(one, "I")
    assert (change.table, change.action, change.before, change.after) == (table, action, before, after)
    assert change.told()["difference_cents"] == one.difference_cents


@pytest.mark.parametrize(("by_square", "words"), [(True, None), (False, "Autopay not enabled")])
def test_a_payment_that_is_made(by_square: bool, words: str | None) -> None:
    one = found("payment_missing", "create", "0.00", **{**GAP, "by_square": by_square})
    change = billing_recalculation.change_of(one, "I")
    assert change.row_id == billing_recalculation.change_of(one, "another").row_id
    assert change.row_id != billing_recalculation.change_of(one._replace(period=date(2026, 10, 1)), "I").row_id
    assert (change.before, change.after["failure_reason"], change.after["amount"]) == (None, words, "150.00")


@pytest.mark.parametrize(
    ("one", "kind"),
    [
        (found("payment_duplicate", "propose", due="0.00", survivor="first"), "refund"),
        (found("payment_amount_wrong", "propose", at=None, paid=True, count=3), "credit"),
        (found("payment_amount_wrong", "propose", "100.00", at=None, paid=True, count=3), "charge"),
    ],
)
def test_proposal(one: Discrepancy, kind: str) -> None:
    proposal = billing_recalculation.proposal_of(one)
    assert (proposal["kind"], proposal["cents"]) == (kind, abs(one.difference_cents))


def test_diff_of_changes() -> None:
    changes = [billing_recalculation.change_of(found("amount_drift"), "I")] * 3
    diff = billing_recalculation.diff_of(changes, 1)
    assert diff["before"] == "Harbor: subscriptions subscription: monthly_amount 200.00\n... and 2 more changes\n"
    assert diff["after"] == "Harbor: subscriptions subscription: monthly_amount 150.00\n... and 2 more changes\n"


GUARDS = {name: option["default"] for name, option in billing_guards.GUARD_OPTIONS.items()}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"max_companies": -1}, "max_companies is -1"),
        ({"billing_run_quiet_seconds": -1}, "billing_run_quiet_seconds is -1"),
        ({"max_companies_share": 1.1}, "a share between 0 and 1"),
        ({"max_companies_share": float("nan")}, "a share between 0 and 1"),
        ({"max_total_difference": "much"}, "max_total_difference is `much`"),
        ({"max_single_difference": "-1"}, "max_single_difference is `-1`"),
    ],
)
def test_guards_that_make_no_sense(options: dict[str, Any], words: str) -> None:
    with pytest.raises(IncidentError, match=words):
        billing_guards.guards_of({**GUARDS, **options})


@pytest.mark.parametrize(
    ("planned", "words"),
    [
        (billing_guards.Planned(1000, 10000, False, 1000000, 200000, "Harbor"), None),
        (billing_guards.Planned(1001, 10000, True, 0, 0, ""), r"max_companies \(1000\).*1001 companies would change; nothing was written"),
        (billing_guards.Planned(4, 13, False, 0, 0, ""), r"max_companies_share \(0.3\).*4 of 13 companies"),
        (billing_guards.Planned(4, 13, True, 0, 0, ""), None),
        (billing_guards.Planned(1, 0, False, 0, 0, ""), "max_companies_share"),
        (billing_guards.Planned(0, 0, False, 0, 0, ""), None),
        (billing_guards.Planned(1, 10, False, 1000001, 0, ""), r"max_total_difference \(10000.00\).*add up to 10000.01"),
        (billing_guards.Planned(1, 10, False, 200001, 200001, "Harbor"), r"max_single_difference \(2000.00\).*of Harbor, is of 2000.01"),
    ],
)
def test_guard(planned: billing_guards.Planned, words: str | None) -> None:
    guards = billing_guards.guards_of(GUARDS)
    if words is None:
        billing_guards.refuse_too_much(planned, guards)
        return
    with pytest.raises(IncidentError, match=words):
        billing_guards.refuse_too_much(planned, guards)


def test_other_guards() -> None:
    guards = billing_guards.guards_of(GUARDS)
    billing_guards.refuse_running_batch(None, guards)
    billing_guards.refuse_empty_locations(True)
    with pytest.raises(IncidentError, match=r"billing_run_quiet_seconds \(60\).*7 s ago"):
        billing_guards.refuse_running_batch(7.2, guards)
    with pytest.raises(IncidentError, match="locations is empty"):
        billing_guards.refuse_empty_locations(False)


def test_planned() -> None:
    ones = [found("amount_drift"), found("amount_drift", stored="0.00")._replace(company="Maple", company_id="other")]
    assert billing_guards.planned_of(ones, 37, named=True) == billing_guards.Planned(2, 37, True, 20000, 15000, "Maple")


def undoable(**values: Any) -> Undoable:
    given = {"id": 1, "table": "subscriptions", "row_id": "row", "action": "update", "whole": True, "oldest": True}
    return Undoable(**{**given, "before": {"status": None}, "after": {"status": "canceled"}, "changed_since": None, **values})


def test_what_an_undo_tells() -> None:
    assert row_undo.told(undoable())["action"] == "restore"
    assert row_undo.told(undoable(action="insert", before=None))["action"] == "delete"
    assert row_undo.kept(undoable(whole=False))["reason"] == "the row is gone"
    assert row_undo.kept(undoable(whole=False, changed_since=["a", "b"]))["reason"] == "a, b changed since"
    assert "earlier change" in row_undo.kept(undoable(whole=False, changed_since=[]))["reason"]
    diff = row_undo.diff_of([undoable(), undoable()], 1)
    assert diff["before"] == "subscriptions row: status canceled\n... and 1 more changes\n"
    assert diff["after"] == "subscriptions row: status none\n... and 1 more changes\n"


@pytest.mark.parametrize("options", [{"incident": " "}, {"lock_timeout": 0}, {"diff_limit": -1}, {"limit": 0}, {"statement_timeout": 0}])
def test_options_of_a_writer(options: dict[str, Any]) -> None:
    given = {"incident": "I", "lock_timeout": 5, "diff_limit": 0, "limit": 1, "statement_timeout": 1}
    row_change.refuse_bad_options(given)
    with pytest.raises(IncidentError, match=next(iter(options))):
        row_change.refuse_bad_options({**given, **options})


def test_rows_of_other_tables_are_refused() -> None:
    row_change.refuse_foreign({"subscriptions"})
    with pytest.raises(IncidentError, match="changed rows of users, which are not taken back"):
        row_change.refuse_foreign({"subscriptions", "users"})
