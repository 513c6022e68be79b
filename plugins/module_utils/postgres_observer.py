# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One pass over the database, from the application's login inwards: whatever is broken, the rest is still found out. Reads only."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, NamedTuple

from . import database_login, postgres_catalog, postgres_details, postgres_errors, sessions, stack
from .container_command import CommandRunner
from .container_log import to_lines
from .database_container import DEFAULT_DATA_DIRECTORY, DatabaseContainer
from .docker_engine import ContainerGone, DockerEngine
from .errors import EngineForbidden, EngineUnreachable, IncidentError
from .fingerprint import Fingerprints
from .login_attempts import MAINTENANCE_DATABASE, Logins, settle
from .password_login import Server, server_of
from .recorded_passwords import BACKEND, CONTAINER, Candidate, candidates, read_env_files
from .redaction import redact

# Seconds that an observation may take beside one login that is not answered.
TOTAL_BESIDE_LOGIN = 3.0
# A server whose container is paused never answers: so long is waited for the proof of it.
PAUSED_SECONDS = 0.5
# Seconds that reading the backend's log may take: some ten megabytes.
LOG_SECONDS = 0.5
# A backend that is created waits for a healthy database before it is started, and writes its first line then.
FIRST_LINE_WITHIN = timedelta(minutes=5)


class Containers(NamedTuple):
    """What the engine tells of the stack; `error` says why it tells nothing."""

    short: list[dict[str, Any]]
    services: dict[str, str]
    postgres: dict[str, Any] | None
    backend: dict[str, Any] | None
    error: str | None


class Secrets:
    """The passwords that were met: for taking them out of every text."""

    def __init__(self, values: Iterable[str]) -> None:
        self._values = tuple(values)

    def out_of(self, text: str | None) -> str | None:
        """The text without them."""
        return None if text is None else redact(text, self._values)


@dataclass
class Catalog:
    """What SQL told, which way it came, and why a part of it is missing."""

    via: str = "none"
    found: dict[str, Any] | None = None
    content: dict[str, int] | None = None
    reason: str = ""
    content_reason: str = ""
    maintenance: dict[str, Any] | None = None
    maintenance_reason: str = ""
    migrations: list[dict[str, Any]] | None = None
    hba: dict[str, Any] | None = None
    tables: list[dict[str, Any]] | None = None
    # Why one of these two is missing.
    unknown: dict[str, str] = field(default_factory=dict)


@dataclass
class Processes:
    """What the processes told when SQL could not be had."""

    sessions: list[dict[str, Any]] | None = None
    identifier: str | None = None
    data_directory: dict[str, Any] | None = None
    reasons: dict[str, str] = field(default_factory=dict)


def read_containers(engine: DockerEngine, options: Mapping[str, Any]) -> Containers:
    """The containers, and the database's and the backend's in full."""

    def inspected(service: str) -> dict[str, Any] | None:
        try:
            return engine.inspect(groups[service][0]["Id"]) if service in groups else None
        except ContainerGone:
            return None

    try:
        short = engine.containers()
        groups = stack.group_by_service(short, options["project_name"])
        services = {str(one["Id"]): name for name, ones in groups.items() for one in ones}
        return Containers(short, services, inspected(options["postgres_service"]), inspected(options["backend_service"]), None)
    except EngineUnreachable as error:
        return Containers([], {}, None, None, str(error))


def catalog_over_tcp(logins: Logins, user: str, database: str) -> Catalog:
    """What the session that opened can tell."""
    session, catalog = logins.session, Catalog()
    if session is None:
        catalog.reason = (
            f"no login over TCP works ({logins.attempts[0].answer.message})" if logins.attempts else "no password is recorded anywhere"
        )
        return catalog
    try:
        catalog.found = session.ask(postgres_catalog.catalog_sql(user, database))
        catalog.via = "tcp"
        catalog.hba = postgres_details.hba(session.ask, catalog.unknown)
        if logins.session_database == database:
            catalog.tables = postgres_details.tables(session.ask, user, catalog.unknown)
            catalog.content, catalog.content_reason = _content(lambda: session.ask(postgres_catalog.content_sql()))
            catalog.maintenance, catalog.maintenance_reason = _maintenance(lambda: session.ask(postgres_catalog.maintenance_sql()))
            with contextlib.suppress(IncidentError):
                catalog.migrations = session.ask(postgres_catalog.migrations_sql())["newest"]
    except IncidentError as error:
        catalog.reason = f"the catalogue could not be read over TCP ({error})"
    return catalog


