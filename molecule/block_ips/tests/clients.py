# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients in network namespaces of their own, with addresses that the whole world could have, and what they reach of this host.

Their packets come over a cable (veth) into this host's own namespace, as those of an attacker do. There a process of the host listens, as
production's nginx does, and Docker publishes the port of a container with nginx, which it does by DNAT.
"""

from __future__ import annotations

import contextlib
import ctypes
import http.client
import http.server
import os
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sandbox import eventually

T = TypeVar("T")

IMAGE = "circuit-sage-sandbox/edge:1"
# What everything of these tests is called, so that remove_left.sh finds what a killed one left.
MARK = "cs-block-ips-"
# This host's addresses at the clients' cables.
HOST = {4: "198.18.7.1", 6: "2001:db8:ffff::1"}
DOCKER_PORT, LOCAL_PORT = 38090, 38091
ANSWER_SECONDS = 1.0
_CLONE_NEWNET = 0x40000000
SITE = """
server {
    listen 80 default_server;
    listen [::]:80 default_server;
    access_log /var/log/nginx/circuit-sage-access.log combined;
    location = /api/auth/login { return 401; }
    location ~ \\.php$ { return 404; }
    location / { return 200 "well\\n"; }
}
"""


def command(*words: str) -> str:
    """What a command says that has to succeed."""
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}"
    return done.stdout


def inside(namespace: str, function: Callable[[], T]) -> T:
    """What a function returns in a network namespace. A socket that it opens there stays there."""
    found: list[T] = []
    failed: list[BaseException] = []

    def enter() -> None:
        try:
            with Path(f"/run/netns/{namespace}").open("rb") as file:
                if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), _CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), "setns")
            found.append(function())
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return found[0]


class Connection:
    """An open connection, over which one request after the other goes."""

    def __init__(self, address: str, port: int, source: str = "") -> None:
        self._http = http.client.HTTPConnection(address, port, timeout=ANSWER_SECONDS, source_address=(source, 0) if source else None)
        self._http.connect()

    def asks(self, path: str = "/", method: str = "GET") -> int:
        """The status of an answer; 0 when none comes."""
        try:
            self._http.request(method, path)
            answer = self._http.getresponse()
            answer.read()
            return answer.status
        except (OSError, http.client.HTTPException):
            return 0

    def close(self) -> None:
        """End it."""
        self._http.close()


@dataclass(frozen=True)
class Client:
    """Somebody out there."""

    namespace: str
    addresses: dict[int, str]

    def connects(self, version: int, port: int, source: str = "") -> Connection | None:
        """A new connection, or None when it is not made."""
        try:
            return inside(self.namespace, lambda: Connection(HOST[version], port, source))
        except OSError:
            return None

    def reaches(self, version: int, port: int) -> bool:
        """Whether a new connection gets an answer."""
        connection = self.connects(version, port)
        if connection is None:
            return False
        with contextlib.closing(connection):
            return connection.asks() == http.client.OK

    def tries(self, paths: Sequence[str], method: str = "GET", sources: Sequence[str] = ("",)) -> None:
        """Ask for all of it, from each of its addresses."""
        for source in sources:
            connection = self.connects(4, DOCKER_PORT, source)
            assert connection is not None
            with contextlib.closing(connection):
                for path in paths:
                    assert connection.asks(path, method)


@contextlib.contextmanager
def client(name: str, addresses: dict[int, str], more: Sequence[str] = ()) -> Iterator[Client]:
    """Somebody with these addresses, cabled to this host."""
    namespace, cable = f"{MARK}{name}", f"cs-{name[:8]}0"
    command("ip", "netns", "add", namespace)
    try:
        command("ip", "link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", namespace)
        command("ip", "address", "add", "fe80::1/64", "dev", cable, "nodad")
        command("ip", "link", "set", cable, "up")
        within = ("ip", "-n", namespace)
        for version, address in addresses.items():
            command("ip", "route", "add", address, "dev", cable)
            command("ip", "address", "replace", HOST[version], "dev", cable, *(["nodad"] if version == 6 else []))
            command(*within, "address", "add", address, "dev", "eth0", *(["nodad"] if version == 6 else []))
        for address in more:
            command("ip", "route", "add", address, "dev", cable)
            command(*within, "address", "add", address, "dev", "eth0")
        command(*within, "link", "set", "eth0", "up")
        command(*within, "route", "add", "default", "dev", "eth0")
        command(*within, "-6", "route", "add", "default", "via", "fe80::1", "dev", "eth0")
        yield Client(namespace, addresses)
    finally:
        subprocess.run(["ip", "link", "delete", cable], capture_output=True, check=False)
        command("ip", "netns", "delete", namespace)


class _Quiet(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_words: Any) -> None:
        pass


class _Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6


@contextlib.contextmanager
def local_service() -> Iterator[None]:
    """A process of the host that answers, on IPv4 and IPv6."""
    server = _Server(("::", LOCAL_PORT), _Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextlib.contextmanager
def published_nginx(folder: Path) -> Iterator[Path]:
    """nginx in a container whose port Docker publishes, and its access log."""
    (folder / "site.conf").write_text(SITE, encoding="utf-8")
    logs = folder / "nginx"
    logs.mkdir()
    name = f"{MARK}{os.getpid()}"
    published = [f"--publish={address}:{DOCKER_PORT}:80" for address in (HOST[4], f"[{HOST[6]}]")]
    mounts = [f"--volume={folder}/site.conf:/etc/nginx/sites-available/circuit-sage:ro", f"--volume={logs}:/var/log/nginx"]
    # A label of the sandbox's own, so that what a killed test leaves is told apart from a user's.
    command("docker", "run", "--detach", "--rm", "--cap-add=NET_ADMIN", f"--name={name}", *published, *mounts, IMAGE)
    try:
        eventually((logs / "circuit-sage-access.log").exists, 20, "nginx has started")
        yield logs / "circuit-sage-access.log"
    finally:
        command("docker", "rm", "--force", name)
