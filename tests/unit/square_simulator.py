# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulator of Square as a process of this machine, with subscriptions that a test makes."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
import time
import typing as t
import urllib.error
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from square_control import SquareControl

SERVER = Path(__file__).parents[2] / "molecule" / "stack" / "square" / "server.py"
START_SECONDS = 10


def token_of(number: int) -> str:
    """The access token of a made-up company."""
    return f"EAAAtoken-of-company-{number:04}"


def entry(number: int, plan_cents: int = 5000, override_cents: int | None = None, **phase: t.Any) -> dict[str, t.Any]:
    """A subscription and its plan, as the seed tells them."""
    subscription = {
        "id": f"sub-{number}",
        "location_id": f"L{number}",
        "customer_id": f"customer-{number}",
        "plan_variation_id": f"plan-{number}",
        "status": "ACTIVE",
        "version": 1,
    }
    if override_cents is not None:
        subscription["price_override_money"] = {"amount": override_cents, "currency": "USD"}
    pricing = {"type": "STATIC", "price_money": {"amount": plan_cents, "currency": "USD"}}
    variation = {
        "type": "SUBSCRIPTION_PLAN_VARIATION",
        "id": f"plan-{number}",
        "version": 1,
        "subscription_plan_variation_data": {"name": "Plan", "phases": [{"cadence": "MONTHLY", "ordinal": 0, "pricing": pricing, **phase}]},
    }
    return {
        "token_sha256": hashlib.sha256(token_of(number).encode()).hexdigest(),
        "subscription": subscription,
        "plan_variation": variation,
    }


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
                assert time.monotonic() < deadline and process.poll() is None, "the simulator does not start"
                time.sleep(0.02)
        yield control
    finally:
        process.terminate()
        process.wait(timeout=10)
