# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One backup or one restore in a process of its own: how long it takes, and the peak of its memory."""

from __future__ import annotations

import json
import resource
import sys
import time

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import backup_creation, backup_restoration

told = json.load(sys.stdin)
started, processor = time.monotonic(), time.process_time()
if told["work"] == "restore":
    backup_restoration.restore({**told["options"], "state": "loaded"}, False)
else:
    backup_creation.create(told["options"], False)
print(
    json.dumps(
        {
            "seconds": time.monotonic() - started,
            "processor": time.process_time() - processor,
            "kilobytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        }
    )
)
