# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a fault counts as recovered, and how seldom its symptom is looked at: some symptoms are failed sign-ins, which are counted."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import cycle

import faults
import pytest
import recovery

SECONDS = 0.3


class FakeStack:
    """A service that is healthy when asked to be, some seconds after now."""

    def __init__(self, healthy: Callable[[float], bool]) -> None:
        self._began, self._healthy = time.monotonic(), healthy

    def serves(self) -> bool:
        return self._healthy(time.monotonic() - self._began)

    def lets_through(self) -> bool:
        return True


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The looks at the symptom so far."""
    found: list[float] = []
    monkeypatch.setattr(recovery, "STEADY_SECONDS", 0.05)
    monkeypatch.setattr(recovery, "PERIOD_SECONDS", 0.01)
    monkeypatch.setattr(faults, "well_inside", lambda: True)

    def shows(_identity: str) -> bool:
        found.append(time.monotonic())
        return True

    monkeypatch.setattr(faults, "shows", shows)
    return found


def well(healthy: Callable[[float], bool]) -> bool:
    trial = recovery.Trial(FakeStack(healthy), "lock_blocker", SECONDS)  # type: ignore[arg-type]
    return trial.is_well(time.monotonic())


def test_a_symptom_that_stays_under_green_health_is_looked_at_three_times_at_most(looks: list[float]) -> None:
    assert not well(lambda _seconds: True)
    assert 1 <= len(looks) <= 3


def test_without_health_no_symptom_is_looked_at(looks: list[float]) -> None:
    assert not well(lambda _seconds: False)
    assert looks == []


def test_a_crash_loop_with_healthy_moments_is_not_well(looks: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "shows", lambda _identity: False)
    moments = cycle([True, False])
    assert not well(lambda _seconds: next(moments))


def test_health_that_came_in_time_may_prove_steady_after_it(looks: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "shows", lambda _identity: False)
    assert well(lambda seconds: seconds > SECONDS - 0.03)


def test_a_login_that_fails_is_not_well(looks: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "shows", lambda _identity: False)
    monkeypatch.setattr(faults, "well_inside", lambda: False)
    assert not well(lambda _seconds: True)
