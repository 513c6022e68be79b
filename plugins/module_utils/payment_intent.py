# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The intents: what is about to be charged, committed before Square is called, and settled after it.

The table itself keeps a period from being charged twice: while one of its intents is open, unknown or has succeeded, there is no other one.
"""

from __future__ import annotations

import base64
import hashlib
import json
import typing as t
from datetime import date, datetime

from .payment_statement import Once, Statement

# What is known of a charge: about to be made; made; refused; nobody knows yet.
INTENT, SUCCEEDED, DECLINED, UNKNOWN = "INTENT", "SUCCEEDED", "DECLINED", "UNKNOWN"
OPEN = (INTENT, UNKNOWN)
# Square's limit, in characters.
KEY_LENGTH = 45
# A number that no other program uses, "CSPI": the first half of the lock of a payment that is being charged.
LOCK = 0x43535049

_CREATE = """
CREATE SCHEMA IF NOT EXISTS circuit_sage_ops;
CREATE TABLE IF NOT EXISTS circuit_sage_ops.payment_intent (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  incident text NOT NULL,
  company_id uuid NOT NULL,
  subscription_id uuid NOT NULL,
  payment_id uuid NOT NULL,
  period date NOT NULL,
  attempt int NOT NULL CHECK (attempt > 0),
  amount_cents bigint NOT NULL CHECK (amount_cents > 0),
  currency text NOT NULL,
  card_id text NOT NULL,
  customer_id text NOT NULL,
  location_id text NOT NULL,
  idempotency_key text NOT NULL UNIQUE CHECK (length(idempotency_key) <= 45),
  request_sha256 text NOT NULL,
  state text NOT NULL DEFAULT 'INTENT' CHECK (state IN ('INTENT', 'SUCCEEDED', 'DECLINED', 'UNKNOWN')),
  code text,
  square_payment_id text UNIQUE,
  status_before text NOT NULL,
  reason_before text,
  failed_before timestamptz,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  called_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  settled_at timestamptz,
  UNIQUE (subscription_id, period, attempt)
);
CREATE UNIQUE INDEX IF NOT EXISTS payment_intent_once ON circuit_sage_ops.payment_intent (subscription_id, period)
  WHERE state IN ('INTENT', 'UNKNOWN', 'SUCCEEDED');
CREATE INDEX IF NOT EXISTS payment_intent_payment ON circuit_sage_ops.payment_intent (payment_id);
CREATE INDEX IF NOT EXISTS payment_intent_card ON circuit_sage_ops.payment_intent (card_id, at);
CREATE INDEX IF NOT EXISTS payment_intent_open ON circuit_sage_ops.payment_intent (state) WHERE state IN ('INTENT', 'UNKNOWN');
"""
# Where the table is not made yet, the same columns without a row.
TABLE = "circuit_sage_ops.payment_intent"
_COLUMNS = (
    "id, incident, company_id::text, subscription_id::text, payment_id::text, period, attempt, amount_cents, currency, card_id, "
    "customer_id, location_id, idempotency_key, request_sha256, state, code, square_payment_id, at, called_at"
)


class Intent(t.NamedTuple):
    """One row of the table."""

    id: int
    incident: str
    company_id: str
    subscription_id: str
    payment_id: str
    period: date
    attempt: int
    amount_cents: int
    currency: str
    card_id: str
    customer_id: str
    location_id: str
    idempotency_key: str
    request_sha256: str
    state: str
    code: str | None
    square_payment_id: str | None
    at: datetime
    called_at: datetime

    def request(self) -> dict[str, t.Any]:
        """What Square is asked: the same for the same intent, for ever."""
        return _request_of(self, self.idempotency_key)

    @property
    def is_whole(self) -> bool:
        """Whether the request is still the one that was intended."""
        return digest_of(self.request()) == self.request_sha256


def key_of(subscription: str, period: date, attempt: int) -> str:
    """The idempotency key of an attempt.

    Neither amount nor card is part of it: had one of them changed under the same attempt, as after the restore of a backup, Square would
    refuse the key instead of charging twice.
    """
    digest = hashlib.sha256(f"{subscription}|{period.isoformat()}|{attempt}".encode()).digest()
    return base64.b32encode(digest).decode().rstrip("=").lower()[:KEY_LENGTH]


def _request_of(one: Intent | Wish, key: str) -> dict[str, t.Any]:
    return {
        "source_id": one.card_id,
        "idempotency_key": key,
        "amount_money": {"amount": one.amount_cents, "currency": one.currency},
        "customer_id": one.customer_id,
        "location_id": one.location_id,
        "reference_id": one.payment_id,
        "note": note_of(one.period, one.attempt),
    }


def note_of(period: date, attempt: int) -> str:
    """By which the attempts of one payment, which share its reference, are told apart at Square."""
    return f"Circuit Sage, {period:%Y-%m}, attempt {attempt}"


def digest_of(request: t.Mapping[str, t.Any]) -> str:
    """By which it is seen that a request is still the same."""
    return hashlib.sha256(json.dumps(request, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def exists(connection: t.Any) -> bool:
    """Whether any payment was ever retried."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", (TABLE,))
        return bool(cursor.fetchone()[0])


