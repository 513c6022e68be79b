# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a host must never be blocked: its own addresses, the networks of its containers, and whoever the run comes from."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from .docker_engine import DockerEngine
from .errors import EngineForbidden, EngineUnreachable, IncidentError

IP_SECONDS = 30
DOCKER_SECONDS = 5.0


def own_addresses() -> Iterator[tuple[str, str]]:
    """The addresses of this host, and the networks of its bridges, which are Docker's."""
    try:
        done = subprocess.run(["ip", "-json", "address"], capture_output=True, text=True, timeout=IP_SECONDS, check=True)
        links = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        raise IncidentError("this host does not tell its own addresses, so none is blocked; install the package iproute2") from None
    for link in links:
        bridge = Path(f"/sys/class/net/{link.get('ifname')}/bridge").exists()
        for address in link.get("addr_info", []):
            own = ipaddress.ip_interface(f"{address['local']}/{address['prefixlen']}")
            yield str(own.ip), "an own address of the host"
            if bridge:
                yield str(own.network), f"the network of {link['ifname']}"


def docker_networks(docker_host: str) -> Iterator[tuple[str, str]]:
    """The networks that Docker knows, also those without a bridge here; none where there is no engine."""
    with contextlib.suppress(EngineUnreachable, EngineForbidden):
        for network in DockerEngine(docker_host, DOCKER_SECONDS).networks():
            for config in (network.get("IPAM") or {}).get("Config") or []:
                if config.get("Subnet"):
                    yield config["Subnet"], f"the Docker network {network['Name']}"


def responders(given: str | None) -> Iterator[tuple[str, str]]:
    """The addresses that the run comes from: the one given, and those of SSH in this process and those that it descends from.

    Programs such as sudo take the variable away, so the ancestors are asked.
    """
    found = {given} if given else set()
    pid = os.getpid()
    while pid > 1:
        with contextlib.suppress(OSError):
            for entry in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                if entry.startswith(b"SSH_CONNECTION="):
                    found.add(entry[15:].decode("ascii", "replace").partition(" ")[0])
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[1])
        except OSError:
            break
    for address in sorted(found):
        # An address of IPv6 may come with its interface.
        text = address.partition("%")[0]
        # Of a connection that is none of the network, as of a virtual machine's socket, sshd writes `UNKNOWN`.
        if text != "UNKNOWN":
            yield text, "the address that this run comes from"


def protected_networks(docker_host: str, responder: str | None, allow: Sequence[str]) -> Iterator[tuple[str, str]]:
    """All of them, with what the user allows: each with why."""
    yield from own_addresses()
    yield from docker_networks(docker_host)
    yield from responders(responder)
    yield from ((text, "an address of ip_block_allow") for text in allow)
