# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading from the Docker engine by plain HTTP, where loading the Docker SDK would take longer than everything else (0.15 s).

For reading, and for what `container_starter` makes of it; what runs something in a container goes through `docker_engine`.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import socket
import struct
import tarfile
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit

from .docker_engine import classify
from .errors import IncidentError

_HEADER = struct.Struct(">BxxxL")
# 304: there was nothing to do, as with the start of what runs.
_DONE = (http.client.OK, http.client.CREATED, http.client.NO_CONTENT, http.client.NOT_MODIFIED)
# Nobody writes a line that long; what follows in it is not read.
_LONGEST_FRAME = 1024 * 1024
_LONGEST_FILE = 1024 * 1024


class ContainerGone(IncidentError):
    """A container that was there a moment ago is no more."""


class EngineRefused(IncidentError):
    """The engine answers, and does not do what it was asked for."""


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a local socket."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _connection(docker_host: str, timeout: float) -> http.client.HTTPConnection:
    address = urlsplit(docker_host)
    if address.scheme == "unix":
        return _UnixConnection(address.path, timeout)
    if address.scheme in ("tcp", "http") and address.hostname:
        return http.client.HTTPConnection(address.hostname, address.port or 2375, timeout=timeout)
    raise IncidentError(f"docker_host `{docker_host}` is no address of an engine; write unix:///PATH or tcp://HOST:PORT")


def frames(stream: io.BufferedIOBase, terminal: bool) -> Iterator[bytes]:
    """The frames of a log: the engine puts eight bytes before each, but for a container with a terminal, whose log is plain."""
    if terminal:
        yield from iter(stream.readline, b"")
        return
    while len(header := stream.read(_HEADER.size)) == _HEADER.size:
        length = _HEADER.unpack(header)[1]
        if length > _LONGEST_FRAME:
            return
        yield stream.read(length)


class EngineReader:
    """What the engine tells without being asked to do anything."""

    def __init__(self, docker_host: str, timeout: float) -> None:
        self._docker_host = docker_host
        self._timeout = timeout

    @contextlib.contextmanager
    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Iterator[http.client.HTTPResponse]:
        connection = _connection(self._docker_host, self._timeout)
        try:
            if body is None:
                connection.request(method, path)
            else:
                connection.request(method, path, json.dumps(body), {"Content-Type": "application/json"})
            response = connection.getresponse()
            if response.status == http.client.NOT_FOUND:
                raise ContainerGone("the container has just been removed; run again")
            if response.status not in _DONE:
                message = json.loads(response.read() or b"{}").get("message", f"status {response.status}")
                raise EngineRefused(f"the Docker engine refused {path.partition('?')[0]}: {message}; look at the container")
            yield response
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise classify(error, self._docker_host) from error
        finally:
            connection.close()

    def containers(self) -> list[dict[str, Any]]:
        """The engine's short descriptions of all containers, running or not."""
        with self._ask("GET", "/containers/json?all=1") as response:
            found: list[dict[str, Any]] = json.loads(response.read())
            return found

    def images(self) -> list[dict[str, Any]]:
        """The engine's short descriptions of all images, those without a name too."""
        with self._ask("GET", "/images/json") as response:
            found: list[dict[str, Any]] = json.loads(response.read())
            return found

    def inspect(self, identity: str) -> dict[str, Any]:
        """The engine's full description of one container."""
        with self._ask("GET", f"/containers/{quote(identity, safe='')}/json") as response:
            found: dict[str, Any] = json.loads(response.read())
            return found

    def file(self, identity: str, path: str) -> bytes:
        """A file of a container that runs, as its processes see it."""
        with self._ask("GET", f"/containers/{quote(identity, safe='')}/archive?path={quote(path, safe='')}") as response:
            content = io.BytesIO(response.read(_LONGEST_FILE))
        with tarfile.open(fileobj=content) as archive:
            member = archive.extractfile(archive.getmembers()[0])
            return member.read() if member else b""

    def information(self) -> dict[str, Any]:
        """What the engine tells of itself."""
        with self._ask("GET", "/info") as response:
            found: dict[str, Any] = json.loads(response.read())
            return found

    def statistics(self, identity: str) -> dict[str, Any]:
        """What a container uses, counted once."""
        with self._ask("GET", f"/containers/{quote(identity, safe='')}/stats?stream=false&one-shot=true") as response:
            found: dict[str, Any] = json.loads(response.read())
            return found

    def processes(self, identity: str) -> dict[str, Any]:
        """The processes of a container, as `ps` on the host lists them: their `Titles` and the `Processes`."""
        with self._ask("GET", f"/containers/{quote(identity, safe='')}/top") as response:
            found: dict[str, Any] = json.loads(response.read())
            return found

    def log(self, identity: str, terminal: bool, tail: int | None = None) -> Iterator[bytes]:
        """The frames of a container's log with time stamps, oldest first: of all of it, or of its last lines."""
        last = "" if tail is None else f"&tail={tail}"
        with self._ask("GET", f"/containers/{quote(identity, safe='')}/logs?stdout=1&stderr=1&timestamps=1{last}") as response:
            yield from frames(io.BufferedReader(response, 65536), terminal)
