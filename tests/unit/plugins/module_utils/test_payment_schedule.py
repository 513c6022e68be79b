# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which code means what, when a payment is tried again, and when it is not."""

from __future__ import annotations

import typing as t
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import payment_schedule, square_codes
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.payment_schedule import (
    Attempt,
    Schedule,
    Turn,
    schedule_of,
    turn_of,
)

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=timezone.utc)
SCHEDULE = Schedule((1, 3, 7, 14), 4, 10)


def days_ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def turn(failed_at: datetime | None = None, failure: str | None = None, attempts: t.Sequence[Attempt] = (), card_attempts: int = 0) -> Turn:
    return turn_of(SCHEDULE, NOW, "card", failed_at, failure, attempts, card_attempts)


def test_every_code_has_one_class() -> None:
    codes = [code for group in square_codes.CLASSES for code in group.codes]
    assert len(codes) == len(set(codes))
    assert {square_codes.class_of(code) for code in codes} == {group.name for group in square_codes.CLASSES}
    assert square_codes.class_of("OF_TOMORROW") == square_codes.class_of(None) == square_codes.UNLISTED
    assert [row["class"] for row in square_codes.table()] == ["transient", "soft", "hard", "operator", "our_bug", "unlisted"]


@pytest.mark.parametrize(
    ("code", "counts"),
    [("CARD_EXPIRED", True), ("GENERIC_DECLINE", True), ("OF_TOMORROW", True), ("UNAUTHORIZED", False), ("NEVER_ARRIVED", False)],
)
def test_what_counts_against_a_card(code: str, counts: bool) -> None:
    assert square_codes.is_decline(code) is counts


@pytest.mark.parametrize(
    ("days", "attempts", "card", "words"),
    [
        ([], 4, 10, "schedule_days is empty"),
        ([1, 7, 3], 4, 10, r"goes backwards or stands still \(1, 7, 3\)"),
        ([1, 1], 4, 10, "stands still"),
        ([-1, 2], 4, 10, "below 0"),
        ([1, 400], 4, 10, "above 365"),
        ([float("nan")], 4, 10, "below 0"),
        ([1], 0, 10, "max_attempts is 0"),
        ([1], 4, 0, "max_card_attempts is 0; write 1 to 10"),
        ([1], 4, 15, "max_card_attempts is 15; write 1 to 10"),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused(days: list[float], attempts: int, card: int, words: str) -> None:
    with pytest.raises(IncidentError, match=words):
        schedule_of(days, attempts, card)


def test_what_has_not_failed_is_due_at_once() -> None:
    assert turn() == Turn(payment_schedule.DUE)
    assert schedule_of([1, 3, 7, 14], 4, 10) == SCHEDULE


def test_each_attempt_waits_for_its_day() -> None:
    assert turn(days_ago(0.9), "INSUFFICIENT_FUNDS").verdict == payment_schedule.WAIT
    assert turn(days_ago(1), "INSUFFICIENT_FUNDS").verdict == payment_schedule.DUE
    first = Attempt("INSUFFICIENT_FUNDS", "card", days_ago(1.9))
    assert turn(days_ago(2.9), "INSUFFICIENT_FUNDS", [first]).at == days_ago(-0.1)
    late = Attempt("INSUFFICIENT_FUNDS", "card", days_ago(0.5))
    # Tried for the first time ten days late: the second one still comes two days after it.
    assert turn(days_ago(11), "INSUFFICIENT_FUNDS", [late]).at == days_ago(-1.5)


@pytest.mark.parametrize("code", ["CARD_EXPIRED", "CARD_DECLINED_VERIFICATION_REQUIRED", "INVALID_CARD"])
def test_a_card_that_was_refused_is_not_tried_again_but_another_one_is(code: str) -> None:
    assert turn(days_ago(20), code).verdict == payment_schedule.MUST_ACT
    assert turn(None, None, [Attempt(code, "card", days_ago(20))]).verdict == payment_schedule.MUST_ACT
    assert turn(None, None, [Attempt(code, "another", days_ago(20))]).verdict == payment_schedule.DUE


def test_a_code_that_is_not_listed_needs_a_person() -> None:
    told = turn(days_ago(20), "Of tomorrow, and told at a length that nobody wants to read in one line of a table of finance people")
    assert told.verdict == payment_schedule.PERSON
    assert len(told.reason) < 170


@pytest.mark.parametrize("code", ["SERVICE_UNAVAILABLE", "ACCESS_TOKEN_EXPIRED", "", None])
def test_what_is_not_the_customers_does_not_block(code: str | None) -> None:
    assert turn(days_ago(20), code).verdict == payment_schedule.DUE


def test_the_caps() -> None:
    declined = [Attempt("GENERIC_DECLINE", "card", days_ago(30 - number)) for number in range(4)]
    assert turn(None, None, declined).verdict == payment_schedule.EXHAUSTED
    assert turn(days_ago(1), None, card_attempts=10).verdict == payment_schedule.WAIT
    short = Schedule((1,), 4, 10)
    assert turn_of(short, NOW, "card", days_ago(40), None, declined[:1], 0).verdict == payment_schedule.EXHAUSTED


@given(
    days=st.lists(st.integers(0, 60), min_size=1, max_size=6, unique=True).map(sorted),
    most=st.integers(1, 6),
    fails_before=st.booleans(),
    pauses=st.lists(st.integers(0, 100), max_size=200),
)
def test_whenever_runs_come_no_attempt_is_too_early_and_none_too_many(
    days: list[int], most: int, fails_before: bool, pauses: list[int]
) -> None:
    schedule = schedule_of(days, most, 10)
    now = failed = NOW
    attempts: list[Attempt] = []
    for pause in pauses:
        now += timedelta(hours=pause)
        told = turn_of(schedule, now, "card", failed if fails_before else None, None, attempts, 0)
        if told.verdict == payment_schedule.DUE:
            attempts.append(Attempt("GENERIC_DECLINE", "card", now))
    assert len(attempts) <= min(most, len(days) + (not fails_before))
    times = ([failed] if fails_before else []) + [one.at for one in attempts]
    for number, at in enumerate(times[1:]):
        assert at - times[0] >= timedelta(days=days[number])
