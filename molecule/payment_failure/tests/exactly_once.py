# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workers that retry payments and are killed, and the oracle that says whether every period was charged once at most."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import threading
import time
from collections import Counter
from multiprocessing.connection import wait
from typing import Any

from books import Books
from charges import AT_ONCE, identity, retry
from square_control import SquareControl

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import payment_options, payment_retry

# Workers are copies of this process, which has everything imported already.
_PROCESSES = multiprocessing.get_context("fork")
# What a run leaves that another run would find different.
UNSETTLED = ("left", "stopped", "busy", "open")

_CHARGES = {"method": "POST", "path": "/v2/payments"}


def every_fault(payments: int) -> list[dict[str, Any]]:
    """Every mode of the simulator, and codes of every class. Those that end a whole run come by number, else there would be no run."""
    return [
        {"mode": "latency", "rate": 0.02, "seconds": 0.03},
        {"mode": "timeout_after_charge", "rate": 0.03},
        {"mode": "timeout_before_charge", "rate": 0.02},
        {"mode": "failed_after_charge", "rate": 0.02},
        {"mode": "close_after", "rate": 0.02, "match": _CHARGES},
        {"mode": "close_before", "rate": 0.01, "match": _CHARGES},
        {"mode": "square_down", "rate": 0.01, "match": _CHARGES},
        {"mode": "rate_limited", "rate": 0.006, "retry_after": 0, "match": _CHARGES},
        {"mode": "insufficient_funds", "rate": 0.04},
        {"mode": "generic_decline", "rate": 0.03},
        {"mode": "hard_decline", "rate": 0.01},
        {"mode": "verification_required", "rate": 0.005},
        {"mode": "decline", "rate": 0.005, "code": "A_CODE_OF_TOMORROW"},
        {"mode": "card_disabled", "rate": 0.005},
        {"mode": "token_expired", "count": 2, "after": payments // 8, "match": _CHARGES},
        {"mode": "scope_missing", "count": 1, "after": payments // 6, "match": _CHARGES},
        {"mode": "currency_mismatch", "count": 1, "after": payments // 4},
        {"mode": "refuse", "status": 400, "code": "BAD_REQUEST", "count": 1, "after": payments // 3, "match": _CHARGES},
    ]


CHOSEN: dict[str, Any] = {
    "schedule_days": AT_ONCE,
    "max_age_days": 400,
    "max_in_flight": 8,
    "tries": 3,
    "breaker_after": 30,
    "listing_lag_seconds": 2,
}


def is_quiet(done: dict[str, Any]) -> bool:
    """Whether another run would find nothing to do."""
    return not done["attempted"] and not any(one["verdict"] in UNSETTLED for one in done["left"])


def work(books: Books, square: SquareControl, seconds: float | None) -> None:
    """Run until nothing is left to do, or until `kill -9` so many seconds after it was planned what is resolved and charged."""
    planned = payment_retry.planned

    def then_killed(scope: payment_options.Scope) -> payment_retry.Plan:
        plan = planned(scope)
        killing = threading.Timer(seconds or 0, os.kill, (os.getpid(), signal.SIGKILL))
        killing.daemon = True
        killing.start()
        return plan

    if seconds is not None:
        # In this copy of the process alone.
        payment_retry.planned = then_killed
    while not is_quiet(retry(books, square, limit=10**6, **CHOSEN)):
        pass


class Drive:
    """Workers on one database, killed at random points of a seed."""

    def __init__(self, books: Books, square: SquareControl, seed: int) -> None:
        self._books, self._square = books, square
        self._chance = random.Random(seed)  # noqa: S311 - made-up moments
        self.kills = 0

    def _start(self, seconds: float | None = None) -> Any:
        worker = _PROCESSES.Process(target=work, args=(self._books, self._square, seconds))
        worker.start()
        return worker

    def _start_doomed(self) -> Any:
        return self._start(self._chance.uniform(0.02, 1.0))

    def killed(self, times: int, workers: int, until: float) -> None:
        """Let workers be killed, each in the midst of its work, and start another in the place of each, as long as there is work."""
        # What Square's SDK makes at its first use, the workers have then.
        retry(self._books, self._square, company_ids=[identity("company", 1)], **CHOSEN)
        running = [self._start_doomed() for _ in range(workers)]
        try:
            while self.kills < times and time.monotonic() < until:
                wait([worker.sentinel for worker in running], until - time.monotonic())
                ended = [worker for worker in running if not worker.is_alive()]
                if any(worker.exitcode == 0 for worker in ended):
                    break
                assert all(worker.exitcode == -signal.SIGKILL for worker in ended), "a worker broke off"
                self.kills += len(ended)
                running = [self._start_doomed() if worker in ended else worker for worker in running]
        finally:
            for worker in running:
                worker.kill()
                worker.join()

    def recovered(self, seconds: float) -> None:
        """Let one worker run until nothing is left to do."""
        worker = self._start()
        worker.join(seconds)
        ended = worker.exitcode
        worker.kill()
        worker.join()
        assert ended == 0, f"the recovery was not done within {seconds:g} s, or broke off ({ended})"


def judge(books: Books, square: SquareControl, payments: int) -> Counter[str]:
    """The oracle. Gives how many payments ended in which state."""
    charges = square.charges()
    rows = {
        identity: (status, square_id, f"{subscription}/{period}")
        for identity, status, square_id, subscription, period in books.ask(
            "SELECT id::text, status, square_payment_id, subscription_id::text, "
            "to_char(billing_period_start AT TIME ZONE 'UTC', 'YYYY-MM') FROM subscription_payments"
        )
    }
    assert len(rows) == payments
    periods = Counter(rows[charge["reference_id"]][2] for charge in charges)
    assert [period for period, number in periods.items() if number > 1] == [], "periods that were charged more than once"
    unrecorded = [charge for charge in charges if rows[charge["reference_id"]][:2] != ("succeeded", charge["payment_id"])]
    assert unrecorded == [], "charges that the database does not know"
    taken = {charge["payment_id"] for charge in charges}
    assert [one for one in rows.values() if one[0] == "succeeded" and one[1] not in taken] == [], "payments that nobody charged"
    open_ones = books.ask("SELECT payment_id::text, state, code FROM circuit_sage_ops.payment_intent WHERE state IN ('INTENT', 'UNKNOWN')")
    assert open_ones == [], "intents without an outcome, which the ledger can answer"
    charged = {charge["reference_id"] for charge in charges}
    assert [identity for identity, row in rows.items() if row[0] != "succeeded" and identity in charged] == [], "charged, and not succeeded"
    wrong = books.ask(
        "SELECT payment_id::text FROM circuit_sage_ops.payment_intent WHERE state = 'SUCCEEDED' AND square_payment_id <> ALL(%s)",
        list(taken),
    )
    assert wrong == [], "intents that succeeded without a charge"
    return Counter(row[0] for row in rows.values())
