# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be had from the database's container when no login over TCP works: SQL through its local socket, its processes, its identity."""

from __future__ import annotations

import io
import json
import struct
import tarfile
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from . import docker_engine, sessions
from .container_psql import run_psql
from .errors import IncidentError
from .postgres_catalog import read_settings_sql

if TYPE_CHECKING:
    from docker import DockerClient

DEFAULT_DATA_DIRECTORY = "/var/lib/postgresql/data"
# The superuser of PostgreSQL's processes inside the container.
SYSTEM_USER = "postgres"

_PROCESSES = ["sh", "-c", "grep -aH '^btime' /proc/stat; grep -aH '' /proc/[0-9]*/stat /proc/[0-9]*/cmdline 2>/dev/null; true"]
_CONTROL_FILE_LIMIT = 64 * 1024

T = TypeVar("T")


def system_identifier(archive: bytes) -> str:
    """The identifier of a data directory out of the archive that holds its control file, of which it is the first eight bytes."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        member = tar.extractfile("pg_control")
        content = member.read(8) if member else b""
    if len(content) != 8:
        raise IncidentError("the control file of the data directory is too short; look at the data directory")
    return str(struct.unpack("=Q", content)[0])


class DatabaseContainer:
    """The container in which PostgreSQL runs, or ran."""

    def __init__(self, client: DockerClient, docker_host: str, identity: str) -> None:
        self._client = client
        self._docker_host = docker_host
        self._identity = identity

    def _engine(self, question: Callable[[], T]) -> T:
        """Ask the engine; whatever the SDK raises becomes a sentence."""
        try:
            return question()
        except IncidentError:
            raise
        except Exception as error:
            explanation = getattr(error, "explanation", None)
            if explanation:
                raise IncidentError(f"the Docker engine refused: {explanation}; look at the state of the container") from None
            raise docker_engine.classify(error, self._docker_host) from error

    def ask(self, user: str, database: str, sql: str, timeout: int) -> dict[str, Any]:
        """The answer to a question that answers with one value of JSON."""
        output = self._engine(lambda: run_psql(self._client, self._identity, user, database, read_settings_sql() + sql, timeout))
        try:
            found: dict[str, Any] = json.loads(output)
        except ValueError:
            raise IncidentError(
                "psql in the container printed something else than the answer; look at its .psqlrc and at the server"
            ) from None
        return found

    def run(self, command: list[str], user: str = "") -> bytes:
        """What a command prints in the container."""

        def execute() -> bytes:
            job = self._client.api.exec_create(self._identity, command, user=user)["Id"]
            output, _errors = self._client.api.exec_start(job, demux=True)
            return output or b""

        return self._engine(execute)

    def processes(self) -> list[sessions.Process]:
        """PostgreSQL's processes, with their numbers inside the container."""
        return sessions.processes(self.run(_PROCESSES))

    def titles_from_outside(self) -> list[str]:
        """The titles of the processes as the host sees them: this works when the container is paused, but the numbers are the host's."""
        top = self._engine(lambda: self._client.api.top(self._identity, ps_args="-eo pid,args"))
        return [str(row[-1]) for row in top["Processes"] or []]

    def system_identifier(self, data_directory: str) -> str:
        """The identifier of the data directory; this works when the container is stopped or paused too."""

        def fetch() -> bytes:
            stream, _status = self._client.api.get_archive(self._identity, f"{data_directory}/global/pg_control")
            archive = b""
            for block in stream:
                archive += block
                if len(archive) > _CONTROL_FILE_LIMIT:
                    break
            return archive

        return system_identifier(self._engine(fetch))
