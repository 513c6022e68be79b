# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the compose file says: the variables that it needs, and the model that `docker compose config` makes of it."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from .env_file import closing_brace
from .errors import IncidentError
from .redaction import redact

_REFERENCE = re.compile(r"\$(?:\$|(?P<plain>[A-Za-z_]\w*)|\{(?P<braced>[A-Za-z_]\w*)(?P<operator>:?[-+?])?)", re.ASCII)
_COMMENT = re.compile(r"(?:^|\s)#.*$")
# `NAME: value` and `- NAME=value`, the two forms of an entry of `environment`.
_ENTRY = re.compile(r"\s*(?:-\s+)?[\"']?(?P<name>[A-Za-z_]\w*)[\"']?\s*[:=](?P<value>.*)", re.ASCII)
# The environment of the caller goes before the env file in Compose: it is kept out, but for what finds the program and its settings.
_KEPT = ("PATH", "HOME", "DOCKER_CONFIG")
STANDARD_INPUT = "-"
# Without these nothing works, however the env file says so: an empty one is lost too.
NEVER_EMPTY = frozenset({"ENCRYPTION_KEY", "JWT_SECRET", "POSTGRES_PASSWORD"})
_BY_CLIENT = ["docker", "compose"]
# Where Docker's client looks for its plugins, after the user's own folder and those that the user's settings name.
# https://github.com/docker/cli/blob/master/cli-plugins/manager/manager_unix.go
_PLUGIN_FOLDERS = (
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
)


class ComposeUnavailable(IncidentError):
    """Compose could not say what the compose file means; the reason is the text."""


def _without_a_value(text: str, variables: Mapping[str, str]) -> Iterator[str]:
    """The variables that the text uses with no default and that have no value."""
    position = 0
    while match := _REFERENCE.search(text, position):
        position = match.end()
        name, operator = match.group("plain") or match.group("braced"), match.group("operator") or ""
        if name is None:
            continue
        present = bool(variables.get(name)) if operator.startswith(":") or name in NEVER_EMPTY else name in variables
        if operator.endswith("-") == present and operator[-1:] in ("-", "+"):
            # The word after the operator is not used.
            position = closing_brace(text, position)
        elif operator[-1:] in ("", "?") and not present:
            yield name


def _lines(text: str) -> Iterator[str]:
    return (_COMMENT.sub("", line) for line in text.splitlines())


def missing_variables(text: str, variables: Mapping[str, str]) -> list[str]:
    """The variables that the compose file needs and the env file lacks.

    One that is there and empty is meant so, but for `${NAME:?}` and those of NEVER_EMPTY.
    """
    return sorted({name for line in _lines(text) for name in _without_a_value(line, variables)})


def blanked_names(text: str, variables: Mapping[str, str]) -> set[str]:
    """The names of a container's environment that the compose file fills from a variable that the env file lacks."""
    entries = (_ENTRY.match(line) for line in _lines(text))
    return {entry.group("name") for entry in entries if entry and any(_without_a_value(entry.group("value"), variables))}


def arguments(src: Path, name: str, files: Sequence[str], env_file: str) -> list[str]:
    """The command line by which every call of Compose names the project; files are relative to its folder, `-` is what it reads."""
    command = [*_BY_CLIENT, "--project-directory", str(src), "--project-name", name, "--env-file", str(src / env_file)]
    for file in files:
        command += ["--file", file if file == STANDARD_INPUT else str(src / file)]
    return command


def program(environment: Mapping[str, str]) -> list[str]:
    """Compose as its plugin alone, where that is the one that Docker's client would take, which starts it twice and takes twice as long."""
    settings = Path(environment.get("DOCKER_CONFIG") or Path(environment.get("HOME") or "/") / ".docker")
    try:
        if "cliPluginsExtraDirs" in (settings / "config.json").read_text(encoding="utf-8"):
            return _BY_CLIENT
    except FileNotFoundError:
        pass
    except (OSError, UnicodeDecodeError):
        return _BY_CLIENT
    paths = (Path(folder) / "docker-compose" for folder in (settings / "cli-plugins", *_PLUGIN_FOLDERS))
    return next(([str(path)] for path in paths if os.access(path, os.X_OK)), _BY_CLIENT)


def run(command: Sequence[str], timeout: int, typed: str = "") -> str:
    """What the command prints when it reads `typed`; ComposeUnavailable with the reason when it fails."""
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    if list(command[: len(_BY_CLIENT)]) == _BY_CLIENT:
        command = [*program(environment), *command[len(_BY_CLIENT) :]]
    try:
        done = subprocess.run(
            command,
            env=environment,
            input=typed,
            capture_output=True,
            timeout=timeout,
            check=False,
            encoding="utf-8",
            errors="replace",
        )
    except FileNotFoundError:
        raise ComposeUnavailable("the command `docker` is missing on this host; install Docker's client with its Compose plugin") from None
    except subprocess.TimeoutExpired:
        raise ComposeUnavailable(f"`docker compose` gave no answer within {timeout} seconds") from None
    if done.returncode != 0:
        # The last line is the error; those before it are warnings. It may quote the file, so it is redacted.
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise ComposeUnavailable(f"`docker compose` failed: {redact(last)}")
    return done.stdout


def parse_hashes(text: str) -> dict[str, str]:
    """The configuration hash of each service, from `docker compose config --hash '*'`."""
    lines = (line.partition(" ") for line in text.splitlines() if line)
    return {service: digest for service, _space, digest in lines}


def without_dependencies(text: str) -> str:
    """The configuration that Compose printed, as `up --no-deps` sees it: the hash of a container that was made anew alone comes of this."""
    config = json.loads(text)
    for wanted in config["services"].values():
        wanted.pop("depends_on", None)
    return json.dumps(config)


def same_version(one: str, other: str) -> bool:
    """Whether two versions of Compose are the same: packagers add a suffix, and some print a `v`."""
    return re.split(r"[-+~]", one.strip().lstrip("v"))[0] == re.split(r"[-+~]", other.strip().lstrip("v"))[0]


def _limits(wanted: dict[str, Any]) -> dict[str, int]:
    """The limits that the files give a service; 0 means none. Compose prints sizes in bytes, as texts or numbers after its version."""
    limits = ((wanted.get("deploy") or {}).get("resources") or {}).get("limits") or {}
    files = (wanted.get("ulimits") or {}).get("nofile") or 0
    return {
        "memory_bytes": int(wanted.get("mem_limit") or limits.get("memory") or 0),
        "nofile": int(files.get("soft") or 0) if isinstance(files, dict) else int(files),
    }


def parse_model(text: str) -> dict[str, Any]:
    """The services with what each should have: its environment, networks and volumes; from `docker compose config --format json`."""
    config = json.loads(text)
    names = {key: (network or {}).get("name", key) for key, network in (config.get("networks") or {}).items()}
    services = {}
    for service, wanted in (config.get("services") or {}).items():
        services[service] = {
            # Compose prints the file so that it could be read again: each dollar sign is doubled.
            "environment": {
                name: str(value).replace("$$", "$") for name, value in (wanted.get("environment") or {}).items() if value is not None
            },
            "networks": [
                {
                    "name": names.get(key, key),
                    "aliases": [service, *((network or {}).get("aliases") or [])],
                    "address": (network or {}).get("ipv4_address"),
                }
                for key, network in (wanted.get("networks") or {}).items()
            ],
            "limits": _limits(wanted),
        }
    volumes = sorted((volume or {}).get("name", key) for key, volume in (config.get("volumes") or {}).items())
    return {"services": services, "volumes": volumes}
