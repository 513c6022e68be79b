# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Evidence beside that of the containers: complete, without secrets, and whatever is missing keeps nothing else away."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from engine_server import EngineServer, framed, packed

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import evidence, evidence_parts
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.docker_engine import DockerEngine

SECRET = "kept-out-of-everything"


def test_the_first_program_that_is_there_is_asked() -> None:
    assert evidence_parts.command_output([["no-such-program"], ["echo", "told"]]) == "told\n"


def test_why_there_is_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert evidence_parts.command_output([["no-such-program"]]) == "not to be had: this host has no no-such-program\n"
    assert evidence_parts.command_output([["ls", "/no/such"]]).startswith("not to be had: `ls` ended with 2")
    monkeypatch.setattr(evidence_parts, "COMMAND_SECONDS", 0.05)
    assert evidence_parts.command_output([["sleep", "5"]]) == "not to be had: `sleep` did not end within 0.05 s\n"


def test_authorized_keys_of_every_user(tmp_path: Path) -> None:
    (tmp_path / "a/.ssh").mkdir(parents=True)
    (tmp_path / "a/.ssh/authorized_keys").write_text("ssh-ed25519 AAAA ana\n", encoding="utf-8")
    (tmp_path / "b/.ssh/authorized_keys").mkdir(parents=True)
    found = evidence_parts.authorized_keys([("a", str(tmp_path / "a")), ("b", str(tmp_path / "b")), ("c", "/no/such")])
    assert found == {"a authorized_keys": ["ssh-ed25519 AAAA ana"], "b authorized_keys": "not to be had: Is a directory"}


def test_the_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "etc/cron.d").mkdir(parents=True)
    (tmp_path / "etc/cron.d/backup").write_text(f"0 2 * * * root backup {SECRET}\n", encoding="utf-8")
    monkeypatch.setattr(evidence_parts, "COMMANDS", {"host.processes.txt": (["echo", f"x {SECRET}"],)})
    found = evidence_parts.read_host(tmp_path, {SECRET})
    assert sorted(found) == ["host.authorized_keys.json", "host.processes.txt", "host.schedules.json"]
    assert list(found["host.schedules.json"]["texts"]) == ["/etc/cron.d/backup"]
    assert SECRET not in json.dumps(found)


def test_nginx_logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert evidence_parts.read_nginx(tmp_path) == {"nginx.txt": "not to be had: there is no log in /var/log/nginx\n"}
    folder = tmp_path / "var/log/nginx"
    folder.mkdir(parents=True)
    (folder / "access.log").write_text("x" * 50 + " GET /reset?token=abcdefgh HTTP/1.1\n", encoding="utf-8")
    (folder / "access.log.2.gz").write_bytes(b"old")
    monkeypatch.setattr(evidence_parts, "LOG_BYTES", 60)
    found = evidence_parts.read_nginx(tmp_path)
    assert list(found) == ["nginx.access.log"]
    assert len(found["nginx.access.log"]) <= 60
    assert "abcdefgh" not in found["nginx.access.log"]


def test_the_database(engine: EngineServer) -> None:
    engine.containers("circuit-sage", postgres={"Id": "postgres"})
    engine.prints = lambda _ran: framed(
        (1, b'{"sessions": [{"query": "SELECT 1 FROM users WHERE email = \'ana@example.com\'"}, {"query": null}]}')
    )
    found = evidence_parts.read_database(evidence_parts.CommandRunner(engine.address, 2), "circuit-sage", {"POSTGRES_USER": "app"})
    assert sorted(found) == ["database.roles.json", "database.rules.json", "database.sessions.json"]
    assert "ana@example.com" not in json.dumps(found["database.sessions.json"])
    assert "app" in engine.ran[0].wanted["Cmd"]


