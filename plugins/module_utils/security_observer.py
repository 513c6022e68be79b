# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a break-in leaves, looked at in one pass: files and processes of containers, roles, accounts, secrets, listeners, updates.

Reads only. What cannot be looked at is null, and `unknown` says why.
"""

from __future__ import annotations

import pwd
import re
import stat
import subprocess
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from . import env_file, proc, security_catalog, security_judgement
from .container_command import CommandRunner
from .database_container import DatabaseContainer
from .errors import IncidentError
from .host_observer import Host
from .overlay_changes import changes_of
from .redaction import is_secret_name, redact, secret_values
from .stack import environment_of, group_by_service
from .stack_options import POSTGRES_OPTIONS, STACK_OPTIONS
from .timestamps import of_seconds

SQL_SECONDS = 3
# apt reads its lists in a second or two, and this is for a busy machine. It asks no server, but the lists that are there.
APT_SECONDS = 20
MOST_FILES = 200
LONGEST_COMMAND = 200
_APT = ["apt", "list", "--upgradable"]
_UPGRADABLE = re.compile(r"(?P<name>[^/\s]+)/(?P<origin>\S+) (?P<new>\S+) \S+ \[upgradable from: (?P<old>[^\]]+)\]")
_NOT_ASKED = "it is looked up once, by a security incident that may act"

SECURITY_OPTIONS: dict[str, dict[str, Any]] = {
    **STACK_OPTIONS,
    **POSTGRES_OPTIONS,
    "observations": {"type": "dict", "required": True},
    "administrators": {"type": "list", "elements": "str", "default": []},
    "expected_changes": {"type": "dict", "default": {}},
    "suspected": {"type": "bool", "default": True},
    "leaked": {"type": "list", "elements": "str", "default": []},
    "isolate": {"type": "list", "elements": "str", "default": []},
    "updates": {"type": "bool", "default": False},
    # Looked at on the controller.
    "baseline": {"type": "path"},
}


def security_updates(text: str) -> list[dict[str, Any]]:
    """The packages for which apt's lists have an update from an archive of security updates."""
    return [
        {"package": match["name"], "installed": match["old"], "update": match["new"]}
        for match in map(_UPGRADABLE.match, text.splitlines())
        if match and "security" in match["origin"].lower()
    ]


