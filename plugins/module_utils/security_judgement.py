# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of the things that were looked at are not as they should be: by the baseline where there is one, by the settings, by what is usual.

Pure functions: no I/O.
"""

from __future__ import annotations

import fnmatch
import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from . import rotation_role

Entry = dict[str, Any]

# The administrator whom the application's first SQL makes: everybody knows the address.
SEEDED_ADMINISTRATOR = "admin@repairmanager.com"
# Where everybody may write, so that what runs from there is of no image.
TEMPORARY = ("/tmp/", "/var/tmp/", "/dev/shm/")  # noqa: S108 - looked for, not used
_INTERPRETERS = ("sh", "bash", "dash", "ash", "busybox", "python", "perl", "php", "ruby", "node", "lua")
LOOPBACK = ("127.", "::1", "::ffff:127.")
_KINDS = {0: "changed", 1: "added", 2: "deleted"}
# Through these a role gets at files and programs of the server, or at every row.
POWERS = ("pg_execute_server_program", "pg_read_server_files", "pg_write_server_files", "pg_read_all_data", "pg_write_all_data")


def changed_files(changes: Sequence[Mapping[str, Any]], expected: Iterable[str]) -> list[Entry]:
    """The files of a container that nobody expects to change, as the engine lists what differs from the image.

    The engine lists a folder whenever something in it changed; that tells nothing beside it.
    """
    patterns = list(expected)
    paths = [str(one["Path"]) for one in changes]
    parents = {path[:place] for path in paths for place, letter in enumerate(path) if letter == "/" and place}
    return [
        {"path": path, "change": _KINDS.get(one["Kind"], "changed")}
        for one, path in zip(changes, paths, strict=True)
        if path not in parents and not any(fnmatch.fnmatchcase(path, pattern) for pattern in patterns)
    ]


def expected_changes(service: str, settings: Mapping[str, Sequence[str]], suspected: bool = True) -> list[str]:
    """The patterns of a service, with those of all.

    Of one that nobody has named it is not known what usually changes: where no break-in is *suspected*, that is everything.
    """
    if not suspected and service not in settings:
        return ["*"]
    return [*(settings.get("all") or []), *(settings.get(service) or [])]


def _script(arguments: Sequence[str]) -> str:
    """The file that an interpreter runs; empty where it is none."""
    name = arguments[0].rpartition("/")[2].rstrip("0123456789.") if arguments else ""
    if name not in _INTERPRETERS:
        return ""
    return next((word for word in arguments[1:] if not word.startswith("-")), "")


def why_foreign(executable: str | None, arguments: Sequence[str], changed: Iterable[str], volumes: Iterable[str]) -> str | None:
    """Why a process is none of the image's; null where nothing says so."""
    program = (executable or "").removesuffix(" (deleted)")
    if executable and executable.startswith("/memfd:"):
        return "it runs from memory, without a file"
    for file in filter(None, (program, _script(arguments))):
        if file.startswith(TEMPORARY):
            return f"it runs {file}, from a folder where everybody may write"
        if file in changed:
            return f"it runs {file}, which is not of the image"
        if any(file.startswith(f"{volume.rstrip('/')}/") for volume in volumes):
            return f"it runs {file}, from a volume"
    if executable and executable != program:
        return f"it runs {program}, which was deleted since"
    return None


def administrators(
    found: Sequence[Mapping[str, Any]], named: Sequence[str], recorded: Sequence[str] | None, suspected: bool = True
) -> list[Entry]:
    """The superusers of the application that should not be there, each with the reason.

    Who is named in the settings may be one. Where nobody is, those of the baseline may; the one whom everybody knows only when named. Every
    installation begins with that one: where nobody is named and no break-in is *suspected*, it tells nothing.
    """
    allowed = {one.lower() for one in named}
    rogue = []
    for account in found:
        email = str(account["email"]).lower()
        if email in allowed:
            continue
        if email == SEEDED_ADMINISTRATOR and (allowed or suspected):
            reason = "it was made by the application's first SQL, so everybody knows its address"
        elif allowed:
            reason = "circuit_sage_administrators does not name it"
        elif recorded is not None and email not in {str(one).lower() for one in recorded}:
            reason = "it was no superuser when the baseline was recorded"
        else:
            continue
        rogue.append({**account, "reason": reason})
    return rogue


def privileged(role: Mapping[str, Any]) -> bool:
    """Whether a role can do what the application's data, or the server itself, is lost by."""
    return bool(role["superuser"] or role["create_role"] or role["replication"] or set(role["member_of"]) & set(POWERS))


def rogue_roles(roles: Sequence[Mapping[str, Any]], own: str, recorded: Sequence[str] | None) -> list[Entry]:
    """The privileged roles that should not be there and still can do something.

    Without a baseline nobody but the role that the database was set up with may be superuser; of lesser powers nothing is said then.
    """
    members = {str(role["name"]): set(role["member_of"]) for role in roles}
    owners = {own} | members.get(own, set())
    # The application's two roles take turns at each rotation, as members of one owner.
    turns = {name for name in rotation_role.names(own) if name in owners or members.get(name, set()) & owners}
    rogue = []
    for role in roles:
        if role["name"] in turns or role["name"] in (recorded or ()) or not (role["can_login"] or role["sessions"]):
            continue
        if role["superuser"] or (recorded is not None and privileged(role)):
            reason = "the baseline has no such privileged role" if recorded is not None else f"only {own} was set up as a superuser"
            rogue.append({**role, "reason": reason})
    return rogue


