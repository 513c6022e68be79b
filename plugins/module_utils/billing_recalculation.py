# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bringing the stored amounts in line with the locations: what is wrong is found, locked, looked at again, written and recorded."""

from __future__ import annotations

import json
import typing as t
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from . import row_change
from .billing_audit import described, examine, present_of, survey
from .billing_database import transaction
from .billing_discrepancy import APPROVE, CREATE, PROPOSE, UNASKED, VOID, Discrepancy, Totals
from .billing_guards import Guards, planned_of, refuse_empty_locations, refuse_running_batch, refuse_too_much
from .billing_terms import Terms
from .password_login import Server

# A payment that is made has an id made of subscription and period: whoever makes it twice makes one.
_PAYMENTS = uuid.UUID("0f4c6a55-52c8-5e0c-8f33-6c0b0c6a7d11")
# What the billing run writes where Square charges nothing by itself.
NO_AUTOPAY = "Autopay not enabled"

_SUBSCRIPTIONS = """
UPDATE subscriptions t SET monthly_amount = coalesce(p.monthly_amount, t.monthly_amount), billing_day = coalesce(p.billing_day,
  t.billing_day),
  status = coalesce(p.status, t.status), updated_at = now()
FROM jsonb_to_recordset(%(rows)s::jsonb) AS p (id uuid, monthly_amount numeric, billing_day int, status text), subscriptions old
WHERE t.id = p.id AND old.id = t.id
RETURNING t.id, to_jsonb(old) AS before, to_jsonb(t) AS after
"""
# A payment that was paid meanwhile is left alone, whatever the plan says.
_PAID_UP = """
UPDATE subscription_payments t SET amount = coalesce(p.amount, t.amount), location_count = coalesce(p.location_count, t.location_count),
  status = coalesce(p.status, t.status), failure_reason = coalesce(p.failure_reason, t.failure_reason), updated_at = now()
FROM jsonb_to_recordset(%(rows)s::jsonb) AS p (id uuid, amount numeric, location_count int, status text, failure_reason text),
  subscription_payments old
WHERE t.id = p.id AND old.id = t.id AND t.status = 'pending' AND coalesce(t.square_payment_id, '') = ''
RETURNING t.id, to_jsonb(old) AS before, to_jsonb(t) AS after
"""
_MADE = """
INSERT INTO subscription_payments AS t
  (id, subscription_id, company_id, amount, status, billing_period_start, billing_period_end, location_count, failure_reason)
SELECT p.id, p.subscription_id, p.company_id, p.amount, p.status, p.billing_period_start,
  p.billing_period_start + interval '1 month - 1 second',
  p.location_count, p.failure_reason
FROM jsonb_to_recordset(%(rows)s::jsonb) AS p (id uuid, subscription_id uuid, company_id uuid, amount numeric, status text,
  billing_period_start timestamptz, location_count int, failure_reason text)
ON CONFLICT (id) DO NOTHING
RETURNING t.id, NULL::jsonb AS before, to_jsonb(t) AS after
"""
_LATEST = """
SELECT extract(epoch FROM statement_timestamp() - max(p.created_at)) FROM subscription_payments p
WHERE p.billing_period_start >= date_trunc('month', now()) AND p.created_at > statement_timestamp() - make_interval(secs => %s)
"""
_NOT_OURS = "AND NOT EXISTS (SELECT FROM circuit_sage_ops.row_change c WHERE c.row_id = p.id AND c.action = 'insert')"


# Whoever only refers to a row, as a new payment does to its subscription, need not wait.
_LOCK_SUBSCRIPTIONS = "SELECT s.id::text FROM subscriptions s WHERE s.company_id = ANY(%s::uuid[]) ORDER BY s.id FOR NO KEY UPDATE"
_LOCK_PAYMENTS = """
SELECT p.id::text FROM subscription_payments p WHERE p.status = 'pending'
AND p.subscription_id IN (SELECT s.id FROM subscriptions s WHERE s.company_id = ANY(%s::uuid[])) ORDER BY p.id FOR NO KEY UPDATE OF p
"""


