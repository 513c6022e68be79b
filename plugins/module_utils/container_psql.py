# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running SQL through psql inside the database's container, over its local socket: it works when no password does."""

from __future__ import annotations

import re

from .container_command import CommandRunner, CommandUnfinished
from .docker_engine import EngineRefused
from .errors import IncidentError
from .redaction import redact

_SERVER = re.compile(r"\b(?:ERROR|FATAL|PANIC): +")


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


def reason_of(errors: str) -> str:
    """Why psql failed, in the server's words if it said any, without what looks like a secret."""
    lines = [line.strip() for line in errors.splitlines() if line.strip()] or ["it gave no reason"]
    told = next((line for line in lines if _SERVER.search(line)), lines[0])
    return redact(_SERVER.split(told)[-1])


def run_psql(engine: CommandRunner, container: str, user: str, database: str, sql: str, timeout: int) -> str:
    """What psql prints for the SQL, which goes in by standard input, since anybody on the host can read a command line."""
    command = ["psql", "-X", "-q", "-A", "-t", "-w", "-v", "ON_ERROR_STOP=1", "-U", user, "-d", database, "-f", "-"]
    # With `\q` psql ends by itself: not every proxy before the engine hands on that only one direction was closed.
    script = f"{sql}\n\\q\n"
    # With the login and not by a statement, which would be subject to what the role is given: that may be a millisecond.
    environment = {"PGCONNECT_TIMEOUT": str(timeout), "PGOPTIONS": f"-c statement_timeout={timeout}s"}
    try:
        status, output, errors = engine.run(container, command, environment=environment, typed=script.encode("utf-8"), seconds=timeout + 1)
    except EngineRefused as error:
        raise IncidentError(f"psql cannot be run in the container {container}: {error.explanation}; start or unpause it first") from None
    except CommandUnfinished:
        raise IncidentError(
            f"psql in the container {container} did not answer within {timeout} s; look for a lock or a hung server"
        ) from None
    if status != 0:
        reason = reason_of(errors.decode("utf-8", "replace"))
        raise IncidentError(f"psql in the container {container} was refused: {reason}; mend that, then run again")
    return output.decode("utf-8", "replace")
