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
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SERVER = Path(__file__).parent / "square" / "server.py"
START_SECONDS = 10
DELIVERY_SECONDS = 15

Entry = dict[str, Any]


class SquareControl:
    """The simulator at an address of this machine."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url

    def ask(self, method: str, path: str, body: Any = None, token: str = "") -> Any:
        """A control call, or with a token one of Square's API, whose answer is as it is sent. One that is refused is an HTTPError."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
        request = urllib.request.Request(f"{self.base_url}{path}", data, headers, method=method)  # noqa: S310 - loopback
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

    def fault(self, mode: str | None, **how: Any) -> None:
        """Let it do one thing wrong, or with None right again."""
        self.faults([{"mode": mode, **how}] if mode else [])

    def faults(self, entries: list[Entry], seed: int | None = None) -> int:
        """Let it do these things wrong and no others; gives the seed of their rates."""
        query = "" if seed is None else f"?seed={seed}"
        return int(self.ask("POST", f"/_sim/faults{query}", entries)["seed"])

    def taken(self) -> dict[str, int]:
        """How often the faults in force were taken, by their modes."""
        counted: Counter[str] = Counter()
        for entry in self.ask("GET", "/_sim/faults")["faults"]:
            counted[entry["mode"]] += entry["taken"]
        return dict(counted)

    def accounts(self, entries: list[Entry]) -> None:
        """Let it know merchants, each by the fingerprint of its token."""
        self.ask("POST", "/_sim/accounts", entries)

    def pay(self, amount: int, **how: Any) -> Entry:
        """A payment of so many cents that Square's own billing makes."""
        payment: Entry = self.ask("POST", "/_sim/payments", {"amount": amount, **how})["payment"]
        return payment

    def set_card(self, identity: str, **values: Any) -> None:
        """Change a card as somebody does in Square's dashboard."""
        self.ask("POST", f"/_sim/cards/{identity}", values)

    def listing(self, lag_seconds: float | None) -> None:
        """How many seconds its listings lag behind; with None 2 to 5."""
        self.ask("POST", "/_sim/listing", {"lag_seconds": lag_seconds})

    def webhook(self, url: str | None, signature_key: str = "", notification_url: str = "", **more: Any) -> None:
        """Let it tell events to an address, or with None to nobody; `more` is of the subscription, and whose it is (merchant_id)."""
        self.ask("POST", "/_sim/webhook", {"url": url, "signature_key": signature_key, "notification_url": notification_url, **more})

    def deliveries(self) -> list[Entry]:
        """The events that it told since the last reset, once none is under way."""
        deadline = time.monotonic() + DELIVERY_SECONDS
        while (told := self.ask("GET", "/_sim/webhook"))["waiting"]:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{told['waiting']} events are not delivered after {DELIVERY_SECONDS} s")
            time.sleep(0.02)
        found: list[Entry] = told["deliveries"]
        return found

    def ledger(self) -> Entry:
        """Charges, refunds and calls since the last reset."""
        found: Entry = self.ask("GET", "/_sim/ledger")
        return found

    def charges(self) -> list[Entry]:
        """The payments for which money was taken."""
        found: list[Entry] = self.ledger()["charges"]
        return found

    def refunds(self) -> list[Entry]:
        """What was given back."""
        found: list[Entry] = self.ledger()["refunds"]
        return found

    def in_flight_most(self) -> int:
        """How many calls were open at once at most."""
        return int(self.ledger()["in_flight_most"])

    def calls(self) -> list[str]:
        """Method and path of each call of Square's API since the last reset."""
        return [f"{one['method']} {one['path']}" for one in self.ledger()["requests"]]

    def reset(self) -> None:
        """Forget what was made, calls and faults, and make accounts and subscriptions what they were seeded as."""
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
    log = home / "simulator.log"
    with log.open("ab") as errors:
        process = subprocess.Popen([sys.executable, str(SERVER)], env=environment, stderr=errors)
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
    # A bug of the simulator closes a connection, as some of its faults do on purpose.
    if "Traceback" in log.read_text(encoding="utf-8", errors="replace"):
        raise RuntimeError(f"the simulator failed; its last words are in {log}")
