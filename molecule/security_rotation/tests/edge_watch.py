# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Twenty requests a second to the API through the stack's nginx, from inside its container.

nginx lets ten a second of one address through, so that two addresses of the container take turns. The health address of the API is not
counted by the backend's own limit.
"""

from __future__ import annotations

import json
import subprocess
from typing import Any

from sandbox import Sandbox

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.drill_probe import Look
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.service_watch import summary

# 404 is what the released code answers there; the gateway's statuses, or no answer, mean that the backend is away.
SCRIPT = """
import http.client, json, select, sys, time
looks, due, turn = [], time.monotonic(), 0
while not select.select([sys.stdin], [], [], max(due - time.monotonic(), 0))[0]:
    began, turn = time.monotonic(), turn + 1
    connection = http.client.HTTPConnection("127.0.0.1", 80, timeout=1, source_address=(f"127.0.0.{1 + turn % 2}", 0))
    try:
        connection.request("GET", "/api/health")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException):
        status = 0
    connection.close()
    looks.append((began, status))
    due = max(due + 0.05, time.monotonic())
json.dump(looks, sys.stdout)
"""


class EdgeWatch:
    """Looks while a block lasts."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._command = ["docker", "exec", "-i", f"{sandbox.project}-edge", "python3", "-c", SCRIPT]
        self.limited = 0
        self.seen: dict[str, Any] = {}

    def __enter__(self) -> EdgeWatch:
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *_error: object) -> None:
        printed, _nothing = self._process.communicate("", timeout=30)
        looks = json.loads(printed)
        self.limited = sum(1 for _at, status in looks if status == 503)
        self.seen = summary([Look(at, status in (200, 404)) for at, status in looks if status != 503])
