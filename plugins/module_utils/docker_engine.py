# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading from the Docker engine by plain HTTP: loading the Docker SDK takes a module longer than all that is asked.

What does something is in `container_command` and `container_starter`.
"""

from __future__ import annotations

import contextlib
import errno
import http.client
import io
import json
import socket
import struct
import tarfile
from collections.abc import Generator, Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from .errors import EngineForbidden, EngineUnreachable, IncidentError

PROJECT_LABEL = "com.docker.compose.project"
SERVICE_LABEL = "com.docker.compose.service"

# Before each frame of a stream: which one it is of, and how long it is.
HEADER = struct.Struct(">BxxxL")
# 304: there was nothing to do, as with the start of what runs. 101: the connection is a command's now.
_DONE = (http.client.OK, http.client.CREATED, http.client.NO_CONTENT, http.client.NOT_MODIFIED, http.client.SWITCHING_PROTOCOLS)
# Nobody writes a line that long; what follows in it is not read.
_LONGEST_FRAME = 1024 * 1024
# No file that is read here is as long.
_LONGEST_FILE = 1024 * 1024
_PORT = 2375


class ContainerGone(IncidentError):
    """A container that was there a moment ago is no more."""


class EngineRefused(IncidentError):
    """The engine answers, and does not do what it was asked for; `explanation` has its own words alone."""

    def __init__(self, path: str, explanation: str) -> None:
        super().__init__(f"the Docker engine refused {path}: {explanation}; look at the container")
        self.explanation = explanation


def classify(error: BaseException, docker_host: str) -> IncidentError:
    """What an error of the connection means for who reads it."""
    number = getattr(error, "errno", None)
    if number in (errno.EACCES, errno.EPERM):
        return EngineForbidden(f"no right to use the Docker engine at {docker_host}; run as root or as a member of the group `docker`")
    # A local socket says at once that nobody has taken up the connections that wait already.
    if isinstance(error, (TimeoutError, BlockingIOError)):
        return EngineUnreachable(f"the Docker engine at {docker_host} does not answer in time; look at the service `docker`")
    if number == errno.ENOENT:
        return EngineUnreachable(f"there is no Docker socket at {docker_host}; start the service `docker`, or set docker_host")
    if number == errno.ECONNREFUSED:
        return EngineUnreachable(f"nothing listens at {docker_host}; start the service `docker`")
    return EngineUnreachable(f"the Docker engine at {docker_host} cannot be used: {error}")


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
    with contextlib.suppress(ValueError):
        address = urlsplit(docker_host)
        if address.scheme == "unix" and address.path:
            return _UnixConnection(address.path, timeout)
        if address.scheme in ("tcp", "http") and address.hostname:
            return http.client.HTTPConnection(address.hostname, address.port or _PORT, timeout=timeout)
        if address.scheme in ("ssh", "https"):
            raise IncidentError(
                f"docker_host `{docker_host}` cannot be used, because the engine is asked by plain HTTP; "
                "run the play on the engine's own host with unix:///var/run/docker.sock, or write tcp://HOST:PORT"
            )
    raise IncidentError(f"docker_host `{docker_host}` is not an address; write it as unix:///var/run/docker.sock or tcp://HOST:PORT")


def _explanation(response: http.client.HTTPResponse) -> str:
    try:
        return str(json.loads(response.read())["message"])
    except (ValueError, KeyError, TypeError):
        # Not the engine's own words, but for example those of a proxy before it.
        return f"status {response.status}"


def ask(
    connection: http.client.HTTPConnection, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
) -> http.client.HTTPResponse:
    """The engine's answer, which is not a refusal."""
    given = None if body is None else json.dumps(body)
    connection.request(method, path, given, {**({"Content-Type": "application/json"} if given else {}), **(headers or {})})
    response = connection.getresponse()
    if response.status in _DONE:
        return response
    explanation = _explanation(response)
    # What else is not found is a part of a container: a file, or a command in it.
    if response.status == http.client.NOT_FOUND and "no such container" in explanation.lower():
        raise ContainerGone("the container has just been removed; run again")
    raise EngineRefused(path.partition("?")[0], explanation)


def frames(stream: io.BufferedIOBase, terminal: bool) -> Iterator[bytes]:
    """The frames of a log. That of a container with a terminal has none, and is plain text."""
    if terminal:
        yield from iter(lambda: stream.readline(_LONGEST_FRAME), b"")
        return
    while len(header := stream.read(HEADER.size)) == HEADER.size:
        length = HEADER.unpack(header)[1]
        if length > _LONGEST_FRAME:
            return
        yield stream.read(length)


def _labelled(project: str) -> str:
    """The filter for what belongs to a Compose project."""
    return urlencode({"filters": json.dumps({"label": [f"{PROJECT_LABEL}={project}"]})})


