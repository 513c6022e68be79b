# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The passwords that are recorded for the application's role: in the env file, in copies of it, and in the containers' environments."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from . import env_file
from .errors import IncidentError
from .password_login import Server

BACKEND = "backend"
ENV_FILE = "env_file"
CONTAINER = "postgres_container"

# People keep a handful of copies of an env file; each one with another password costs a failed login in the server's log.
MOST_COPIES = 5
LARGEST_COPY = 64 * 1024


class Candidate(NamedTuple):
    """A password that is recorded somewhere, with the role and database for which it is."""

    source: str
    user: str
    database: str
    password: str


def read_env_files(path: Path) -> tuple[dict[str, str], dict[str, dict[str, str]], dict[str, str]]:
    """The variables of the env file, those of its copies beside it by name, newest first, and why one could not be read."""
    reasons: dict[str, str] = {}

    def variables(one: Path, name: str) -> dict[str, str]:
        try:
            if one.stat().st_size > LARGEST_COPY:
                raise IncidentError("it is too large for an env file; look at what it is")
            return env_file.parse(one.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            reasons[name] = f"{one.name} could not be read ({getattr(error, 'strerror', None) or 'it is no text'})"
        except IncidentError as error:
            reasons[name] = f"{one.name} could not be read: {error}"
        return {}

    own = variables(path, ENV_FILE)
    beside = [one for one in path.parent.glob(f"{path.name}?*") if one.is_file()] if path.parent.is_dir() else []
    newest = sorted(beside, key=lambda one: one.stat().st_mtime, reverse=True)[:MOST_COPIES]
    return own, {one.name: variables(one, one.name) for one in newest}, reasons


def candidates(
    server: Server, own: Mapping[str, str], copies: Mapping[str, Mapping[str, str]], backend: Mapping[str, str], postgres: Mapping[str, str]
) -> list[Candidate]:
    """The recorded passwords in the order in which they are tried: the application's own first."""
    application = Candidate(
        BACKEND, backend.get("DB_USER") or server.user, backend.get("DB_NAME") or server.database, backend.get("DB_PASSWORD", "")
    )
    # After a rotation the container and the copies have the password of the role before, which is none of this one.
    others = [
        Candidate(source, server.user, server.database, variables.get("POSTGRES_PASSWORD", ""))
        for source, variables in ((ENV_FILE, own), (CONTAINER, postgres), *copies.items())
        if source == ENV_FILE or (variables.get("POSTGRES_USER") or server.user) == server.user
    ]
    return [one for one in (application, *others) if one.password]
