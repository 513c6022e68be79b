# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a reply settles and what it leaves unknown, and the gate that all charges go through."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import payment_call, payment_gate
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.payment_gate import Gate, Stopped
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.payment_intent import DECLINED, SUCCEEDED, UNKNOWN
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.payment_settlement import Settled
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.square_payments import Made, Reply

CHARGED = Reply(200, payment=Made("p1", "COMPLETED"))
REFUSED = Reply(402, "CARD_EXPIRED", Made("p1", "FAILED"), detail="402 CARD_EXPIRED")
NOTHING = Reply(0, detail="no answer in time")
DOWN = Reply(503, "SERVICE_UNAVAILABLE", detail="503 SERVICE_UNAVAILABLE")
LIMITED = Reply(429, "RATE_LIMITED", after=0.0, detail="429 RATE_LIMITED")
NO_TOKEN = Reply(401, "ACCESS_TOKEN_EXPIRED", detail="401 ACCESS_TOKEN_EXPIRED")
REUSED = Reply(400, "IDEMPOTENCY_KEY_REUSED", detail="400 IDEMPOTENCY_KEY_REUSED")
REPLIES = [CHARGED, REFUSED, NOTHING, DOWN, LIMITED, NO_TOKEN, REUSED]


def charged(*replies: Reply, tries: int = 4, lost: bool = False, gate: Gate | None = None) -> tuple[Settled, int, int]:
    """The outcome, how often Square was asked, and how often it was kept that it would be."""
    left = list(replies)
    again: list[int] = []
    outcome = payment_call.charge(
        lambda: left.pop(0), gate or Gate(4, 0, 5), tries, lost, lambda: again.append(1), chance=lambda: 0.0, first_wait=0.001
    )
    return outcome, len(replies) - len(left), len(again)


@pytest.mark.parametrize(
    ("replies", "state", "code"),
    [
        ([CHARGED], SUCCEEDED, None),
        ([REFUSED], DECLINED, "CARD_EXPIRED"),
        ([NO_TOKEN], DECLINED, "ACCESS_TOKEN_EXPIRED"),
        ([NOTHING, CHARGED], SUCCEEDED, None),
        ([NOTHING, REFUSED], DECLINED, "CARD_EXPIRED"),
        ([LIMITED, NO_TOKEN], DECLINED, "ACCESS_TOKEN_EXPIRED"),
        # The first request may have been carried out, and a refusal of the second one says nothing of it.
        ([NOTHING, NO_TOKEN], UNKNOWN, "ACCESS_TOKEN_EXPIRED"),
        ([DOWN, NO_TOKEN], UNKNOWN, "ACCESS_TOKEN_EXPIRED"),
        ([REUSED], UNKNOWN, "IDEMPOTENCY_KEY_REUSED"),
        ([DOWN] * 4, UNKNOWN, "SERVICE_UNAVAILABLE"),
        ([LIMITED] * 4, UNKNOWN, "RATE_LIMITED"),
        ([Reply(200, payment=Made("p1", "PENDING"))], UNKNOWN, "PENDING"),
        ([Reply(200, payment=Made("p1", "CANCELED"))], DECLINED, "GENERIC_DECLINE"),
        ([Reply(200)] * 4, UNKNOWN, None),
        ([Reply(400, None, detail="400 without a code")], DECLINED, "HTTP_400"),
        ([Reply(503, None, after=3600.0)], UNKNOWN, None),
    ],
)
def test_outcomes(replies: list[Reply], state: str, code: str | None) -> None:
    outcome, asked, kept = charged(*replies)
    assert (outcome.state, outcome.code, asked, kept) == (state, code, len(replies), len(replies) - 1)


@given(replies=st.lists(st.sampled_from(REPLIES), min_size=6, max_size=6), lost=st.booleans())
def test_what_may_have_been_charged_is_never_called_refused(replies: list[Reply], lost: bool) -> None:
    outcome, asked, _kept = charged(*replies, tries=6, lost=lost)
    seen = replies[:asked]
    if outcome.state == DECLINED and seen[-1] is not REFUSED:
        assert not lost
        assert all(one is LIMITED for one in seen[:-1])
    if outcome.state == SUCCEEDED:
        assert seen[-1] is CHARGED


def test_a_run_that_ends_does_not_wait_for_another_try() -> None:
    gate = Gate(4, 0, 5)

    def ask() -> Reply:
        gate.stop("enough")
        return NOTHING

    outcome = payment_call.charge(ask, gate, 4, False, lambda: pytest.fail("another try"))
    assert outcome.state == UNKNOWN


def test_a_run_that_has_ended_asks_for_nothing() -> None:
    gate = Gate(4, 0, 5)
    gate.stop("enough")
    with pytest.raises(Stopped, match="enough"):
        charged(CHARGED, gate=gate)


