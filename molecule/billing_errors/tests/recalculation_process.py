# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A recalculation in a process of its own, to be killed. It says when it is ready, and begins when it is told whom to log in as."""

from __future__ import annotations

import json
import sys

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.billing_discrepancy import MENDED_KINDS
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.billing_guards import Guards
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.billing_recalculation import Order, recalculate
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.billing_terms import terms_of
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.password_login import Server

OPTIONS = {
    "company_ids": None,
    "price_per_location": None,
    "first_location_free": True,
    "as_of": None,
    "limit": 10,
    "statement_timeout": 60,
}

print("ready", flush=True)
told = json.loads(sys.stdin.readline())
order = Order(told["incident"], frozenset(MENDED_KINDS), frozenset(), Guards(10**6, 1.0, 10**9, 10**9, 0), 10, 10, 60, 5)
recalculate(Server(**told["login"]), told["password"], terms_of(OPTIONS, {}), order, check_mode=False)
print("done", flush=True)
