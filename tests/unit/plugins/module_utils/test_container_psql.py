# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""psql in the container gets its SQL by standard input only, and what goes wrong is told in one line."""

from __future__ import annotations

import struct
from typing import Any

import docker.errors
import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.container_psql import (
    identifier,
    literal,
    reason_of,
    run_psql,
    split_streams,
)
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError


def frame(stream: int, data: bytes) -> bytes:
    return struct.pack(">BxxxL", stream, len(data)) + data


class Engine:
    """The engine's exec, which is its own stream: answers in small pieces, and remembers what it was given."""

    def __init__(self, answer: bytes = b"", status: int = 0, error: Exception | None = None) -> None:
        self.api = self
        self.answer, self.status, self.error = answer, status, error
        self.sent = b""
        self.command: list[str] = []
        self.closed = False

    def exec_create(self, _container: str, command: list[str], **_options: Any) -> dict[str, str]:
        if self.error:
            raise self.error
        self.command = command
        return {"Id": "job"}

    def exec_start(self, _job: str, **_options: Any) -> Engine:
        return self

    def exec_inspect(self, _job: str) -> dict[str, int]:
        return {"ExitCode": self.status}

    def settimeout(self, seconds: float) -> None:
        assert seconds < 10

    def sendall(self, data: bytes) -> None:
        self.sent += data

    def recv(self, _length: int) -> bytes:
        piece, self.answer = self.answer[:5], self.answer[5:]
        return piece

    def close(self) -> None:
        self.closed = True


class Silent(Engine):
    """An engine whose exec never answers."""

    def recv(self, _length: int) -> bytes:
        raise TimeoutError


def test_sql_goes_in_by_standard_input() -> None:
    engine: Any = Engine(frame(1, b"on") + frame(2, b"NOTICE: x\n") + frame(1, b"e\n"))
    assert run_psql(engine, "db", "circuit_sage_user", "postgres", "SELECT 'one'", 5) == "one\n"
    assert b"SELECT 'one'" in engine.sent
    assert engine.sent.endswith(b"\n\\q\n")
    assert "SELECT" not in " ".join(engine.command)
    assert engine.closed


@pytest.mark.parametrize(
    ("engine", "words"),
    [
        (Engine(frame(2, b'psql:<stdin>:2: ERROR:  role "x" does not exist\nLINE 1\n'), 3), 'db was refused: role "x" does not exist;'),
        (Engine(error=docker.errors.APIError("409", explanation="Container db is paused")), "Container db is paused; start or unpause"),
        (Silent(), "did not answer within 5 s"),
    ],
)
def test_what_goes_wrong_is_told_in_one_line(engine: Any, words: str) -> None:
    with pytest.raises(IncidentError, match=words) as caught:
        run_psql(engine, "db", "u", "postgres", "SELECT 1", 5)
    assert "\n" not in str(caught.value)


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


def test_streams_are_told_apart_and_a_torn_frame_is_no_error() -> None:
    assert split_streams(frame(1, b"a") + frame(0, b"?") + frame(2, b"b") + b"\1\0") == ("a", "b")


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