@dataclass(frozen=True)
class Order:
    """What a run may do. The timeouts are in seconds; `limit` caps the lists of the result, `diff_limit` the lines of the diff."""

    incident: str
    kinds: frozenset[str]
    approve: frozenset[str]
    guards: Guards
    limit: int
    diff_limit: int
    statement_timeout: int
    lock_timeout: int

    def writes(self, found: Discrepancy) -> bool:
        """Whether the discrepancy is mended."""
        return found.kind in self.kinds if found.mend in UNASKED else found.mend == APPROVE and found.kind in self.approve


class Change(t.NamedTuple):
    """One discrepancy as the change that mends it: the columns that change, as they are and as they will be."""

    found: Discrepancy
    table: str
    row_id: str
    action: str
    before: dict[str, t.Any] | None
    after: dict[str, t.Any]

    def told(self) -> dict[str, t.Any]:
        """The change as a module returns it."""
        return {
            "company_id": self.found.company_id,
            "company": self.found.company,
            "kind": self.found.kind,
            "table": self.table,
            "row": self.row_id,
            "action": self.action,
            "before": self.before,
            "after": self.after,
            "difference_cents": self.found.difference_cents,
            "reason": self.found.told()["reason"],
        }


def payment_id(subscription: str, period: t.Any) -> str:
    """The id of the payment that is made for a subscription and a month."""
    return str(uuid.uuid5(_PAYMENTS, f"{subscription}/{period:%Y-%m}"))


def change_of(found: Discrepancy, incident: str) -> Change:
    """What mends the discrepancy."""
    subscription, payment = str(found.subscription_id), str(found.payment_id)
    if found.kind == "subscription_orphaned":
        return Change(found, "subscriptions", subscription, "update", {"status": found.facts["status"]}, {"status": "canceled"})
    if found.kind == "billing_day_invalid":
        return Change(found, "subscriptions", subscription, "update", {"billing_day": int(found.stored)}, {"billing_day": int(found.due)})
    if found.mend == CREATE:
        after = {
            "subscription_id": subscription,
            "company_id": found.company_id,
            "amount": found.due,
            "status": "pending",
            "billing_period_start": f"{found.period.isoformat()}T00:00:00+00:00",
            "location_count": found.location_count,
            "failure_reason": None if found.facts["by_square"] else NO_AUTOPAY,
        }
        return Change(found, "subscription_payments", payment_id(subscription, found.period), "insert", None, after)
    if found.mend == VOID:
        reason = f"voided: duplicate of {found.facts['survivor']} (incident {incident})"
        after = {"status": "failed", "failure_reason": reason}
        return Change(
            found, "subscription_payments", payment, "update", {"status": "pending", "failure_reason": found.facts["failure_reason"]}, after
        )
    if found.payment_id:
        before = {"amount": found.stored, "location_count": found.facts["count"]}
        return Change(
            found, "subscription_payments", payment, "update", before, {"amount": found.due, "location_count": found.location_count}
        )
    return Change(found, "subscriptions", subscription, "update", {"monthly_amount": found.stored}, {"monthly_amount": found.due})


def proposal_of(found: Discrepancy) -> dict[str, t.Any]:
    """What a person is asked to do about a paid payment: `refund` it, or give a `credit`, or `charge` the rest. Always above zero."""
    kind = "refund" if found.kind == "payment_duplicate" else "charge" if found.difference_cents > 0 else "credit"
    told = found.told()
    kept = {name: told[name] for name in ("company_id", "company", "subscription_id", "payment_id", "period", "reason")}
    return {**kept, "kind": kind, "cents": abs(found.difference_cents)}


def diff_of(changes: Sequence[Change], limit: int) -> dict[str, str]:
    """Before and after, a line for each column of each change, of so many changes."""

    def lines(side: t.Callable[[Change], Mapping[str, t.Any] | None]) -> str:
        told = [
            f"{change.found.company}: {change.table} {change.row_id}: {column} {'none' if value is None else value}"
            for change in changes[:limit]
            for column, value in (side(change) or {}).items()
        ]
        rest = [f"... and {len(changes) - limit} more changes"] if len(changes) > limit else []
        return "".join(f"{line}\n" for line in told + rest)

    return {"before": lines(lambda change: change.before), "after": lines(lambda change: change.after)}