def _updates(asked: bool) -> list[dict[str, Any]]:
    if not asked:
        raise IncidentError(_NOT_ASKED)
    environment = {"LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    try:
        done = subprocess.run(_APT, capture_output=True, text=True, timeout=APT_SECONDS, check=False, env=environment)
    except FileNotFoundError:
        raise IncidentError("this host has no apt") from None
    except subprocess.TimeoutExpired:
        raise IncidentError(f"apt did not answer within {APT_SECONDS} s") from None
    if done.returncode != 0:
        raise IncidentError(f"apt ended with {done.returncode}")
    return security_updates(done.stdout)


def described(path: Path, secrets: Sequence[str]) -> dict[str, Any]:
    """A file or folder with secrets: its mode, since when it may have that, its owner."""
    status = path.stat()
    try:
        owner = pwd.getpwuid(status.st_uid).pw_name
    except KeyError:
        owner = str(status.st_uid)
    return {
        "path": str(path),
        "where": "host",
        "mode": f"{stat.S_IMODE(status.st_mode):04o}",
        "closed": "0700" if path.is_dir() else "0600",
        "owner": owner,
        "since": of_seconds(status.st_ctime),
        "secrets": list(secrets),
    }


def secret_files(folder: Path, name: str) -> list[dict[str, Any]]:
    """The env file, its copies, and what else is named so beside it, with the names of the secrets in it."""
    path = folder / name
    found = []
    for file in sorted({*path.parent.glob(f"{path.name}*"), *path.parent.glob(".env*")}):
        if not file.is_file():
            continue
        try:
            names = sorted(filter(is_secret_name, env_file.parse(file.read_text(encoding="utf-8"))))
        except (OSError, UnicodeDecodeError, IncidentError):
            names = []
        found.append(described(file, names))
    return found


def listeners(host: Host) -> list[dict[str, Any]]:
    """What listens on this host where other machines can reach it."""
    texts = []
    for name in ("tcp", "tcp6"):
        try:
            texts.append((host.proc / "net" / name).read_text(encoding="utf-8"))
        except OSError:
            continue
    if not texts:
        raise IncidentError("the kernel's list of sockets cannot be read")
    open_ones = {(one.address, one.port) for text in texts for one in proc.listeners(text)}
    return [{"address": address, "port": port} for address, port in sorted(open_ones) if security_judgement.is_exposed(address)]


class SecurityObserver:
    """One pass."""

    def __init__(self, options: Mapping[str, Any], host: Host | None = None) -> None:
        self._options = options
        self._host = host or Host()
        self._engine = CommandRunner(options["docker_host"], options["docker_timeout"])
        self._unknown: dict[str, str] = {}

    def _attempt(self, name: str, look: Callable[[], Any]) -> Any:
        try:
            return look()
        except IncidentError as error:
            self._unknown[name] = str(error)
            return None

    def observe(self) -> dict[str, Any]:
        """The facts."""
        src, env = Path(self._options["project_src"]), self._options["env_file"]
        self._variables = env_file.parse((src / env).read_text(encoding="utf-8")) if (src / env).is_file() else {}
        own = self._options["login_user"] or self._variables.get("POSTGRES_USER") or "circuit_sage_user"
        database = self._options["login_db"] or self._variables.get("POSTGRES_DB") or "circuit_sage_db"
        with ThreadPoolExecutor(max_workers=4) as threads:
            updates = threads.submit(self._attempt, "updates", lambda: _updates(self._options["updates"]))
            guests = self._attempt("containers", self._guests) or {}
            changes = {
                name: threads.submit(self._attempt, f"changes.{name}", partial(self._changes, name, one)) for name, one in guests.items()
            }
            catalog = threads.submit(self._attempt, "roles", lambda: self._catalog(guests, own, database))
            networks = self._attempt("gateways", lambda: self._engine.networks(self._options["project_name"])) or []
            listed = {name: future.result() for name, future in changes.items()}
            facts = {
                "own_role": own,
                "changes": self._surprising(guests, listed),
                "processes": self._attempt("processes", lambda: self._processes(guests, listed)),
                "images": {name: self._attempt(f"images.{name}", partial(self._image, one)) for name, one in guests.items()},
                "gateways": security_judgement.gateways(networks),
                "subnets": security_judgement.subnets(networks),
                "secret_files": secret_files(src, env),
                "listeners": self._attempt("listeners", lambda: listeners(self._host)),
                **(catalog.result() or dict.fromkeys(("roles", "accounts", "reach"))),
                "updates": updates.result(),
            }
        return {**facts, "unknown": self._unknown}

    def _guests(self) -> dict[str, dict[str, Any]]:
        groups = group_by_service(self._engine.containers(), self._options["project_name"])
        return {service: self._engine.inspect(ones[0]["Id"]) for service, ones in sorted(groups.items())}

    def _expected(self, service: str) -> list[str]:
        return security_judgement.expected_changes(service, self._options["expected_changes"], self._options["suspected"])

    def _changes(self, service: str, guest: Mapping[str, Any]) -> list[dict[str, Any]]:
        # The engine may have to compare all files, which takes a second or more: not where every change is expected.
        everything = "*" in self._expected(service)
        return [] if everything else changes_of(self._engine, guest)

    def _surprising(self, guests: Mapping[str, Mapping[str, Any]], listed: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The changed files that are not of those that change by themselves."""
        found = [
            {"service": service, "container": guests[service]["Name"].lstrip("/"), **one}
            for service, changes in listed.items()
            for one in security_judgement.changed_files(changes or [], self._expected(service))
        ]
        return found[:MOST_FILES]

    def _image(self, guest: Mapping[str, Any]) -> dict[str, Any]:
        """The image that a container runs, and whether its name means another one by now."""
        name = guest["Config"]["Image"]
        now = self._engine.image(name)
        return {"name": name, "id": guest["Image"], "digests": now.get("RepoDigests") or [], "moved": now["Id"] != guest["Image"]}

    def _processes(self, guests: Mapping[str, Mapping[str, Any]], listed: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The processes of the containers that are none of the image's, where this user may see what they run."""
        look = self._host.look()
        members = {pid: self._host.container_of(pid) for pid in look.stats}
        found, hidden = [], False
        for service, guest in guests.items():
            secrets = secret_values({**self._variables, **environment_of(guest)})
            changed = {str(one["Path"]) for one in listed[service] or [] if one["Kind"] != 2}
            volumes = [mount["Destination"] for mount in guest["Mounts"] or [] if mount["RW"]]
            for pid in (pid for pid, identity in members.items() if identity == guest["Id"]):
                arguments, executable = self._host.arguments(pid), self._host.executable(pid)
                hidden = hidden or (executable is None and bool(arguments))
                reason = security_judgement.why_foreign(executable, arguments, changed, volumes)
                if reason:
                    status = (self._host.proc / str(pid) / "status").read_text(encoding="utf-8", errors="replace")
                    found.append(
                        {
                            "service": service,
                            "container": guest["Name"].lstrip("/"),
                            "pid": pid,
                            "pid_in_container": proc.inner_pid(status),
                            "parent": look.stats[pid].parent,
                            "start_ticks": look.stats[pid].started,
                            "executable": executable,
                            "command": redact(" ".join(arguments), secrets)[:LONGEST_COMMAND],
                            "reason": reason,
                        }
                    )
        if hidden:
            self._unknown["processes.executable"] = "only root may see what other users' processes run; let the run become root"
        return found

    def _catalog(self, guests: Mapping[str, Mapping[str, Any]], own: str, database: str) -> dict[str, Any]:
        guest = guests.get("postgres")
        if guest is None or guest["State"]["Status"] != "running":
            raise IncidentError("PostgreSQL does not run")
        container = DatabaseContainer(self._engine, guest["Id"])
        roles = container.ask(own, "postgres", security_catalog.roles_sql(), SQL_SECONDS)["roles"]
        found: dict[str, Any] = {"roles": roles, "accounts": None, "reach": None}
        asked: Sequence[str] = sorted({own, *(one["name"] for one in roles if security_judgement.privileged(one))})
        found.update(
            self._attempt("accounts", lambda: container.ask(own, database, security_catalog.accounts_sql(asked), SQL_SECONDS)) or {}
        )
        return found


def observe(options: Mapping[str, Any]) -> dict[str, Any]:
    """What the module security_info returns."""
    facts = SecurityObserver(options).observe()
    for name in options["leaked"]:
        if name not in env_file.parse((Path(options["project_src"]) / options["env_file"]).read_text(encoding="utf-8")):
            raise IncidentError(
                f"`{name}` in security_incident_leaked is no variable of the env file {options['env_file']}; write it as it stands there"
            )
    unknown = sorted(set(options["isolate"]) - set(options["observations"]["stack"]["services"] or {}))
    if unknown:
        raise IncidentError(
            f"{', '.join(unknown)} in security_incident_isolate is no service of the compose files; use one of "
            f"{', '.join(sorted(options['observations']['stack']['services'] or {}))}"
        )
    return {"changed": False, **security_judgement.judge(facts, options["observations"], options)}
