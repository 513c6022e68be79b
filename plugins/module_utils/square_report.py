# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Square charges, for who reads reports: tables for finance, and one line for the account. Pure."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping, Sequence

from .billing_discrepancy import APPROVE
from .billing_terms import signed

_COLUMNS = ["company", "subscription at Square", "charged", "stored", "difference", "why"]


def _row(one: Mapping[str, t.Any]) -> list[str]:
    shown = (one["company"], one["square_subscription_id"], f"{one['charged']} {one['currency']}", one["stored"])
    return [*shown, signed(one["difference_cents"]), one["reason"]]


def _changed(one: Mapping[str, t.Any]) -> list[str]:
    shown = (one["company"], one["square_subscription_id"], f"{one['before']['charged']} {one['currency']}", one["after"]["charged"])
    return [*shown, signed(one["difference_cents"]), one["reason"]]


def _sum(entries: Sequence[Mapping[str, t.Any]]) -> str:
    return signed(sum(one["difference_cents"] for one in entries))


def _of(observations: Mapping[str, t.Any]) -> Mapping[str, t.Any]:
    return (observations.get("billing") or {}).get("square") or {}


def differences(observations: Mapping[str, t.Any], earlier: Mapping[str, t.Any] | None = None) -> list[dict[str, t.Any]]:
    """The table of what Square charges otherwise than a stored amount that is right; none where *earlier* observations had it too."""
    found = [one for one in _of(observations).get("differences", []) if one["mend"] == APPROVE]
    if not found or _of(earlier or {}).get("totals", {}).get(APPROVE):
        return []
    square = _of(observations)
    not_compared = square["subscriptions"] - square["compared"]
    rest = f"; {not_compared} could not be compared" if not_compared else ""
    return [
        {
            "name": "square_differences",
            "title": "Charged Otherwise At Square",
            "columns": _COLUMNS,
            "rows": [_row(one) for one in found],
            "summary": f"{len(found)} of {square['subscriptions']} subscriptions, {_sum(found)} in all{rest}",
        }
    ]


def tables(done: Mapping[str, t.Any]) -> list[dict[str, t.Any]]:
    """The tables of a run that set prices: what was set, and what was left; those with a row."""
    found = [
        {
            "name": "square_prices",
            "title": "Prices Set At Square",
            "columns": ["company", "subscription at Square", "from", "to", "difference", "why"],
            "rows": [_changed(one) for one in done["changes"]],
            "summary": f"{len(done['changes'])} prices, {_sum(done['changes'])} in all",
        },
        {
            "name": "square_left",
            "title": "Left Alone At Square",
            "columns": _COLUMNS,
            "rows": [_row(one) for one in done["left"]],
            "summary": f"{len(done['left'])} left alone",
        },
    ]
    return [table for table in found if table["rows"]]


def summary(done: Mapping[str, t.Any]) -> str:
    """One line of what a run set."""
    left = f"; {len(done['left'])} left alone: {done['left'][0]['reason']}" if done["left"] else ""
    return f"set {len(done['changes'])} prices at Square; {_sum(done['changes'])} in all{left}"


def seen(observations: Mapping[str, t.Any]) -> list[str]:
    """What was seen of Square, for the line of the account; nothing where no company has a subscription there."""
    square = _of(observations)
    unknown = (observations.get("unknown") or {}).get("square")
    told = [f"Square: {unknown}"] if unknown else []
    if square.get("compared"):
        wrong = sum(total["count"] for total in square["totals"].values())
        line = f"Square charges {square['compared']} of {square['subscriptions']} companies" + (
            f", {wrong} otherwise" if wrong else " right"
        )
        if square["unreadable_count"]:
            first = square["unreadable"][0]
            line += f", {square['unreadable_count']} not compared ({first['company']}: {first['reason']})"
        told.append(line)
    return told
