# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said where the database cannot be had, or stops a run."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import billing_database
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.password_login import Server

OPTIONS = {"login_host": "127.0.0.1", "login_port": 5432, "login_user": None, "login_db": "books", "connect_timeout": 1}


class Refusal(Exception):
    """An error as psycopg2 raises it."""

    def __init__(self, pgcode: str | None, text: str) -> None:
        super().__init__(text)
        self.pgcode = pgcode


def server(port: int = 5432) -> Server:
    return Server("127.0.0.1", port, "sage", "books", 1)


@pytest.mark.parametrize(
    ("code", "text", "words"),
    [
        ("55P03", "canceling statement due to lock timeout", "locked by somebody else for longer than lock_timeout"),
        ("40P01", "deadlock detected", "ended a deadlock"),
        ("57014", "canceling statement due to statement timeout", "longer than statement_timeout"),
        (
            "42501",
            "ERROR:  permission denied for database books",
            r"sage has too few rights \(permission denied for database books\); grant",
        ),
        (None, "server closed the connection unexpectedly\n\tThis probably means", "books at 127.0.0.1:5432 answered: server closed"),
    ],
)
def test_sentence(code: str | None, text: str, words: str) -> None:
    said = billing_database.sentence(Refusal(code, text), server())
    with pytest.raises(IncidentError, match=words):
        raise IncidentError(said)
    assert "\n" not in said


def test_nobody_listens() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with (
            pytest.raises(IncidentError, match=r"the login of sage to books at .*Connection refused") as caught,
            billing_database.transaction(server(taken.getsockname()[1]), "s3cret-value", read_only=True, statement_timeout=1),
        ):
            raise AssertionError
    assert "s3cret-value" not in str(caught.value)


def test_where_to_log_in(tmp_path: Path) -> None:
    (tmp_path / "env").write_text("POSTGRES_USER=sage\nPOSTGRES_PASSWORD=s3cret-value\n", encoding="utf-8")
    options = {**OPTIONS, "project_src": str(tmp_path), "env_file": "env"}
    found, password, variables = billing_database.server_and_password(options)
    assert (str(found), found.user, found.database, password) == ("127.0.0.1:5432", "sage", "books", "s3cret-value")
    assert variables["POSTGRES_USER"] == "sage"
    (tmp_path / "env").write_text("POSTGRES_USER=sage\n", encoding="utf-8")
    with pytest.raises(IncidentError, match="the env file has no POSTGRES_PASSWORD"):
        billing_database.server_and_password(options)
