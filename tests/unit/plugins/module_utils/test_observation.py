# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All layers in one pass: all at the same time, or when it is to be waited, in the order in which they come back."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import (
    http_probe,
    observation,
    postgres_observer,
    stack_observer,
)
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.stack_options import (
    EDGE_INFO_OPTIONS,
    POSTGRES_INFO_OPTIONS,
    STACK_INFO_OPTIONS,
    STACK_OPTIONS,
)

MEETING_SECONDS = 5
_DEFAULTS = {**STACK_OPTIONS, **STACK_INFO_OPTIONS, **POSTGRES_INFO_OPTIONS, **EDGE_INFO_OPTIONS}
OPTIONS = {
    **{name: option.get("default") for name, option in _DEFAULTS.items()},
    "project_src": "/opt/circuit-sage",
    "project_name": "circuit-sage",
    "urls": ["http://127.0.0.1/health"],
    "evidence_of": [],
}


def observed(monkeypatch: pytest.MonkeyPatch, backend: str | None, wait: int) -> tuple[list[Any], dict[str, Any]]:
    """What was asked for, in its order, with a backend in that state; None: the engine does not answer."""
    asked: list[Any] = []

    def stack(project: stack_observer.Project, *_rest: Any) -> dict[str, Any]:
        asked.append(("stack", project.name))
        return {"services": backend and {"backend": {"state": backend}}}

    def postgres(options: dict[str, Any]) -> dict[str, Any]:
        asked.append(("postgres", options["wait"]))
        return {"via": "tcp"}

    def edge(_urls: list[str], _timeout: float, _validate: bool, seconds: float) -> dict[str, Any]:
        asked.append(("edge", seconds))
        return {"answers": True}

    monkeypatch.setattr(stack_observer, "observe", stack)
    monkeypatch.setattr(postgres_observer, "observe", postgres)
    monkeypatch.setattr(http_probe, "observe", edge)
    return asked, observation.observe({**OPTIONS, "wait": wait})


def test_every_layer_is_observed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, result = observed(monkeypatch, "running", 0)
    assert sorted(asked) == [("edge", 0), ("postgres", 0), ("stack", "circuit-sage")]
    assert result == {
        "stack": {"services": {"backend": {"state": "running"}}},
        "postgres": {"via": "tcp"},
        "edge": {"answers": True},
        "evidence": {},
    }


@pytest.mark.parametrize(("backend", "seconds"), [("running", 20), ("restarting", 0), (None, 0)])
def test_waiting_goes_from_the_database_to_the_service(monkeypatch: pytest.MonkeyPatch, backend: str | None, seconds: int) -> None:
    asked, _result = observed(monkeypatch, backend, 20)
    assert asked == [("postgres", 20), ("stack", "circuit-sage"), ("edge", seconds)]


def test_the_layers_are_asked_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    meeting = threading.Barrier(3, timeout=MEETING_SECONDS)
    monkeypatch.setattr(stack_observer, "observe", lambda *_given: {"services": None, "place": meeting.wait()})
    monkeypatch.setattr(postgres_observer, "observe", lambda *_given: {"place": meeting.wait()})
    monkeypatch.setattr(http_probe, "observe", lambda *_given: {"place": meeting.wait()})
    result = observation.observe({**OPTIONS, "wait": 0})
    assert sorted(result[layer]["place"] for layer in ("stack", "postgres", "edge")) == [0, 1, 2]


def test_wrong_input_is_told_before_anything_is_asked() -> None:
    with pytest.raises(IncidentError, match="urls is empty"):
        observation.observe({**OPTIONS, "urls": []})


@pytest.mark.parametrize("wait", [0, 5])
def test_what_is_wrong_with_the_files_goes_before_what_is_wrong_with_the_database(monkeypatch: pytest.MonkeyPatch, wait: int) -> None:
    def fails(sentence: str) -> Any:
        def observe(*_given: Any) -> None:
            raise IncidentError(sentence)

        return observe

    observed(monkeypatch, "running", 0)
    monkeypatch.setattr(stack_observer, "observe", fails("there is no env file"))
    monkeypatch.setattr(postgres_observer, "observe", fails("connected_pattern is not a regular expression"))
    with pytest.raises(IncidentError, match="there is no env file"):
        observation.observe({**OPTIONS, "wait": wait})


@pytest.mark.parametrize(
    ("reachable", "answers", "wanted", "kept"),
    [(True, False, ["backend"], True), (True, True, ["backend"], False), (False, False, ["backend"], False), (True, False, [], False)],
)
def test_evidence_is_read_where_it_is_wanted_and_something_is_broken(
    monkeypatch: pytest.MonkeyPatch, reachable: bool, answers: bool, wanted: list[str], kept: bool
) -> None:
    service = {"state": "running"}
    stack = {"engine": {"reachable": reachable, "error": "no socket"}, "services": {"postgres": service, "backend": service}}
    monkeypatch.setattr(stack_observer, "observe", lambda *_given: stack)
    monkeypatch.setattr(postgres_observer, "observe", lambda *_given: {"error": None, "write": {"ok": True}, "blockers": []})
    monkeypatch.setattr(http_probe, "observe", lambda *_given: {"answers": answers, "probes": []})
    monkeypatch.setattr(observation, "read_evidence", lambda _reader, project, services, _lines: {f"{project} {services}": "the log"})
    result = observation.observe({**OPTIONS, "wait": 0, "evidence_of": wanted})
    assert result["evidence"] == ({"circuit-sage ['backend']": "the log"} if kept else {})