def _content(ask: Callable[[], dict[str, Any]]) -> tuple[dict[str, int] | None, str]:
    try:
        return ask(), ""
    except IncidentError as error:
        return None, f"the rows could not be counted ({error})"


def _maintenance(ask: Callable[[], dict[str, Any]]) -> tuple[dict[str, Any] | None, str]:
    try:
        return postgres_catalog.describe_maintenance(ask(), datetime.now(timezone.utc)), ""
    except IncidentError as error:
        return None, f"its row could not be read ({error})"


def catalog_in_container(
    container: DatabaseContainer, logins: Logins, administrator: str, user: str, database: str, seconds: int
) -> Catalog:
    """The same through the container's own socket, where no password is asked for."""
    refused = any(made.answer.kind in postgres_errors.ONE_DATABASE and made.candidate.database == database for made in logins.attempts)
    reasons = []
    for one in (MAINTENANCE_DATABASE,) if refused else (database, MAINTENANCE_DATABASE):
        try:
            found = container.ask(administrator, one, postgres_catalog.catalog_sql(user, database), seconds)
        except EngineUnreachable:
            # Another question would wait as long for nothing.
            raise
        except IncidentError as error:
            reasons.append(str(error))
            # Another database helps only where it was this one that refused.
            if not re.search(r"is not currently accepting connections|database \".*\" does not exist", str(error)):
                break
            continue
        catalog = Catalog("container", found)

        def inside(sql: str, name: str = one) -> dict[str, Any]:
            return container.ask(administrator, name, sql, seconds)

        catalog.hba = postgres_details.hba(inside, catalog.unknown)
        if one == database:
            catalog.tables = postgres_details.tables(inside, user, catalog.unknown)
            catalog.content, catalog.content_reason = _content(lambda: inside(postgres_catalog.content_sql()))
        return catalog
    return Catalog(reason=reasons[-1])


def read_processes(container: DatabaseContainer, state: str, data_directory: str) -> Processes:
    """What can be known without SQL."""
    found = Processes()
    try:
        if state == "running":
            titles: Sequence[Any] = container.processes()
        elif state == "paused":
            titles = container.titles_from_outside()
        else:
            raise IncidentError(f"the container is {state}")
        found.sessions = [session for title in titles if (session := sessions.from_title(title))]
    except EngineUnreachable:
        # Another question would wait as long for nothing.
        raise
    except IncidentError as error:
        found.reasons["activity"] = str(error)
    try:
        found.identifier = container.system_identifier(data_directory)
    except IncidentError as error:
        found.reasons["server"] = str(error)
    return found


def connected_before(frames: Iterator[bytes], pattern: re.Pattern[str], created: str, deadline: float) -> tuple[bool | None, str]:
    """Whether the log of the backend's container shows a connection that worked, or null and why that cannot be told."""
    first = None
    for frame in frames:
        for line in to_lines([frame]):
            first = first or line.at
            if pattern.search(line.text):
                return True, ""
        if time.monotonic() > deadline:
            return None, "the backend's log is too long to be read in time"
    if first and datetime.fromisoformat(first[:19]) - datetime.fromisoformat(created[:19]) > FIRST_LINE_WITHIN:
        return None, "the beginning of the backend's log has been rotated away"
    return False, ""


def backend_history(engine: DockerEngine, backend: Mapping[str, Any] | None, pattern: re.Pattern[str]) -> tuple[bool | None, str]:
    """The same, for the container that there is."""
    if backend is None:
        return None, "the backend has no container"
    try:
        frames = engine.log(backend["Id"], bool(backend["Config"]["Tty"]))
        return connected_before(frames, pattern, backend["Created"], time.monotonic() + LOG_SECONDS)
    except EngineForbidden:
        raise
    except IncidentError as error:
        return None, f"the backend's log could not be read: {error}"


def _attempts(logins: Logins, secrets: Secrets) -> list[dict[str, Any]]:
    fingerprints = Fingerprints()
    return [
        {
            "source": made.candidate.source,
            "user": made.candidate.user,
            "database": made.candidate.database,
            "class": made.answer.kind,
            "sqlstate": made.answer.sqlstate,
            "message": secrets.out_of(made.answer.message),
            "milliseconds": made.milliseconds,
            "fingerprint": fingerprints.of(made.candidate.password),
        }
        for made in logins.attempts
    ]


