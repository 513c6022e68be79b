# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running SQL through psql inside the database's container, over its local socket: it works when no password does."""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING

from .errors import IncidentError
from .redaction import redact

if TYPE_CHECKING:
    import socket

    from docker import DockerClient

_STDOUT = 1
_STDERR = 2
_SERVER = re.compile(r"\b(?:ERROR|FATAL|PANIC): +")
_HEADER = struct.Struct(">BxxxL")
# More than our questions ever answer; an answer without end must not fill the memory.
_LONGEST_ANSWER = 1024 * 1024


def identifier(name: str) -> str:
    """A name as SQL takes it, whatever is in it."""
    if "\0" in name or not name:
        raise IncidentError("a role or database has no usable name; correct login_user and login_db")
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as SQL takes it, whatever is in it and whatever standard_conforming_strings says."""
    if "\0" in text:
        raise IncidentError("a name holds a null character; correct login_user and login_db")
    return "E'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def split_streams(data: bytes) -> tuple[str, str]:
    """Standard output and error out of the engine's framed stream."""
    parts = {_STDOUT: b"", _STDERR: b""}
    while len(data) >= _HEADER.size:
        stream, length = _HEADER.unpack_from(data)
        parts[stream] = parts.get(stream, b"") + data[_HEADER.size : _HEADER.size + length]
        data = data[_HEADER.size + length :]
    return parts[_STDOUT].decode("utf-8", "replace"), parts[_STDERR].decode("utf-8", "replace")


def reason_of(errors: str) -> str:
    """Why psql failed, in the server's words if it said any, without what looks like a secret."""
    lines = [line.strip() for line in errors.splitlines() if line.strip()] or ["it gave no reason"]
    told = next((line for line in lines if _SERVER.search(line)), lines[0])
    return redact(_SERVER.split(told)[-1])


def _exchange(connection: socket.socket, script: str) -> bytes:
    connection.sendall(script.encode("utf-8"))
    answer = b""
    while len(answer) < _LONGEST_ANSWER and (block := connection.recv(65536)):
        answer += block
    return answer


def run_psql(client: DockerClient, container: str, user: str, database: str, sql: str, timeout: int) -> str:
    """What psql prints for the SQL, which goes in by standard input, since anybody on the host can read a command line."""
    import docker.errors

    command = ["psql", "-X", "-q", "-A", "-t", "-w", "-v", "ON_ERROR_STOP=1", "-U", user, "-d", database, "-f", "-"]
    # With `\q` psql ends by itself: not every transport of the engine can close one direction only.
    script = f"SET statement_timeout = '{timeout}s';\n{sql}\n\\q\n"
    try:
        job = client.api.exec_create(container, command, stdin=True, environment={"PGCONNECT_TIMEOUT": str(timeout)})["Id"]
        stream = client.api.exec_start(job, socket=True)
        connection = getattr(stream, "_sock", stream)
        connection.settimeout(timeout + 1)
        try:
            output, errors = split_streams(_exchange(connection, script))
        finally:
            stream.close()
        status = client.api.exec_inspect(job)["ExitCode"]
    except docker.errors.APIError as error:
        raise IncidentError(f"psql cannot be run in the container {container}: {error.explanation}; start or unpause it first") from None
    except TimeoutError:
        raise IncidentError(
            f"psql in the container {container} did not answer within {timeout} s; look for a lock or a hung server"
        ) from None
    if status != 0:
        raise IncidentError(f"psql in the container {container} was refused: {reason_of(errors)}; mend that, then run again")
    return output