class DockerEngine:
    """What the engine tells without being asked to do anything. Each question has a connection of its own, so threads may share it."""

    def __init__(self, docker_host: str, timeout: float) -> None:
        self._docker_host = docker_host
        self._timeout = timeout

    @contextlib.contextmanager
    def _connected(self) -> Iterator[http.client.HTTPConnection]:
        """A connection to the engine; what goes wrong on it becomes a sentence."""
        connection = _connection(self._docker_host, self._timeout)
        try:
            yield connection
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise classify(error, self._docker_host) from error
        finally:
            connection.close()

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        """The answer in full, null when it is empty."""
        with self._connected() as connection, ask(connection, method, path, body) as response:
            content = response.read()
            return json.loads(content) if content else None

    def version(self) -> dict[str, str]:
        """The engine's own description, with its `Version` and `ApiVersion`."""
        found: dict[str, str] = self._ask("GET", "/version")
        return found

    def information(self) -> dict[str, Any]:
        """What the engine tells of itself and its host."""
        found: dict[str, Any] = self._ask("GET", "/info")
        return found

    def containers(self, project: str | None = None) -> list[dict[str, Any]]:
        """The engine's short descriptions of all containers, running or not, of one Compose project or of all."""
        found: list[dict[str, Any]] = self._ask("GET", "/containers/json?all=1" + (f"&{_labelled(project)}" if project else ""))
        return found

    def networks(self, project: str | None = None) -> list[dict[str, Any]]:
        """The networks of one Compose project, or all."""
        found: list[dict[str, Any]] = self._ask("GET", "/networks" + (f"?{_labelled(project)}" if project else ""))
        return found

    def volumes(self, project: str) -> list[dict[str, Any]]:
        """The volumes of a Compose project."""
        found: list[dict[str, Any]] = self._ask("GET", f"/volumes?{_labelled(project)}")["Volumes"] or []
        return found

    def images(self) -> list[dict[str, Any]]:
        """The engine's short descriptions of all images, those without a name too."""
        found: list[dict[str, Any]] = self._ask("GET", "/images/json")
        return found

    def image(self, identity: str) -> dict[str, Any]:
        """The engine's full description of one image."""
        found: dict[str, Any] = self._ask("GET", f"/images/{quote(identity, safe='')}/json")
        return found

    def inspect(self, container: str) -> dict[str, Any]:
        """The engine's full description of one container."""
        found: dict[str, Any] = self._ask("GET", f"{path_of(container)}/json")
        return found

    def changes(self, container: str) -> list[dict[str, Any]]:
        """What is different in a container's own file system from its image: each `Path`, and its `Kind` as a number."""
        found: list[dict[str, Any]] = self._ask("GET", f"{path_of(container)}/changes") or []
        return found

    def statistics(self, container: str) -> dict[str, Any]:
        """What a container uses, counted once."""
        found: dict[str, Any] = self._ask("GET", f"{path_of(container)}/stats?stream=false&one-shot=true")
        return found

    def processes(self, container: str, columns: str | None = None) -> dict[str, Any]:
        """The processes of a container, as `ps` on the host lists them, given `columns`: their `Titles` and the `Processes`."""
        wanted = "" if columns is None else "?" + urlencode({"ps_args": columns})
        found: dict[str, Any] = self._ask("GET", f"{path_of(container)}/top{wanted}")
        return found

    def log(self, container: str, terminal: bool, tail: int | None = None) -> Generator[bytes, None, None]:
        """The frames of a container's log with time stamps, oldest first: of all of it, or of its last lines."""
        wanted = {"stdout": 1, "stderr": 1, "timestamps": 1, **({} if tail is None else {"tail": tail})}
        path = f"{path_of(container)}/logs?{urlencode(wanted)}"
        with self._connected() as connection, ask(connection, "GET", path) as response:
            yield from frames(io.BufferedReader(response, 65536), terminal)

    def archive(self, container: str, path: str, most_bytes: int) -> bytes:
        """The beginning of the archive of a path in a container, which need not run."""
        wanted = f"{path_of(container)}/archive?{urlencode({'path': path})}"
        with self._connected() as connection, ask(connection, "GET", wanted) as response:
            return response.read(most_bytes)

    def file(self, container: str, path: str) -> bytes:
        """What is in a file of a container, which need not run."""
        wanted = f"{path_of(container)}/archive?{urlencode({'path': path})}"
        with self._connected() as connection, ask(connection, "GET", wanted) as response:
            packed = io.BytesIO(response.read(_LONGEST_FILE))
        try:
            with tarfile.open(fileobj=packed) as archive:
                member = archive.next()
                content = archive.extractfile(member) if member else None
                if content:
                    return content.read()
        except (tarfile.TarError, KeyError):
            # Longer than what was read, or a link that leads out of the archive.
            pass
        raise IncidentError(f"{path} in the container {container} is not a file that can be read; look at the container")


def path_of(container: str) -> str:
    """Where the engine has a container, by its id or name."""
    return f"/containers/{quote(container, safe='')}"
