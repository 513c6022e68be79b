# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which payments are due: the rows that are not paid, with what is needed to judge each, and the judgement."""

from __future__ import annotations

import typing as t
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from . import payment_intent
from .billing_terms import shown
from .payment_schedule import CARD_DAYS, DUE, MUST_ACT, PERSON, WAIT, Attempt, Schedule, Turn, turn_of
from .payment_statement import Once, Statement
from .square_codes import HARD_CODES, NOT_DECLINES

# The states in which a subscription is billed.
LIVE = ("active", "past_due", "pending")
# What the billing run writes where nobody charges by itself; it says nothing of the card.
NO_AUTOPAY = "Autopay not enabled"
# Further verdicts than those of the schedule.
PAID, OPEN, ENDED, INCOMPLETE, DUPLICATE, LEFT_TO_SQUARE, REFUSED = (
    *("paid", "open", "ended", "incomplete", "duplicate", "left_to_square"),
    "refused",
)

_NO_INTENTS = (
    "(SELECT NULL::bigint AS id, NULL::uuid AS subscription_id, NULL::date AS period, NULL::int AS attempt, NULL::text AS state, "
    "NULL::text AS code, NULL::text AS card_id, NULL::timestamptz AS at, NULL::timestamptz AS settled_at, "
    "NULL::timestamptz AS failed_before WHERE false)"
)
# The second part is what an index answers.
_SAME_MONTH = (
    "date_trunc('month', q.billing_period_start AT TIME ZONE 'UTC') = date_trunc('month', p.billing_period_start AT TIME ZONE 'UTC') "
    "AND q.billing_period_start BETWEEN p.billing_period_start - interval '31 days' AND p.billing_period_start + interval '31 days'"
)
_UNPAID = "{row}.status IN ('pending', 'failed') AND coalesce({row}.failure_reason, '') NOT LIKE 'voided:%'"


def _rows_from(intents: str, where: str) -> str:
    """Everything that is needed to judge payments."""
    return f"""
SELECT p.id::text, p.company_id::text, c.name, p.subscription_id::text, (p.amount * 100)::bigint, p.status, p.failure_reason,
  nullif(p.square_payment_id, ''), p.created_at, p.updated_at,
  date_trunc('month', p.billing_period_start AT TIME ZONE 'UTC')::date, p.billing_period_start, p.billing_period_end,
  s.status, s.autopay_enabled, nullif(s.square_subscription_id, ''), nullif(s.square_customer_id, ''), nullif(s.square_card_id, ''),
  s.deleted_at IS NOT NULL OR c.deleted_at IS NOT NULL,
  c.settings #>> '{{integrations,payment,credentials,accessToken}}', c.settings #>> '{{integrations,payment,credentials,locationId}}',
  coalesce(c.settings #>> '{{integrations,payment,settings,testMode}}' = 'true', false),
  others.paid, others.unpaid,
  (SELECT coalesce(jsonb_agg(jsonb_build_array(i.attempt, i.state, i.code, i.card_id, extract(epoch FROM coalesce(i.settled_at, i.at)),
    extract(epoch FROM i.failed_before)) ORDER BY i.attempt), '[]')
    FROM {intents} i WHERE i.subscription_id = p.subscription_id
    AND i.period = date_trunc('month', p.billing_period_start AT TIME ZONE 'UTC')::date),
  (SELECT count(*) FROM {intents} i WHERE i.card_id = s.square_card_id AND i.at > :now: - make_interval(days => {CARD_DAYS})
    AND i.state = 'DECLINED' AND coalesce(i.code, '') <> ALL(:not_counting:)),
  (SELECT i.code FROM {intents} i WHERE i.card_id = s.square_card_id AND i.at > :now: - make_interval(days => {CARD_DAYS})
    AND i.state = 'DECLINED' AND i.code = ANY(:hard:) ORDER BY i.id DESC LIMIT 1)
FROM subscription_payments p JOIN subscriptions s ON s.id = p.subscription_id JOIN companies c ON c.id = p.company_id CROSS JOIN LATERAL (
  SELECT count(*) FILTER (WHERE q.status IN ('succeeded', 'refunded')) AS paid, count(*) FILTER (WHERE {_UNPAID.format(row="q")}) AS unpaid
  FROM subscription_payments q WHERE q.subscription_id = p.subscription_id AND q.id <> p.id AND {_SAME_MONTH}) others
WHERE {where}
ORDER BY c.name, c.id, p.billing_period_start, p.id
"""  # noqa: S608 # names and text of the collection


_JUDGED_BY = {"now": "timestamptz", "not_counting": "text[]", "hard": "text[]"}
_CODES = {"not_counting": list(NOT_DECLINES), "hard": list(HARD_CODES)}
_MANY = f"({_UNPAID.format(row='p')} OR p.id = ANY(:also:)) AND (:companies: IS NULL OR p.company_id = ANY(:companies:))"
_WHICH = {"also": "uuid[]", "companies": "uuid[]"}
_ALL = Statement("payments_unpaid", _rows_from(payment_intent.TABLE, _MANY), **_WHICH, **_JUDGED_BY)
_ALL_WITHOUT_INTENTS = Statement("payments_unpaid_first", _rows_from(_NO_INTENTS, _MANY), **_WHICH, **_JUDGED_BY)
_ONE = Statement(
    "payment_unpaid", _rows_from(payment_intent.TABLE, f"{_UNPAID.format(row='p')} AND p.id = :payment:"), payment="uuid", **_JUDGED_BY
)


_LOCKED = """
BEGIN; SELECT FROM subscriptions WHERE id = %(subscription)s FOR NO KEY UPDATE;
SELECT FROM subscription_payments WHERE id = %(payment)s FOR NO KEY UPDATE;
"""


