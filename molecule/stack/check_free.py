#!/usr/bin/env python3
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check that the sandbox's ports and its network are free, or its own: `check_free.py PROJECT NETWORK VARIABLE=PORT ...`.

Whatever is taken is named in one sentence with its holder and the variable that changes it. Standard library only.
"""

from __future__ import annotations

import errno
import ipaddress
import json
import socket
import subprocess
import sys
from pathlib import Path

PROJECT_LABEL = "com.docker.compose.project"


def docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True, timeout=20).stdout


def is_taken(port: int) -> bool:
    """True when nobody else could listen there on the loopback address."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError:  # a low port: the engine may use it, this user may not try
            return False
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return True
            raise
    return False


def publishing_containers() -> dict[int, tuple[str, str]]:
    """Published TCP host port -> (container, its Compose project or "") of all running containers."""
    found = {}
    for line in docker("ps", "--format", f'{{{{.Names}}}}\t{{{{.Label "{PROJECT_LABEL}"}}}}\t{{{{.Ports}}}}').splitlines():
        name, project, ports = line.split("\t")
        for mapping in ports.split(", "):
            outside, arrow, inside = mapping.partition("->")
            if not arrow or not inside.endswith("/tcp"):
                continue
            first, _, last = outside.rpartition(":")[2].partition("-")
            for port in range(int(first), int(last or first) + 1):
                found[port] = (name, project)
    return found


def listening_process(port: int) -> str:
    """The process that listens on the port, as far as this user may know."""
    inodes = set()
    for table in ("tcp", "tcp6"):
        path = Path("/proc/net") / table
        for line in path.read_text(encoding="ascii").splitlines()[1:] if path.exists() else []:
            fields = line.split()
            if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:  # 0A: listening
                inodes.add(f"socket:[{fields[9]}]")
    if not inodes:
        return "a connection that is not closed yet"
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(str(descriptor.readlink()) in inodes for descriptor in (process / "fd").iterdir()):
                return f"process {process.name} ({(process / 'comm').read_text(encoding='utf-8').strip()})"
        except OSError:  # ended meanwhile, or another user's
            continue
    return "a process of another user"


def networks_overlapping(network: str, project: str) -> list[str]:
    """Other projects' Docker networks that share addresses with NETWORK.0/24."""
    wanted = ipaddress.ip_network(f"{network}.0/24")
    names = []
    for found in json.loads(docker("network", "inspect", *docker("network", "ls", "-q").split())):
        if (found["Labels"] or {}).get(PROJECT_LABEL) == project:
            continue
        subnets = [entry["Subnet"] for entry in found["IPAM"]["Config"] or [] if "Subnet" in entry]
        if any(wanted.overlaps(ipaddress.ip_network(subnet)) for subnet in subnets if ":" not in subnet):
            names.append(found["Name"])
    return names


def main(arguments: list[str]) -> int:
    project, network, *settings = arguments
    ports = {name: int(port) for name, _, port in (setting.partition("=") for setting in settings)}
    containers = publishing_containers()
    complaints = []
    for variable, port in ports.items():
        container, owner = containers.get(port, ("", ""))
        if (container and owner == project) or not is_taken(port):
            continue
        holder = f"container {container}" if container else listening_process(port)
        complaints.append(f"port {port} is taken by {holder}; end it, or set {variable} to a free port.")
    for name in networks_overlapping(network, project):
        complaints.append(
            f"network {network}.0/24 is taken by the Docker network {name}; "
            "remove it, or set SANDBOX_NETWORK to the first three octets of a free one."
        )
    for complaint in complaints:
        print(f"stack: {complaint}", file=sys.stderr)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
