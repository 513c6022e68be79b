# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module puts a value back once, shows none, and in check mode and on every refusal leaves the folder as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from engine_server import EngineServer

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.password_login import ACCEPTED, REJECTED, Login
from ansible_collections.circuit_sage.incident_response.plugins.modules import env_file_restore

WRONG = b"# Circuit Sage\r\nPOSTGRES_PASSWORD=wr0ng-value # by hand\r\nLAST=1"
RIGHT = WRONG.replace(b"wr0ng-value", b"r1ght-value")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a stack whose env file has a wrong password, with a good copy beside it."""
    (tmp_path / ".env.production").write_bytes(WRONG)
    (tmp_path / "good").write_bytes(b"POSTGRES_PASSWORD='r1ght-value'\n")
    return tmp_path


@pytest.fixture
def options(folder: Path) -> dict[str, Any]:
    return {
        "project_src": str(folder),
        "project_name": "sage",
        "env_file": ".env.production",
        "docker_host": "unix:///none",
        "docker_timeout": 1,
        "login_host": "127.0.0.1",
        "login_port": 1,
        "login_user": None,
        "login_db": None,
        "connect_timeout": 2,
        "variable": "POSTGRES_PASSWORD",
        "source": "copy:good",
        "source_variable": None,
        "backup_name": "before",
        "prove_login": None,
    }


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A server that accepts the right password only, and the passwords that it was asked about."""
    passwords: list[str] = []

    def log_in(_server: Any, password: str) -> Login:
        passwords.append(password)
        return Login(ACCEPTED if password == "r1ght-value" else REJECTED, "password authentication failed")

    monkeypatch.setattr(env_file_restore, "log_in", log_in)
    return passwords


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_the_value_is_put_back_once(folder: Path, options: dict[str, Any], tried: list[str]) -> None:
    result = env_file_restore.restore(options, check_mode=False)
    assert result["changed"]
    assert tried == ["r1ght-value"]
    assert (folder / ".env.production").read_bytes() == RIGHT
    assert (folder / "before").read_bytes() == WRONG
    assert result["backup"] == str(folder / "before")
    assert result["fingerprint_before"] != result["fingerprint_after"]
    again = env_file_restore.restore(options, check_mode=False)
    assert not again["changed"]
    assert again["backup"] is None
    assert again["fingerprint_before"] == again["fingerprint_after"]


def test_no_value_is_shown(options: dict[str, Any], tried: list[str]) -> None:
    shown = str(env_file_restore.restore(options, check_mode=False))
    assert "POSTGRES_PASSWORD=<" in shown
    assert "wr0ng" not in shown
    assert "r1ght" not in shown


def test_check_mode_proves_and_writes_nothing(folder: Path, options: dict[str, Any], tried: list[str]) -> None:
    before = contents(folder)
    assert env_file_restore.restore(options, check_mode=True)["changed"]
    assert tried == ["r1ght-value"]
    assert contents(folder) == before


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"source": "copy:bad"}, "did not prove the value of the file bad"),
        ({"backup_name": "good"}, "good exists with another content"),
        ({"backup_name": "../elsewhere"}, "without a folder"),
        ({"source": "backend"}, "none that can be read"),
        ({"source": "container:backend"}, "no Docker socket"),
        ({"source_variable": "NONE"}, "the file good has no NONE"),
        ({"env_file": "none"}, "there is no file"),
        ({"variable": "A B", "source_variable": "POSTGRES_PASSWORD", "prove_login": False}, "not the name of a variable"),
    ],
)
def test_a_refusal_leaves_the_folder_as_it_is(
    folder: Path, options: dict[str, Any], tried: list[str], other: dict[str, Any], words: str
) -> None:
    (folder / "bad").write_bytes(b"POSTGRES_PASSWORD=another\n")
    before = contents(folder)
    with pytest.raises(IncidentError, match=words) as caught:
        env_file_restore.restore({**options, **other}, check_mode=False)
    assert contents(folder) == before
    assert not {"wr0ng-value", "r1ght-value"} & set(str(caught.value).split())
    assert "\n" not in str(caught.value)


def test_only_a_password_of_the_database_is_tried_on_it(folder: Path, options: dict[str, Any], tried: list[str]) -> None:
    (folder / "good").write_bytes(b"JWT_SECRET='a $b'\n")
    env_file_restore.restore({**options, "variable": "JWT_SECRET", "backup_name": None}, check_mode=False)
    assert tried == []
    assert (folder / ".env.production").read_bytes() == WRONG + b"\r\nJWT_SECRET='a $b'"
    assert not (folder / "before").exists()


def test_the_value_may_be_that_of_a_container(folder: Path, options: dict[str, Any], tried: list[str], engine: EngineServer) -> None:
    engine.containers("sage", backend={"Config": {"Env": ["DB_PASSWORD=r1ght-value"]}})
    assert env_file_restore.restore({**options, "source": "container:backend", "docker_host": engine.address}, check_mode=False)["changed"]
    assert (folder / ".env.production").read_bytes() == RIGHT


def test_the_env_file_itself_needs_no_change(options: dict[str, Any], tried: list[str]) -> None:
    assert not env_file_restore.restore({**options, "source": "env_file"}, check_mode=False)["changed"]
