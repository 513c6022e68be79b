# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading from an engine by plain HTTP, against a server that answers like one on a local socket and on a port."""

from __future__ import annotations

import contextlib
import http.server
import io
import json
import socketserver
import struct
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import engine_reader
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.engine_reader import EngineReader
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import EngineUnreachable, IncidentError

LINES = [b"2026-11-23T07:56:07.1Z first\n", b"2026-11-23T07:56:08.1Z second\n"]


def framed(lines: list[bytes]) -> bytes:
    return b"".join(struct.pack(">BxxxL", 1, len(line)) + line for line in lines)


def packed(name: str, content: bytes) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as writer:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        writer.addfile(member, io.BytesIO(content))
    return archive.getvalue()


class Engine(http.server.BaseHTTPRequestHandler):
    """An engine with one container."""

    def do_GET(self) -> None:
        answers: dict[str, tuple[int, bytes]] = {
            "/containers/json?all=1": (200, json.dumps([{"Id": "abc"}]).encode()),
            "/containers/abc/json": (200, b'{"Id": "abc"}'),
            "/images/json": (200, b'[{"Id": "sha256:1"}]'),
            "/containers/abc/archive?path=%2Fetc%2Fresolv.conf": (200, packed("resolv.conf", b"nameserver 127.0.0.11\n")),
            "/containers/abc/logs?stdout=1&stderr=1&timestamps=1": (200, framed(LINES)),
            "/containers/abc/logs?stdout=1&stderr=1&timestamps=1&tail=1": (200, framed(LINES[1:])),
            "/containers/abc/top": (200, b'{"Titles": ["PID"], "Processes": [["1"]]}'),
            "/containers/idle/top": (409, b'{"message": "Container idle is not running"}'),
            "/containers/odd/json": (500, b'{"message": "out of order"}'),
            "/containers/empty/json": (503, b""),
            "/containers/garbage/json": (200, b"{"),
        }
        status, body = answers.get(self.path, (404, b'{"message": "No such container"}'))
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        return "local"

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the test's output clean."""


@contextlib.contextmanager
def serving(server: socketserver.BaseServer) -> Iterator[None]:
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[EngineReader]:
    with serving(socketserver.ThreadingUnixStreamServer(str(tmp_path / "docker.sock"), Engine)):
        yield EngineReader(f"unix://{tmp_path}/docker.sock", 2)


def test_containers_are_listed_and_inspected(reader: EngineReader) -> None:
    assert reader.containers() == [{"Id": "abc"}]
    assert reader.inspect("abc") == {"Id": "abc"}
    assert list(reader.log("abc", terminal=False)) == LINES
    assert list(reader.log("abc", terminal=False, tail=1)) == LINES[1:]
    assert reader.processes("abc") == {"Titles": ["PID"], "Processes": [["1"]]}


def test_a_file_of_a_container_and_the_images(reader: EngineReader) -> None:
    assert reader.file("abc", "/etc/resolv.conf") == b"nameserver 127.0.0.11\n"
    assert reader.images() == [{"Id": "sha256:1"}]


def test_an_engine_at_a_port() -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Engine)
    with serving(server):
        assert EngineReader(f"tcp://127.0.0.1:{server.server_port}", 2).inspect("abc") == {"Id": "abc"}


def test_a_container_that_has_gone_is_told_apart(reader: EngineReader) -> None:
    with pytest.raises(engine_reader.ContainerGone):
        reader.inspect("def")


def test_a_refusal_has_the_engines_words(reader: EngineReader) -> None:
    with pytest.raises(IncidentError, match="refused /containers/odd/json: out of order"):
        reader.inspect("odd")
    with pytest.raises(IncidentError, match="status 503"):
        reader.inspect("empty")
    with pytest.raises(engine_reader.EngineRefused, match="Container idle is not running"):
        reader.processes("idle")


def test_an_answer_that_is_none_is_an_engine_that_cannot_be_used(reader: EngineReader) -> None:
    with pytest.raises(EngineUnreachable):
        reader.inspect("garbage")


def test_no_engine(tmp_path: Path) -> None:
    with pytest.raises(EngineUnreachable, match="no Docker socket"):
        EngineReader(f"unix://{tmp_path}/none.sock", 1).containers()


@pytest.mark.parametrize("docker_host", ["ssh://host", "tcp://", "/var/run/docker.sock"])
def test_an_address_that_is_none_is_refused(docker_host: str) -> None:
    with pytest.raises(IncidentError, match="write unix:///PATH"):
        EngineReader(docker_host, 1).containers()


def test_a_log_of_a_terminal_has_no_frames() -> None:
    assert list(engine_reader.frames(io.BytesIO(b"".join(LINES)), terminal=True)) == LINES


def test_a_frame_too_long_ends_the_reading() -> None:
    data = framed(LINES[:1]) + struct.pack(">BxxxL", 1, 2**24) + b"x"
    assert list(engine_reader.frames(io.BytesIO(data), terminal=False)) == LINES[:1]
