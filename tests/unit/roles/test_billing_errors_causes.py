# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Square charges as a cause, and what looks like it and is none."""

from __future__ import annotations

import pytest
from recorded_observations import CAUSES, found, recorded

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import diagnosis

FAULT = "square_amount_differs"
WAITING = {"count": 2, "difference_cents": 55310, "absolute_difference_cents": 55310}
NEAR_MISSES = {
    "a stored amount that is wrong itself is recalculated first": recorded(FAULT, billing__square__totals={"recalculate": WAITING}),
    "what could not be compared is no difference": recorded(FAULT, billing__square__totals={}, billing__square__compared=0),
    "where nobody asked Square nothing is said of it": recorded(FAULT, billing__square={}),
}


def test_both_amounts_are_the_evidence() -> None:
    finding = diagnosis.diagnose(recorded(FAULT), CAUSES)[0]
    assert finding["id"] == FAULT
    assert [(one["stored"], one["charged"]) for one in finding["evidence"]["first"]] == [("450.00", "123.45"), ("350.00", "123.45")]
    assert "Square charges 2 subscriptions another amount than is due" in diagnosis.symptoms(recorded(FAULT))
    assert diagnosis.seen(recorded(FAULT)).partition("; Square charges ")[2].startswith("29 of 30 companies, 2 otherwise, 1 not compared")


@pytest.mark.parametrize("name", NEAR_MISSES)
def test_near_misses(name: str) -> None:
    assert found(NEAR_MISSES[name]) == []
    assert diagnosis.symptoms(NEAR_MISSES[name]) == []


def test_the_price_is_set_only_with_approval() -> None:
    findings = diagnosis.diagnose(recorded(FAULT), CAUSES)
    assert [one["decision"] for one in diagnosis.plan(findings)] == ["leave"]
    assert [one["decision"] for one in diagnosis.plan(findings, "destructive")] == ["leave"]
    assert [one["decision"] for one in diagnosis.plan(findings, approve=[FAULT])] == ["act"]


def test_a_square_that_was_not_asked_is_told() -> None:
    observations = recorded(FAULT, billing__square__totals={}, billing__square__compared=0)
    observations["unknown"]["square"] = "nobody answers"
    assert diagnosis.seen(observations).endswith("; Square: nobody answers")
