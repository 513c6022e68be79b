# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Switches that make the backend ill on purpose; they exist only where DRILL_SWITCHES=allowed, elsewhere their paths are unknown."""

from __future__ import annotations

import os
import re
import sys
import threading
import time

from flask import Blueprint, Response, request
from pool import Connection
from replies import Refused, data
from service import Service

_leaked_memory: list[bytearray] = []
_leaked_connections: list[Connection] = []

# Backtracks in the fourth power of the text's length, in one call that never lets another thread of the process run.
_HEAVY = re.compile("a*a*a*a*b")
_SAMPLE_LENGTH = 160


def _number(name: str, most: int) -> int:
    body = request.get_json(silent=True)
    value = body.get(name) if isinstance(body, dict) else None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise Refused(400, f"{name} must be a whole number from 1 to {most}")
    return value


def _spin(seconds: int) -> None:
    """Hang the whole process on one core for about so long, as an event loop hangs in a catastrophic regular expression."""
    began = time.thread_time()
    _HEAVY.match("a" * _SAMPLE_LENGTH)
    sample = time.thread_time() - began
    _HEAVY.match("a" * round(_SAMPLE_LENGTH * (seconds / sample) ** 0.25))


def _heap_limit() -> int | None:
    """What NODE_OPTIONS allows the runtime, in bytes; production's runtime has a limit of its own where it says nothing."""
    match = re.search(r"--max-old-space-size=(\d+)", os.environ.get("NODE_OPTIONS", ""))
    return int(match.group(1)) << 20 if match else None


def _leak(megabytes: int) -> int:
    """Hold so much more; the runtime ends itself, as Node does, when that is more than its limit. The bytes held are returned."""
    limit = _heap_limit()
    if limit is not None and sum(map(len, _leaked_memory)) + (megabytes << 20) > limit:
        print("FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory", file=sys.stderr, flush=True)
        os.abort()
    # Filled, since memory that nobody touched is not the process's yet.
    _leaked_memory.append(bytearray(b"\x5a") * (megabytes << 20))
    return sum(map(len, _leaked_memory))


def routes(service: Service) -> Blueprint:
    """POST /_drill/leak-memory, /_drill/leak-connections, /_drill/busy-loop."""
    blueprint = Blueprint("drill", __name__, url_prefix="/_drill")

    @blueprint.post("/leak-memory")
    def leak_memory() -> Response:
        return data({"leakedMegabytes": _leak(_number("megabytes", 4096)) >> 20})

    @blueprint.post("/leak-connections")
    def leak_connections() -> Response:
        for _ in range(_number("count", service.pool.most)):
            _leaked_connections.append(service.pool.acquire())
        return data({"leakedConnections": len(_leaked_connections)})

    @blueprint.post("/busy-loop")
    def busy_loop() -> Response:
        seconds = _number("seconds", 3600)
        answer = data({"busySeconds": seconds}, 202)
        # Begins when the answer is out, so that the caller is not the first victim.
        answer.call_on_close(lambda: threading.Timer(0.1, _spin, (seconds,)).start())
        return answer

    return blueprint