def make_table(connection: t.Any) -> None:
    """Make the schema and its table where they are missing. The lock of row_change has to be held."""
    if not exists(connection):
        with connection.cursor() as cursor:
            cursor.execute(_CREATE)


def locked_at(connection: t.Any, payment: str) -> datetime | None:
    """Let no other run near the payment until `unlock`, or until this session ends, as it does when its process is killed.

    Gives the server's time; None where another run is at it.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, hashtext(%s)), clock_timestamp()", (LOCK, payment))
        is_ours, now = cursor.fetchone()
        return now if is_ours else None


def unlock(connection: t.Any, payment: str) -> None:
    """Let others near it again."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_unlock(%s, hashtext(%s))", (LOCK, payment))


def open_intents(connection: t.Any, companies: t.Sequence[str] | None) -> list[Intent]:
    """Those of which nobody knows the end, the oldest first."""
    if not exists(connection):
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {_COLUMNS} FROM {TABLE} WHERE state IN ('INTENT', 'UNKNOWN') "  # noqa: S608 # names from above
            "AND (%(companies)s::uuid[] IS NULL OR company_id = ANY(%(companies)s::uuid[])) ORDER BY id",
            {"companies": None if companies is None else list(companies)},
        )
        return [Intent(*row) for row in cursor]


def read(connection: t.Any, identity: int) -> Intent:
    """One intent as it is now."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {_COLUMNS} FROM {TABLE} WHERE id = %s", (identity,))  # noqa: S608 # names from above
        return Intent(*cursor.fetchone())


_INTEND = Statement(
    "payment_intend",
    f"""
WITH made AS (
  INSERT INTO {TABLE} AS i (incident, company_id, subscription_id, payment_id, period, attempt, amount_cents, currency, card_id,
    customer_id, location_id, idempotency_key, request_sha256, status_before, reason_before, failed_before)
  SELECT :incident:, p.company_id, p.subscription_id, p.id, :period:, :attempt:, :amount_cents:, :currency:, :card_id:, :customer_id:,
    :location_id:, :idempotency_key:, :request_sha256:, p.status, p.failure_reason, CASE WHEN p.status = 'failed' THEN p.updated_at END
  FROM subscription_payments p WHERE p.id = :payment_id:
  ON CONFLICT DO NOTHING RETURNING *
), pending AS (
  UPDATE subscription_payments p SET status = 'pending', failure_reason = NULL, updated_at = now() FROM made WHERE p.id = made.payment_id
)
SELECT {_COLUMNS} FROM made
""",  # noqa: S608 # names from above
    incident="text",
    payment_id="uuid",
    period="date",
    attempt="int",
    amount_cents="bigint",
    currency="text",
    card_id="text",
    customer_id="text",
    location_id="text",
    idempotency_key="text",
    request_sha256="text",
)


class Wish(t.NamedTuple):
    """What is to be charged."""

    incident: str
    subscription_id: str
    payment_id: str
    period: date
    attempt: int
    amount_cents: int
    currency: str
    card_id: str
    customer_id: str
    location_id: str


def intend(session: Once, wish: Wish) -> Intent | None:
    """Keep what is about to be charged; None where another run has an intent for the period.

    The payment is pending from here on: a run that is killed must not leave behind as failed what may have been charged.
    """
    key = key_of(wish.subscription_id, wish.period, wish.attempt)
    values = {**wish._asdict(), "idempotency_key": key, "request_sha256": digest_of(_request_of(wish, key))}
    rows = session.run(_INTEND, values)
    return Intent(*rows[0]) if rows else None


def touch(connection: t.Any, identity: int) -> None:
    """Keep that Square is about to be called again."""
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {TABLE} SET called_at = clock_timestamp() WHERE id = %s", (identity,))  # noqa: S608 # names from above
