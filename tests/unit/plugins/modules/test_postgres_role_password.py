# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module gives the role its recorded password only where that is the cure, proves it, and sends no password to the server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from engine_server import EngineServer

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.password_login import ACCEPTED, FAILED, REJECTED, Login
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.scram import verifies
from ansible_collections.circuit_sage.incident_response.plugins.modules import postgres_role_password

PASSWORD = "r3corded-value"


class Stack:
    """A database whose role has another password, seen as the module sees it: logins over TCP, and psql in the container."""

    def __init__(self) -> None:
        self.stored: str | None = None
        self.expired = False
        self.outage: Login | None = None
        self.sql: list[str] = []

    def log_in(self, _server: Any, password: str) -> Login:
        if self.outage:
            return self.outage
        return Login(ACCEPTED) if verifies(password, self.stored) else Login(REJECTED, "password authentication failed")

    def run_psql(self, _engine: Any, container: str, user: str, database: str, sql: str, _timeout: int) -> str:
        assert (container, user, database) == ("sage-postgres", "owner", "postgres")
        self.sql.append(sql)
        if "ALTER ROLE" in sql:
            self.stored = sql.rpartition("E'")[2].removesuffix("';")
            return ""
        return json.dumps({"can_login": True, "expired": self.expired, "valid_until": "2020-01-01", "stored": self.stored})


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Stack:
    made = Stack()
    monkeypatch.setattr(postgres_role_password, "log_in", made.log_in)
    monkeypatch.setattr(postgres_role_password, "run_psql", made.run_psql)
    return made


@pytest.fixture
def options(tmp_path: Path, engine: EngineServer) -> dict[str, Any]:
    engine.containers("sage", postgres={"Config": {"Env": [f"POSTGRES_PASSWORD={PASSWORD}"]}})
    (tmp_path / ".env.production").write_text(f"POSTGRES_USER=owner\nPOSTGRES_PASSWORD={PASSWORD}\n", encoding="utf-8")
    return {
        "project_src": str(tmp_path),
        "project_name": "sage",
        "env_file": ".env.production",
        "docker_host": engine.address,
        "docker_timeout": 1,
        "login_host": "127.0.0.1",
        "login_port": 1,
        "login_user": "application",
        "login_db": None,
        "connect_timeout": 2,
        "source": "env_file",
        "source_variable": None,
    }


def give(options: dict[str, Any], check_mode: bool = False) -> dict[str, Any]:
    result: dict[str, Any] = {"changed": False}
    postgres_role_password.give(options, check_mode, result)
    return result


def test_the_recorded_password_is_given_once_and_proven(stack: Stack, options: dict[str, Any]) -> None:
    result = give(options)
    assert (result["changed"], result["proven"], result["role"]) == (True, True, "application")
    assert 'ALTER ROLE "application"' in stack.sql[-1]
    asked = len(stack.sql)
    again = give(options)
    assert (again["changed"], again["proven"]) == (False, True)
    assert len(stack.sql) == asked


def test_the_password_is_neither_sent_nor_shown(stack: Stack, options: dict[str, Any]) -> None:
    shown = str(give(options))
    assert PASSWORD not in shown
    assert "SCRAM" not in shown
    assert PASSWORD not in "".join(stack.sql)


def test_check_mode_only_looks(stack: Stack, options: dict[str, Any]) -> None:
    result = give(options, check_mode=True)
    assert (result["changed"], result["proven"], stack.stored) == (True, False, None)


def test_an_expired_password_is_left_alone(stack: Stack, options: dict[str, Any]) -> None:
    stack.expired = True
    with pytest.raises(IncidentError, match="expired at 2020-01-01"):
        give(options)
    assert stack.stored is None


def test_another_failure_is_left_alone(stack: Stack, options: dict[str, Any]) -> None:
    stack.outage = Login(FAILED, "Connection refused")
    with pytest.raises(IncidentError, match="not for its password"):
        give(options)
    assert stack.sql == []


def test_a_change_that_is_not_proven_fails_and_is_told(stack: Stack, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_role_password, "log_in", lambda _server, _password: Login(REJECTED, "no"))
    result: dict[str, Any] = {"changed": False}
    with pytest.raises(IncidentError, match=r"has the password of the env file now, but the login at 127\.0\.0\.1:1 still fails"):
        postgres_role_password.give(options, False, result)
    assert (result["changed"], result["proven"]) == (True, False)


def test_the_password_may_be_that_of_a_container(stack: Stack, options: dict[str, Any]) -> None:
    assert give({**options, "source": "container:postgres"})["proven"]


def test_a_stack_without_the_database_is_refused(stack: Stack, options: dict[str, Any]) -> None:
    with pytest.raises(IncidentError, match="project other has no container of the service postgres"):
        give({**options, "project_name": "other"})
