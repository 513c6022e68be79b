# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module ends named sessions in the database's container, refuses wrong input before it asks the engine, and says what it would do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from engine_server import Content, EngineServer

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.sessions import IDLE_STATES
from ansible_collections.circuit_sage.incident_response.plugins.modules import postgres_session

LABELS = {"com.docker.compose.project": "sage", "com.docker.compose.service": "postgres"}


class Stack:
    """A database with one idle session."""

    def __init__(self) -> None:
        self.state = "running"
        self.found = True
        self.there = True
        self.asked: list[tuple[str, str, str]] = []

    def containers(self, _given: dict[str, str], _body: Any) -> tuple[int, Content]:
        return 200, self.found * [{"Id": "1", "Names": ["/sage-db"], "Created": 1, "State": self.state, "Labels": LABELS}]

    def ask(self, user: str, database: str, sql: str, _timeout: int) -> dict[str, Any]:
        self.asked.append((user, database, sql))
        if "pg_terminate_backend" in sql:
            self.there = False
            return {"signalled": [7]}
        session = {
            "pid": 7,
            "backend_type": "client backend",
            "backend_start": "2026-11-23T12:13:35.133011Z",
            "user": "u",
            "database": "d",
            "client": "172.30.83.1",
            "client_port": 40420,
            "state": "idle",
            "state_seconds": 40.0,
        }
        return {"sessions": [session] if self.there else []}


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch, engine: EngineServer) -> Stack:
    made = Stack()
    engine.answers["GET /containers/json"] = made.containers

    def container(_engine: Any, identity: str) -> Stack:
        assert identity == "sage-db"
        return made

    monkeypatch.setattr(postgres_session, "DatabaseContainer", container)
    return made


@pytest.fixture
def options(tmp_path: Path, engine: EngineServer) -> dict[str, Any]:
    (tmp_path / ".env.production").write_text("POSTGRES_USER=owner\nPOSTGRES_PASSWORD=x\n", encoding="utf-8")
    return {
        "project_src": str(tmp_path),
        "project_name": "sage",
        "env_file": ".env.production",
        "docker_host": engine.address,
        "docker_timeout": 1,
        "login_user": "application",
        "login_db": None,
        "login_host": "127.0.0.1",
        "login_port": 1,
        "connect_timeout": 2,
        "sessions": [{"pid": 7}, {"pid": 8}],
        "state": "terminated",
        "only_states": None,
        "min_idle_seconds": 0,
        "postgres_service": "postgres",
    }


def end(options: dict[str, Any], check_mode: bool = False) -> dict[str, Any]:
    result: dict[str, Any] = {"ended": [], "gone": [], "refused": [], "via": None, "sql_refused": None}
    postgres_session.end(options, check_mode, result)
    return result


def test_a_session_is_ended_once(stack: Stack, options: dict[str, Any]) -> None:
    result = end(options)
    assert ([one["pid"] for one in result["ended"]], result["gone"], result["via"]) == ([7], [8], "sql")
    # As the superuser of the database, not as the application.
    assert {asked[:2] for asked in stack.asked} == {("owner", "postgres")}
    assert end(options)["gone"] == [7, 8]


def test_check_mode_ends_nothing(stack: Stack, options: dict[str, Any]) -> None:
    assert [one["pid"] for one in end(options, check_mode=True)["ended"]] == [7]
    assert stack.there


def test_nothing_named_is_nothing_asked(stack: Stack, options: dict[str, Any]) -> None:
    assert end({**options, "sessions": []})["via"] is None
    assert stack.asked == []


def test_states_follow_from_what_is_to_be_done(options: dict[str, Any]) -> None:
    assert postgres_session.rules_of(options).only_states == IDLE_STATES
    assert postgres_session.rules_of({**options, "state": "cancelled"}).only_states == ("active",)
    assert postgres_session.rules_of({**options, "only_states": ["idle"]}).only_states == ["idle"]
    with pytest.raises(IncidentError, match="below 0"):
        postgres_session.rules_of({**options, "min_idle_seconds": -1})


@pytest.mark.parametrize(("change", "words"), [({"state": "exited"}, "is exited"), ({"found": False}, "has no container")])
def test_a_container_that_does_not_run_has_no_sessions(stack: Stack, options: dict[str, Any], change: dict[str, Any], words: str) -> None:
    vars(stack).update(change)
    with pytest.raises(IncidentError, match=words):
        end(options)
