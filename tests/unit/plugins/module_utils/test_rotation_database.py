# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rotation asks the server through the container, and what it makes of the answers."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import database_login, rotation_database
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.container_command import Finished
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.password_login import ACCEPTED, REJECTED, Login, Server
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.postgres_errors import OK, Answer
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.rotation_database import Containers, RotationDatabase
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.rotation_journal import Role

SERVER = Server("127.0.0.1", 5432, "app", "books", 1)
LABELS = {"com.docker.compose.project": "circuit-sage", "com.docker.compose.service": "postgres"}


class Engine:
    """An engine with one container, in which psql prints and ends as it is told."""

    def __init__(self, *_given: object) -> None:
        self.typed: list[str] = []
        self.commands: list[str] = []
        self.prints = b""
        self.status = 0
        self.errors = b""
        self.labels = LABELS

    def containers(self, _project: str) -> list[dict[str, Any]]:
        return [{"Id": "1", "Names": ["/circuit-sage-db"], "Created": 1, "Labels": self.labels}]

    def inspect(self, _identity: str) -> dict[str, Any]:
        return {"Config": {"Env": ["DB_USER=app"]}, "State": {"StartedAt": "2026-11-29T02:00:00Z"}}

    def run(self, _container: str, command: list[str], **given: Any) -> Finished:
        self.commands.append(" ".join(command))
        self.typed.append(given["typed"].decode())
        return Finished(self.status, self.prints, self.errors)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    made = Engine()
    monkeypatch.setattr(rotation_database, "CommandRunner", lambda *_given: made)
    return made


@pytest.fixture
def database(engine: Engine) -> RotationDatabase:
    options = {"docker_host": "unix:///nowhere", "docker_timeout": 1, "project_name": "circuit-sage"}
    return RotationDatabase(Containers(options), SERVER)


def accepts(monkeypatch: pytest.MonkeyPatch, outcome: str) -> None:
    monkeypatch.setattr(rotation_database, "log_in", lambda _server, _password: Login(outcome, "a reason"))


def test_no_password_is_in_a_command_or_in_sql(engine: Engine, database: RotationDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    accepts(monkeypatch, REJECTED)
    database.set_role(Role("app", "app_a", "app"), "the-password")
    database.set_password("app", "the-password")
    assert all("the-password" not in text for text in engine.commands + engine.typed)
    assert all("SCRAM-SHA-256$" in text for text in engine.typed)
    accepts(monkeypatch, ACCEPTED)
    database.prove("app_a", "the-password")
    assert engine.typed[-1] == "the-password\n"
    assert "the-password" not in engine.commands[-1]


def test_a_password_that_is_right_already_is_left(engine: Engine, database: RotationDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    accepts(monkeypatch, ACCEPTED)
    database.set_password("app", "the-password")
    assert engine.typed == []


def test_what_does_not_get_in_is_told(engine: Engine, database: RotationDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    accepts(monkeypatch, REJECTED)
    with pytest.raises(IncidentError, match=r"login of app_a at 127.0.0.1:5432 failed \(a reason\)"):
        database.prove("app_a", "x")
    accepts(monkeypatch, ACCEPTED)
    engine.status, engine.errors = 2, b"psql: error: FATAL:  no pg_hba.conf entry\n"
    with pytest.raises(IncidentError, match=r"from the containers' network failed \(no pg_hba.conf entry\)"):
        database.prove("app_a", "x")


def test_answers_are_read(engine: Engine, database: RotationDatabase) -> None:
    engine.prints = b'{"app": []}\n'
    assert database.next_role("app") == Role("app", "app_a", "app")
    engine.prints = b'{"ended": 1, "left": 0, "clients": []}\n'
    assert database.retire("app_a", "app")["ended"] == 1
    assert database.end_older("app", "2026-11-29")["ended"] == 1


@pytest.mark.parametrize(
    ("kind", "written", "words"),
    [
        (OK, OK, ""),
        ("rejected", OK, "login of app .* failed"),
        (OK, "read_only", "a write as app failed"),
    ],
)
def test_a_write_is_proven(database: RotationDatabase, monkeypatch: pytest.MonkeyPatch, kind: str, written: str, words: str) -> None:
    class Session:
        answer = Answer(kind, None, "told", True)

        def __init__(self, *_given: object) -> None:
            return None

        def write(self) -> database_login.Write:
            return database_login.Write(written, None, "told", 1)

        def close(self) -> None:
            return None

    monkeypatch.setattr(database_login, "Session", Session)
    if words:
        with pytest.raises(IncidentError, match=words):
            database.prove_write("app", "x")
    else:
        database.prove_write("app", "x")


def test_the_backend_is_found_or_told(engine: Engine) -> None:
    containers = Containers({"docker_host": "", "docker_timeout": 1, "project_name": "circuit-sage"})
    with pytest.raises(IncidentError, match="no container of the service backend"):
        containers.backend()
    engine.labels = {**LABELS, "com.docker.compose.service": "backend"}
    assert containers.backend() == ({"DB_USER": "app"}, "2026-11-29T02:00:00Z")
