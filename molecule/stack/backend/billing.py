# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a company owes, and the monthly billing run. As a command: `python3 /app/billing.py --as-of 2026-12-01`.

The amount is the number of billable locations (not free, not deleted) times the price. It is stored with the subscription, where
only creating a location and its "free" switch bring it up to date. The run inserts one payment for each subscription due,
each in a transaction of its own and without looking for an earlier one: run twice, it bills twice. It bills what is due, not what
is stored.
"""

from __future__ import annotations

import argparse
import calendar
import os
import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import logs
from database_errors import DatabaseError
from pool import Pool, connect_to
from settings import Settings

RUN_AT = time(2, 0, tzinfo=UTC)
NO_AUTOPAY = "Autopay not enabled"

_BILLABLE = "SELECT count(*) AS billable FROM locations WHERE company_id = %s AND is_free = false AND deleted_at IS NULL"
_DUE = """
SELECT s.*, (SELECT count(*) FROM locations l WHERE l.company_id = s.company_id AND NOT l.is_free AND l.deleted_at IS NULL) AS billable
FROM subscriptions s
WHERE s.status IN ('active', 'pending') AND s.deleted_at IS NULL AND s.billing_day = %s
ORDER BY s.id
"""
_PAYMENT = """
INSERT INTO subscription_payments
    (subscription_id, company_id, amount, status, billing_period_start, billing_period_end, location_count, failure_reason)
VALUES (%s, %s, %s, 'pending', %s, %s, %s, %s)
"""


def billable_locations(pool: Pool, company_id: str) -> int:
    """How many of a company's locations are charged for."""
    return int(pool.query(_BILLABLE, (company_id,))[0]["billable"])


def amount_due(billable: int, price: Decimal) -> Decimal:
    """The monthly amount for so many locations."""
    return (billable * price).quantize(Decimal("0.01"))


def recalculate(pool: Pool, company_id: str, price: Decimal) -> None:
    """Store the amount a company owes now."""
    amount = amount_due(billable_locations(pool, company_id), price)
    pool.query("UPDATE subscriptions SET monthly_amount = %s, updated_at = now() WHERE company_id = %s", (amount, company_id))
    logs.info("Billing event")


def period_of(day: date) -> tuple[datetime, datetime]:
    """First and last second of a day's calendar month."""
    first = day.replace(day=1)
    last = day.replace(day=calendar.monthrange(day.year, day.month)[1])
    return datetime.combine(first, time.min, UTC), datetime.combine(last, time(23, 59, 59), UTC)


def run_billing(pool: Pool, as_of: date, price: Decimal) -> int:
    """Bill every subscription whose day it is; give how many. A billing day that a month has not got is never billed in it."""
    start, end = period_of(as_of)
    due = pool.query(_DUE, (as_of.day,))
    for subscription in due:
        charged_by_square = subscription["autopay_enabled"] and subscription["square_subscription_id"]
        pool.query(
            _PAYMENT,
            (
                subscription["id"],
                subscription["company_id"],
                amount_due(subscription["billable"], price),
                start,
                end,
                subscription["billable"],
                None if charged_by_square else NO_AUTOPAY,
            ),
        )
        logs.info("Billing event")
    logs.info(f"Monthly billing processed: {len(due)} subscriptions")
    return len(due)


def run_daily(pool: Pool, price: Decimal, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
    """Start the scheduler: a thread that runs the billing every day at 02:00 UTC."""

    def wait_and_run() -> None:
        while True:
            moment = now()
            following = datetime.combine(moment.date(), RUN_AT)
            if following <= moment:
                following += timedelta(days=1)
            threading.Event().wait((following - moment).total_seconds())
            try:
                run_billing(pool, following.date(), price)
            except DatabaseError as failure:
                logs.error(f"Monthly billing failed: {failure}")

    threading.Thread(target=wait_and_run, name="scheduler", daemon=True).start()


def main() -> None:
    """Run the billing of one day by hand."""
    parser = argparse.ArgumentParser(description="Bill the subscriptions that are due on a day.")
    parser.add_argument("--as-of", type=date.fromisoformat, default=datetime.now(UTC).date(), metavar="DATE", help="the day, as YYYY-MM-DD")
    day = parser.parse_args().as_of
    settings = Settings.from_environment(os.environ)

    def connect() -> object:
        return connect_to(settings.db_host, settings.db_port, settings.db_user, settings.db_password, settings.db_name)

    def lost(failure: DatabaseError) -> None:
        logs.error(f"Monthly billing failed: {failure}")
        os._exit(1)

    try:
        run_billing(Pool(connect, lost), day, settings.price_per_location)
    except DatabaseError as failure:
        lost(failure)


if __name__ == "__main__":
    main()
