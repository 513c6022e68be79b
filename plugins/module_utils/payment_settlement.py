# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settling what came of a charge: the intent, its payment and its subscription in one transaction.

A charge that was made is no change that could be taken back, so that no image for the undo is kept of it.
"""

from __future__ import annotations

import typing as t

from .payment_intent import SUCCEEDED, TABLE, UNKNOWN, Intent
from .payment_statement import Once, Statement
from .square_codes import is_decline

# What still has to be paid: a month without a paid row, but for rows that were voided as duplicates.
OWED = """
SELECT FROM subscription_payments o WHERE o.subscription_id = {subscription} AND o.id <> {payment} AND o.status IN ('pending', 'failed')
  AND coalesce(o.failure_reason, '') NOT LIKE 'voided:%'
  AND NOT EXISTS (
    SELECT FROM subscription_payments q WHERE q.subscription_id = o.subscription_id AND q.status IN ('succeeded', 'refunded')
      AND date_trunc('month', q.billing_period_start AT TIME ZONE 'UTC') = date_trunc('month', o.billing_period_start AT TIME ZONE 'UTC'))
"""
_SETTLE = Statement(
    "payment_settle",
    f"""
WITH intent AS (
  UPDATE {TABLE} SET state = :state:, code = :code:, square_payment_id = coalesce(:square:, square_payment_id),
    settled_at = CASE WHEN :state: <> 'UNKNOWN' THEN clock_timestamp() END
  WHERE id = :intent: AND state IN ('INTENT', 'UNKNOWN') RETURNING status_before, reason_before, failed_before
), payment AS (
  UPDATE subscription_payments p SET updated_at = CASE WHEN :becomes: = 'before' THEN coalesce(i.failed_before, now()) ELSE now() END,
    status = CASE :becomes: WHEN 'before' THEN i.status_before ELSE :becomes: END,
    failure_reason = CASE :becomes: WHEN 'before' THEN i.reason_before WHEN 'failed' THEN :code: END,
    square_payment_id = CASE :becomes: WHEN 'succeeded' THEN :square: ELSE p.square_payment_id END
  FROM intent i WHERE p.id = :payment: AND :becomes: <> '' AND (p.status = 'pending' OR p.status = 'failed' AND :becomes: = 'succeeded')
), subscription AS (
  UPDATE subscriptions s SET status = 'active', updated_at = now() FROM intent i
  WHERE s.id = :subscription: AND s.status = 'past_due' AND :becomes: = 'succeeded'
    AND NOT EXISTS ({OWED.format(subscription=":subscription:", payment=":payment:")}) RETURNING s.id
)
SELECT count(*) FROM subscription
""",  # noqa: S608 # names and text from above
    intent="bigint",
    state="text",
    code="text",
    square="text",
    becomes="text",
    payment="uuid",
    subscription="uuid",
)


class Settled(t.NamedTuple):
    """What came of a charge. `code` is Square's, `detail` a sentence where one is needed."""

    state: str
    code: str | None = None
    square_id: str | None = None
    detail: str = ""


def settle(session: Once, intent: Intent, outcome: Settled) -> bool:
    """Write it down, and return whether the subscription has become active. The caller commits, unless each statement does so by itself."""
    becomes = {SUCCEEDED: "succeeded", UNKNOWN: ""}.get(outcome.state)
    if becomes is None:
        # Where it says nothing about the customer the payment is again what it was.
        becomes = "failed" if is_decline(outcome.code) else "before"
    values = {
        "intent": intent.id,
        "payment": intent.payment_id,
        "subscription": intent.subscription_id,
        "state": outcome.state,
        "code": outcome.code,
        "square": outcome.square_id,
        "becomes": becomes,
    }
    # Whether anything else is owed is asked by one session at a time.
    ((active,),) = session.run(_SETTLE, values, "SELECT FROM subscriptions WHERE id = %(subscription)s FOR NO KEY UPDATE;")
    return bool(active)
