# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading from an engine on a real socket, and what is said when there is none, when it hangs, and when it refuses."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import socket
import struct
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from engine_server import EngineServer, engine_at_port, framed, packed

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import docker_engine
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.docker_engine import ContainerGone, DockerEngine, EngineRefused
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import EngineForbidden, EngineUnreachable, IncidentError

LINES = [b"2026-11-23T07:56:07.1Z first\n", b"2026-11-23T07:56:08.1Z second\n"]
LABEL = {"filters": json.dumps({"label": ["com.docker.compose.project=circuit-sage"]})}


@pytest.fixture
def client(engine: EngineServer) -> DockerEngine:
    return DockerEngine(engine.address, 2)


def test_containers_are_listed_and_inspected(engine: EngineServer, client: DockerEngine) -> None:
    engine.containers("circuit-sage", postgres={"Id": "postgres"})
    assert client.containers()[0]["Labels"][docker_engine.SERVICE_LABEL] == "postgres"
    assert client.inspect("postgres") == {"Id": "postgres"}
    client.containers("circuit-sage")
    assert [parameters for asked, parameters in engine.asked if asked == "GET /containers/json"] == [{"all": "1"}, {"all": "1", **LABEL}]


def test_what_belongs_to_a_project(engine: EngineServer, client: DockerEngine) -> None:
    engine.answers["GET /networks"] = (200, [{"Name": "net"}])
    engine.answers["GET /volumes"] = (200, {"Volumes": None})
    assert client.networks("circuit-sage") == [{"Name": "net"}]
    assert client.volumes("circuit-sage") == []
    assert engine.asked == [("GET /networks", LABEL), ("GET /volumes", LABEL)]


def test_only_the_beginning_of_an_archive_is_read(engine: EngineServer, client: DockerEngine) -> None:
    engine.answers["GET /containers/postgres/archive"] = (200, packed(b"15\n"))
    assert client.archive("postgres", "/data/PG_VERSION", 4) == b"file"
    assert engine.asked == [("GET /containers/postgres/archive", {"path": "/data/PG_VERSION"})]


def test_images(engine: EngineServer, client: DockerEngine) -> None:
    engine.answers["GET /images/json"] = (200, [{"Id": "sha256:1"}])
    assert client.images() == [{"Id": "sha256:1"}]
    engine.answers["GET /images/sha256%3A1/json"] = (200, {"Config": {"Env": None}})
    assert client.image("sha256:1") == {"Config": {"Env": None}}


def test_the_engine_itself(engine: EngineServer, client: DockerEngine) -> None:
    engine.answers["GET /version"] = (200, {"Version": "20.10.24", "ApiVersion": "1.41"})
    assert client.version()["ApiVersion"] == "1.41"


def test_processes(engine: EngineServer, client: DockerEngine) -> None:
    top = {"Titles": ["PID"], "Processes": [["1"]]}
    engine.answers["GET /containers/abc/top"] = (200, top)
    assert client.processes("abc") == client.processes("abc", "-eo pid,args") == top
    assert [parameters for _asked, parameters in engine.asked] == [{}, {"ps_args": "-eo pid,args"}]


def test_a_log_is_read_as_a_whole_or_from_its_end(engine: EngineServer, client: DockerEngine) -> None:
    engine.answers["GET /containers/abc/logs"] = lambda given, _body: (
        200,
        framed(*[(1, line) for line in LINES[-int(given.get("tail", 2)) :]]),
    )
    assert list(client.log("abc", terminal=False)) == LINES
    assert list(client.log("abc", terminal=False, tail=1)) == LINES[1:]
    assert engine.asked[0][1] == {"stdout": "1", "stderr": "1", "timestamps": "1"}


def test_a_log_of_a_terminal_has_no_frames() -> None:
    assert list(docker_engine.frames(io.BytesIO(b"".join(LINES)), terminal=True)) == LINES
    endless = io.BytesIO(bytes(3 * 1024 * 1024))
    assert len(next(docker_engine.frames(endless, terminal=True))) == 1024 * 1024


def test_a_frame_too_long_ends_the_reading() -> None:
    data = framed((1, LINES[0])) + struct.pack(">BxxxL", 1, 2**24) + b"x"
    assert list(docker_engine.frames(io.BytesIO(data), terminal=False)) == LINES[:1]


def test_a_file_is_read(engine: EngineServer, client: DockerEngine) -> None:
    engine.answers["GET /containers/abc/archive"] = (200, packed(b"nameserver 127.0.0.11\n"))
    assert client.file("abc", "/etc/x y") == b"nameserver 127.0.0.11\n"
    assert engine.asked == [("GET /containers/abc/archive", {"path": "/etc/x y"})]


@pytest.mark.parametrize(
    "archive", [packed(bytes(1024 * 1024)), packed(b"", tarfile.DIRTYPE), packed(b"", tarfile.SYMTYPE), b"no archive", bytes(10240)]
)
def test_what_is_no_file_is_told(engine: EngineServer, client: DockerEngine, archive: bytes) -> None:
    engine.answers["GET /containers/abc/archive"] = (200, archive)
    with pytest.raises(IncidentError, match="/x in the container abc is not a file that can be read"):
        client.file("abc", "/x")


