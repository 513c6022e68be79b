# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running a command in a container that prints or reads more than fits into memory: what it prints is handed on, what it reads is typed."""

from __future__ import annotations

import contextlib
import http.client
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from .container_command import STDOUT, CommandRunner, CommandUnfinished, Finished
from .docker_engine import HEADER

# What a command complains of is kept to here.
MOST_ERRORS = 64 * 1024

# The engine does not end a command whose reader has gone: it would wait for ever, with its transaction open. Its standard input ends
# then, and the shell that waits for that ends the command. Each process of the shell is waited for: in the database's container an orphan
# would be PostgreSQL's, which takes the end of a child that it does not know for a crash, and restarts.
_BOUND = """exec 3<&0
"$@" </dev/null 3<&- & work=$!
{ read -r _ <&3; kill "$work"; } >/dev/null 2>&1 & watch=$!
exec 3<&-
wait "$work"; status=$?
kill "$watch" 2>/dev/null
wait "$watch" 2>/dev/null
exit "$status"
"""


def bound(command: Sequence[str]) -> list[str]:
    """A command that ends when nobody reads any more what it prints."""
    return ["sh", "-c", _BOUND, "sh", *command]


def _hurry(connection: socket.socket, deadline: float) -> None:
    # A timeout of 0 would be none.
    connection.settimeout(max(deadline - time.monotonic(), 0.001))


def _blocks(connection: socket.socket, response: http.client.HTTPResponse, deadline: float) -> Iterator[tuple[int, bytes]]:
    """The parts of the engine's stream, each with the number of the stream that it is of. Raises TimeoutError at the deadline."""
    with contextlib.suppress(ConnectionResetError):
        while True:
            _hurry(connection, deadline)
            header = response.fp.read(HEADER.size)
            if len(header) < HEADER.size:
                return
            stream, length = HEADER.unpack(header)
            yield stream, response.fp.read(length)


class StreamRunner(CommandRunner):
    """The engine, when commands print or read a stream."""

    def take_output(
        self, container: str, command: Sequence[str], sink: Callable[[bytes], object], environment: Mapping[str, str], seconds: float
    ) -> Finished:
        """Run a command to its end, at most so long, and hand on what it prints."""
        return self._stream(container, bound(command), (), sink, environment, seconds)

    def give_input(
        self, container: str, command: Sequence[str], source: Iterable[bytes], environment: Mapping[str, str], seconds: float
    ) -> Finished:
        """Run a command to its end, at most so long, and type what it reads."""
        return self._stream(container, list(command), source, lambda _block: None, environment, seconds)

    def _stream(
        self,
        container: str,
        command: list[str],
        source: Iterable[bytes] | tuple[()],
        sink: Callable[[bytes], object],
        environment: Mapping[str, str],
        seconds: float,
    ) -> Finished:
        deadline = time.monotonic() + seconds
        errors = bytearray()
        with self.at_work(container, command, "", environment, True) as working:
            try:
                if source != ():
                    _type(working.connection, source, deadline)
                for stream, block in _blocks(working.connection, working.response, deadline):
                    if stream == STDOUT:
                        sink(block)
                    else:
                        errors += block[: MOST_ERRORS - len(errors)]
            except TimeoutError:
                raise CommandUnfinished(
                    f"a command in the container {container} did not end within {seconds:g} s; give it more time, or look at the container"
                ) from None
        return Finished(self.status_of(working.job), b"", bytes(errors))


def _type(connection: socket.socket, source: Iterable[bytes], deadline: float) -> None:
    # A command that failed has ended without reading the rest.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        for block in source:
            _hurry(connection, deadline)
            connection.sendall(block)
        connection.shutdown(socket.SHUT_WR)
