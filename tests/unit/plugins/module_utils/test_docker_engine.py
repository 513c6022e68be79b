# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What went wrong with the Docker engine, from real sockets; the SDK wraps each error several times."""

from __future__ import annotations

import builtins
import errno
import socket
from pathlib import Path
from typing import Any

import pytest
import requests.exceptions

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import docker_engine
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import EngineForbidden, EngineUnreachable, IncidentError


def test_no_socket(tmp_path: Path) -> None:
    with pytest.raises(EngineUnreachable, match="there is no Docker socket at unix://"):
        docker_engine.open_engine(f"unix://{tmp_path}/none.sock", 1)


def test_nobody_listens(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(tmp_path / "stale.sock"))
    with pytest.raises(EngineUnreachable, match="nothing listens"):
        docker_engine.open_engine(f"unix://{tmp_path}/stale.sock", 1)


def test_it_hangs(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as hung:
        hung.bind(str(tmp_path / "hung.sock"))
        hung.listen()
        with pytest.raises(EngineUnreachable, match="does not answer in time"):
            docker_engine.open_engine(f"unix://{tmp_path}/hung.sock", 1)


def test_not_an_address() -> None:
    with pytest.raises(IncidentError, match="write it as unix:") as refused:
        docker_engine.open_engine("bogus", 1)
    assert not isinstance(refused.value, EngineUnreachable)


def test_no_rights() -> None:
    # As the SDK raises it: the number is in an argument of an argument.
    inner = PermissionError(errno.EACCES, "Permission denied")
    error = requests.exceptions.ConnectionError(RuntimeError("Connection aborted.", inner))
    found = docker_engine.classify(error, "unix:///var/run/docker.sock")
    assert isinstance(found, EngineForbidden)
    assert "group `docker`" in str(found)


def test_the_sdk_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without_docker(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "docker":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_docker)
    with pytest.raises(IncidentError, match="install the package `docker`") as refused:
        docker_engine.open_engine("unix:///var/run/docker.sock", 1)
    assert not isinstance(refused.value, EngineUnreachable)


def test_anything_else_is_told_as_it_is() -> None:
    found = docker_engine.classify(RuntimeError("server said 500"), "tcp://127.0.0.1:2375")
    assert isinstance(found, EngineUnreachable)
    assert str(found).endswith("cannot be used: server said 500")


def test_lists_one_project_or_all() -> None:
    class Client:
        asked: list[Any]

        class Api:
            @staticmethod
            def containers(**asked: Any) -> list[dict[str, Any]]:
                Client.asked.append(asked)
                return [{"Labels": {docker_engine.SERVICE_LABEL: "postgres"}}]

        api = Api()

    Client.asked = []
    client: Any = Client()
    assert docker_engine.list_containers(client)[0]["Labels"] == {"com.docker.compose.service": "postgres"}
    docker_engine.list_containers(client, "circuit-sage")
    assert Client.asked == [
        {"all": True, "filters": None},
        {"all": True, "filters": {"label": "com.docker.compose.project=circuit-sage"}},
    ]
