# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the database's container tells through the engine, against made-up answers of the Docker SDK."""

from __future__ import annotations

import io
import struct
import tarfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import docker.errors
import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import database_container
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.database_container import DatabaseContainer
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import EngineUnreachable, IncidentError

RECORDED = Path(__file__).parents[2] / "recorded" / "postgres"
IDENTIFIER = 7711326838020775956


def archive(content: bytes, kind: bytes = tarfile.REGTYPE) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        entry = tarfile.TarInfo("pg_control")
        entry.size, entry.type = len(content), kind
        tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def container(**api: Any) -> DatabaseContainer:
    client: Any = SimpleNamespace(api=SimpleNamespace(**api))
    return DatabaseContainer(client, "unix:///var/run/docker.sock", "circuit-sage-db")


def test_the_identifier_stands_at_the_beginning_of_the_control_file() -> None:
    asked: list[str] = []

    def get_archive(identity: str, path: str) -> tuple[list[bytes], dict[str, Any]]:
        asked.append(path)
        data = archive(struct.pack("=Q", IDENTIFIER) + bytes(8184))
        return [data[:100], data[100:]], {}

    assert container(get_archive=get_archive).system_identifier("/data") == str(IDENTIFIER)
    assert asked == ["/data/global/pg_control"]


def test_a_control_file_that_is_too_short_is_told() -> None:
    with pytest.raises(IncidentError, match="too short"):
        database_container.system_identifier(archive(b"1234"))
    with pytest.raises(IncidentError, match="too short"):
        database_container.system_identifier(archive(b"", tarfile.DIRTYPE))


def test_an_archive_without_end_is_cut_off() -> None:
    read: list[int] = []

    def blocks() -> Any:
        yield archive(struct.pack("=Q", IDENTIFIER) + bytes(8184))
        for number in range(1000):
            read.append(number)
            yield bytes(10240)

    assert container(get_archive=lambda *_args: (blocks(), {})).system_identifier("/data") == str(IDENTIFIER)
    assert len(read) < 10


def test_the_engines_refusal_is_a_sentence() -> None:
    def refuse(*_args: Any, **_options: Any) -> None:
        raise docker.errors.APIError("409", explanation="Container circuit-sage-db is paused, unpause the container before exec")

    with pytest.raises(IncidentError, match="the Docker engine refused: Container circuit-sage-db is paused"):
        container(exec_create=refuse).run(["true"])


def test_an_engine_that_has_gone_is_unreachable() -> None:
    def gone(*_args: Any, **_options: Any) -> None:
        raise ConnectionRefusedError(111, "Connection refused")

    with pytest.raises(EngineUnreachable):
        container(top=gone).titles_from_outside()


def test_processes_come_from_inside() -> None:
    output = (RECORDED / "processes.bin").read_bytes()
    ran: list[Any] = []

    def create(identity: str, command: list[str], user: str) -> dict[str, str]:
        ran.append((identity, command, user))
        return {"Id": "x"}

    inside = container(exec_create=create, exec_start=lambda job, demux: (output, None))
    assert len(inside.processes()) == 12
    assert ran[0][0] == "circuit-sage-db"
    assert container(exec_create=create, exec_start=lambda job, demux: (None, b"x")).run(["true"], "postgres") == b""


def test_titles_come_from_outside() -> None:
    top = {"Titles": ["PID", "COMMAND"], "Processes": [["496", "postgres: checkpointer"], ["13339", "postgres: u d [local] idle"]]}
    assert container(top=lambda *_args, **_options: top).titles_from_outside() == ["postgres: checkpointer", "postgres: u d [local] idle"]
    assert container(top=lambda *_args, **_options: {"Processes": None}).titles_from_outside() == []


def test_a_question_goes_through_psql_with_our_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def psql(client: Any, name: str, user: str, database: str, sql: str, timeout: int) -> str:
        asked.append((name, user, database, timeout))
        assert sql.startswith("SET statement_timeout = '1000';")
        assert sql.endswith("SELECT 1")
        return '{"a": 1}\n'

    monkeypatch.setattr(database_container, "run_psql", psql)
    assert container().ask("u", "d", "SELECT 1", 2) == {"a": 1}
    assert asked == [("circuit-sage-db", "u", "d", 2)]


def test_an_answer_that_is_none_and_a_refusal_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_container, "run_psql", lambda *_args: "hello")
    with pytest.raises(IncidentError, match="something else than the answer"):
        container().ask("u", "d", "SELECT 1", 2)

    def refuse(*_args: Any) -> str:
        raise IncidentError("was refused: sorry, too many clients already")

    monkeypatch.setattr(database_container, "run_psql", refuse)
    with pytest.raises(IncidentError, match="sorry"):
        container().ask("u", "d", "SELECT 1", 2)
