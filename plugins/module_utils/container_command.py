# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running a command in a container: what it is given by standard input, what it prints, and how it ends."""

from __future__ import annotations

import contextlib
import http.client
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from .docker_engine import HEADER, DockerEngine, EngineRefused, ask, path_of
from .errors import IncidentError

STDOUT = 1
STDERR = 2
# More than what is run here ever prints; an output without end must not fill the memory.
MOST_OUTPUT = 4 * 1024 * 1024
# The connection, which HTTP asked for the command, carries its streams from then on.
_UPGRADE = {"Connection": "Upgrade", "Upgrade": "tcp"}


class CommandUnfinished(IncidentError):
    """A command that did not end in time."""


class Finished(NamedTuple):
    """How a command ended, null when the engine does not know, and what it printed."""

    status: int | None
    output: bytes
    errors: bytes


def split_streams(data: bytes) -> tuple[bytes, bytes]:
    """Standard output and error out of the engine's framed stream."""
    parts: dict[int, list[bytes]] = {STDOUT: [], STDERR: []}
    start = 0
    while start + HEADER.size <= len(data):
        stream, length = HEADER.unpack_from(data, start)
        start += HEADER.size
        parts.setdefault(stream, []).append(data[start : start + length])
        start += length
    return b"".join(parts[STDOUT]), b"".join(parts[STDERR])


def _exchange(connection: socket.socket, response: http.client.HTTPResponse, typed: bytes | None, deadline: float) -> bytes:
    """What comes back for what is typed. Raises TimeoutError when it does not end before the deadline."""

    def hurry() -> None:
        # A timeout of 0 would be none.
        connection.settimeout(max(deadline - time.monotonic(), 0.001))

    printed = bytearray()
    # A command may end without reading: the engine then closes the connection on what nobody took.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        if typed is not None:
            hurry()
            connection.sendall(typed)
            connection.shutdown(socket.SHUT_WR)
    with contextlib.suppress(ConnectionResetError):
        while len(printed) <= MOST_OUTPUT:
            hurry()
            # The first words may have come with the answer's head, and wait in the response's buffer.
            block = response.fp.read1(65536)
            if not block:
                break
            printed += block
        else:
            raise IncidentError(f"a command in the container printed more than {MOST_OUTPUT} bytes; look at the container")
    return bytes(printed)


class AtWork(NamedTuple):
    """A command that runs: its number with the engine, and the connection that carries its streams."""

    job: str
    connection: socket.socket
    response: http.client.HTTPResponse


class CommandRunner(DockerEngine):
    """The engine, when commands are to be run in containers."""

    @contextlib.contextmanager
    def at_work(
        self, container: str, command: Sequence[str], user: str, environment: Mapping[str, str] | None, reads: bool
    ) -> Iterator[AtWork]:
        """A command in a container that runs, for as long as its streams are used; EngineRefused when it does not run."""
        wanted: dict[str, Any] = {
            "Cmd": list(command),
            "User": user,
            "Env": [f"{name}={value}" for name, value in (environment or {}).items()],
            "AttachStdin": reads,
            "AttachStdout": True,
            "AttachStderr": True,
        }
        job = self._ask("POST", f"{path_of(container)}/exec", wanted)["Id"]
        with self._connected() as connection:
            path = f"/exec/{job}/start"
            response = ask(connection, "POST", path, {"Detach": False, "Tty": False}, _UPGRADE)
            if response.status != http.client.SWITCHING_PROTOCOLS:
                raise EngineRefused(path, f"status {response.status}, as of a proxy that hands over no connection")
            with response:
                yield AtWork(job, connection.sock, response)

    def status_of(self, job: str) -> int | None:
        """How a command ended, null when the engine does not know."""
        status: int | None = self._ask("GET", f"/exec/{job}/json")["ExitCode"]
        return status

    def run(
        self,
        container: str,
        command: Sequence[str],
        user: str = "",
        environment: Mapping[str, str] | None = None,
        typed: bytes | None = None,
        seconds: float | None = None,
    ) -> Finished:
        """Run a command in a container that runs, at most so long; EngineRefused when it does not run.

        Anybody on the host can read the command and its environment: a secret has to be typed, which is given by standard input.
        """
        most = self._timeout if seconds is None else seconds
        with self.at_work(container, command, user, environment, typed is not None) as working:
            try:
                printed = _exchange(working.connection, working.response, typed, time.monotonic() + most)
            except TimeoutError:
                raise CommandUnfinished(
                    f"`{command[0]}` in the container {container} did not end within {most:g} s; look at the container"
                ) from None
        return Finished(self.status_of(working.job), *split_streams(printed))