def _rows(changes: Sequence[Change], table: str, action: str) -> str:
    """The changes to rows of one table as JSON, those of one row in one."""
    rows: dict[str, dict[str, t.Any]] = {}
    for change in changes:
        if (change.table, change.action) == (table, action):
            rows.setdefault(change.row_id, {"id": change.row_id}).update(change.after)
    return json.dumps(list(rows.values()))


def _write(connection: t.Any, changes: Sequence[Change], incident: str) -> None:
    row_change.make_table(connection)
    with connection.cursor() as cursor:
        for statement, table, action in (
            (_SUBSCRIPTIONS, "subscriptions", "update"),
            (_PAID_UP, "subscription_payments", "update"),
            (_MADE, "subscription_payments", "insert"),
        ):
            rows = _rows(changes, table, action)
            if rows != "[]":
                cursor.execute(row_change.recorded(statement, table, action), {"rows": rows, "incident": incident})


def _refuse_running_batch(connection: t.Any, guards: Guards) -> None:
    """Ask the guard that wants the billing run to be over."""
    with connection.cursor() as cursor:
        cursor.execute(_LATEST + (_NOT_OURS if row_change.exists(connection) else ""), (guards.billing_run_quiet_seconds,))
        refuse_running_batch(cursor.fetchone()[0], guards)


def _lock(connection: t.Any, companies: Sequence[str]) -> set[str]:
    """Lock what may have to be changed, in the order of the ids, and give the ids of these rows.

    What is wrong is looked at afterwards, so that what somebody else did until then counts.
    """
    locked: set[str] = set()
    with connection.cursor() as cursor:
        for statement in (_LOCK_SUBSCRIPTIONS, _LOCK_PAYMENTS):
            cursor.execute(statement, (list(companies),))
            locked.update(identity for (identity,) in cursor)
    return locked


def recalculate(server: Server, password: str, terms: Terms, order: Order, check_mode: bool) -> dict[str, t.Any]:
    """Mend what may be mended, in one transaction, and return what the module does. In check mode the transaction can only read."""
    mended: list[Discrepancy] = []
    proposals: list[dict[str, t.Any]] = []
    left: list[dict[str, t.Any]] = []
    found_totals = Totals()
    truncated = False
    with transaction(
        server, password, read_only=check_mode, statement_timeout=order.statement_timeout, lock_timeout=order.lock_timeout
    ) as connection:
        row_change.take_lock(connection, order.incident)
        now = present_of(connection)
        seen = survey(connection, terms, now)
        refuse_empty_locations(seen.has_locations)
        locked = None if check_mode else _lock(connection, seen.suspicious) if seen.suspicious else set()
        for found in examine(connection, terms, now, seen.suspicious):
            found_totals.add(found)
            if order.writes(found):
                mended.append(found)
                continue
            kept, told = (proposals, proposal_of) if found.mend == PROPOSE else (left, Discrepancy.told)
            if len(kept) < order.limit:
                kept.append(told(found))
            else:
                truncated = True
        # A row that somebody made since the lock is for the next run.
        mended = [found for found in mended if locked is None or (found.payment_id or found.subscription_id) in locked]
        if mended:
            refuse_too_much(planned_of(mended, seen.subscriptions, terms.company_ids is not None), order.guards)
            _refuse_running_batch(connection, order.guards)
        changes = [change_of(found, order.incident) for found in mended]
        if changes and not check_mode:
            _write(connection, changes, order.incident)
    return {
        **described(terms, now, seen),
        "changed": bool(changes),
        "changes": [change.told() for change in changes[: order.limit]],
        "totals": Totals(mended).told(),
        "found": found_totals.told(),
        "proposals": proposals,
        "left": left,
        "truncated": truncated or len(changes) > order.limit,
        "diff": diff_of(changes, order.diff_limit),
    }
