# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bringing the database in line with what Square says happened. No money moves; every row that is changed keeps its image for the undo."""

from __future__ import annotations

import json
import typing as t
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from . import payment_intent, payment_settlement, row_change
from .billing_terms import cents, shown
from .errors import IncidentError
from .payment_accounts import Listing
from .payment_audit import Seen, seen_of, since_of, status_differences
from .payment_difference import PAID_THERE, RECORD, REFUND, Difference
from .payment_intent import DECLINED, SUCCEEDED, Intent
from .payment_ledger import AtSquare, Subscriber, look
from .payment_options import Scope
from .payment_report import Told
from .payment_resolution import looked_up
from .payment_settlement import OWED, Settled
from .payment_statement import Once

_CREATE = """
CREATE TABLE IF NOT EXISTS circuit_sage_ops.square_event (
  event_id text PRIMARY KEY,
  payment_id text NOT NULL,
  at timestamptz NOT NULL,
  incident text NOT NULL,
  taken_at timestamptz NOT NULL DEFAULT now()
);
"""
_TAKE = """
INSERT INTO circuit_sage_ops.square_event (event_id, payment_id, at, incident)
SELECT e.event_id, e.payment_id, e.at, %(incident)s
FROM jsonb_to_recordset(%(rows)s::jsonb) AS e (event_id text, payment_id text, at timestamptz)
ON CONFLICT DO NOTHING
"""
_PAID = """
UPDATE subscription_payments t SET status = 'succeeded', square_payment_id = r.square, amount = coalesce(r.cents / 100.0, t.amount),
  failure_reason = NULL, updated_at = now()
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (id uuid, square text, cents bigint), subscription_payments old
WHERE t.id = r.id AND old.id = t.id AND t.status IN ('pending', 'failed')
  AND NOT EXISTS (SELECT FROM subscription_payments q WHERE q.square_payment_id = r.square AND q.id <> t.id)
RETURNING t.id, to_jsonb(old) AS before, to_jsonb(t) AS after
"""
_ENDED = """
UPDATE subscriptions t SET status = 'canceled', updated_at = now()
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (id uuid, status text), subscriptions old
WHERE t.id = r.id AND old.id = t.id AND t.status = r.status RETURNING t.id, to_jsonb(old) AS before, to_jsonb(t) AS after
"""
_ACTIVE = f"""
UPDATE subscriptions t SET status = 'active', updated_at = now()
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (id uuid), subscriptions old
WHERE t.id = r.id AND old.id = t.id AND t.status = 'past_due'
AND NOT EXISTS ({OWED.format(subscription="t.id", payment="'00000000-0000-0000-0000-000000000000'").replace("%", "%%")})
RETURNING t.id, to_jsonb(old) AS before, to_jsonb(t) AS after
"""  # noqa: S608 # text from above


@dataclass(frozen=True)
class Run:
    """For which incident, since when is looked at, and how much the diff shows."""

    incident: str
    since_days: int
    diff_limit: int


class Change(t.NamedTuple):
    """One row that is brought in line."""

    kind: str
    company_id: str
    company: str
    table: str
    row: str
    before: dict[str, str | None]
    after: dict[str, str | None]
    reason: str

    def told(self) -> Told:
        """The change as the module returns it."""
        return dict(self._asdict())


def _changes(seen: Seen, square: AtSquare, settled: Mapping[str, Settled]) -> list[Change]:
    """What is to be written, payments before subscriptions."""
    changes: list[Change] = []
    paid: set[str] = {one for one, outcome in settled.items() if outcome.state == SUCCEEDED}
    used: set[str] = set()
    for one in square.differences:
        if one.kind != PAID_THERE or one.entry is None or one.payment is None or one.entry.payment_id in settled:
            continue
        if one.payment.identity in used:
            continue
        used.add(one.payment.identity)
        entry, payment = one.entry, one.payment
        before = {"status": entry.status, "square_payment_id": entry.square_payment_id, "failure_reason": entry.failure}
        after: dict[str, str | None] = {"status": "succeeded", "square_payment_id": payment.identity, "failure_reason": None}
        if payment.cents != entry.cents:
            before["amount"], after["amount"] = shown(entry.cents), shown(payment.cents)
        table = "subscription_payments"
        changes.append(Change("payment_recorded", entry.company_id, entry.company, table, entry.payment_id, before, after, one.reason))
        paid.add(entry.payment_id)
    for told in status_differences(seen.subscribers, square.statuses):
        if told["mend"] == RECORD:
            changes.append(_of_subscription("subscription_canceled", told, told["status"], "canceled", told["reason"]))
    ended = {change.row for change in changes if change.table == "subscriptions"}
    owing = {row.subscription_id for row in seen.rows if not row.paid_rows and row.payment_id not in paid}
    for one_due in seen.subscribers:
        if one_due.status != "past_due" or one_due.is_deleted or one_due.subscription_id in owing | ended:
            continue
        if not _settles(seen, one_due, settled):
            reason = "nothing is owed any more"
            changes.append(_of_subscription("subscription_active", one_due._asdict(), "past_due", "active", reason))
    return changes


def _of_subscription(kind: str, whose: Mapping[str, t.Any], before: str, after: str, reason: str) -> Change:
    row = whose["company_id"], whose["company"], "subscriptions", whose["subscription_id"]
    return Change(kind, *row, {"status": before}, {"status": after}, reason)


def _settles(seen: Seen, subscriber: Subscriber, settled: Mapping[str, Settled]) -> bool:
    """Whether the settlement of an intent makes it active, which is no change to be taken back."""
    return any(
        one.subscription_id == subscriber.subscription_id and settled.get(one.payment_id, Settled("")).state == SUCCEEDED
        for one in seen.intents
    )