def foreign_sessions(
    holders: Iterable[Mapping[str, Any]], own: str, gateways: Sequence[str], services: Iterable[str], spared: Iterable[str] = ()
) -> list[Entry]:
    """The sessions with the application's role that come from elsewhere than its containers, the host itself and the *spared* networks."""
    inside = [ipaddress.ip_network(one) for one in spared]
    known, turns = set(services), rotation_role.names(own)
    found = []
    for holder in holders:
        client = str(holder["client"])
        if holder["user"] not in turns or client in gateways or client == "[local]" or client.startswith(LOOPBACK):
            continue
        if holder["service"] in known or (inside and any(ipaddress.ip_address(client) in one for one in inside)):
            continue
        found.append(
            {name: holder[name] for name in ("user", "database", "client", "container", "application", "state", "count", "sessions")}
        )
    return found


def gateways(networks: Iterable[Mapping[str, Any]]) -> list[str]:
    """The addresses as which the host shows itself to containers."""
    return sorted(
        str(config["Gateway"]).partition("/")[0]
        for network in networks
        for config in (network.get("IPAM") or {}).get("Config") or []
        if config.get("Gateway")
    )


def subnets(networks: Iterable[Mapping[str, Any]]) -> list[str]:
    """The networks that containers are in."""
    return sorted(
        str(config["Subnet"]) for network in networks for config in (network.get("IPAM") or {}).get("Config") or [] if config.get("Subnet")
    )


def is_exposed(address: str) -> bool:
    """Whether what listens at this address can be reached from other machines."""
    try:
        return not ipaddress.ip_address(address or "0.0.0.0").is_loopback  # noqa: S104 - what the engine means by no address
    except ValueError:
        return True


def exposed_ports(services: Mapping[str, Mapping[str, Any]]) -> list[Entry]:
    """The ports of containers that are published beyond the host itself."""
    return [
        {"service": name, "container": one["container"], **port}
        for name, one in sorted(services.items())
        for port in one["ports"] or []
        if is_exposed(str(port["host_address"]))
    ]


def loopback_ports(ports: Sequence[Mapping[str, Any]]) -> list[str]:
    """A service's ports as they should be published: those that only the host reaches, or where there are none, all, at the loopback."""
    usable = [one for one in ports if one["host_port"]]
    closed = [one for one in usable if not is_exposed(str(one["host_address"]))]
    texts = (f"127.0.0.1:{one['host_port']}:{str(one['container_port']).removesuffix('/tcp')}" for one in closed or usable)
    return list(dict.fromkeys(texts))


def readable_by_all(files: Iterable[Mapping[str, Any]]) -> list[Entry]:
    """The files with secrets that others than owner and group may read or write."""
    return [dict(one) for one in files if int(str(one["mode"]), 8) & 0o006]


def judge(facts: Mapping[str, Any], observations: Mapping[str, Any], options: Mapping[str, Any]) -> Entry:
    """What is wrong, out of what was looked at; `facts` that could not be had are null, and so is what is judged by them."""
    services = observations["stack"]["services"] or {}
    held = (observations.get("postgres") or {}).get("activity") or {}
    baseline = observations.get("baseline") or {}
    recorded = baseline.get("security") or {}
    known_roles = recorded.get("roles", (baseline.get("postgres") or {}).get("superusers"))
    told = sorted(set(options["leaked"]))
    return {
        "changed_files": facts["changes"],
        "foreign_processes": facts["processes"],
        "rogue_roles": None if facts["roles"] is None else rogue_roles(facts["roles"], facts["own_role"], known_roles),
        "rogue_administrators": None
        if facts["accounts"] is None
        else administrators(facts["accounts"], options["administrators"], recorded.get("administrators"), options["suspected"]),
        "foreign_sessions": foreign_sessions(
            held.get("holders") or [],
            facts["own_role"],
            facts["gateways"],
            services,
            # Who can put a container of his own there needs no password of the application's: it is an operator's psql, or a dashboard.
            () if options["suspected"] else facts["subnets"],
        ),
        "exposed_ports": exposed_ports(services),
        "database_ports": loopback_ports((services.get("postgres") or {}).get("ports") or []),
        "readable_secrets": readable_by_all(facts["secret_files"]),
        "leaked": told,
        "isolate": [
            {"service": name, "container": services[name]["container"], "networks": services[name]["networks"]}
            for name in options["isolate"]
            if (services.get(name) or {}).get("networks")
        ],
        # What a baseline holds.
        "administrators": None if facts["accounts"] is None else sorted(str(one["email"]) for one in facts["accounts"]),
        "roles": None if facts["roles"] is None else sorted(str(one["name"]) for one in facts["roles"] if privileged(one)),
        "facts": {name: value for name, value in facts.items() if name not in ("unknown", "changes", "processes")},
        "unknown": facts["unknown"],
    }
