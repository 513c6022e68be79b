# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what `docker inspect` says of a container, and what the compose file wants, to the observation of a service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .docker_engine import PROJECT_LABEL, SERVICE_LABEL
from .fingerprint import Fingerprints
from .redaction import redact
from .timestamps import utc

_HASH_LABEL = "com.docker.compose.config-hash"
_VERSION_LABEL = "com.docker.compose.version"
_ONEOFF_LABEL = "com.docker.compose.oneoff"
WORKING_DIR_LABEL = "com.docker.compose.project.working_dir"


def name_of(container: Mapping[str, Any]) -> str:
    """The name of a container, from the engine's list."""
    name: str = container["Names"][0]
    return name.lstrip("/")


def repository_of(name: str) -> str:
    """The name of an image without its tag; a colon before a slash is that of a registry's port."""
    head, colon, tag = name.rpartition(":")
    return head if colon and "/" not in tag else name


def group_by_service(containers: Sequence[Mapping[str, Any]], project: str) -> dict[str, list[Mapping[str, Any]]]:
    """The containers of each service of a project, newest first. One-off containers (`compose run`) are none of its services."""
    services: dict[str, list[Mapping[str, Any]]] = {}
    for container in sorted(containers, key=lambda one: one["Created"], reverse=True):
        labels = container.get("Labels") or {}
        if labels.get(PROJECT_LABEL) == project and labels.get(_ONEOFF_LABEL) != "True" and SERVICE_LABEL in labels:
            services.setdefault(labels[SERVICE_LABEL], []).append(container)
    return services


