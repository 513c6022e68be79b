# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a recalculation or an undo did, for who reads reports: tables for finance, and one line for the account. Pure."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping, Sequence

from .billing_terms import signed

_COLUMNS = ["company", "what", "from", "to", "difference", "why"]


def _second(stamp: str) -> str:
    return f"{stamp[:10]} {stamp[11:19]} UTC"


def _values(columns: Mapping[str, t.Any] | None) -> str:
    """The columns of one side of a change: an amount alone, or each with its name."""
    if columns is None:
        return "none"
    if list(columns) == ["monthly_amount"]:
        return str(columns["monthly_amount"])
    return ", ".join(f"{name.replace('_', ' ')} {'none' if value is None else value}" for name, value in columns.items())


def _made(payment: Mapping[str, t.Any]) -> str:
    return f"{payment['status']}, {payment['amount']} for {payment['billing_period_start'][:7]}, {payment['location_count']} locations"


def _changed(change: Mapping[str, t.Any]) -> list[str]:
    what = "monthly amount" if list(change["after"]) == ["monthly_amount"] else change["table"].replace("_", " ").rstrip("s")
    return [
        change["company"],
        what,
        _values(change["before"]),
        _made(change["after"]) if change["before"] is None else _values(change["after"]),
        signed(change["difference_cents"]),
        f"{change['kind']}: {change['reason']}",
    ]


def _proposed(proposal: Mapping[str, t.Any]) -> list[str]:
    told = [proposal[name] for name in ("company", "payment_id", "period", "kind")]
    return [*told, signed(proposal["cents"]), proposal["reason"]]


def _left(found: Mapping[str, t.Any]) -> list[str]:
    return [found["company"], found["kind"], found["stored"], found["due"], signed(found["difference_cents"]), found["reason"]]


def tables(done: Mapping[str, t.Any]) -> list[dict[str, t.Any]]:
    """The tables of a recalculation: what was changed, what is proposed for paid payments, what is left; those with a row."""
    total = sum(change["difference_cents"] for change in done["changes"])
    terms = f"at {done['price']} a location as of {_second(done['as_of'])}"
    found = [
        {
            "name": "billing_changes",
            "title": "Billing Changes",
            "columns": _COLUMNS,
            "rows": [_changed(change) for change in done["changes"]],
            "summary": f"{len(done['changes'])} changes, {signed(total)} in all, {terms}",
        },
        {
            "name": "billing_proposals",
            "title": "Proposals For Paid Payments",
            "columns": ["company", "payment", "period", "proposal", "amount", "why"],
            "rows": [_proposed(proposal) for proposal in done["proposals"]],
            "summary": f"{len(done['proposals'])} proposals; nothing of a paid payment was changed",
        },
        {
            "name": "billing_left",
            "title": "Left Alone In The Billing",
            "columns": ["company", "kind", "stored", "due", "difference", "why"],
            "rows": [_left(one) for one in done["left"]],
            "summary": f"{len(done['left'])} left alone",
        },
    ]
    return [table for table in found if table["rows"]]


def summary(done: Mapping[str, t.Any]) -> str:
    """One line of what a recalculation did."""
    kinds = ", ".join(f"{total['count']} {kind}" for kind, total in done["totals"].items()) or "nothing"
    difference = sum(total["difference_cents"] for total in done["totals"].values())
    told = f"mended {kinds}; {signed(difference)} in all"
    return told + (f"; {len(done['proposals'])} proposals for paid payments" if done["proposals"] else "")


def _kept(rows: Sequence[Mapping[str, t.Any]]) -> str:
    return "; ".join(f"{one['table']} {one['row']}: {one['reason']}" for one in rows)


def _kept_prices(prices: Sequence[Mapping[str, t.Any]]) -> str:
    return "; ".join(f"{one['company']}: {one['reason']}" for one in prices)


def _refunds(refunds: Sequence[Mapping[str, t.Any]]) -> str:
    return ", ".join(f"{one['company']} {one['amount']} {one['currency']} ({one['square_payment_id']})" for one in refunds)


def undo_summary(done: Mapping[str, t.Any], at_square: Mapping[str, t.Any]) -> str:
    """One line of what an undo did to rows and to prices at Square, and of the charges that it cannot take back."""
    kept = f"; {done['kept_count']} stay, because somebody changed them since: {_kept(done['kept'])}" if done["kept_count"] else ""
    prices = f"; {at_square['undone_count']} prices at Square put back" if at_square["undone_count"] else ""
    if at_square["kept_count"]:
        prices += f"; {at_square['kept_count']} prices at Square stay: {_kept_prices(at_square['kept'])}"
    charges = f"; {done['refunds_count']} charges stay; refund with approval: {_refunds(done['refunds'])}" if done["refunds_count"] else ""
    return f"{done['undone_count']} rows restored{kept}{prices}{charges}"