def test_a_database_that_cannot_be_asked_says_why(engine: EngineServer) -> None:
    runner = evidence_parts.CommandRunner(engine.address, 2)
    engine.containers("circuit-sage")
    assert evidence_parts.read_database(runner, "circuit-sage", {}) == {"database.txt": "not to be had: PostgreSQL has no container\n"}
    engine.containers("circuit-sage", postgres={"Id": "postgres"})
    engine.ends = lambda: 1
    assert "refused" in evidence_parts.read_database(runner, "circuit-sage", {})["database.roles.json"]["not_to_be_had"]


def whole(engine: EngineServer, archive: Any) -> dict[str, Any]:
    state = {"Id": "backend", "Image": "sha256:1", "Config": {"Tty": False, "Env": [f"DB_PASSWORD={SECRET}"]}, "State": {"Pid": 0}}
    engine.containers("circuit-sage", backend=state)
    engine.answers.update(
        {
            "GET /containers/backend/logs": (200, framed((1, b"started\n"))),
            "GET /containers/backend/top": (200, {"Titles": ["PID"], "Processes": [["7"]]}),
            "GET /containers/backend/changes": (
                200,
                [{"Path": "/opt/x", "Kind": 1}, {"Path": "/opt/y", "Kind": 2}, {"Path": "/opt", "Kind": 0}],
            ),
            "GET /containers/backend/archive": archive,
            "GET /images/sha256%3A1/json": (200, {"Id": "sha256:1", "RepoDigests": ["img@sha256:9"]}),
        }
    )
    return evidence.read_evidence(DockerEngine(engine.address, 2), "circuit-sage", ["backend"], 10, whole=True)


def test_what_of_a_container_only_a_security_incident_needs(engine: EngineServer) -> None:
    found = whole(engine, (200, packed(f"password is {SECRET}".encode())))
    added, deleted, folder = found["backend.changes.json"]
    assert (added["path"], added["kind"], added["text"]) == ("/opt/x", "added", "password is ********")
    assert len(added["sha256"]) == 64
    assert deleted == {"path": "/opt/y", "kind": "deleted"}
    assert folder == {"path": "/opt", "kind": "changed"}
    assert found["backend.image.json"]["RepoDigests"] == ["img@sha256:9"]
    assert found["backend.sockets.txt"] == ""
    assert SECRET not in str(found)


@pytest.mark.parametrize(
    ("archive", "key", "value"),
    [
        ((200, packed(b"\0binary")), "bytes", 7),
        ((200, b"no archive at all"), "unread", "it is longer than what is kept of a file"),
        ((200, bytes(1024)), "kind", "added"),
        ((404, {"message": "Could not find the file /opt/x"}), "unread", "the Docker engine refused"),
    ],
)
def test_a_changed_file_that_is_no_text(engine: EngineServer, archive: Any, key: str, value: Any) -> None:
    entry = whole(engine, archive)["backend.changes.json"][0]
    assert "text" not in entry
    assert str(entry[key]).startswith(str(value))


def test_each_part_is_read_when_it_is_asked_for(engine: EngineServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine.containers("circuit-sage")
    options = {
        "docker_host": engine.address,
        "docker_timeout": 2,
        "project_src": str(tmp_path),
        "project_name": "circuit-sage",
        "env_file": ".env",
    }
    options.update(services=["backend"], log_lines=5)
    (tmp_path / ".env").write_text(f"JWT_SECRET={SECRET}\n", encoding="utf-8")
    seen: list[Any] = []

    def read_host(_root: Path, secrets: set[str]) -> dict[str, Any]:
        seen.append(secrets)
        return {"host": 1}

    monkeypatch.setattr(evidence_parts, "read_host", read_host)
    monkeypatch.setattr(evidence_parts, "read_nginx", lambda _root: {"nginx": 1})
    assert evidence_parts.read_parts({**options, "parts": []}) == {}
    found = evidence_parts.read_parts({**options, "parts": ["containers", "database", "host", "nginx"]})
    assert sorted(found) == ["database.txt", "host", "nginx"]
    assert seen == [{SECRET}]
