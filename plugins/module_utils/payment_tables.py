# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables and the line of a run over payments, as finance gets them. Pure."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping, Sequence

from .billing_terms import shown

Entry = Mapping[str, t.Any]
Table = dict[str, t.Any]

_WHOSE = ["company", "period", "amount", "currency"]


def _table(name: str, title: str, columns: Sequence[str], rows: Sequence[Sequence[t.Any]], summary: str) -> Table:
    shown_rows = [["" if value is None else str(value) for value in row] for row in rows]
    return {"name": name, "title": title, "columns": list(columns), "rows": shown_rows, "summary": summary}


def _rows(entries: Sequence[Entry], *more: str) -> list[list[t.Any]]:
    return [[one.get(name) for name in (*_WHOSE, *more)] for one in entries]


def _sum(entries: Sequence[Entry]) -> str:
    """The amounts by currency."""
    total: dict[str, int] = {}
    for one in entries:
        total[str(one["currency"])] = total.get(str(one["currency"]), 0) + int(one["amount_cents"])
    return ", ".join(f"{shown(amount)} {currency}" for currency, amount in sorted(total.items())) or "0.00"


def _begun(entries: Sequence[Entry]) -> list[Entry]:
    """With the word of finance for which run began the attempt: a charge may be older than the run that settles it."""
    return [{**one, "begun": "before this run" if one["earlier"] else "by this run"} for one in entries]


def _charged(done: Entry) -> str:
    """How much this run charged, and what it settled of attempts of before."""
    own, settled = ([one for one in done["charged"] if one["earlier"] is earlier] for earlier in (False, True))
    told = f"{len(own)} payments, {_sum(own)}"
    return told + (f"; settled {len(settled)} attempts of before as charged, {_sum(settled)}" if settled else "")


def customers(found: Sequence[Entry]) -> Table:
    """Who must act, each with the text that they are sent."""
    return _table(
        "customers_to_notify",
        "Customers To Notify",
        [*_WHOSE, "why", "text"],
        _rows(found, "reason", "payment_link_text"),
        f"{len(found)} customers must act, for {_sum(found)}",
    )


def retried(done: Entry) -> list[Table]:
    """The tables of a run that charged: what was attempted, and what became of it; those with a row."""
    found = [
        _table(
            "payments_attempted",
            "Payments Attempted",
            [*_WHOSE, "attempt", "begun", "state", "code", "payment", "payment at Square"],
            _rows(_begun(done["attempted"]), "attempt", "begun", "state", "code", "payment_id", "square_payment_id"),
            f"{len(done['attempted'])} attempted; charged {_charged(done)}",
        ),
        _table(
            "payments_charged",
            "Payments Charged",
            [*_WHOSE, "begun", "payment", "payment at Square"],
            _rows(_begun(done["charged"]), "begun", "payment_id", "square_payment_id"),
            f"charged {_charged(done)}",
        ),
        _table(
            "payments_declined",
            "Payments Declined",
            [*_WHOSE, "code", "class", "payment"],
            _rows(done["declined"], "code", "code_class", "payment_id"),
            f"{len(done['declined'])} declined, {_sum(done['declined'])} in all",
        ),
        _table(
            "payments_unknown",
            "Payments Without An Outcome",
            [*_WHOSE, "why", "payment"],
            _rows(done["unknown"], "reason", "payment_id"),
            f"{len(done['unknown'])} without an outcome; the next run resolves them under the same keys",
        ),
        _table(
            "refund_proposals",
            "Refund Proposals",
            [*_WHOSE, "payment", "payment at Square", "approval"],
            _rows(done["proposals"], "payment_id", "square_payment_id", "approval"),
            "a charge is not undone; who wants one back for a customer refunds it at Square, with approval",
        ),
    ]
    return [table for table in found if table["rows"]]


def retry_summary(done: Entry) -> str:
    """One line of what a run charged."""
    told = f"charged {_charged(done)}"
    for name, words in (
        ("declined", "declined"),
        ("unknown", "without an outcome"),
        ("not_charged", "not charged"),
        ("must_act", "customers must act"),
    ):
        told += f"; {len(done[name])} {words}" if done[name] else ""
    return told + (f"; stopped: {done['stopped']}" if done["stopped"] else "")


def reconciled(done: Entry) -> list[Table]:
    """The tables of a run that brought rows in line with Square; those with a row."""
    rows = [[one["company"], one["table"].replace("_", " ").rstrip("s"), one["row"], one["kind"], one["reason"]] for one in done["changes"]]
    settled = [
        [one[name] for name in ("period", "amount", "currency", "state", "code", "payment_id", "square_payment_id")]
        for one in done["settled"]
    ]
    proposals = [
        [one.get(name) for name in ("company", "period", "square_amount", "currency", "square_payment_id", "reason")]
        for one in done["proposals"]
    ]
    found = [
        _table("payments_reconciled", "Brought In Line With Square", ["company", "what", "row", "kind", "why"], rows, f"{len(rows)} rows"),
        _table(
            "attempts_settled",
            "Attempts Settled By What Square Shows",
            ["period", "amount", "currency", "state", "code", "payment", "payment at Square"],
            settled,
            f"{len(settled)} attempts",
        ),
        _table(
            "refunds_of_double_charges",
            "Charged Twice At Square",
            ["company", "period", "amount", "currency", "payment at Square", "why"],
            proposals,
            f"{len(proposals)} refunds are proposed; each needs approval",
        ),
    ]
    return [table for table in found if table["rows"]]


def reconcile_summary(done: Entry) -> str:
    """One line of what a run brought in line."""
    events = done["events"]
    told = f"brought {len(done['changes'])} rows in line with Square, settled {len(done['settled'])} attempts"
    return f"{told}; {events['new']} of {events['seen']} events are new"


def to_do(observations: Entry) -> list[Table]:
    """The tables of what a run that may act would charge, and of the attempts whose end it would find out first; those with a row."""
    payments = observations.get("payments") or {}
    due, opened = payments.get("due", []), payments.get("unknown_payments", [])
    found = [
        _table(
            "payments_due",
            "Payments Due",
            [*_WHOSE, "failed with", "payment"],
            _rows(due, "failure", "payment_id"),
            f"{len(due)} payments are due, {_sum(due)} in all",
        ),
        _table(
            "attempts_open",
            "Attempts Without An Outcome",
            [*_WHOSE, "attempt", "at Square", "since", "payment"],
            _rows(opened, "attempt", "at_square", "since", "payment_id"),
            f"{len(opened)} attempts are resolved first, under the keys that they have; each charges once at most",
        ),
    ]
    return [table for table in found if table["rows"]]


def observed(observations: Entry, earlier: Entry | None = None) -> list[Table]:
    """The tables of what was seen: who must act, and what was paid where no money moves; without what *earlier* observations had."""
    payments = observations.get("payments") or {}
    before = (earlier or {}).get("payments") or {}
    found = []
    known = {one["payment_id"] for one in before.get("customers", [])}
    if new := [one for one in payments.get("customers", []) if one["payment_id"] not in known]:
        found.append(customers(new))
    place = payments.get("environment") or {}
    if place.get("affected") and not (before.get("environment") or {}).get("affected"):
        rows = [[one[name] for name in ("company", "period", "amount", "payment_id", "square_payment_id")] for one in place["affected"]]
        columns = ["company", "period", "amount", "payment", "payment at Square"]
        summary = f"{place['affected_count']} payments of the last 60 days, {place['affected_total']} in all"
        found.append(_table("payments_without_money", "Paid Where No Money Moves", columns, rows, summary))
    return found
