# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One audit in a process of its own, as the module has one: how long it takes from the login on, and the peak of its memory."""

from __future__ import annotations

import json
import resource
import sys
import time

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.billing_audit import audit
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.billing_terms import terms_of
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.password_login import Server

# All that the module imports counts as its memory.
from ansible_collections.circuit_sage.incident_response.plugins.modules import billing_audit_info  # noqa: F401

LIMIT, STATEMENT_SECONDS = 1000, 600
OPTIONS = {
    "company_ids": None,
    "price_per_location": None,
    "first_location_free": True,
    "as_of": None,
    "limit": LIMIT,
    "statement_timeout": STATEMENT_SECONDS,
}

told = json.load(sys.stdin)
started, processor = time.monotonic(), time.process_time()
found = audit(Server(**told["login"]), told["password"], terms_of(OPTIONS, {}), LIMIT, STATEMENT_SECONDS)
answer = {
    "seconds": time.monotonic() - started,
    "processor": time.process_time() - processor,
    "kilobytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
    "wrong": sum(total["count"] for total in found["totals"].values()),
}
print(json.dumps(answer))
