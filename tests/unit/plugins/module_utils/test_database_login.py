# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logins that end in time whatever the server does, against real sockets; and what is done with a session, against a made-up one."""

from __future__ import annotations

import socket
import time
from types import SimpleNamespace
from typing import Any

import psycopg2
import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import database_login, postgres_errors
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.database_login import Login, Session
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError


def login(port: int) -> Login:
    return Login("127.0.0.1", port, "u", "d", "made-up-password")


def test_a_server_that_says_nothing_is_not_waited_for_longer_than_given() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        started = time.monotonic()
        session = Session(login(silent.getsockname()[1]), 0.3)
        assert 0.25 < time.monotonic() - started < 1.9
    assert session.answer.kind == postgres_errors.TIMEOUT
    assert session.answer.message == "no answer within 0.3 s"
    session.close()


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert Session(login(port), 1).answer.kind == postgres_errors.REFUSED


def test_the_driver_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_login, "MISSING_DRIVER", "psycopg2 is missing for this Python")
    with pytest.raises(IncidentError, match="psycopg2 is missing"):
        Session(login(1), 1)


class ServerError(psycopg2.Error):
    """An error with the SQLSTATE that the driver takes from the server."""

    pgcode: str = "25006"


class Connection:
    """A connection that answers what it is told to answer."""

    def __init__(self, answers: list[Any], used_password: bool = True) -> None:
        self.info = SimpleNamespace(used_password=used_password)
        self.answers = answers
        self.ran: list[str] = []
        self.autocommit = False
        self.closed = self.rolled_back = False

    def cursor(self) -> Connection:
        return self

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_error: object) -> None:
        return None

    def execute(self, sql: str) -> None:
        self.ran.append(sql)
        if self.answers and isinstance(self.answers[0], Exception):
            raise self.answers.pop(0)

    def fetchone(self) -> tuple[Any]:
        return (self.answers.pop(0),)

    def rollback(self) -> None:
        self.rolled_back = True

    def close(self) -> None:
        self.closed = True


def opened(monkeypatch: pytest.MonkeyPatch, connection: Connection, **settings: str) -> tuple[Session, dict[str, Any]]:
    given: dict[str, Any] = {}

    def connect(**options: Any) -> Connection:
        given.update(options)
        return connection

    monkeypatch.setattr(psycopg2, "connect", connect)
    return Session(login(5432), 1, settings), given


def test_a_session_is_ours_by_name_and_has_its_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    session, given = opened(monkeypatch, Connection([]), lock_timeout="300", search_path="pg_catalog")
    assert session.answer == postgres_errors.Answer("ok", None, None, True)
    assert given["application_name"] == "circuit_sage_incident_response"
    assert given["options"] == "-c lock_timeout=300 -c search_path=pg_catalog"


def test_a_login_that_needed_no_password_proves_none(monkeypatch: pytest.MonkeyPatch) -> None:
    session, _given = opened(monkeypatch, Connection([], used_password=False))
    assert session.answer.kind == "ok"
    assert session.answer.password_taken is None


@pytest.mark.parametrize("value", [{"a": 1}, '{"a": 1}'])
def test_an_answer_is_json_decoded_or_not(monkeypatch: pytest.MonkeyPatch, value: Any) -> None:
    session, _given = opened(monkeypatch, Connection([value]))
    assert session.ask("select 1") == {"a": 1}


def test_a_question_that_fails_has_the_servers_words(monkeypatch: pytest.MonkeyPatch) -> None:
    session, _given = opened(monkeypatch, Connection([ServerError("canceling statement due to statement timeout\n")]))
    with pytest.raises(IncidentError, match=r"^canceling statement due to statement timeout$"):
        session.ask("select 1")


def test_a_write_is_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = Connection([])
    session, _given = opened(monkeypatch, connection)
    assert session.write()[:3] == ("ok", None, None)
    assert connection.rolled_back
    assert "INSERT INTO system_settings" in connection.ran[1]
    session.close()
    assert connection.closed


def test_a_write_that_fails_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    session, _given = opened(monkeypatch, Connection([ServerError("cannot execute INSERT in a read-only transaction\n")]))
    assert session.write()[:3] == ("read_only", "25006", "cannot execute INSERT in a read-only transaction")


def test_a_write_that_is_not_answered_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    session, _given = opened(monkeypatch, Connection([database_login.NoAnswer("no answer within 2.25 s")]))
    assert session.write()[:3] == ("timeout", None, "no answer within 2.25 s")