def test_a_request_that_had_to_wait_is_kept_as_called_later(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(4, 20, 5)
    monkeypatch.setattr(payment_call, "PROMPT", 0.03)
    assert charged(CHARGED, gate=gate) == (Settled(SUCCEEDED, None, "p1"), 1, 0)
    assert charged(CHARGED, gate=gate) == (Settled(SUCCEEDED, None, "p1"), 1, 1)


def test_the_wait_grows_and_follows_square() -> None:
    pauses = [payment_call._pause(DOWN, number, lambda: 0.0, 0.5) for number in (1, 2, 3)]
    assert pauses == [0.5, 1.0, 2.0]
    assert payment_call._pause(Reply(429, after=7.0), 3, lambda: 1.0, 0.5) == pytest.approx(8.4)
    assert payment_call._pause(Reply(429, after=7000.0), 1, lambda: 0.0, 0.5) == payment_gate.LONGEST_HOLD


def test_never_more_than_so_many_are_under_way() -> None:
    gate = Gate(3, 0, 5)
    under_way: list[int] = []
    most: list[int] = []
    lock = threading.Lock()

    def one(_number: int) -> None:
        with gate.calling():
            with lock:
                under_way.append(1)
                most.append(len(under_way))
            time.sleep(0.002)
            with lock:
                under_way.pop()

    with ThreadPoolExecutor(max_workers=12) as threads:
        list(threads.map(one, range(40)))
    assert max(most) == 3


def test_in_no_second_leave_more_requests_than_the_pace_however_they_bunch_on_the_way() -> None:
    gate = Gate(8, 40, 5)
    left: list[float] = []
    delays = iter([0.2, 0.17, 0.15, 0.12, 0.1, 0.07, 0.05, 0.02, *[0.0] * 100])

    def ask(replies: list[Reply]) -> Reply:
        left.append(time.monotonic())
        return replies.pop()

    def one(number: int) -> None:
        replies = [CHARGED, NOTHING] if number % 3 == 0 else [CHARGED]
        gate.begin()
        # As where a row is locked by somebody for a while: all of them come at once then.
        time.sleep(next(delays))
        payment_call.charge(lambda: ask(replies), gate, 4, False, lambda: None, first_wait=0.001)

    with ThreadPoolExecutor(max_workers=8) as threads:
        list(threads.map(one, range(36)))
    assert len(left) == 48
    left.sort()
    assert max(sum(moment <= other < moment + 1 for other in left) for moment in left) <= 40
    assert left[-1] - left[0] < 10


def test_a_limited_rate_holds_everybody_and_halves_what_is_under_way() -> None:
    gate = Gate(8, 0, 5)
    gate.hold(0.05)
    began = time.monotonic()
    with gate.calling():
        assert time.monotonic() - began >= 0.045
    assert gate._limit == 4
    for _number in range(20):
        gate.ended(True)
    assert gate._limit == 5


def test_a_longer_wait_than_a_run_takes_ends_it() -> None:
    """Nobody asks again before Square wants to be asked."""
    asked: list[int] = []

    def ask() -> Reply:
        asked.append(1)
        return Reply(429, "RATE_LIMITED", after=300.0)

    gate = Gate(8, 0, 5)
    outcome = payment_call.charge(ask, gate, 4, False, lambda: None)
    assert (outcome.state, outcome.code, len(asked)) == ("UNKNOWN", "RATE_LIMITED", 1)
    assert gate.reason == "Square asks to be left alone for 300 seconds; run again after that"
    gate = Gate(8, 0, 5)
    with pytest.raises(Stopped, match="for 61 seconds"):
        gate.limited(61)


def test_charges_without_an_outcome_open_the_breaker() -> None:
    gate = Gate(8, 0, 3)
    for has_outcome in (False, False, True, False, False):
        gate.ended(has_outcome)
    assert gate.reason is None
    gate.ended(False)
    assert gate.is_outage and "no outcome for 3 charges in a row" in str(gate.reason)
    gate.stop("another reason")
    assert "no outcome" in str(gate.reason)
    with pytest.raises(Stopped, match="no outcome"), gate.calling():
        raise AssertionError
    with pytest.raises(Stopped):
        gate.begin(60)


@pytest.mark.parametrize("holds", [False, True], ids=["full", "held"])
def test_whoever_waits_for_a_turn_is_told_that_the_run_has_ended(holds: bool) -> None:
    gate = Gate(1, 0, 3)
    with ThreadPoolExecutor(max_workers=4) as threads, gate.calling():
        if holds:
            gate.hold(60)
        waiting = [threads.submit(charged, CHARGED, gate=gate) for _number in range(4)]
        time.sleep(0.02)
        gate.stop("enough")
        assert [str(one.exception(timeout=5)) for one in waiting] == ["enough"] * 4


def test_who_waits_for_the_pace_leaves_the_place_to_others() -> None:
    gate = Gate(1, 0.5, 3)
    charged(CHARGED, gate=gate)
    with ThreadPoolExecutor(max_workers=1) as threads:
        waiting = threads.submit(charged, CHARGED, gate=gate)
        with gate.calling() as waited:
            assert waited < 1.5
        gate.stop("enough")
        assert isinstance(waiting.exception(timeout=5), Stopped)


@pytest.mark.parametrize(("max_in_flight", "hands"), [(1, 1), (4, 6), (16, 24), (60, 64), (64, 64)])
def test_others_are_made_ready_while_some_are_at_square(max_in_flight: int, hands: int) -> None:
    assert Gate(max_in_flight, 0, 5).hands == hands
