# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""However Square answers and wherever a run is killed: every period is charged once at most, and every charge is known.

The seed is printed. PAYMENT_SEED gives one, PAYMENT_RETRIES how many payments there are.
"""

from __future__ import annotations

import os
import secrets
import time

import pytest
from books import Books
from charges import fill
from exactly_once import Drive, every_fault, judge
from square_control import SquareControl

RETRIES = int(os.environ.get("PAYMENT_RETRIES", "10000"))
PERIODS = 4
# A subscription's periods share a card, and each account has so many companies.
COMPANIES_OF_AN_ACCOUNT = 50
LAG_SECONDS = 0.3
# The whole takes about a minute on two cores of their own; a machine that is busy with something else takes longer.
KILLING_SECONDS = 120
RECOVERY_SECONDS = 600


@pytest.fixture
def seed() -> int:
    """Of the faults and the kills."""
    found = int(os.environ.get("PAYMENT_SEED") or secrets.randbelow(10**9))
    print(f"PAYMENT_SEED={found}")
    return found


@pytest.mark.parametrize(("payments", "workers", "kills"), [(RETRIES, 1, 20), (RETRIES // 10, 2, 8)], ids=["one", "two_at_once"])
def test_every_period_is_charged_once(books: Books, square: SquareControl, seed: int, payments: int, workers: int, kills: int) -> None:
    companies = payments // PERIODS
    fill(books, square, companies, PERIODS, max(1, companies // COMPANIES_OF_AN_ACCOUNT))
    square.listing(LAG_SECONDS)
    square.faults(every_fault(payments), seed=seed)
    began = time.monotonic()
    drive = Drive(books, square, seed)
    drive.killed(kills, workers, began + KILLING_SECONDS)
    drive.recovered(RECOVERY_SECONDS)
    states = judge(books, square, payments)
    taken = square.taken()
    print(f"{payments} payments, {drive.kills} kills, {time.monotonic() - began:.0f} s: {dict(states)}; faults: {taken}")
    assert drive.kills >= kills // 2
    # A card that is gone is seen in the account's list, and never tried.
    assert taken.pop("card_disabled") == 0
    # Of few payments the rarest faults may pass by.
    assert payments < 10000 or [mode for mode, times in taken.items() if not times] == []
    assert states["succeeded"] > 0.85 * payments
