# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One re-encryption in a process of its own, or the cipher's work alone: how long it takes, and the peak of its memory.

The cipher has to open each value, to seal it again, and to open what is stored to prove it.
"""

from __future__ import annotations

import json
import resource
import sys
import time

import psycopg2

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.credential_reencryption import reencrypt
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.credential_walk import Keys
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.square_credentials import CredentialKey


def cipher(values: list[str], keys: Keys) -> int:
    """The work that cannot be left out."""
    done = 0
    for value in values:
        plain = keys.old.open(value)
        sealed = keys.new.seal(plain or b"")
        done += keys.new.open(sealed) == plain
    return done


told = json.load(sys.stdin)
connection = psycopg2.connect(**told["login"])
values: list[str] = []
if told["alone"]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT v.value FROM companies, jsonb_each_text(settings #> '{integrations,payment,credentials}') AS v")
        values = [value for (value,) in cursor]
started, processor = time.monotonic(), time.process_time()
pair = Keys(CredentialKey(told["old_key"]), CredentialKey(told["new_key"]))
if told["alone"]:
    changed = cipher(values, pair)
else:
    with connection:
        changed = reencrypt(connection, pair, "bench", check_mode=False)["under_old_key"]
print(
    json.dumps(
        {
            "seconds": time.monotonic() - started,
            "processor": time.process_time() - processor,
            "kilobytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
            "changed": changed,
        }
    )
)
