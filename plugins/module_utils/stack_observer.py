# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One pass over a Compose project: its files, what Compose makes of them, its containers and their logs. Reads only."""

from __future__ import annotations

import contextlib
import hashlib
import pwd
import re
import shlex
import stat
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from . import asked, compose, container_log, env_file, lost_variables, stack
from .docker_engine import ContainerGone, DockerEngine, EngineRefused
from .errors import EngineUnreachable, IncidentError
from .fingerprint import Fingerprints
from .recorded_passwords import read_env_files
from .redaction import is_secret_name, redact, secret_values
from .timestamps import of_seconds, seconds_before

# What only Compose can tell of a service.
_FROM_MODEL = ("networks_expected", "networks_missing", "aliases_missing", "environment", "limits_expected", "limits_lowered")
# What needs a container, and something else beside it.
_FROM_BOTH = ("networks_missing", "aliases_missing", "environment", "limits_lowered", "compose_drift", "log")
# Its first line says who keeps the system as it is, and why; remedies of what may be deliberate then wait for a person.
HOLD_FILE = ".incident-hold"
# A further line of it that says this keeps every remedy back but those of a security incident.
HOLD_EVERYTHING = "keep everything"
# Where the engine listens that the host's service `docker` runs. What listens elsewhere is rootless, on another host, or a wrong setting.
SERVICE_SOCKETS = ("unix:///var/run/docker.sock", "unix:///run/docker.sock")
NO_SUCH_SERVICE = "the compose files have no such service"


class Project(NamedTuple):
    """A Compose project as the caller names it."""

    src: Path
    name: str
    files: Sequence[str]
    env_file: str
    docker_host: str
    docker_timeout: int
    # Under which secrets are compared with a baseline; null where there is none.
    fingerprint_key: str | None = None


def project_of(options: Mapping[str, Any]) -> Project:
    """The project that the options of the doc fragment `stack` name, with the override of an earlier incident where there is one."""
    src, files = Path(options["project_src"]), list(options["files"])
    if asked.OVERRIDE not in files and (src / asked.OVERRIDE).exists():
        files.append(asked.OVERRIDE)
    return Project(
        src=src,
        name=options["project_name"],
        files=files,
        env_file=options["env_file"],
        docker_host=options["docker_host"],
        docker_timeout=options["docker_timeout"],
        fingerprint_key=options.get("fingerprint_key"),
    )


class Container(NamedTuple):
    """What the engine told of one container; the log is None when it could not be read, and `log_error` says why."""

    inspected: dict[str, Any]
    log: list[container_log.Line] | None
    log_error: str | None


class Expected(NamedTuple):
    """What Compose makes of the files; the errors are null when it could."""

    model: dict[str, Any] | None
    model_error: str | None
    hashes: dict[str, str] | None
    hashes_error: str | None


class Standard(NamedTuple):
    """What each container is measured by."""

    expected: Expected
    # Names in a container's environment that have no value because the env file lacks a variable.
    blanked: set[str]
    secrets: Sequence[str]
    patterns: Mapping[str, re.Pattern[str]]
    # When each image was made, by its id.
    images: Mapping[str, str]
    fingerprints: Fingerprints
    # Those under the baseline's key; null where there is none.
    lasting: Fingerprints | None
    # Asked only when a hash differs: each takes a call of Compose.
    hashes_alone: Callable[[], dict[str, str]]
    compose_version: Callable[[], str]


def _read(path: Path, what: str, advice: Callable[[], str]) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        raise IncidentError(f"there is no {what} {path}; {advice()}") from None
    except PermissionError:
        raise IncidentError(f"no right to read the {what} {path}; run as its owner or as root (`become: true`)") from None
    except (OSError, UnicodeDecodeError) as error:
        raise IncidentError(f"the {what} {path} cannot be read ({type(error).__name__}); put a readable text file there") from None


def _copies(path: Path) -> list[str]:
    """The other files beside the env file whose name begins with its name: copies that people made of it."""
    return sorted(other.name for other in path.parent.glob(f"{path.name}*") if other.name != path.name)


def _where_project_runs(project: Project) -> str:
    """Advice for who gave a folder without the compose file: where the project's containers were started from."""
    advice = "set project_src to the folder of the compose file, and files to its name"
    try:
        containers = DockerEngine(project.docker_host, project.docker_timeout).containers(project.name)
    except IncidentError:
        # The compose file is what is reported here; the engine has its own word when the file is found.
        return advice
    folder = stack.projects(containers).get(project.name)
    return f"{advice} (the containers of `{project.name}` were started from {folder})" if folder else advice