@dataclass(frozen=True)
class Rules:
    """By what is judged. `pending_hours`: how long a payment that Square charges by itself is left to it."""

    schedule: Schedule
    pending_hours: int
    max_age_days: int


class Row(t.NamedTuple):
    """A payment that is not paid, with its subscription and company."""

    payment_id: str
    company_id: str
    company: str
    subscription_id: str
    cents: int
    status: str
    failure: str | None
    square_payment_id: str | None
    created_at: datetime
    updated_at: datetime
    period: date
    begins_at: datetime
    ends_at: datetime
    subscription_status: str
    has_autopay: bool
    square_subscription_id: str | None
    customer: str | None
    card: str | None
    is_deleted: bool
    stored_token: str | None
    stored_location: str | None
    test_mode: bool
    paid_rows: int
    unpaid_rows: int
    history: list[list[t.Any]]
    card_attempts: int
    card_refused: str | None

    @property
    def by_square(self) -> bool:
        """Whether Square charges the subscription by itself."""
        return bool(self.square_subscription_id) and self.has_autopay

    @property
    def attempt(self) -> int:
        """The number of the next attempt."""
        return 1 + max((int(one[0]) for one in self.history), default=0)

    def told(self, currency: str) -> dict[str, t.Any]:
        """What every list of the modules says of a payment."""
        return {
            "company_id": self.company_id,
            "company": self.company,
            "subscription_id": self.subscription_id,
            "payment_id": self.payment_id,
            "period": f"{self.period:%Y-%m}",
            "amount": shown(self.cents),
            "amount_cents": self.cents,
            "currency": currency,
            "failure": self.failure,
        }


def rows_of(connection: t.Any, companies: Sequence[str] | None, now: datetime, also: Sequence[str] = ()) -> list[Row]:
    """The payments that are not paid, in the order of the companies' names, and `also` these, whatever they are."""
    which = {"companies": None if companies is None else list(companies), "also": list(also)}
    statement = _ALL if payment_intent.exists(connection) else _ALL_WITHOUT_INTENTS
    return [Row(*row) for row in Once(connection).run(statement, {**which, "now": now, **_CODES})]


def locked_row(session: Once, payment: str, subscription: str, now: datetime) -> Row | None:
    """Begin a transaction in which nobody else changes a payment and its subscription, and look; None where it is paid meanwhile.

    The table of the intents is there.
    """
    values = {"payment": payment, "subscription": subscription, "now": now, **_CODES}
    rows = session.run(_ONE, values, _LOCKED)
    return Row(*rows[0]) if rows else None


def judged(row: Row, rules: Rules, now: datetime) -> Turn:
    """Whether a payment is to be charged now, by what the database says."""
    sure = _ruled_out(row)
    if sure:
        return sure
    states = {str(one[1]) for one in row.history}
    if payment_intent.SUCCEEDED in states:
        return Turn(PAID, "an attempt of this period has succeeded; reconcile it")
    if states & set(payment_intent.OPEN):
        return Turn(OPEN, "an attempt of this period has no outcome yet")
    if row.unpaid_rows:
        return Turn(DUPLICATE, "its period has more than one payment that is not paid; mend that first (billing_errors)")
    if row.cents <= 0:
        return Turn(REFUSED, f"its amount is {shown(row.cents)}; correct it first (billing_errors)")
    if now - row.ends_at > timedelta(days=rules.max_age_days):
        return Turn(PERSON, f"its period ended more than {rules.max_age_days} days ago; decide whether it is still to be charged")
    if row.by_square and row.status == "pending" and not row.history:
        until = row.created_at + timedelta(hours=rules.pending_hours)
        if now < until:
            return Turn(LEFT_TO_SQUARE, f"Square charges it by itself; it is left to it until {until:%Y-%m-%d %H:%M} UTC", until)
    return _by_schedule(row, rules, now)


def _ruled_out(row: Row) -> Turn | None:
    if row.is_deleted or row.subscription_status not in LIVE:
        return Turn(ENDED, f"its subscription is {'deleted' if row.is_deleted else row.subscription_status}")
    if row.paid_rows:
        return Turn(PAID, "its period is paid by another payment")
    if row.square_payment_id:
        return Turn(PAID, f"it has a payment at Square, {row.square_payment_id}, and is not settled; reconcile it")
    missing = [
        words
        for there, words in ((row.has_autopay, "autopay"), (row.customer, "customer at Square"), (row.card, "card on file"))
        if not there
    ]
    if missing:
        return Turn(INCOMPLETE, f"its subscription has no {' and no '.join(missing)}; the customer pays by hand")
    return None


def _by_schedule(row: Row, rules: Rules, now: datetime) -> Turn:
    attempts = [
        Attempt(code, card, datetime.fromtimestamp(float(at), now.tzinfo))
        for _number, state, code, card, at, _failed in row.history
        if state == payment_intent.DECLINED
    ]
    before = row.history[0][5] if row.history else None
    failed_at = datetime.fromtimestamp(float(before), now.tzinfo) if before is not None else None
    if not row.history and row.status == "failed":
        failed_at = row.updated_at
    failure = None if row.failure == NO_AUTOPAY else row.failure
    turn = turn_of(rules.schedule, now, row.card or "", failed_at, failure, attempts, row.card_attempts)
    if row.card_refused and turn.verdict in (DUE, WAIT):
        # For another period; for its own the turn says so.
        return Turn(MUST_ACT, f"the card was refused ({row.card_refused}) for another payment; the customer must give another one")
    return turn
