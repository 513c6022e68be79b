# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The evidence of a security incident beside that of the containers: the database, the host and nginx's logs. Reads only.

What cannot be had is said in the place of its file, and keeps nothing else from being kept.
"""

from __future__ import annotations

import pwd
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from . import env_file, host_schedules, security_catalog
from .container_command import CommandRunner
from .database_container import DatabaseContainer
from .docker_engine import DockerEngine
from .errors import IncidentError
from .evidence import LOG_BYTES, read_evidence
from .postgres_catalog import catalog_sql, hba_sql
from .redaction import redact, secret_values
from .sessions import mask_literals
from .stack import group_by_service

SQL_SECONDS = 3
COMMAND_SECONDS = 10
NGINX_LOGS = "var/log/nginx"
# Newest first; older ones are on the disk, and nothing here removes them.
MOST_LOGS = 8
_ENVIRONMENT = {"LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
# By file name: what tells it, the first that is there.
COMMANDS: Mapping[str, Sequence[Sequence[str]]] = {
    "host.processes.txt": (["ps", "-eo", "user,pid,ppid,lstart,etime,args"],),
    "host.sockets.txt": (["ss", "--all", "--numeric", "--processes", "--tcp", "--udp"], ["cat", "/proc/net/tcp", "/proc/net/tcp6"]),
    "host.firewall.txt": (["nft", "list", "ruleset"], ["iptables-save"]),
    "host.logins.txt": (["last", "--fullnames", "--time-format", "iso", "-n", "100"],),
    "host.users.txt": (["getent", "passwd"],),
}


def command_output(commands: Sequence[Sequence[str]]) -> str:
    """What the first of the commands prints that this host has, or why there is nothing."""
    for command in commands:
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, errors="replace", timeout=COMMAND_SECONDS, check=False, env=_ENVIRONMENT
            )
        except FileNotFoundError:
            continue
        except subprocess.TimeoutExpired:
            return f"not to be had: `{command[0]}` did not end within {COMMAND_SECONDS} s\n"
        if done.returncode == 0:
            return done.stdout
        return f"not to be had: `{command[0]}` ended with {done.returncode}: {done.stderr.strip().splitlines()[-1:]}\n"
    return f"not to be had: this host has no {' and no '.join(command[0] for command in commands)}\n"


def authorized_keys(users: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """The keys that let somebody in, by user; they are public ones."""
    found: dict[str, Any] = {}
    for user, home in users:
        for name in ("authorized_keys", "authorized_keys2"):
            try:
                found[f"{user} {name}"] = (Path(home) / ".ssh" / name).read_text(encoding="utf-8", errors="replace").splitlines()
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                found[f"{user} {name}"] = f"not to be had: {error.strerror}"
    return found


def read_host(root: Path, secrets: set[str]) -> dict[str, Any]:
    """What the host tells of processes, sockets, firewall, logins, schedules, keys."""
    found: dict[str, Any] = {name: redact(command_output(commands), secrets) for name, commands in COMMANDS.items()}
    digests, unread = host_schedules.read(root)
    texts = {}
    for path in digests:
        try:
            texts[path] = redact((root / path.lstrip("/")).read_text(encoding="utf-8", errors="replace"), secrets)
        except OSError as error:
            texts[path] = f"not to be had: {error.strerror}"
    found["host.schedules.json"] = {"texts": texts, "not_readable": unread}
    found["host.authorized_keys.json"] = authorized_keys(sorted({(one.pw_name, one.pw_dir) for one in pwd.getpwall()}))
    return found


def read_database(engine: CommandRunner, project: str, variables: Mapping[str, str]) -> dict[str, Any]:
    """Roles, sessions and rules of entry, over the container's own socket; a query without its values."""
    groups = group_by_service(engine.containers(), project)
    if "postgres" not in groups:
        return {"database.txt": "not to be had: PostgreSQL has no container\n"}
    container = DatabaseContainer(engine, groups["postgres"][0]["Id"])
    user, database = variables.get("POSTGRES_USER") or "circuit_sage_user", variables.get("POSTGRES_DB") or "circuit_sage_db"

    def ask(sql: str) -> Any:
        try:
            return container.ask(user, "postgres", sql, SQL_SECONDS)
        except IncidentError as error:
            return {"not_to_be_had": str(error)}

    catalog = ask(catalog_sql(user, database))
    for session in catalog.get("sessions") or []:
        session["query"] = session["query"] and mask_literals(session["query"])
    return {
        "database.roles.json": ask(security_catalog.roles_sql()),
        "database.sessions.json": catalog,
        "database.rules.json": ask(hba_sql()),
    }


def read_nginx(root: Path) -> dict[str, Any]:
    """The ends of nginx's newest logs."""
    folder = root / NGINX_LOGS
    try:
        logs = sorted((one for one in folder.glob("*.log*") if one.is_file() and one.suffix != ".gz"), key=lambda one: -one.stat().st_mtime)
    except OSError as error:
        return {"nginx.txt": f"not to be had: {error.strerror}\n"}
    found: dict[str, Any] = {}
    for log in logs[:MOST_LOGS]:
        try:
            with log.open("rb") as file:
                file.seek(max(log.stat().st_size - LOG_BYTES, 0))
                found[f"nginx.{log.name}"] = redact(file.read(LOG_BYTES).decode("utf-8", "replace"))
        except OSError as error:
            found[f"nginx.{log.name}"] = f"not to be had: {error.strerror}\n"
    return found or {"nginx.txt": f"not to be had: there is no log in /{NGINX_LOGS}\n"}


def read_parts(options: Mapping[str, Any]) -> dict[str, Any]:
    """All that was asked for, by file name."""
    parts, project = options["parts"], options["project_name"]
    if not parts:
        engine = DockerEngine(options["docker_host"], options["docker_timeout"])
        return read_evidence(engine, project, options["services"], options["log_lines"])
    found: dict[str, Any] = {}
    path = Path(options["project_src"]) / options["env_file"]
    variables = env_file.parse(path.read_text(encoding="utf-8")) if set(parts) - {"nginx"} and path.is_file() else {}
    runner = CommandRunner(options["docker_host"], options["docker_timeout"])
    readers: dict[str, Callable[[], dict[str, Any]]] = {
        "containers": lambda: read_evidence(runner, project, options["services"], options["log_lines"], whole=True),
        "database": lambda: read_database(runner, project, variables),
        "host": lambda: read_host(Path("/"), secret_values(variables)),
        "nginx": lambda: read_nginx(Path("/")),
    }
    for part in parts:
        found.update(readers[part]())
    return found