def read_compose_files(project: Project) -> str:
    """The text of all compose files."""
    return "\n".join(_read(project.src / name, "compose file", lambda: _where_project_runs(project)) for name in project.files)


def read_env_file(project: Project) -> dict[str, str]:
    """The variables of the env file."""
    path = project.src / project.env_file

    def advice() -> str:
        copies = ", ".join(_copies(path)) if path.parent.is_dir() else ""
        return "create it or put a copy of it back, or set env_file" + (f" (beside it: {copies})" if copies else "")

    text = _read(path, "env file", advice)
    try:
        return env_file.parse(text)
    except IncidentError as error:
        raise IncidentError(f"the env file {path} cannot be used: {error}") from None


def describe_env_file(project: Project, variables: Mapping[str, str], missing: Sequence[str]) -> dict[str, Any]:
    """The env file as a file, and the names in it."""
    path = project.src / project.env_file
    status = path.stat()
    try:
        owner = pwd.getpwuid(status.st_uid).pw_name
    except KeyError:
        owner = str(status.st_uid)
    return {
        "path": str(path),
        "present": True,
        "mode": f"{stat.S_IMODE(status.st_mode):04o}",
        "owner": owner,
        "mtime": of_seconds(status.st_mtime),
        "variables": sorted(variables),
        "missing": list(missing),
        "restorable": _restorable(path, variables, missing, {}),
        "copies": _copies(path),
    }


def _restorable(
    path: Path, variables: Mapping[str, str], missing: Sequence[str], environments: Mapping[str, Mapping[str, str]]
) -> list[dict[str, str]]:
    """Where the values of the variables that the env file lacks can still be found."""
    return lost_variables.sources(missing, variables, environments, read_env_files(path)[1]) if missing else []


def describe_hold(src: Path) -> dict[str, Any]:
    """The hold marker: somebody keeps the system as it is, and the first line of the file says why; a further one may hold everything."""
    path = src / HOLD_FILE
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return {"path": str(path), "text": None, "everything": False}
    except OSError as error:
        return {"path": str(path), "text": f"its reason cannot be read: {error.strerror}", "everything": False}
    text = redact(lines[0][:200]) if lines and lines[0].strip() else "no reason given"
    return {"path": str(path), "text": text, "everything": HOLD_EVERYTHING in lines[1:]}


def _attempt(future: Future[str], parse: Callable[[str], Any]) -> tuple[Any, str | None]:
    try:
        return parse(future.result()), None
    except compose.ComposeUnavailable as error:
        return None, str(error)


def _read_log(engine: DockerEngine, inspected: Mapping[str, Any], lines: int, timeout: int) -> list[container_log.Line]:
    deadline = time.monotonic() + timeout

    def frames(tail: int) -> list[bytes]:
        with contextlib.closing(engine.log(inspected["Id"], inspected["Config"]["Tty"], tail)) as stream:
            return container_log.bounded(stream, deadline)

    try:
        taken = frames(lines)
    except container_log.LogTooLong:
        # So many bytes in so few lines: the newest of them fit into the bound, because the engine cuts lines at 16 KiB.
        taken = frames(min(lines, container_log.SHORT_TAIL))
    return container_log.to_lines([b"".join(taken)] if inspected["Config"]["Tty"] else taken)


def read_container(engine: DockerEngine, project: Project, container_id: str, lines: int) -> Container | None:
    """What the engine tells of a container, and the end of its log; null when it has just gone."""
    try:
        inspected = engine.inspect(container_id)
    except ContainerGone:
        return None
    try:
        return Container(inspected, _read_log(engine, inspected, lines, project.docker_timeout), None)
    except IncidentError as error:
        explanation = error.explanation if isinstance(error, EngineRefused) else error
        return Container(inspected, None, f"the log could not be read: {explanation}")


def _check_project(engine: DockerEngine, project: Project, containers: Sequence[Mapping[str, Any]]) -> None:
    """Refuse a project name that this host does not know. One whose containers were removed still has its volumes or networks."""
    known = stack.projects(containers)
    if project.name in known or engine.networks(project.name) or engine.volumes(project.name):
        return
    found = ", ".join(f"{name} (started from {folder})" for name, folder in sorted(known.items()))
    start = shlex.join([*compose.arguments(project.src, project.name, project.files, project.env_file), "up", "-d"])
    raise IncidentError(
        f"this host has no container, network or volume of a Compose project `{project.name}`; "
        + (f"set project_name to one that it has: {found}; or, " if found else "")
        + f"if that name is right and the stack is only not started, start it with `{start}` (the sandbox with `make stack`)"
    )


