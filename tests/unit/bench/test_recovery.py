# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a fault counts as recovered, and how seldom its symptom is looked at: some symptoms are failed sign-ins, which are counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle
from subprocess import CompletedProcess

import faults
import pytest
import recovery
from stack import NotMeasured

SECONDS = 0.3


class Clock:
    """Goes on by what is slept, and by a little with each look at it."""

    def __init__(self) -> None:
        self._now = 0.0

    def monotonic(self) -> float:
        self._now += 0.001
        return self._now

    def sleep(self, seconds: float) -> None:
        self._now += seconds


class FakeStack:
    """A service that is healthy when asked to be, some seconds after now."""

    def __init__(self, clock: Clock, healthy: Callable[[float], bool]) -> None:
        self._clock, self._began, self._healthy = clock, clock.monotonic(), healthy

    def serves(self) -> bool:
        return self._healthy(self._clock.monotonic() - self._began)

    def lets_through(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The bench's own, so that a busy machine judges as a quiet one does."""
    own = Clock()
    monkeypatch.setattr(recovery, "time", own)
    return own


@pytest.fixture
def looks(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The looks at the symptom so far."""
    found: list[float] = []
    monkeypatch.setattr(recovery, "STEADY_SECONDS", 0.05)
    monkeypatch.setattr(recovery, "PERIOD_SECONDS", 0.01)
    monkeypatch.setattr(faults, "well_inside", lambda: True)

    def shows(_identity: str) -> bool:
        found.append(clock.monotonic())
        return True

    monkeypatch.setattr(faults, "shows", shows)
    return found


def well(clock: Clock, healthy: Callable[[float], bool]) -> bool:
    trial = recovery.Trial(FakeStack(clock, healthy), "lock_blocker", SECONDS)  # type: ignore[arg-type]
    return trial.is_well(clock.monotonic())


def test_a_symptom_that_stays_under_green_health_is_looked_at_three_times_at_most(clock: Clock, looks: list[float]) -> None:
    assert not well(clock, lambda _seconds: True)
    assert 1 <= len(looks) <= 3


def test_without_health_no_symptom_is_looked_at(clock: Clock, looks: list[float]) -> None:
    assert not well(clock, lambda _seconds: False)
    assert looks == []


def test_a_crash_loop_with_healthy_moments_is_not_well(clock: Clock, looks: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "shows", lambda _identity: False)
    moments = cycle([True, False])
    assert not well(clock, lambda _seconds: next(moments))


def test_health_that_came_in_time_may_prove_steady_after_it(clock: Clock, looks: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "shows", lambda _identity: False)
    assert well(clock, lambda seconds: seconds > SECONDS - 0.03)


def test_a_login_that_fails_is_not_well(clock: Clock, looks: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "shows", lambda _identity: False)
    monkeypatch.setattr(faults, "well_inside", lambda: False)
    assert not well(clock, lambda _seconds: True)


@pytest.fixture
def whole(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What made the stack whole so far."""
    made: list[str] = []

    def run(command: list[str], _seconds: float) -> CompletedProcess[str]:
        made.append(command[-1])
        return CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(recovery, "run", run)
    monkeypatch.setattr(recovery, "begin_anew", lambda _stack: None)
    monkeypatch.setattr(recovery.Trial, "of", lambda _self, _way: "recovered")
    return made


def injected(monkeypatch: pytest.MonkeyPatch, bites: list[bool], taken_back: bool) -> None:
    """Faults that bite or do not, one after the other, and can be taken back or not."""
    left = list(bites)

    @contextmanager
    def of(identity: str) -> Iterator[None]:
        if not left.pop(0):
            raise NotMeasured(f"{identity} did not bite")
        yield
        if not taken_back:
            raise NotMeasured(f"{identity} could not be taken back")

    monkeypatch.setattr(faults, "injected", of)


@pytest.mark.parametrize(
    ("bites", "taken_back", "verdict", "repairs"),
    [
        ([True], True, "recovered", 0),
        ([False, True], True, "recovered", 1),
        ([False, False], True, "not measured", 2),
        # What was seen stands, and the next fault begins on a stack that is whole.
        ([True], False, "recovered", 1),
    ],
)
def test_what_goes_wrong_never_counts_and_is_put_in_order(
    monkeypatch: pytest.MonkeyPatch, whole: list[str], bites: list[bool], taken_back: bool, verdict: str, repairs: int
) -> None:
    injected(monkeypatch, bites, taken_back)
    stack = FakeStack(Clock(), lambda _seconds: True)
    assert recovery.try_out(stack, "lock_blocker", "guide", SECONDS) == verdict  # type: ignore[arg-type]
    assert whole == ["up"] * repairs
