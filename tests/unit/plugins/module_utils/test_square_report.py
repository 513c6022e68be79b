# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables and lines about what Square charges."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import square_report

ONE: dict[str, t.Any] = {
    "company": "Cedar",
    "square_subscription_id": "sub-1",
    "stored": "150.00",
    "charged": "200.00",
    "currency": "USD",
    "difference_cents": -5000,
    "mend": "approve",
    "reason": "Square charges 200.00 USD",
}
SQUARE: dict[str, t.Any] = {
    "subscriptions": 3,
    "compared": 2,
    "differences": [ONE, {**ONE, "mend": "recalculate"}],
    "totals": {"approve": {"count": 1}, "recalculate": {"count": 1}},
    "unreadable_count": 1,
    "unreadable": [{"company": "Oak", "reason": "no token"}],
}
CHANGE = {**ONE, "before": {"charged": "200.00"}, "after": {"charged": "150.00"}}


def observed(**square: t.Any) -> dict[str, t.Any]:
    return {"billing": {"square": {**SQUARE, **square}}}


def test_what_is_charged_otherwise_is_a_table_of_those_that_may_be_set() -> None:
    (table,) = square_report.differences(observed())
    assert table["rows"] == [["Cedar", "sub-1", "200.00 USD", "150.00", "-50.00", "Square charges 200.00 USD"]]
    assert table["summary"] == "1 of 3 subscriptions, -50.00 in all; 1 could not be compared"
    assert square_report.differences(observed(compared=3))[0]["summary"].endswith("-50.00 in all")


@pytest.mark.parametrize("observations", [{}, {"billing": None}, {"billing": {}}, observed(differences=[], totals={})])
def test_nothing_to_tell_is_no_table(observations: dict[str, t.Any]) -> None:
    assert square_report.differences(observations) == []


def test_what_was_told_before_is_not_told_again() -> None:
    assert square_report.differences(observed(), observed()) == []
    assert square_report.differences(observed(), {"billing": None})


def test_what_was_set_and_what_was_left() -> None:
    done = {"changes": [CHANGE], "left": [{**ONE, "reason": "somebody has changed it"}]}
    prices, left = square_report.tables(done)
    assert prices["rows"] == [["Cedar", "sub-1", "200.00 USD", "150.00", "-50.00", "Square charges 200.00 USD"]]
    assert left["rows"][0][-1] == "somebody has changed it"
    assert square_report.summary(done) == "set 1 prices at Square; -50.00 in all; 1 left alone: somebody has changed it"
    assert square_report.tables({"changes": [], "left": []}) == []
    assert square_report.summary({"changes": [], "left": []}) == "set 0 prices at Square; +0.00 in all"


@pytest.mark.parametrize(
    ("observations", "told"),
    [
        ({}, []),
        ({"billing": {"square": {"subscriptions": 0}}}, []),
        ({**observed(compared=0), "unknown": {"square": "nobody answers"}}, ["Square: nobody answers"]),
        (
            {**observed(totals={}, unreadable_count=0), "unknown": {"square": "1 of 3 not"}},
            ["Square: 1 of 3 not", "Square charges 2 of 3 companies right"],
        ),
        (observed(), ["Square charges 2 of 3 companies, 2 otherwise, 1 not compared (Oak: no token)"]),
        (observed(totals={}, unreadable_count=0, compared=3), ["Square charges 3 of 3 companies right"]),
    ],
)
def test_the_line_of_the_account(observations: dict[str, t.Any], told: list[str]) -> None:
    assert square_report.seen(observations) == told