def test_a_file_without_end_is_not_read_to_its_end(engine: EngineServer, client: DockerEngine) -> None:
    sent: list[int] = []

    def blocks() -> Iterator[bytes]:
        yield packed(b"")[:512].replace(b"00000000000", b"77777777777", 1)
        for number in range(1000):
            sent.append(number)
            yield bytes(1024 * 1024)

    engine.answers["GET /containers/abc/archive"] = lambda _given, _body: (200, blocks())
    with pytest.raises(IncidentError, match="not a file that can be read"):
        client.file("abc", "/x")
    assert len(sent) < 100


def test_an_engine_at_a_port(tmp_path: Path) -> None:
    with engine_at_port(tmp_path) as engine:
        engine.answers["GET /containers/abc/json"] = (200, {"Id": "abc"})
        assert DockerEngine(engine.address, 2).inspect("abc") == {"Id": "abc"}


def test_a_name_does_not_lead_elsewhere(engine: EngineServer, client: DockerEngine) -> None:
    with pytest.raises(ContainerGone):
        client.inspect("../version?")
    assert engine.asked == [("GET /containers/..%2Fversion%3F/json", {})]


def test_a_container_that_has_gone_is_told_apart_from_a_file_that_is_not_there(engine: EngineServer, client: DockerEngine) -> None:
    engine.answers["GET /containers/abc/archive"] = (404, {"message": "Could not find the file /x in container abc"})
    with pytest.raises(EngineRefused, match="Could not find the file /x"):
        client.file("abc", "/x")
    with pytest.raises(ContainerGone, match="has just been removed; run again"):
        client.file("def", "/x")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((500, {"message": "out of order"}), "the Docker engine refused /containers/abc/top: out of order; look at the container"),
        ((409, {"message": "Container idle is not running"}), "Container idle is not running"),
        ((503, b""), "status 503"),
        ((403, b"<h1>Forbidden</h1>"), "status 403"),
        ((400, b"[]"), "status 400"),
    ],
)
def test_a_refusal_has_the_engines_words(engine: EngineServer, client: DockerEngine, answer: tuple[int, Any], words: str) -> None:
    engine.answers["GET /containers/abc/top"] = answer
    with pytest.raises(EngineRefused, match=words) as refused:
        client.processes("abc", "-e")
    assert refused.value.explanation in words


def test_an_answer_that_is_none_is_an_engine_that_cannot_be_used(engine: EngineServer, client: DockerEngine) -> None:
    engine.answers["GET /version"] = (200, b"{")
    with pytest.raises(EngineUnreachable, match="cannot be used"):
        client.version()


def test_no_socket(tmp_path: Path) -> None:
    with pytest.raises(EngineUnreachable, match="there is no Docker socket at unix://"):
        DockerEngine(f"unix://{tmp_path}/none.sock", 1).version()


def test_nobody_listens(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(tmp_path / "stale.sock"))
    with pytest.raises(EngineUnreachable, match="nothing listens"):
        DockerEngine(f"unix://{tmp_path}/stale.sock", 1).version()


@pytest.mark.parametrize("waiting", [0, 1])
def test_it_hangs(tmp_path: Path, waiting: int) -> None:
    path = str(tmp_path / "hung.sock")
    with socket.socket(socket.AF_UNIX) as hung, contextlib.ExitStack() as others:
        hung.bind(path)
        hung.listen(0)
        # One that waits fills the queue.
        for _one in range(waiting):
            others.enter_context(socket.socket(socket.AF_UNIX)).connect(path)
        with pytest.raises(EngineUnreachable, match="does not answer in time"):
            DockerEngine(f"unix://{path}", 0.2).version()


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM])
def test_no_rights(number: int) -> None:
    found = docker_engine.classify(OSError(number, "Permission denied"), "unix:///var/run/docker.sock")
    assert isinstance(found, EngineForbidden)
    assert "group `docker`" in str(found)


def test_anything_else_is_told_as_it_is() -> None:
    found = docker_engine.classify(OSError("no route"), "tcp://127.0.0.1:2375")
    assert isinstance(found, EngineUnreachable)
    assert str(found).endswith("cannot be used: no route")


@pytest.mark.parametrize("docker_host", ["bogus", "/var/run/docker.sock", "unix://", "tcp://", "tcp://host:port", "tcp://[::1"])
def test_not_an_address(docker_host: str) -> None:
    with pytest.raises(IncidentError, match=r"is not an address; write it as unix:///var/run/docker\.sock or tcp://HOST:PORT") as refused:
        DockerEngine(docker_host, 1).version()
    assert not isinstance(refused.value, EngineUnreachable)


@pytest.mark.parametrize("docker_host", ["ssh://host", "https://host:2376"])
def test_an_address_of_another_way_is_told_what_to_write_instead(docker_host: str) -> None:
    with pytest.raises(
        IncidentError, match=r"by plain HTTP; run the play on the engine's own host with unix:///var/run/docker\.sock"
    ) as refused:
        DockerEngine(docker_host, 1).version()
    assert not isinstance(refused.value, EngineUnreachable)
