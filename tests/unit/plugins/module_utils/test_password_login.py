# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A login proves a password or says why not, and no password gets into the words."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import psycopg2
import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.password_login import (
    ACCEPTED,
    FAILED,
    NOT_ASKED,
    REJECTED,
    Login,
    Server,
    log_in,
    outcome_of,
    server_of,
)

SERVER = Server("127.0.0.1", 5432, "circuit_sage_user", "circuit_sage_db", 2)
PREFIX = 'connection to server at "127.0.0.1", port 25999 failed: '


# The words of psycopg2 2.9 with PostgreSQL 15.18.
@pytest.mark.parametrize(
    ("words", "login"),
    [
        (
            PREFIX + 'FATAL:  password authentication failed for user "circuit_sage_user"\n',
            Login(REJECTED, 'password authentication failed for user "circuit_sage_user"'),
        ),
        (PREFIX + 'FATAL:  role "t1" is not permitted to log in\n', Login(FAILED, 'role "t1" is not permitted to log in')),
        (PREFIX + 'FATAL:  database "nix" does not exist\n', Login(FAILED, 'database "nix" does not exist')),
        (
            PREFIX + "Connection refused\n\tIs the server running on that host and accepting TCP/IP connections?\n",
            Login(FAILED, PREFIX + "Connection refused"),
        ),
        (PREFIX + "timeout expired\n", Login(FAILED, PREFIX + "timeout expired")),
        ("", Login(FAILED, "it gave no reason")),
    ],
)
def test_what_the_words_mean(words: str, login: Login) -> None:
    assert outcome_of(words, "s3cret-value") == login


def test_the_password_is_not_told() -> None:
    assert "s3cret-value" not in outcome_of('FATAL:  role "s3cret-value" does not exist', "s3cret-value").reason


@pytest.mark.parametrize(("asked", "outcome"), [(True, ACCEPTED), (False, NOT_ASKED)])
def test_a_session_proves_the_password_only_where_it_was_asked_for(monkeypatch: pytest.MonkeyPatch, asked: bool, outcome: str) -> None:
    closed: list[bool] = []
    used: dict[str, Any] = {}

    def connect(**options: Any) -> SimpleNamespace:
        used.update(options)
        return SimpleNamespace(info=SimpleNamespace(used_password=asked), close=lambda: closed.append(True))

    monkeypatch.setattr(psycopg2, "connect", connect)
    assert log_in(SERVER, "s3cret").outcome == outcome
    assert closed == [True]
    assert (used["password"], used["host"], used["port"], used["connect_timeout"]) == ("s3cret", "127.0.0.1", 5432, 2)
    assert (used["user"], used["dbname"]) == ("circuit_sage_user", "circuit_sage_db")


def test_a_failed_login_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(**_options: Any) -> None:
        raise psycopg2.OperationalError("FATAL:  the database system is starting up")

    monkeypatch.setattr(psycopg2, "connect", connect)
    assert log_in(SERVER, "s3cret") == Login(FAILED, "the database system is starting up")


def test_a_missing_library_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg2", None)
    with pytest.raises(IncidentError, match="install the package `psycopg2-binary`"):
        log_in(SERVER, "s3cret")


def test_the_options_come_before_the_env_file_and_that_before_the_defaults() -> None:
    options = {"login_host": "127.0.0.1", "login_port": 5432, "login_user": None, "login_db": None, "connect_timeout": 2}
    assert server_of(options, {}) == SERVER
    assert server_of(options, {"POSTGRES_USER": "", "POSTGRES_DB": "d"}).database == "d"
    named = server_of({**options, "login_user": "u"}, {"POSTGRES_USER": "other"})
    assert (named.user, str(named)) == ("u", "127.0.0.1:5432")
