# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a test tells the simulator of Square and reads from it, over its control addresses, which Square itself has not.

The simulator is the one of the stack, or a process that the test starts.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SERVER = Path(__file__).parent / "square" / "server.py"
START_SECONDS = 10

Entry = dict[str, Any]


class SquareControl:
    """The simulator at an address of this machine."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """A control call; one that the simulator refuses is an HTTPError."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.base_url}{path}", data, {"Content-Type": "application/json"}, method=method)  # noqa: S310 - loopback
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - loopback
            return json.loads(answer.read())

    def subscriptions(self) -> dict[str, Entry]:
        """All subscriptions as they are, by their ids."""
        found = self.ask("GET", "/_sim/subscriptions")["subscriptions"]
        return {entry["subscription"]["id"]: entry["subscription"] for entry in found}

    def prices(self) -> dict[str, tuple[int, int | None]]:
        """Version and price override, in cents, of each subscription."""
        return {
            identity: (one["version"], (one.get("price_override_money") or {}).get("amount"))
            for identity, one in self.subscriptions().items()
        }

    def change(self, identity: str, **parts: Entry) -> None:
        """Change a subscription (`subscription`) or its plan (`plan_variation`) as somebody does in Square's dashboard."""
        self.ask("POST", f"/_sim/subscriptions/{identity}", parts)

    def set_price(self, identity: str, cents: int) -> None:
        """Override a price as somebody does in Square's dashboard."""
        self.change(identity, subscription={"price_override_money": {"amount": cents, "currency": "USD"}})

    def fault(self, kind: str | None, **how: Any) -> None:
        """Let it do wrong, or with None right again."""
        self.ask("POST", "/_sim/faults", {"kind": kind, **how})

    def calls(self) -> list[str]:
        """Method and path of each call of Square's API since the last reset."""
        return [f"{one['method']} {one['path']}" for one in self.ask("GET", "/_sim/ledger")["requests"]]

    def reset(self) -> None:
        """Forget payments, calls and faults, and make the subscriptions what they were seeded as."""
        self.ask("POST", "/_sim/reset")


def free_port() -> int:
    """A port of loopback that nobody listens at."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@contextmanager
def started(home: Path) -> Iterator[SquareControl]:
    """The simulator, which keeps what it is told in a folder."""
    port = free_port()
    environment = {**os.environ, "HOST": "127.0.0.1", "PORT": str(port), "HOME": str(home)}
    process = subprocess.Popen([sys.executable, str(SERVER)], env=environment, stderr=subprocess.DEVNULL)
    control = SquareControl(f"http://127.0.0.1:{port}")
    try:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                control.ask("GET", "/health")
                break
            except urllib.error.URLError:
                if time.monotonic() > deadline or process.poll() is not None:
                    raise
                time.sleep(0.02)
        yield control
    finally:
        process.terminate()
        process.wait(timeout=10)
