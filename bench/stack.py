# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sandbox as the benches see it from outside: its names, whether it serves, and commands with an end."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import time
import typing as t
from collections.abc import Callable, Sequence
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
STACK = CHECKOUT / "molecule" / "stack"
ANSIBLE_PLAYBOOK = str(Path(sys.executable).parent / "ansible-playbook")
RESULTS = CHECKOUT / ".cache" / "bench"

POLL_SECONDS = 0.05
PROBE_SECONDS = 1.0
DOCKER_SECONDS = 10.0
COMMAND_SECONDS = 180.0
HEALTH_SECONDS = 120.0


class NotMeasured(Exception):
    """Something could not be measured; the text says why, and what to do."""


class Stack:
    """The names and addresses of the sandbox, from the same SANDBOX_* variables that its own scripts read."""

    def __init__(self) -> None:
        self.project = os.environ.get("SANDBOX_PROJECT", "circuit-sage-sandbox")
        self._edge_port = int(os.environ.get("SANDBOX_EDGE_PORT", "18080"))
        self._backend_port = int(os.environ.get("SANDBOX_BACKEND_PORT", "14000"))
        # The guide's own command, with the file that it names: in production nginx is on the host, where no compose command reaches it.
        self.guide = ["docker", "compose", "--project-directory", str(STACK), "--project-name", self.project]
        self.guide += ["--env-file", str(STACK / ".env.production"), "--file", str(STACK / "docker-compose.prod.yml"), "restart"]

    def container(self, service: str) -> str:
        """The name of a service's container."""
        return f"{self.project}-{ {'postgres': 'db', 'backend': 'api'}.get(service, service) }"

    def serves(self) -> bool:
        """Whether the backend calls itself healthy, and a visitor gets the page through the edge."""
        return status(self._backend_port, "/health") == http.client.OK and status(self._edge_port, "/") == http.client.OK

    def lets_through(self) -> bool:
        """Whether the edge reaches the API: without /api/health in this release, by any answer but the edge's own for a missing backend."""
        return status(self._edge_port, "/api/health") not in (0, 502, 503, 504)


def status(port: int, path: str) -> int:
    """The status of an answer from a published port, 0 when there is none."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PROBE_SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def run(command: Sequence[str], seconds: float = COMMAND_SECONDS) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, whatever its status."""
    environment = {**os.environ, "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
    try:
        return subprocess.run(
            command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, timeout=seconds, check=False, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        raise NotMeasured(f"`{' '.join(command)}` was not done after {seconds:.0f} s; try it by hand") from None


def succeed(command: Sequence[str], seconds: float = COMMAND_SECONDS) -> str:
    """What a command says that has to succeed."""
    done = run(command, seconds)
    if done.returncode:
        raise NotMeasured(f"`{' '.join(command)}` failed; its last words:\n{last_words(done)}")
    return done.stdout


def last_words(done: subprocess.CompletedProcess[str]) -> str:
    """The end of what a command said."""
    return "\n".join((done.stdout + done.stderr).strip().splitlines()[-5:])


def wait_for(condition: Callable[[], bool], seconds: float, otherwise: str) -> None:
    """Wait for a condition, so long at most."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise NotMeasured(f"{otherwise} within {seconds:.0f} s; look with `docker ps -a`, or make the stack anew with `make stack`")
        time.sleep(POLL_SECONDS)


def end_as_by_ctrl_c() -> None:
    """From now on a request to end is met as Ctrl-C is."""

    def interrupt(_number: int, _frame: t.Any) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)


def tell(text: str) -> None:
    """A line of progress."""
    print(f"  bench: {text}", file=sys.stderr, flush=True)
