# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the database's container tells through the engine, against one on a local socket."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest
from engine_server import EngineServer, framed, packed

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import database_container
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.container_command import CommandRunner
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.database_container import DatabaseContainer
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.docker_engine import EngineRefused
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import EngineUnreachable, IncidentError

RECORDED = Path(__file__).parents[2] / "recorded" / "postgres"
IDENTIFIER = 7711326838020775956


@pytest.fixture
def container(engine: EngineServer) -> DatabaseContainer:
    return DatabaseContainer(CommandRunner(engine.address, 2), "circuit-sage-db")


def test_the_identifier_stands_at_the_beginning_of_the_control_file(engine: EngineServer, container: DatabaseContainer) -> None:
    engine.answers["GET /containers/circuit-sage-db/archive"] = (200, packed(struct.pack("=Q", IDENTIFIER) + bytes(8184)))
    assert container.system_identifier("/data") == str(IDENTIFIER)
    assert engine.asked[0][1] == {"path": "/data/global/pg_control"}


def test_a_control_file_that_is_too_short_is_told() -> None:
    with pytest.raises(IncidentError, match="too short"):
        database_container.system_identifier(b"1234")


def test_the_engines_refusal_is_a_sentence(engine: EngineServer, container: DatabaseContainer) -> None:
    engine.answers["POST /containers/circuit-sage-db/exec"] = (409, {"message": "Container circuit-sage-db is paused, unpause it first"})
    with pytest.raises(EngineRefused, match=r"the Docker engine refused .*: Container circuit-sage-db is paused"):
        container.run(["true"])


def test_an_engine_that_has_gone_is_unreachable(tmp_path: Path) -> None:
    with pytest.raises(EngineUnreachable):
        DatabaseContainer(CommandRunner(f"unix://{tmp_path}/none.sock", 1), "circuit-sage-db").titles_from_outside()


def test_processes_come_from_inside(engine: EngineServer, container: DatabaseContainer) -> None:
    output = (RECORDED / "processes.bin").read_bytes()
    engine.prints = lambda _ran: framed((1, output))
    assert len(container.processes()) == 12
    assert engine.ran[0].container == "circuit-sage-db"
    engine.prints = lambda _ran: framed((2, b"x"))
    assert container.run(["true"], "postgres") == b""
    assert engine.ran[1].wanted["User"] == "postgres"


def test_titles_come_from_outside(engine: EngineServer, container: DatabaseContainer) -> None:
    top = {"Titles": ["PID", "COMMAND"], "Processes": [["496", "postgres: checkpointer"], ["13339", "postgres: u d [local] idle"]]}
    engine.answers["GET /containers/circuit-sage-db/top"] = (200, top)
    assert container.titles_from_outside() == ["postgres: checkpointer", "postgres: u d [local] idle"]
    assert engine.asked[0][1] == {"ps_args": "-eo pid,args"}
    engine.answers["GET /containers/circuit-sage-db/top"] = (200, {"Titles": ["PID"], "Processes": None})
    assert container.titles_from_outside() == []


def test_a_question_goes_through_psql_with_our_settings(container: DatabaseContainer, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def psql(engine: Any, name: str, user: str, database: str, sql: str, timeout: int) -> str:
        asked.append((name, user, database, timeout))
        assert sql.startswith("SET statement_timeout = '1000';")
        assert sql.endswith("SELECT 1")
        return '{"a": 1}\n'

    monkeypatch.setattr(database_container, "run_psql", psql)
    assert container.ask("u", "d", "SELECT 1", 2) == {"a": 1}
    assert asked == [("circuit-sage-db", "u", "d", 2)]


def test_an_answer_that_is_none_and_a_refusal_are_told(container: DatabaseContainer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_container, "run_psql", lambda *_args: "hello")
    with pytest.raises(IncidentError, match="something else than the answer"):
        container.ask("u", "d", "SELECT 1", 2)

    def refuse(*_args: Any) -> str:
        raise IncidentError("was refused: sorry, too many clients already")

    monkeypatch.setattr(database_container, "run_psql", refuse)
    with pytest.raises(IncidentError, match="sorry"):
        container.ask("u", "d", "SELECT 1", 2)
