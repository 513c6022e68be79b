# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Counting what fails while something is done to a service."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import maintenance, service_watch
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.drill_probe import Look
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError


@pytest.mark.parametrize(
    ("wells", "failures", "away", "longest"),
    [("", 0, 0, 0), ("11", 0, 0, 0), ("1001", 2, 2, 2), ("010010", 4, 3, 2), ("100", 2, 1, 1)],
)
def test_the_time_away_is_from_a_bad_look_to_the_next_good_one(wells: str, failures: int, away: float, longest: float) -> None:
    found = service_watch.summary([Look(at, well == "1") for at, well in enumerate(wells)])
    assert (found["requests"], found["failures"], found["away_seconds"], found["longest_seconds"]) == (len(wells), failures, away, longest)


def test_a_watch_in_the_background_is_ended_and_tells(tmp_path: Path) -> None:
    report = tmp_path / "watch"
    looked = threading.Event()

    def look() -> bool:
        looked.set()
        return True

    watching = threading.Thread(target=service_watch.watch, args=(report, look, 10))
    watching.start()
    assert looked.wait(5)
    found = service_watch.end(report)
    watching.join()
    assert found["requests"] >= 1
    assert found["failures"] == 0
    assert list(tmp_path.iterdir()) == []


def test_a_watch_that_nobody_ends_ends_by_itself(tmp_path: Path) -> None:
    assert service_watch.watch(tmp_path / "watch", lambda: False, 0.1)["failures"] >= 1


def test_a_watch_ends_with_its_run_and_leaves_nothing(tmp_path: Path) -> None:
    ended = {**maintenance.run_of(os.getpid()), "ticks": "1"}
    service_watch.watch(tmp_path / "watch", lambda: True, 60, ended)
    assert list(tmp_path.iterdir()) == []


def test_no_report_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_watch, "END_SECONDS", 0.1)
    with pytest.raises(IncidentError, match="has left no report"):
        service_watch.end(tmp_path / "watch")
    with pytest.raises(IncidentError, match="cannot be used"):
        service_watch.end(tmp_path / "nowhere" / "watch")


def test_the_address_that_does_not_exist_or_is_closed_is_not_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []

    def probe_all(urls: list[str], _timeout: float, _certs: bool) -> list[dict[str, object]]:
        asked.append(list(urls))
        classes = ("not_found" if "api" in url else "maintenance" if "closed" in url else "ok" for url in urls)
        return [{"url": url, "class": kind, "status": 200, "body": ""} for url, kind in zip(urls, classes, strict=True)]

    monkeypatch.setattr(service_watch, "probe_all", probe_all)
    service_watch.watch_urls(tmp_path / "watch", ["http://host/api/health", "http://host/closed", "http://host/health"], 0.1)
    assert asked[0] == ["http://host/api/health", "http://host/closed", "http://host/health"]
    assert set(map(tuple, asked[1:])) == {("http://host/health",)}
