# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps of a backup or a restore in a process of its own, which a test can kill."""

from __future__ import annotations

import json
import sys

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import backup_creation, backup_restoration

options = json.load(sys.stdin)
print("ready", flush=True)
for step in sys.argv[1:]:
    if step == "created":
        backup_creation.create(options, False)
    else:
        backup_restoration.restore({**options, "state": step}, False)
    print(step, flush=True)