def _check_version(version: Mapping[str, str]) -> None:
    """Refuse an engine that does not know what it is asked: statistics in one shot came with Docker 20.10."""
    numbers = [int(number) for number in re.findall(r"\d+", version["ApiVersion"])[:2]]
    if numbers < [1, 41]:
        told = f"the Docker engine is {version['Version']} (API {version['ApiVersion']})"
        raise IncidentError(f"{told}, and 20.10 (API 1.41) or newer is needed; upgrade it")


def _hashes_alone(project: Project, config: str) -> dict[str, str]:
    command = compose.arguments(project.src, project.name, [compose.STANDARD_INPUT], project.env_file)
    typed = compose.without_dependencies(config)
    return compose.parse_hashes(compose.run([*command, "config", "--hash", "*"], project.docker_timeout, typed))


def _drift(container: Container, service: str, standard: Standard) -> tuple[bool | None, str | None]:
    """Whether the files would make another container now, or null and why that is unknown."""
    made_with, made_by = stack.config_hash(container.inspected)
    hashes = standard.expected.hashes
    if hashes is None:
        return None, standard.expected.hashes_error
    if service not in hashes:
        return None, NO_SUCH_SERVICE
    if made_with == hashes[service]:
        return False, None
    try:
        if made_with == standard.hashes_alone().get(service):
            return False, None
        current = standard.compose_version()
    except compose.ComposeUnavailable as error:
        return None, str(error)
    if made_by is None or not compose.same_version(made_by, current):
        # Another version may hash the same configuration to another value.
        return None, f"the container was made by Compose {made_by or 'of an unknown version'}, and this is {current.strip()}"
    return True, None


def describe_service(name: str, container: Container | None, standard: Standard) -> tuple[dict[str, Any], dict[str, str]]:
    """The observation of one service, and what of it is unknown."""
    expected = standard.expected
    wanted = (expected.model or {"services": {}})["services"].get(name)
    observed = dict(stack.MISSING) if container is None else stack.describe(container.inspected, standard.secrets)
    unknown: dict[str, str] = {}
    observed["image_created_at"] = standard.images.get(container.inspected["Image"]) if container else None
    observed["started_seconds_ago"] = seconds_before(time.time(), observed["started_at"]) if container else None
    if wanted is None:
        unknown.update(dict.fromkeys(_FROM_MODEL, expected.model_error or NO_SUCH_SERVICE))
    if container is None:
        unknown.update(dict.fromkeys(_FROM_BOTH, "the service has no container"))
        observed.update(dict.fromkeys(_FROM_BOTH), networks_expected=wanted and wanted["networks"])
        observed["limits_expected"] = wanted and wanted["limits"]
        return observed, unknown
    if wanted is None:
        observed.update(dict.fromkeys(_FROM_MODEL))
    else:
        observed.update(stack.compare_networks(observed["networks"], wanted["networks"]))
        real = stack.environment_of(container.inspected)
        observed.update(stack.compare_limits(observed["limits"], wanted["limits"]))
        observed["environment"] = stack.compare_environment(real, wanted["environment"], standard.blanked, standard.fingerprints)
    if standard.lasting:
        held = stack.environment_of(container.inspected)
        observed["fingerprints"] = {name: standard.lasting.of(value) for name, value in sorted(held.items()) if is_secret_name(name)}
    observed["compose_drift"], reason = _drift(container, name, standard)
    if reason:
        unknown["compose_drift"] = reason
    observed["log"] = None
    if container.log is None:
        unknown["log"] = container.log_error or ""
    else:
        observed["log"] = container_log.summarise(container.log, standard.patterns, observed["started_at"], standard.secrets, time.time())
    return observed, unknown


def _read_engine(
    project: Project, threads: ThreadPoolExecutor, log_lines: int
) -> tuple[list[dict[str, Any]], dict[str, Container | None], dict[str, str], dict[str, Any]]:
    """All containers in the engine's short form, the project's services in full, when each image was made, and the engine itself."""
    engine = DockerEngine(project.docker_host, project.docker_timeout)
    try:
        containers = engine.containers()
        _check_project(engine, project, containers)
        services = stack.group_by_service(containers, project.name)
        made = threads.submit(engine.images)
        # The newest container of a service is the one that counts: an interrupted `up` may leave an older one behind.
        reads = {name: threads.submit(read_container, engine, project, ones[0]["Id"], log_lines) for name, ones in services.items()}
        version = engine.version()
        _check_version(version)
        described = {"reachable": True, "version": version["Version"], "api_version": version["ApiVersion"]}
        images = {image["Id"]: of_seconds(image["Created"]) for image in made.result()}
        return containers, {name: future.result() for name, future in reads.items()}, images, described
    except EngineRefused as error:
        # An engine that cannot say what it has is as good as none.
        raise EngineUnreachable(str(error)) from error


