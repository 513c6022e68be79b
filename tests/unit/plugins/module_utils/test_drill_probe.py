# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking from outside: what counts as serving, the period, and since when all is well."""

from __future__ import annotations

import time
import typing as t

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import drill_probe
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.drill_probe import Look


def probe(kind: str, status: int | None = 200, body: str = "{}") -> dict[str, t.Any]:
    return {"class": kind, "status": status, "body": body}


@pytest.mark.parametrize(
    ("probes", "serves"),
    [
        ([probe("not_found", 404), probe("ok")], True),
        ([probe("ok"), probe("ok")], True),
        ([probe("bad_gateway", 502), probe("ok")], False),
        ([probe("not_found", 404), probe("unhealthy", 503)], False),
        ([probe("ok"), probe("refused", None)], False),
        ([probe("not_found", 404)], False),
        # nginx's limit on a client is about the one who looks.
        ([probe("other", 503, "<HTML>503 Service Temporarily Unavailable"), probe("ok")], None),
    ],
)
def test_serving(probes: list[dict[str, t.Any]], serves: bool | None) -> None:
    assert drill_probe.serves(probes) is serves


def test_a_watch_keeps_its_period_and_what_it_saw() -> None:
    answers = iter([True, None, False])
    watch = drill_probe.Watch(lambda: next(answers, True), 0.02)
    watch.start()
    deadline = time.monotonic() + 5
    while len(watch.looks) < 10 and time.monotonic() < deadline:
        time.sleep(0.01)
    watch.end()
    seen = len(watch.looks)
    assert [look.well for look in watch.looks[:3]] == [True, False, True]
    assert watch.looks[9].at - watch.looks[0].at >= 0.19
    time.sleep(0.05)
    assert len(watch.looks) == seen


def test_the_service_is_watched_through_its_addresses() -> None:
    watch = drill_probe.watch_service(["http://127.0.0.1:1/health"], True)
    watch.start()
    deadline = time.monotonic() + 5
    while not watch.looks and time.monotonic() < deadline:
        time.sleep(0.01)
    watch.end()
    assert watch.looks[0].well is False


def looks(*well: bool, start: float = 0) -> list[Look]:
    return [Look(start + number, one) for number, one in enumerate(well)]


@pytest.mark.parametrize(
    ("watches", "since"),
    [
        ([looks(False, False, True, True)], 2),
        ([looks(True, False, True), looks(False, True, True)], 2),
        ([looks(True, True), looks(False, True, start=5)], 6),
        ([looks(True, True, start=3)], 3),
        ([looks(True, False)], None),
        ([looks(True), looks()], None),
    ],
)
def test_since_when_all_is_well(watches: list[list[Look]], since: float | None) -> None:
    assert drill_probe.well_since(*watches) == since


def test_a_watch_that_was_never_begun_can_be_ended() -> None:
    watch = drill_probe.Watch(lambda: True, 0.1)
    watch.end()
    assert watch.looks == []