def projects(containers: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Each Compose project that has a container, with the folder from which it was started."""
    found = {}
    for container in containers:
        labels = container.get("Labels") or {}
        if PROJECT_LABEL in labels:
            found[labels[PROJECT_LABEL]] = labels.get(WORKING_DIR_LABEL, "")
    return found


def environment_of(inspected: Mapping[str, Any]) -> dict[str, str]:
    """The environment with which a container was created."""
    entries = (entry.partition("=") for entry in inspected["Config"]["Env"] or [])
    return {name: value for name, _sign, value in entries}


def _networks(inspected: Mapping[str, Any]) -> list[dict[str, Any]]:
    attached = inspected["NetworkSettings"]["Networks"] or {}
    return [
        {"name": name, "address": network["IPAddress"] or None, "aliases": sorted(network["Aliases"] or [])}
        for name, network in sorted(attached.items())
    ]


def _ports(inspected: Mapping[str, Any]) -> list[dict[str, Any]]:
    # A stopped container has no ports, but still those that it asks for.
    bindings = {
        **(inspected["HostConfig"]["PortBindings"] or {}),
        **{k: v for k, v in (inspected["NetworkSettings"]["Ports"] or {}).items() if v},
    }
    return [
        {
            "container_port": port,
            "host_address": binding["HostIp"],
            "host_port": int(binding["HostPort"]) if binding["HostPort"] else None,
        }
        for port, bound in sorted(bindings.items())
        for binding in bound or []
    ]


def _mounts(inspected: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "type": mount["Type"],
            "name": mount.get("Name"),
            "source": mount["Source"],
            "destination": mount["Destination"],
            "read_write": mount["RW"],
        }
        for mount in sorted(inspected["Mounts"] or [], key=lambda one: str(one["Destination"]))
    ]


def _limits(host_config: Mapping[str, Any]) -> dict[str, int]:
    """The limits of a container; 0 means none, as the engine says it."""
    period = host_config.get("CpuPeriod") or 100_000
    quota = max(host_config.get("CpuQuota") or 0, 0)
    nofile = [limit["Soft"] for limit in host_config.get("Ulimits") or [] if limit["Name"] == "nofile"]
    return {
        "memory_bytes": host_config.get("Memory") or 0,
        "nano_cpus": host_config.get("NanoCpus") or quota * 1_000_000_000 // period,
        "pids": max(host_config.get("PidsLimit") or 0, 0),
        "nofile": nofile[0] if nofile else 0,
    }


def compare_limits(real: Mapping[str, int], wanted: Mapping[str, int]) -> dict[str, Any]:
    """The limits that the files give, and the names of those that are lower in the container. 0 means none."""
    lowered = [name for name, most in wanted.items() if real[name] and (not most or real[name] < most)]
    return {"limits_expected": dict(wanted), "limits_lowered": lowered}


def describe(inspected: Mapping[str, Any], secrets: Sequence[str]) -> dict[str, Any]:
    """What a container is and how it does: all that needs nothing but `docker inspect`."""
    state, labels = inspected["State"], inspected["Config"]["Labels"] or {}
    return {
        "present": True,
        "container": inspected["Name"].lstrip("/"),
        "id": inspected["Id"],
        "state": state["Status"],
        "exit_code": state["ExitCode"],
        "oom_killed": state["OOMKilled"],
        "error": redact(state["Error"], secrets) or None,
        "restart_count": inspected["RestartCount"],
        "restart_policy": inspected["HostConfig"]["RestartPolicy"]["Name"] or "no",
        "health": (state.get("Health") or {}).get("Status") or "none",
        "created_at": utc(inspected["Created"]),
        "started_at": utc(state["StartedAt"]),
        "finished_at": utc(state["FinishedAt"]),
        "image": {"name": inspected["Config"]["Image"], "id": inspected["Image"]},
        "command": redact(" ".join([inspected["Path"], *(inspected["Args"] or [])]), secrets),
        "networks": _networks(inspected),
        "ports": _ports(inspected),
        "mounts": _mounts(inspected),
        "limits": _limits(inspected["HostConfig"]),
        "working_dir": labels.get(WORKING_DIR_LABEL),
    }


# The service that the compose file names and that has no container: everything that only a container has is null.
MISSING: dict[str, Any] = {
    "present": False,
    "container": None,
    "id": None,
    "state": "missing",
    "exit_code": None,
    "oom_killed": None,
    "error": None,
    "restart_count": None,
    "restart_policy": None,
    "health": "none",
    "created_at": None,
    "started_at": None,
    "finished_at": None,
    "image": None,
    "command": None,
    "networks": [],
    "ports": [],
    "mounts": [],
    "limits": None,
    "working_dir": None,
}


def compare_networks(attached: Sequence[Mapping[str, Any]], wanted: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The networks that a service should be attached to, those that it is not, and the names by which others cannot find it."""
    aliases = {network["name"]: set(network["aliases"]) for network in attached}
    return {
        "networks_expected": list(wanted),
        "networks_missing": [network["name"] for network in wanted if network["name"] not in aliases],
        "aliases_missing": [
            {"network": network["name"], "aliases": absent}
            for network in wanted
            if (absent := sorted(set(network["aliases"]) - aliases.get(network["name"], set(network["aliases"]))))
        ],
    }


def compare_environment(
    real: Mapping[str, str], wanted: Mapping[str, str], blanked: set[str], fingerprints: Fingerprints
) -> dict[str, Any]:
    """Where a container's environment differs from what the compose file and the env file would give it now; values as fingerprints."""

    def fingerprint(value: str | None) -> str | None:
        return None if value is None else fingerprints.of(value)

    return {
        "drift": [
            {"name": name, "container": fingerprint(real.get(name)), "expected": fingerprint(value)}
            for name, value in sorted(wanted.items())
            if real.get(name) != value
        ],
        "missing": sorted(name for name, value in wanted.items() if not real.get(name) and (value or name in blanked)),
        # Those of the image are among them: the engine does not tell them apart.
        "added": sorted(set(real) - set(wanted)),
        "checked": len(wanted),
    }


def config_hash(inspected: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """The hash of the configuration with which Compose made the container, and the version of that Compose."""
    labels = inspected["Config"]["Labels"] or {}
    return labels.get(_HASH_LABEL), labels.get(_VERSION_LABEL)


def volume_users(containers: Sequence[Mapping[str, Any]], declared: Sequence[str], project: str) -> dict[str, dict[str, list[str]]]:
    """Which containers, of any project, running or not, use each volume that the project declares or uses."""
    users: dict[str, list[str]] = {volume: [] for volume in declared}
    mounts = [
        (mount["Name"], name_of(container), (container.get("Labels") or {}).get(PROJECT_LABEL))
        for container in containers
        for mount in container.get("Mounts") or []
        if mount.get("Type") == "volume"
    ]
    for volume, _name, owner in mounts:
        if owner == project:
            users.setdefault(volume, [])
    for volume, name, _owner in mounts:
        if volume in users:
            users[volume].append(name)
    return {volume: {"used_by": sorted(set(names))} for volume, names in sorted(users.items())}
