# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of payment_retry in a process of its own, as the module has one: how long it takes from the login on, and its peak of memory."""

from __future__ import annotations

import json
import resource
import sys
import time

# What Square's SDK loads at its first use belongs to the start of a process, as the other imports do.
import square.locations.client
import square.payments.client  # noqa: F401

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import payment_options
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.password_login import Server
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.payment_books import PaymentBooks
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.payment_retry import retry

# All that the module imports counts as its memory.
from ansible_collections.circuit_sage.incident_response.plugins.modules import payment_retry  # noqa: F401

SPEC = {**payment_options.PAYMENT_OPTIONS, **payment_options.CHARGING_OPTIONS}

told = json.load(sys.stdin)
options = {**{name: option.get("default") for name, option in SPEC.items()}, **told["options"]}
books = PaymentBooks(Server(**told["login"]), told["password"], {}, 60, 5)
started, processor = time.monotonic(), time.process_time()
done = retry(payment_options.scope_in(books, options), payment_options.pace_of(options), "bench", check_mode=False)
answer = {
    "seconds": time.monotonic() - started,
    "processor": time.process_time() - processor,
    "kilobytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
    "charged": done["counts"]["charged"],
    "stopped": done["stopped"],
}
print(json.dumps(answer))
