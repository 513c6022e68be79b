# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All layers in one pass, at the same time; when it is to be waited, for the layers in the order in which they come back before."""

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
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.docker_engine import DockerEngine
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import EngineUnreachable, IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.stack_options import (
    EDGE_INFO_OPTIONS,
    POSTGRES_INFO_OPTIONS,
    STACK_INFO_OPTIONS,
    STACK_OPTIONS,
)

MEETING_SECONDS = 5
_DEFAULTS = {**STACK_OPTIONS, **STACK_INFO_OPTIONS, **POSTGRES_INFO_OPTIONS, **EDGE_INFO_OPTIONS}
OPTIONS: dict[str, Any] = {
    **{name: option.get("default") for name, option in _DEFAULTS.items()},
    "project_src": "/opt/circuit-sage",
    "project_name": "circuit-sage",
    "urls": ["http://127.0.0.1/health"],
    "evidence_of": [],
    "release_archives": None,
    "roll_back_to": "",
    "ballast": [],
    "memory_limits": {},
    "pool_environment": {},
}


class QuietHost:
    """A host of which there is nothing to say."""

    def __init__(self, _options: dict[str, Any]) -> None:
        pass

    def finish(self) -> dict[str, Any]:
        """The observation."""
        return {}


@pytest.fixture(autouse=True)
def quiet_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observation, "HostObserver", QuietHost)


