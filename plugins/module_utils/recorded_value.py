# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding the value of a variable where it is still recorded: the env file, a copy of it, or the environment of a container."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .env_file import parse
from .errors import IncidentError
from .stack import environment_of, group_by_service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .docker_engine import DockerEngine

ENV_FILE = "env_file"
CONTAINER = "container"
COPY = "copy"
_FORMS = {ENV_FILE: "`env_file`", CONTAINER: "`container:<service>`", COPY: "`copy:<file name>`"}


@dataclass(frozen=True)
class Source:
    """A place that holds a value: its kind, and the service or file it is (none for the env file)."""

    kind: str
    name: str = ""

    def __str__(self) -> str:
        return {ENV_FILE: "the env file", CONTAINER: f"the container of the service {self.name}", COPY: f"the file {self.name}"}[self.kind]


# The compose file hands these to the backend under other names.
BACKEND = Source(CONTAINER, "backend")
BACKEND_NAMES = {"POSTGRES_USER": "DB_USER", "POSTGRES_PASSWORD": "DB_PASSWORD", "POSTGRES_DB": "DB_NAME"}


def source_of(text: str, kinds: Iterable[str]) -> Source:
    """The source that an option names."""
    kinds = list(kinds)
    kind, _separator, name = text.partition(":")
    if kind not in kinds or (kind == ENV_FILE) != (text == ENV_FILE) or (kind != ENV_FILE and not name):
        raise IncidentError(f"the source `{text}` is none that can be read; write {' or '.join(_FORMS[one] for one in kinds)}")
    if kind == COPY:
        refuse_path(name)
    return Source(kind, name)


def refuse_path(name: str) -> None:
    """A copy of the env file lies beside it: a name that leads elsewhere is refused."""
    if name in ("", ".", "..") or "/" in name or "\0" in name:
        raise IncidentError(f"`{name}` is not the name of a file beside the env file; write the name alone, without a folder")


def read_text(path: Path) -> str:
    """The text of an env file, byte for byte: what is no UTF-8 is kept too, and so is every line end."""
    try:
        return path.read_bytes().decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        raise IncidentError(f"there is no file {path}; correct project_src, env_file or source") from None
    except OSError as error:
        raise IncidentError(f"the file {path} cannot be read: {error.strerror}; run as its owner or as root") from None


def variables_of(path: Path) -> dict[str, str]:
    """What Compose reads in an env file."""
    try:
        return parse(read_text(path))
    except IncidentError as error:
        raise error if str(path) in str(error) else IncidentError(f"{path}: {error}") from None


def environments_of(engine: DockerEngine, project: str, service: str) -> list[dict[str, str]]:
    """What the containers of a service were created with, running or not."""
    found = group_by_service(engine.containers(project), project).get(service)
    if not found:
        raise IncidentError(
            f"the project {project} has no container of the service {service}; name another source, or correct project_name"
        )
    return [environment_of(engine.inspect(container["Id"])) for container in found]


def name_at(source: Source, variable: str) -> str:
    """What the source calls a variable of the env file."""
    return BACKEND_NAMES.get(variable, variable) if source == BACKEND else variable


def find_value(source: Source, variable: str, env_file: Path, environments: Callable[[str], list[dict[str, str]]]) -> str:
    """The one value that the source has for the variable. `environments` answers for a Compose service."""
    if source.kind == CONTAINER:
        places = environments(source.name)
    else:
        places = [variables_of(env_file if source.kind == ENV_FILE else env_file.parent / source.name)]
    values = {place.get(variable) for place in places}
    if len(values) > 1:
        raise IncidentError(f"the containers of the service {source.name} do not agree on {variable}; name another source")
    value = values.pop()
    if not value:
        # An empty value is what `compose up` leaves behind when it runs without the env file.
        raise IncidentError(f"{source} has {'no' if value is None else 'an empty'} {variable}; name another source or source_variable")
    return value
