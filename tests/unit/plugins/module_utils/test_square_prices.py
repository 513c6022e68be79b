# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Setting prices and putting them back: what came of a call whose answer was lost, whether a price is still ours, and the diffs."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from square_control import SquareControl, started
from square_simulator import entry, token_of

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import square_override, square_price, square_undo
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.square_account import Accounts, AtSquare, SquareAccount
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.square_comparison import Candidate, Difference
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.square_price import Price

CANDIDATE = Candidate("c1", "Cedar", "s1", "sub-1", 15000, "token", False)


@pytest.fixture
def square(tmp_path: t.Any) -> Iterator[SquareControl]:
    with started(tmp_path) as control:
        control.ask("POST", "/_sim/subscriptions", {"subscriptions": [entry(1, override_cents=20000)]})
        yield control


@pytest.fixture
def account(square: SquareControl) -> Iterator[SquareAccount]:
    with ExitStack() as stack:
        yield Accounts(stack).account(token_of(1), square.base_url)


def attempt(account: SquareAccount, before: AtSquare) -> square_override.Outcome:
    return square_override._attempt(account, before, 15000, "USD")


def test_a_price_is_set(square: SquareControl, account: SquareAccount) -> None:
    outcome = attempt(account, account.subscription("sub-1"))
    assert outcome.state == square_price.DONE
    assert outcome.written is not None and outcome.written.version == 2
    assert square.prices()["sub-1"] == (2, 15000)


def test_a_conflict_is_refused_and_nothing_is_overwritten(square: SquareControl, account: SquareAccount) -> None:
    before = account.subscription("sub-1")
    square.set_price("sub-1", 9900)
    outcome = attempt(account, before)
    assert (outcome.state, outcome.written) == (square_price.REFUSED, None)
    assert "409 CONFLICT" in str(outcome.refusal)
    assert square.prices()["sub-1"] == (2, 9900)


def test_an_answer_that_is_lost_is_found_by_looking(square: SquareControl, account: SquareAccount) -> None:
    before = account.subscription("sub-1")
    square.fault("timeout_after_update", times=1)
    outcome = attempt(account, before)
    assert outcome.state == square_price.DONE
    assert outcome.written is not None and outcome.written.version == 2


def test_where_square_is_gone_nobody_knows(square: SquareControl, account: SquareAccount) -> None:
    before = account.subscription("sub-1")
    square.fault("square_down")
    assert attempt(account, before).state == square_price.UNKNOWN
    # It may still be on its way when Square answers again and shows the old version.
    square.fault("square_down", times=1)
    outcome = attempt(account, before)
    assert (outcome.state, outcome.written) == (square_price.UNKNOWN, None)
    assert "503" in str(outcome.refusal)


def price(state: str = square_price.DONE, before_cents: int | None = 20000, after_version: int | None = 4) -> Price:
    return Price(1, "c1", "Cedar", "s1", "sub-1", "USD", before_cents, 3, 15000, after_version, state, "token", False)


def found(cents: int | None, version: int) -> AtSquare:
    return AtSquare("sub-1", "ACTIVE", version, "plan", cents, "USD")


@pytest.mark.parametrize(
    ("one", "at_square", "ours", "action"),
    [
        (price(), found(15000, 4), None, square_undo.RESTORE),
        (price(), found(15000, 5), None, square_undo.KEEP),
        (price(), found(15000, 9), 9, square_undo.RESTORE),
        (price(), found(9900, 5), None, square_undo.KEEP),
        (price(), found(None, 5), None, square_undo.KEEP),
        (price(), found(20000, 6), None, square_undo.NOTHING),
        (price(before_cents=None), found(None, 6), None, square_undo.NOTHING),
        (price(before_cents=None), found(15000, 4), None, square_undo.RESTORE),
        (price(square_price.INTENT, after_version=None), found(20000, 3), None, square_undo.NOTHING),
        (price(square_price.INTENT, after_version=None), found(15000, 4), None, square_undo.RESTORE),
        (price(square_price.UNKNOWN, after_version=None), found(9900, 5), None, square_undo.KEEP),
    ],
)
def test_only_what_is_still_ours_is_put_back(one: Price, at_square: AtSquare, ours: int | None, action: str) -> None:
    back = square_undo.judged(one, at_square, ours)
    assert (back.action, back.version) == (action, at_square.version)
    assert bool(back.reason) == (action != square_undo.RESTORE)


def test_a_price_that_stays_says_what_is_charged() -> None:
    assert square_undo.judged(price(), found(None, 5), None).reason.endswith("it charges the price of the plan under version 5")
    assert square_undo.judged(price(before_cents=None), found(15000, 4), None).told()["after"] is None


def test_a_change_and_its_diff() -> None:
    change = Difference(CANDIDATE, found(None, 3), 20000, "USD", "approve")
    told = square_override.told_change(change, 4)
    assert told["before"] == {"charged": "200.00", "price_override": None}
    assert told["after"] == {"charged": "150.00", "price_override": "150.00"}
    assert (told["before_version"], told["after_version"], told["difference_cents"]) == (3, 4, -5000)
    diff = square_override.diff_of([told, told], 1, lambda side: side["price_override"])
    assert diff["before"] == "Cedar: sub-1: the price of the plan\n... and 1 more prices\n"
    assert diff["after"] == "Cedar: sub-1: 150.00\n... and 1 more prices\n"