class Asked:
    """What was asked for, in its order; the engine lists a backend in that state, None: it does not answer."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, backend: str | None) -> None:
        self.asked: list[Any] = []
        self._backend = backend
        monkeypatch.setattr(stack_observer, "observe", self._stack)
        monkeypatch.setattr(postgres_observer, "observe", self._postgres)
        monkeypatch.setattr(postgres_observer, "wait_for_answer", lambda _options, seconds: self.asked.append(("answer", seconds)))
        monkeypatch.setattr(http_probe, "observe", self._edge)
        monkeypatch.setattr(DockerEngine, "containers", lambda _engine: self._containers())

    def _stack(self, project: stack_observer.Project, *_rest: Any) -> dict[str, Any]:
        self.asked.append(("stack", project.name))
        return {"services": {}}

    def _postgres(self, options: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(("postgres", options["wait"]))
        return {"error": None}

    def _edge(self, _urls: list[str], _timeout: float, _validate: bool, wait: float = 0, **how: Any) -> dict[str, Any]:
        self.asked.append(("edge", round(wait), how["may_come"]() if wait else None))
        return {"answers": True}

    def _containers(self) -> list[dict[str, Any]]:
        if self._backend is None:
            raise EngineUnreachable("nothing listens")
        labels = {"com.docker.compose.project": "circuit-sage", "com.docker.compose.service": "backend"}
        return [{"Id": "1", "Created": 1, "State": self._backend, "Labels": labels}]


def test_every_layer_is_observed(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Asked(monkeypatch, "running")
    result = observation.observe({**OPTIONS, "wait": 0})
    assert sorted(engine.asked) == [("edge", 0, None), ("postgres", 0), ("stack", "circuit-sage")]
    assert result == {"stack": {"services": {}}, "postgres": {"error": None}, "edge": {"answers": True}, "host": {}, "evidence": {}}


@pytest.mark.parametrize(
    ("backend", "back_off", "may_come"),
    [("running", 0.0, True), ("restarting", 9.0, True), ("restarting", 0.0, False), ("exited", 9.0, False), (None, 9.0, False)],
)
def test_the_database_is_waited_for_and_then_the_service_while_its_container_may_come(
    monkeypatch: pytest.MonkeyPatch, backend: str | None, back_off: float, may_come: bool
) -> None:
    monkeypatch.setattr(observation, "BACK_OFF_SECONDS", back_off)
    engine = Asked(monkeypatch, backend)
    observation.observe({**OPTIONS, "wait": 20})
    assert engine.asked[:2] == [("answer", 20), ("edge", 20, may_come)]
    assert sorted(engine.asked[2:]) == [("edge", 0, None), ("postgres", 0), ("stack", "circuit-sage")]


def test_the_layers_are_asked_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    meeting = threading.Barrier(3, timeout=MEETING_SECONDS)
    monkeypatch.setattr(stack_observer, "observe", lambda *_given: {"services": None, "place": meeting.wait()})
    monkeypatch.setattr(postgres_observer, "observe", lambda *_given: {"error": None, "place": meeting.wait()})
    monkeypatch.setattr(http_probe, "observe", lambda *_given, **_how: {"place": meeting.wait()})
    result = observation.observe({**OPTIONS, "wait": 0})
    assert sorted(result[layer]["place"] for layer in ("stack", "postgres", "edge")) == [0, 1, 2]


USED_UP = {"count": 4, "this_life": 2, "seconds_ago": 3.0}


@pytest.mark.parametrize(
    ("backend", "error", "blockers", "waited_for"),
    [
        ({"state": "running"}, None, [], True),
        ({"state": "restarting"}, None, [], False),
        ({"state": "running"}, {"class": "refused"}, [], False),
        ({"state": "running", "log": {"patterns": {"pool_exhausted": USED_UP}}}, None, [], False),
        # What it said long ago, or in another life, is no news; a lock is waited for, since its end tells more.
        ({"state": "running", "log": {"patterns": {"pool_exhausted": {**USED_UP, "seconds_ago": 900.0}}}}, None, [], True),
        ({"state": "running", "log": {"patterns": {"pool_exhausted": {**USED_UP, "this_life": 0}}}}, None, [], True),
        ({"state": "running", "log": {"patterns": {"pool_exhausted": USED_UP}}}, None, [{"pid": 7}], True),
    ],
)
def test_an_answer_that_cannot_be_good_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, backend: dict[str, Any], error: dict[str, str] | None, blockers: list[Any], waited_for: bool
) -> None:
    told = {}

    def edge(*_given: Any, hopeless: threading.Event) -> dict[str, Any]:
        told["hopeless"] = hopeless.wait(0.2)
        return {"answers": None}

    monkeypatch.setattr(stack_observer, "observe", lambda *_given: {"services": {"backend": backend}})
    monkeypatch.setattr(postgres_observer, "observe", lambda *_given: {"error": error, "blockers": blockers})
    monkeypatch.setattr(http_probe, "observe", edge)
    observation.observe({**OPTIONS, "wait": 0})
    assert told["hopeless"] is not waited_for


def test_wrong_input_is_told_before_anything_is_asked() -> None:
    with pytest.raises(IncidentError, match="urls is empty"):
        observation.observe({**OPTIONS, "urls": []})


@pytest.mark.parametrize("wait", [0, 5])
def test_what_is_wrong_with_the_files_goes_before_what_is_wrong_with_the_database(monkeypatch: pytest.MonkeyPatch, wait: int) -> None:
    def fails(sentence: str) -> Any:
        def observe(*_given: Any) -> None:
            raise IncidentError(sentence)

        return observe

    Asked(monkeypatch, "running")
    monkeypatch.setattr(stack_observer, "observe", fails("there is no env file"))
    for name in ("observe", "wait_for_answer"):
        monkeypatch.setattr(postgres_observer, name, fails("connected_pattern is not a regular expression"))
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
    monkeypatch.setattr(http_probe, "observe", lambda *_given, **_how: {"answers": answers, "probes": []})
    monkeypatch.setattr(observation, "read_evidence", lambda _reader, project, services, _lines: {f"{project} {services}": "the log"})
    result = observation.observe({**OPTIONS, "wait": 0, "evidence_of": wanted})
    assert result["evidence"] == ({"circuit-sage ['backend']": "the log"} if kept else {})


WELL = {"health": "healthy", "ports": [{"host_port": 15432}]}
REFUSED = {"error": {"class": "refused"}}


def asked_at(port: int, service: dict[str, Any], postgres: dict[str, Any]) -> None:
    options = {"postgres_service": "postgres", "login_host": "127.0.0.1", "login_port": port}
    observation.refuse_wrong_port(options, {"services": {"postgres": service}}, postgres)


def test_a_wrong_port_is_told_with_the_one_that_is_published() -> None:
    with pytest.raises(
        IncidentError, match=r"nothing listens at 127\.0\.0\.1:5432, and the healthy PostgreSQL publishes 15432; .*set login_port"
    ):
        asked_at(5432, WELL, REFUSED)


@pytest.mark.parametrize(
    ("port", "service", "postgres"),
    [
        (15432, WELL, REFUSED),
        (5432, WELL, {"error": None}),
        (5432, WELL, {"error": {"class": "auth_failed"}}),
        (5432, {**WELL, "health": "unhealthy"}, REFUSED),
        (5432, {**WELL, "ports": []}, REFUSED),
        (5432, {}, REFUSED),
    ],
    ids=["right port", "login works", "other failure", "sick", "publishes nothing", "no container"],
)
def test_a_port_that_may_be_right_is_not_blamed(port: int, service: dict[str, Any], postgres: dict[str, Any]) -> None:
    asked_at(port, service, postgres)
