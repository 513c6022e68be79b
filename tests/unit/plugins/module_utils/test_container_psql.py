# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""psql in the container gets its SQL by standard input only, and what goes wrong is told in one line."""

from __future__ import annotations

import threading

import pytest
from engine_server import EngineServer, Ran, framed

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.container_command import CommandRunner
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.container_psql import (
    identifier,
    literal,
    reason_of,
    run_psql,
)
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError


def ask(engine: EngineServer, sql: str = "SELECT 1", timeout: int = 5) -> str:
    return run_psql(CommandRunner(engine.address, 2), "db", "circuit_sage_user", "postgres", sql, timeout)


def test_sql_goes_in_by_standard_input(engine: EngineServer) -> None:
    engine.prints = lambda _ran: framed((1, b"on"), (2, b"NOTICE: x\n"), (1, b"e\n"))
    assert ask(engine, "SELECT 'one'") == "one\n"
    (ran,) = engine.ran
    assert ran.typed == b"SELECT 'one'\n\\q\n"
    assert "SELECT" not in str(ran.wanted)
    assert ran.wanted["Env"] == ["PGCONNECT_TIMEOUT=5", "PGOPTIONS=-c statement_timeout=5s"]


def refused_as(engine: EngineServer, words: str, timeout: int = 5) -> None:
    with pytest.raises(IncidentError, match=words) as caught:
        ask(engine, timeout=timeout)
    assert "\n" not in str(caught.value)


def test_the_servers_refusal_is_told_in_one_line(engine: EngineServer) -> None:
    engine.prints = lambda _ran: framed((2, b'psql:<stdin>:2: ERROR:  role "x" does not exist\nLINE 1\n'))
    engine.ends = lambda: 3
    refused_as(engine, 'psql in the container db was refused: role "x" does not exist;')


def test_the_engines_refusal_is_told_in_one_line(engine: EngineServer) -> None:
    engine.answers["POST /containers/db/exec"] = (409, {"message": "Container db is paused"})
    refused_as(engine, "psql cannot be run in the container db: Container db is paused; start or unpause it first")


def test_psql_that_does_not_answer_is_told_in_one_line(engine: EngineServer) -> None:
    over = threading.Event()

    def hang(_ran: Ran) -> bytes:
        over.wait(5)
        return b""

    engine.prints = hang
    try:
        refused_as(engine, "psql in the container db did not answer within 0 s; look for a lock or a hung server", timeout=0)
    finally:
        over.set()


# The words of psql 15.18.
@pytest.mark.parametrize(
    ("errors", "reason"),
    [
        (
            'psql: error: connection to server on socket "/run/.s.PGSQL.5432" failed: FATAL:  database "nix" does not exist\n',
            'database "nix" does not exist',
        ),
        (
            'psql: error: connection to server on socket "/x" failed: No such file or directory\n\tIs the server running locally?\n',
            'psql: error: connection to server on socket "/x" failed: No such file or directory',
        ),
        ("psql:<stdin>:3: ERROR:  canceling statement due to statement timeout\n", "canceling statement due to statement timeout"),
        ("", "it gave no reason"),
    ],
)
def test_the_reason_is_the_servers(errors: str, reason: str) -> None:
    assert reason_of(errors) == reason


def test_a_secret_in_the_reason_is_masked() -> None:
    told = reason_of("ERROR:  syntax error in ALTER ROLE x PASSWORD 'SCRAM-SHA-256$4096:c2FsdA==$a2V5:a2V5'")
    assert "c2FsdA" not in told


def test_names_are_quoted_whatever_is_in_them() -> None:
    assert identifier('a"; DROP ROLE b; --') == '"a""; DROP ROLE b; --"'
    assert literal("it's \\") == "E'it''s \\\\'"


@pytest.mark.parametrize("name", ["", "a\0b"])
def test_a_name_that_no_server_takes_is_refused(name: str) -> None:
    with pytest.raises(IncidentError, match="no usable name"):
        identifier(name)


def test_a_text_that_no_server_takes_is_refused() -> None:
    with pytest.raises(IncidentError, match="null character"):
        literal("a\0b")
