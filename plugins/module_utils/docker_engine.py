# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Opening the Docker engine, and saying in one sentence why it cannot be used."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any

from .errors import EngineForbidden, EngineUnreachable, IncidentError

if TYPE_CHECKING:
    from docker import DockerClient

PROJECT_LABEL = "com.docker.compose.project"
SERVICE_LABEL = "com.docker.compose.service"
_SCHEMES = ("unix://", "tcp://", "http://", "https://", "ssh://")


def _chain(error: BaseException) -> list[BaseException]:
    """An exception and everything that it was made from: the SDK wraps what the socket said several times."""
    found: list[BaseException] = []
    todo: list[Any] = [error]
    while todo:
        one = todo.pop()
        if isinstance(one, BaseException) and one not in found:
            found.append(one)
            todo.extend([one.__cause__, one.__context__, getattr(one, "reason", None), *one.args])
    return found


def classify(error: BaseException, docker_host: str) -> IncidentError:
    """What an error of the SDK means for who reads it."""
    chain = _chain(error)
    number = next((one.errno for one in chain if isinstance(one, OSError) and one.errno), None)
    if isinstance(error, ImportError):
        return IncidentError("the Docker SDK for Python is missing for this Python; install the package `docker`, version 5 or later")
    if number in (errno.EACCES, errno.EPERM):
        return EngineForbidden(f"no right to use the Docker engine at {docker_host}; run as root or as a member of the group `docker`")
    if any(type(one).__name__ in ("ReadTimeout", "ConnectTimeout", "ReadTimeoutError") or isinstance(one, TimeoutError) for one in chain):
        return EngineUnreachable(f"the Docker engine at {docker_host} does not answer in time; look at the service `docker`")
    if number == errno.ENOENT:
        return EngineUnreachable(f"there is no Docker socket at {docker_host}; start the service `docker`, or set docker_host")
    if number == errno.ECONNREFUSED:
        return EngineUnreachable(f"nothing listens at {docker_host}; start the service `docker`")
    return EngineUnreachable(f"the Docker engine at {docker_host} cannot be used: {chain[-1]}")


def open_engine(docker_host: str, timeout: int) -> DockerClient:
    """A client for the engine, with the API version agreed: the engine answered at least once."""
    if not docker_host.startswith(_SCHEMES):
        raise IncidentError(f"docker_host `{docker_host}` is not an address; write it as unix:///var/run/docker.sock or tcp://HOST:PORT")
    try:
        # Imported here because it takes a fifth of a second, and because a missing SDK is to be reported, not a traceback.
        import docker

        return docker.DockerClient(base_url=docker_host, version="auto", timeout=timeout)
    except Exception as error:
        raise classify(error, docker_host) from error


def list_containers(client: DockerClient, project: str | None = None) -> list[dict[str, Any]]:
    """The engine's short descriptions of all containers, running or not, of one Compose project or of all."""
    filters = {"label": f"{PROJECT_LABEL}={project}"} if project else None
    found: list[dict[str, Any]] = client.api.containers(all=True, filters=filters)
    return found