def _error(attempts: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """What the application meets: its own attempt, or where it has no container the first one, which it would be given."""
    if not attempts:
        return {"class": postgres_errors.OTHER, "sqlstate": None, "message": "no password of the application is recorded anywhere"}
    if attempts[0]["class"] == postgres_errors.OK:
        return None
    return {name: attempts[0][name] for name in ("class", "sqlstate", "message")}


def _write(write: database_login.Write | None, secrets: Secrets) -> dict[str, Any]:
    if write is None:
        return dict.fromkeys(("ok", "class", "sqlstate", "message", "milliseconds"))
    return {
        "ok": write.kind == postgres_errors.OK,
        "class": write.kind,
        "sqlstate": write.sqlstate,
        "message": secrets.out_of(write.message),
        "milliseconds": write.milliseconds,
    }


@dataclass
class Scene:
    """What an observation works on: the stack as the engine tells it, the logins, and who the application is."""

    options: Mapping[str, Any]
    engine: DockerEngine
    containers: Containers
    environments: Mapping[str, Mapping[str, str]]
    logins: Logins
    administrator: str
    user: str
    database: str
    secrets: Secrets
    unknown: dict[str, str] = field(default_factory=dict)


class Recorded(NamedTuple):
    """The stack as the engine tells it, and every login that is recorded somewhere."""

    engine: DockerEngine
    containers: Containers
    environments: Mapping[str, Mapping[str, str]]
    own: Mapping[str, str]
    unreadable: Mapping[str, str]
    server: Server
    wanted: Sequence[Candidate]


def _recorded(options: Mapping[str, Any]) -> Recorded:
    engine = DockerEngine(options["docker_host"], min(options["docker_timeout"], TOTAL_BESIDE_LOGIN))
    containers = read_containers(engine, options)
    environments = {
        name: stack.environment_of(one) if one else {} for name, one in ((BACKEND, containers.backend), (CONTAINER, containers.postgres))
    }
    own, copies, unreadable = read_env_files(Path(options["project_src"]) / options["env_file"])
    server = server_of(options, own)
    if containers.postgres and containers.postgres["State"]["Status"] == "paused":
        server = replace(server, connect_timeout=min(server.connect_timeout, PAUSED_SECONDS))
    wanted = candidates(server, own, copies, environments[BACKEND], environments[CONTAINER])
    return Recorded(engine, containers, environments, own, unreadable, server, wanted)


def wait_for_answer(options: Mapping[str, Any], seconds: float) -> None:
    """Wait until the server answers one way or the other, at most so long, and only while its container is not stopped or paused."""
    recorded = _recorded(options)
    if recorded.wanted and recorded.containers.postgres:
        settle(recorded.engine, recorded.containers.postgres["Id"], recorded.server, recorded.wanted[0], seconds)


def observe(options: Mapping[str, Any]) -> dict[str, Any]:
    """The whole observation. Raises IncidentError for input that is wrong; what is broken is part of what is observed."""
    try:
        pattern = re.compile(options["connected_pattern"])
    except re.error as error:
        raise IncidentError(f"connected_pattern is not a regular expression of Python ({error}); correct it") from None
    if options["wait"]:
        wait_for_answer(options, options["wait"])
    engine, containers, environments, own, unreadable, server, wanted = _recorded(options)
    scene = Scene(
        options,
        engine,
        containers,
        environments,
        Logins(server, time.monotonic() + server.connect_timeout + TOTAL_BESIDE_LOGIN),
        # The role that the database was set up with is its superuser, whichever role the application uses.
        environments[CONTAINER].get("POSTGRES_USER") or server_of({**options, "login_user": None}, own).user,
        environments[BACKEND].get("DB_USER") or server.user,
        environments[BACKEND].get("DB_NAME") or server.database,
        Secrets(one.password for one in wanted),
        {f"password.{source}": reason for source, reason in unreadable.items()},
    )
    try:
        scene.logins.attempt_all(wanted)
        return _gather(scene, pattern)
    finally:
        scene.logins.close()


def _gather(scene: Scene, pattern: re.Pattern[str]) -> dict[str, Any]:
    """Everything after the attempts."""
    attempts = _attempts(scene.logins, scene.secrets)
    catalog, processes = catalog_over_tcp(scene.logins, scene.user, scene.database), Processes()
    if catalog.found is None:
        catalog, processes = _without_tcp(scene, catalog)
    parts = _from_catalog(scene, catalog) if catalog.found else _from_processes(scene, processes, catalog.reason)
    if catalog.content is None:
        scene.unknown["content"] = catalog.content_reason or catalog.reason or f"the database {scene.database} lets nobody in"
    if catalog.maintenance is None:
        scene.unknown["maintenance"] = catalog.maintenance_reason or "no login over TCP as the application works"
    if catalog.migrations is None:
        scene.unknown["migrations"] = "they could not be read over TCP"
    write = scene.logins.write(scene.user, scene.database)
    if write is None:
        scene.unknown["write"] = "no login over TCP as the application works"
    reached = not attempts or attempts[0]["class"] not in postgres_errors.NOT_REACHED
    session = scene.logins.session
    network = postgres_details.network(session.ask if session else None, reached, scene.containers.postgres, scene.unknown)
    environment = scene.environments[BACKEND]
    return {
        "via": catalog.via,
        "error": _error(attempts),
        "attempts": attempts,
        "application": {
            "host": environment.get("DB_HOST"),
            "port": environment.get("DB_PORT"),
            "user": scene.user,
            "database": scene.database,
        },
        "password": _password(scene, pattern, parts["server"]["system_identifier"], catalog.reason),
        **parts,
        **_details(scene, catalog, processes),
        "network": network,
        "write": _write(write, scene.secrets),
        "content": catalog.content,
        "maintenance": catalog.maintenance,
        "migrations": catalog.migrations,
        "unknown": {name: str(scene.secrets.out_of(text)) for name, text in scene.unknown.items()},
    }


def _details(scene: Scene, catalog: Catalog, processes: Processes) -> dict[str, Any]:
    """What is known beside the catalogue; what is not asked for in this state of things is null with the reason."""
    reason = catalog.reason or f"the database {scene.database} lets nobody in"
    scene.unknown.update(catalog.unknown)
    parts = (("superusers", (catalog.found or {}).get("superusers")), ("hba", catalog.hba), ("tables", catalog.tables))
    for name, value in parts:
        if value is None:
            scene.unknown.setdefault(name, reason)
    tables, use = (None, None) if catalog.tables is None else postgres_catalog.split_tables(catalog.tables)
    return {
        "superusers": (catalog.found or {}).get("superusers"),
        "hba": catalog.hba,
        "tables": tables,
        "table_use": use,
        "missing_tables": postgres_catalog.missing_tables(tables),
        "data_directory": processes.data_directory,
        "data_space": postgres_details.data_space(
            scene.containers.postgres,
            scene.environments[CONTAINER].get("PGDATA") or DEFAULT_DATA_DIRECTORY,
            scene.unknown,
            scene.options.get("ballast") or (),
        ),
    }


def _password(scene: Scene, pattern: re.Pattern[str], identifier: str | None, reason: str) -> dict[str, Any]:
    """Whether the application's password is right, and whether it ever was."""
    containers = scene.containers
    accepted = next((made.answer.password_taken for made in scene.logins.attempts if made.candidate.source == BACKEND), None)
    if accepted is None:
        scene.unknown["password.backend_accepted"] = _why_not_judged(scene.logins, containers)
    connected, why = (None, containers.error) if containers.error else backend_history(scene.engine, containers.backend, pattern)
    if connected is None:
        scene.unknown["password.backend_connected_before"] = str(why)
    initialised = postgres_catalog.initialised_with(containers.postgres["Created"] if containers.postgres else None, identifier)
    if initialised is None:
        scene.unknown["password.initialised_with_recorded"] = containers.error or reason or "the database has no container"
    return {
        "backend_accepted": accepted,
        "accepted_sources": [made.candidate.source for made in scene.logins.attempts if made.answer.password_taken],
        "backend_connected_before": connected,
        "initialised_with_recorded": initialised,
    }


def _why_not_judged(logins: Logins, containers: Containers) -> str:
    own = next((made.answer for made in logins.attempts if made.candidate.source == BACKEND), None)
    if own is None:
        return containers.error or "the backend has no container, or no DB_PASSWORD in its environment"
    if own.kind == postgres_errors.OK:
        return "the server lets the role in without asking for a password; look for `trust` in pg_hba.conf"
    return f"the server did not come to look at the password ({own.message})"


def _without_tcp(scene: Scene, catalog: Catalog) -> tuple[Catalog, Processes]:
    """What the database's container tells when no login over TCP can."""
    postgres, options = scene.containers.postgres, scene.options
    if postgres is None:
        catalog.reason += "; " + (scene.containers.error or "the database has no container")
        return catalog, Processes(reasons={"activity": catalog.reason})
    # A login that was not answered has used up its share: psql would hang at the same server.
    seconds = 1 if any(made.answer.kind == postgres_errors.TIMEOUT for made in scene.logins.attempts) else 2
    try:
        state = postgres["State"]["Status"]
        engine = CommandRunner(options["docker_host"], min(options["docker_timeout"], 2))
        container = DatabaseContainer(engine, postgres["Name"].lstrip("/"))
        if state == "running":
            inside = catalog_in_container(container, scene.logins, scene.administrator, scene.user, scene.database, seconds)
            if inside.found:
                return inside, Processes()
            catalog.reason += f"; {inside.reason}"
        else:
            catalog.reason += f"; the container is {state}"
        environment = scene.environments[CONTAINER]
        path = environment.get("PGDATA") or DEFAULT_DATA_DIRECTORY
        processes = read_processes(container, state, path)
        processes.data_directory = postgres_details.data_directory(scene.engine, postgres, path, environment, scene.unknown)
        return catalog, processes
    except EngineUnreachable as error:
        return catalog, Processes(reasons={"activity": str(error)})


def _neighbours(scene: Scene, database: dict[str, Any]) -> None:
    """Where the application's database is missing: which of the others has its tables, and so may be it under another name."""
    for one in database["neighbours"]:
        one["application_tables"] = None
        if not database["exists"] and one["allow_connections"] and one["name"] != MAINTENANCE_DATABASE:
            rows = scene.logins.tables_of(one["name"], scene.user)
            missing = None if rows is None else postgres_catalog.missing_tables(postgres_catalog.split_tables(rows)[0])
            one["application_tables"] = None if missing is None else len(postgres_catalog.CONTENT_TABLES) - len(missing)


def _from_catalog(scene: Scene, catalog: Catalog) -> dict[str, Any]:
    found = catalog.found or {}
    addresses = sessions.owners(scene.containers.short, scene.containers.services)
    server = postgres_catalog.describe_server(found)
    database = postgres_catalog.describe_database(scene.database, found)
    _neighbours(scene, database)
    postgres = scene.containers.postgres
    used = postgres_details.process_usage(scene.engine, postgres["Id"] if postgres else None, found)
    large = postgres_details.large_tables(catalog.tables)
    return {
        "server": server,
        "role": postgres_catalog.describe_role(scene.user, found),
        "database": database,
        "activity": sessions.activity(found["sessions"] or [], addresses, server["max_connections"], used),
        "active": sessions.active(found["sessions"] or [], addresses, used, large),
        "cores": os.cpu_count(),
        "blockers": sessions.blockers(found, addresses),
    }


def _from_processes(scene: Scene, processes: Processes, reason: str) -> dict[str, Any]:
    server = postgres_catalog.unknown_server()
    if processes.identifier is not None:
        server["system_identifier"] = processes.identifier
        server["initialised_at"] = postgres_catalog.iso(postgres_catalog.initialised_at(processes.identifier))
    role, database = postgres_catalog.unknown_role(scene.user), postgres_catalog.unknown_database(scene.database)
    activity: dict[str, Any] = {"total": None, "slots_left": None, "holders": None}
    scene.unknown.update(dict.fromkeys(("server", "role", "database", "blockers"), reason))
    scene.unknown.update(processes.reasons)
    if processes.sessions is not None:
        activity = sessions.activity(processes.sessions, sessions.owners(scene.containers.short, scene.containers.services), None)
        scene.unknown["activity.holders"] = "only the titles of the processes could be read: application and times are not in them"
    for made in scene.logins.attempts:
        if made.candidate[1:3] == (scene.user, scene.database):
            told = postgres_catalog.told_by_refusal(made.answer.kind)
            role.update(told[0])
            database.update(told[1])
            if made.answer.kind == postgres_errors.TOO_MANY_CONNECTIONS and made.answer.password_taken is None:
                activity["slots_left"] = 0
    scene.unknown.setdefault("active", reason)
    return {
        "server": server,
        "role": role,
        "database": database,
        "activity": activity,
        "active": None,
        "cores": os.cpu_count(),
        "blockers": None,
    }
