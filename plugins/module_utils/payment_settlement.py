# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settling what came of a charge: the intent, its payment and its subscription in one transaction.

A charge that was made is no change that could be taken back, so that no image for the undo is kept of it.
"""

from __future__ import annotations

import typing as t

from .payment_intent import SUCCEEDED, TABLE, UNKNOWN, Intent
from .square_codes import is_decline

# What still has to be paid: a month without a paid row, but for rows that were voided as duplicates.
OWED = """
SELECT FROM subscription_payments o WHERE o.subscription_id = {subscription} AND o.id <> {payment} AND o.status IN ('pending', 'failed')
  AND coalesce(o.failure_reason, '') NOT LIKE 'voided:%%'
  AND NOT EXISTS (
    SELECT FROM subscription_payments q WHERE q.subscription_id = o.subscription_id AND q.status IN ('succeeded', 'refunded')
      AND date_trunc('month', q.billing_period_start AT TIME ZONE 'UTC') = date_trunc('month', o.billing_period_start AT TIME ZONE 'UTC'))
"""
_INTENT = f"""
UPDATE {TABLE} SET state = %(state)s, code = %(code)s, square_payment_id = coalesce(%(square)s, square_payment_id),
  settled_at = CASE WHEN %(state)s <> 'UNKNOWN' THEN clock_timestamp() END
WHERE id = %(intent)s AND state IN ('INTENT', 'UNKNOWN')
"""  # noqa: S608 # names from above
_PAID = """
UPDATE subscription_payments SET status = 'succeeded', square_payment_id = %(square)s, failure_reason = NULL, updated_at = now()
WHERE id = %(payment)s AND status IN ('pending', 'failed')
"""
_FAILED = """
UPDATE subscription_payments SET status = 'failed', failure_reason = %(code)s, updated_at = now()
WHERE id = %(payment)s AND status = 'pending'
"""
# Nothing was charged, and it says nothing about the customer: the payment is again what it was.
_AS_BEFORE = f"""
UPDATE subscription_payments p SET status = i.status_before, failure_reason = i.reason_before, updated_at = coalesce(i.failed_before, now())
FROM {TABLE} i WHERE i.id = %(intent)s AND p.id = i.payment_id AND p.status = 'pending'
"""  # noqa: S608 # names from above
_ACTIVE = f"""
UPDATE subscriptions SET status = 'active', updated_at = now() WHERE id = %(subscription)s AND status = 'past_due'
AND NOT EXISTS ({OWED.format(subscription="%(subscription)s", payment="%(payment)s")}) RETURNING id
"""  # noqa: S608 # text from above


class Settled(t.NamedTuple):
    """What came of a charge. `code` is Square's, `detail` a sentence where one is needed."""

    state: str
    code: str | None = None
    square_id: str | None = None
    detail: str = ""


def settle(connection: t.Any, intent: Intent, outcome: Settled) -> bool:
    """Write it down, and return whether the subscription has become active. The caller commits."""
    values = {
        "intent": intent.id,
        "payment": intent.payment_id,
        "subscription": intent.subscription_id,
        "state": outcome.state,
        "code": outcome.code,
        "square": outcome.square_id,
    }
    with connection.cursor() as cursor:
        # Whether anything else is owed is asked by one session at a time.
        cursor.execute("SELECT FROM subscriptions WHERE id = %(subscription)s FOR NO KEY UPDATE", values)
        cursor.execute(_INTENT, values)
        if not cursor.rowcount or outcome.state == UNKNOWN:
            return False
        if outcome.state == SUCCEEDED:
            cursor.execute(_PAID, values)
            cursor.execute(_ACTIVE, values)
            return bool(cursor.rowcount)
        cursor.execute(_FAILED if is_decline(outcome.code) else _AS_BEFORE, values)
        return False