def _settlements(seen: Seen, square: AtSquare) -> dict[str, Settled]:
    """The open intents that Square's payments answer, by the id of their row."""
    found: dict[str, Settled] = {}
    for intent in seen.intents:
        listing: Listing | None = square.listings.get(intent.company_id)
        if listing is None:
            continue
        outcome = looked_up(intent, listing.referring(intent.payment_id), False)
        if outcome is not None and outcome.state in (SUCCEEDED, DECLINED):
            found[intent.payment_id] = outcome
    return found


def _write(scope: Scope, run: Run, changes: Sequence[Change], seen: Seen, square: AtSquare, settled: Mapping[str, Settled]) -> int:
    """One transaction. Gives how many events are new."""
    with scope.books.writing(run.incident) as connection:
        row_change.make_table(connection)
        payment_intent.make_table(connection)
        ids: dict[str, list[str]] = {"subscriptions": [], "subscription_payments": []}
        for change in changes:
            ids[change.table].append(change.row)
        row_change.lock_rows(connection, ids)
        for intent in seen.intents:
            if intent.payment_id in settled:
                payment_settlement.settle(Once(connection), intent, settled[intent.payment_id])
        with connection.cursor() as cursor:
            cursor.execute(_CREATE)
            rows = [
                {"event_id": one.identity, "payment_id": one.payment.identity, "at": one.at.isoformat()} for one in square.events.values()
            ]
            cursor.execute(_TAKE, {"rows": json.dumps(rows), "incident": run.incident})
            new = int(cursor.rowcount)
            for statement, table, kind in (
                (_PAID, "subscription_payments", "payment_recorded"),
                (_ENDED, "subscriptions", "subscription_canceled"),
                (_ACTIVE, "subscriptions", "subscription_active"),
            ):
                given = [_row(change) for change in changes if change.kind == kind]
                if given:
                    values = {"rows": json.dumps(given), "incident": run.incident}
                    cursor.execute(row_change.recorded(statement, table, "update"), values)
                    if cursor.rowcount < len(given):
                        raise IncidentError("somebody has changed the same rows meanwhile; run again; nothing was written")
    return new


def _row(change: Change) -> dict[str, t.Any]:
    amount = change.after.get("amount")
    return {
        "id": change.row,
        "status": change.before["status"],
        "square": change.after.get("square_payment_id"),
        "cents": None if amount is None else cents(Decimal(amount)),
    }


def _diff(changes: Sequence[Change], limit: int) -> dict[str, str]:
    """Before and after, a line for each column."""

    def lines(side: t.Callable[[Change], Mapping[str, str | None]]) -> str:
        told = [
            f"{change.company}: {change.table} {change.row}: {column} {'none' if value is None else value}\n"
            for change in changes[:limit]
            for column, value in side(change).items()
        ]
        return "".join(told) + (f"... and {len(changes) - limit} more changes\n" if len(changes) > limit else "")

    return {"before": lines(lambda change: change.before), "after": lines(lambda change: change.after)}


def reconcile(scope: Scope, run: Run, check_mode: bool) -> dict[str, t.Any]:
    """Bring it in line, and return what the module does. Raises IncidentError where Square cannot be asked: then nothing was written."""
    seen = seen_of(scope, run.since_days)
    square = look(scope, seen.entries, seen.subscribers, seen.now, since_of(seen.now, run.since_days), with_cards=False)
    if "square" in square.unknown:
        raise IncidentError(f"{square.unknown['square']}; nothing was written")
    settled = _settlements(seen, square)
    changes = _changes(seen, square, settled)
    new = 0
    if (changes or settled) and not check_mode:
        new = _write(scope, run, changes, seen, square, settled)
    left = [one for one in square.differences if one.mend != RECORD]
    statuses = [one for one in status_differences(seen.subscribers, square.statuses) if one["mend"] != RECORD]
    intents = [_told_intent(one, settled[one.payment_id]) for one in seen.intents if one.payment_id in settled]
    names = {one.company_id: one.company for one in seen.subscribers}
    return {
        "changed": bool(changes or settled),
        "changes": [one.told() for one in changes[: scope.limit]],
        "settled": intents[: scope.limit],
        "proposals": [_refund(one) for one in left if one.mend == REFUND][: scope.limit],
        "left": [one.told() for one in left][: scope.limit],
        "left_statuses": statuses[: scope.limit],
        "unreadable": [
            {"company_id": one, "company": names.get(one, ""), "reason": why} for one, why in list(square.unreadable.items())[: scope.limit]
        ],
        "counts": {"changes": len(changes), "settled": len(intents), "left": len(left), "left_statuses": len(statuses)},
        "events": {"seen": len(square.events), "new": new},
        "unknown": square.unknown,
        "truncated": max(len(changes), len(left), len(intents), len(statuses)) > scope.limit,
        "diff": _diff(changes, run.diff_limit),
    }


def _told_intent(intent: Intent, outcome: Settled) -> Told:
    return {
        "company_id": intent.company_id,
        "payment_id": intent.payment_id,
        "period": f"{intent.period:%Y-%m}",
        "attempt": intent.attempt,
        "amount": shown(intent.amount_cents),
        "currency": intent.currency,
        "state": outcome.state,
        "code": outcome.code,
        "square_payment_id": outcome.square_id,
    }


def _refund(one: Difference) -> Told:
    """What a person is asked to approve."""
    return {**one.told(), "kind": "refund", "approval": "required"}
