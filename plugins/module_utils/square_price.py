# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The before- and after-images of prices that were set at Square: committed before Square is called, and settled after it."""

from __future__ import annotations

import typing as t

# What is known of a change: it is about to be made; it was made; it was not; nobody knows, since the answer was lost.
INTENT, DONE, REFUSED, UNKNOWN = "intent", "done", "refused", "unknown"
# States in which Square has to be asked whether the price is ours.
OPEN = (INTENT, UNKNOWN)

_CREATE = """
CREATE SCHEMA IF NOT EXISTS circuit_sage_ops;
CREATE TABLE IF NOT EXISTS circuit_sage_ops.square_price (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  incident text NOT NULL,
  at timestamptz NOT NULL DEFAULT now(),
  company_id uuid NOT NULL,
  subscription_id uuid NOT NULL,
  square_subscription_id text NOT NULL,
  currency text NOT NULL,
  before_cents bigint,
  before_version bigint NOT NULL,
  after_cents bigint NOT NULL,
  after_version bigint,
  state text NOT NULL CHECK (state IN ('intent', 'done', 'refused', 'unknown')),
  reason text,
  settled_at timestamptz,
  undone_at timestamptz
);
CREATE INDEX IF NOT EXISTS square_price_incident ON circuit_sage_ops.square_price (incident);
"""
_INTEND = """
INSERT INTO circuit_sage_ops.square_price (incident, company_id, subscription_id, square_subscription_id, currency, before_cents,
  before_version, after_cents, state)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, 'intent') RETURNING id
"""
_STORED = """
SELECT p.id, p.company_id::text, c.name, p.subscription_id::text, p.square_subscription_id, p.currency, p.before_cents, p.before_version,
  p.after_cents, p.after_version, p.state, c.settings #>> '{integrations,payment,credentials,accessToken}',
  coalesce(c.settings #>> '{integrations,payment,settings,testMode}' = 'true', false)
FROM circuit_sage_ops.square_price p JOIN companies c ON c.id = p.company_id
WHERE p.incident = %s AND p.undone_at IS NULL AND p.state <> 'refused' ORDER BY p.id DESC
"""


class Price(t.NamedTuple):
    """One price that an incident set or meant to set. `before_cents` is None where the plan's price held."""

    id: int
    company_id: str
    company: str
    subscription_id: str
    square_id: str
    currency: str
    before_cents: int | None
    before_version: int
    after_cents: int
    after_version: int | None
    state: str
    stored_token: str | None
    test_mode: bool


def exists(connection: t.Any) -> bool:
    """Whether any price was ever set."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('circuit_sage_ops.square_price') IS NOT NULL")
        return bool(cursor.fetchone()[0])


def make_table(connection: t.Any) -> None:
    """Make the schema and its table where they are missing. The lock of row_change has to be held."""
    if not exists(connection):
        with connection.cursor() as cursor:
            cursor.execute(_CREATE)


def is_known(connection: t.Any, incident: str) -> bool:
    """Whether the incident set prices, or meant to."""
    if not exists(connection):
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM circuit_sage_ops.square_price WHERE incident = %s)", (incident,))
        return bool(cursor.fetchone()[0])


def intend(connection: t.Any, values: t.Sequence[t.Any]) -> int:
    """Keep what is about to be set, and give the id of the entry. The order of the values is that of the columns of _INTEND."""
    with connection.cursor() as cursor:
        cursor.execute(_INTEND, tuple(values))
        return int(cursor.fetchone()[0])


def settle(connection: t.Any, identity: int, state: str, version: int | None, reason: str | None) -> None:
    """Keep what came of it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE circuit_sage_ops.square_price SET state = %s, after_version = %s, reason = %s, settled_at = now() WHERE id = %s",
            (state, version, reason, identity),
        )


def prices_of(connection: t.Any, incident: str) -> list[Price]:
    """What the incident set and has not put back, the newest first."""
    if not exists(connection):
        return []
    with connection.cursor() as cursor:
        cursor.execute(_STORED, (incident,))
        return [Price(*row) for row in cursor]


def mark_undone(connection: t.Any, identity: int) -> None:
    """Keep that a price was put back."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE circuit_sage_ops.square_price SET undone_at = now() WHERE id = %s", (identity,))
