# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be had from the database's container when no login over TCP works: SQL through its local socket, its processes, its identity."""

from __future__ import annotations

import json
import struct
from typing import Any

from . import sessions
from .container_command import CommandRunner
from .container_psql import run_psql
from .errors import IncidentError
from .postgres_catalog import read_settings_sql

DEFAULT_DATA_DIRECTORY = "/var/lib/postgresql/data"
# The superuser of PostgreSQL's processes inside the container.
SYSTEM_USER = "postgres"

_PROCESSES = ["sh", "-c", "grep -aH '^btime' /proc/stat; grep -aH '' /proc/[0-9]*/stat /proc/[0-9]*/cmdline 2>/dev/null; true"]
_IDENTIFIER = struct.Struct("=Q")


def system_identifier(control_file: bytes) -> str:
    """The identifier of a data directory out of its control file, of which it is the first eight bytes."""
    if len(control_file) < _IDENTIFIER.size:
        raise IncidentError("the control file of the data directory is too short; look at the data directory")
    return str(_IDENTIFIER.unpack_from(control_file)[0])


class DatabaseContainer:
    """The container in which PostgreSQL runs, or ran."""

    def __init__(self, engine: CommandRunner, identity: str) -> None:
        self._engine = engine
        self._identity = identity

    def ask(self, user: str, database: str, sql: str, timeout: int) -> dict[str, Any]:
        """The answer to a question that answers with one value of JSON."""
        output = run_psql(self._engine, self._identity, user, database, read_settings_sql() + sql, timeout)
        try:
            found: dict[str, Any] = json.loads(output)
        except ValueError:
            raise IncidentError(
                "psql in the container printed something else than the answer; look at its .psqlrc and at the server"
            ) from None
        return found

    def run(self, command: list[str], user: str = "") -> bytes:
        """What a command prints in the container."""
        return self._engine.run(self._identity, command, user).output

    def processes(self) -> list[sessions.Process]:
        """PostgreSQL's processes, with their numbers inside the container."""
        return sessions.processes(self.run(_PROCESSES))

    def titles_from_outside(self) -> list[str]:
        """The titles of the processes as the host sees them: this works when the container is paused, but the numbers are the host's."""
        top = self._engine.processes(self._identity, "-eo pid,args")
        return [str(row[-1]) for row in top["Processes"] or []]

    def system_identifier(self, data_directory: str) -> str:
        """The identifier of the data directory; this works when the container is stopped or paused too."""
        return system_identifier(self._engine.file(self._identity, f"{data_directory}/global/pg_control"))