def observe(
    project: Project, log_lines: int, extra_patterns: Mapping[str, str], require_variables: bool, wish: asked.Wish | None = None
) -> dict[str, Any]:
    """The whole observation. Raises IncidentError for input that is wrong; an engine that is down is part of what is observed."""
    patterns = container_log.compile_patterns(extra_patterns)
    text = read_compose_files(project)
    variables = read_env_file(project)
    missing = compose.missing_variables(text, variables)
    if missing and require_variables:
        lacks = f"the env file {project.src / project.env_file} lacks what the compose file needs: {', '.join(missing)}"
        raise IncidentError(f"{lacks}; add it from the last good copy")
    observation: dict[str, Any] = {
        "engine": {
            "own_service": project.docker_host in SERVICE_SOCKETS,
            "reachable": False,
            "version": None,
            "api_version": None,
            "error": None,
        },
        "project": {
            "name": project.name,
            "src": str(project.src),
            "files": list(project.files),
            "override": str(project.src / asked.OVERRIDE),
            "containers": None,
        },
        "services": None,
        "env_file": describe_env_file(project, variables, missing),
        "files_changed_at": {name: of_seconds((project.src / name).stat().st_mtime) for name in project.files},
        "files": {name: hashlib.sha256((project.src / name).read_bytes()).hexdigest() for name in project.files},
        "hold": describe_hold(project.src),
        "asked": None,
        "volumes": None,
        "unknown": {},
    }
    command = compose.arguments(project.src, project.name, project.files, project.env_file)
    # Compose takes longer than the engine, which it does not need: both at the same time.
    with ThreadPoolExecutor(max_workers=8) as threads:
        model = threads.submit(compose.run, [*command, "config", "--format", "json"], project.docker_timeout)
        hashes = threads.submit(compose.run, [*command, "config", "--hash", "*"], project.docker_timeout)
        try:
            containers, found, images, engine = _read_engine(project, threads, log_lines)
            observation["engine"].update(engine)
        except EngineUnreachable as error:
            observation["engine"]["error"] = str(error)
            observation["unknown"] = dict.fromkeys(("services", "volumes", "project.containers", "asked"), str(error))
            return observation
        expected = Expected(*_attempt(model, compose.parse_model), *_attempt(hashes, compose.parse_hashes))
    made_with = {name: stack.environment_of(one.inspected) for name, one in found.items() if one}
    observation["env_file"]["restorable"] = _restorable(project.src / project.env_file, variables, missing, made_with)
    environments = [variables, *made_with.values()]
    standard = Standard(
        expected=expected,
        blanked=compose.blanked_names(text, variables),
        secrets=tuple(set().union(*(secret_values(environment) for environment in environments))),
        patterns=patterns,
        images=images,
        fingerprints=Fingerprints(),
        lasting=Fingerprints(project.fingerprint_key.encode()) if project.fingerprint_key else None,
        hashes_alone=lru_cache(lambda: _hashes_alone(project, model.result())),
        compose_version=lru_cache(lambda: compose.run(["docker", "compose", "version", "--short"], project.docker_timeout)),
    )
    observation["asked"] = asked.differences(wish or asked.Wish(), expected.model)
    if observation["asked"] is None:
        observation["unknown"]["asked"] = expected.model_error
    wanted = expected.model or {"services": {}, "volumes": []}
    observation["services"] = {}
    for name in sorted({*found, *wanted["services"]}):
        observation["services"][name], unknown = describe_service(name, found.get(name), standard)
        observation["unknown"].update({f"services.{name}.{field}": reason for field, reason in unknown.items()})
        # The mark of an end at the memory limit stays until the next start, also when the limit was raised meanwhile.
        ended, raised = observation["services"][name]["finished_at"], observation["files_changed_at"].get(asked.OVERRIDE)
        observation["services"][name]["override_since_end"] = bool(ended and raised and raised > ended)
    observation["project"]["containers"] = sum(map(len, stack.group_by_service(containers, project.name).values()))
    observation["volumes"] = stack.volume_users(containers, wanted["volumes"], project.name)
    return observation
