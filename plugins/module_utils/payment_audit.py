# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit of the payments: what failed, is stuck or unknown, who is past due and why, and where Square disagrees. Reads only."""

from __future__ import annotations

import typing as t
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from . import payment_due, payment_intent
from .billing_audit import present_of, refuse_unknown_companies
from .billing_terms import shown
from .errors import IncidentError
from .payment_accounts import PRODUCTION
from .payment_difference import AMOUNT, PAID_THERE, Entry
from .payment_due import LIVE, Row
from .payment_intent import Intent
from .payment_ledger import AtSquare, Subscriber, entries_of, look, subscribers_of
from .payment_options import PAYMENT_OPTIONS, Scope, scope_of
from .payment_report import Told, customer
from .payment_resolution import looked_up
from .payment_schedule import DUE, EXHAUSTED, MUST_ACT, PERSON, WAIT, Turn
from .square_codes import CHARGED

AUDIT_OPTIONS: dict[str, dict[str, t.Any]] = {
    **PAYMENT_OPTIONS,
    "since_days": {"type": "int", "default": 45},
    "ask_square": {"type": "bool", "default": True},
}
# At Square: what a subscription that is billed here may be, and what has ended.
_CHARGING, _CANCELED = ("ACTIVE", "PENDING"), "CANCELED"


class Seen(t.NamedTuple):
    """What the database says."""

    now: datetime
    rows: list[Row]
    turns: dict[str, Turn]
    intents: list[Intent]
    entries: list[Entry]
    subscribers: list[Subscriber]


def since_of(now: datetime, days: int) -> datetime:
    """Since when is looked at. Raises IncidentError for a time that Square does not show."""
    if not 1 <= days <= 364:
        raise IncidentError(f"since_days is {days}; write 1 to 364, since Square lists the payments of a year")
    return now - timedelta(days=days)


def seen_of(scope: Scope, days: int) -> Seen:
    """One look at the database."""
    with scope.books.reading() as connection:
        refuse_unknown_companies(connection, scope.company_ids)
        now = present_of(connection)
        since = since_of(now, days)
        rows = payment_due.rows_of(connection, scope.company_ids, now)
        turns = {row.payment_id: payment_due.judged(row, scope.rules, now) for row in rows}
        intents = payment_intent.open_intents(connection, scope.company_ids)
        return Seen(
            now, rows, turns, intents, entries_of(connection, scope.company_ids, since), subscribers_of(connection, scope.company_ids)
        )


def _payments(seen: Seen, scope: Scope, cards_gone: set[str], paid_there: set[str]) -> dict[str, list[Told]]:
    """The payments that are not paid, by what is wrong with them. Nobody is asked to pay what is, or may be, paid."""
    lists: dict[str, list[Told]] = {name: [] for name in ("failed_payments", "stuck", "customers")}
    for row in seen.rows:
        turn = seen.turns[row.payment_id]
        told = {
            **row.told(scope.currency),
            "status": row.status,
            "verdict": turn.verdict,
            "reason": turn.reason,
            "since": (row.updated_at if row.status == "failed" else row.created_at).isoformat(),
            "card_gone": row.subscription_id in cards_gone,
        }
        if row.status == "failed":
            lists["failed_payments"].append(told)
        elif seen.now - row.created_at >= timedelta(hours=scope.rules.pending_hours) and row.has_autopay:
            lists["stuck"].append(told)
        if row.payment_id in paid_there:
            continue
        if turn.verdict in (MUST_ACT, EXHAUSTED):
            lists["customers"].append(customer(told, turn.reason, scope.page))
        elif turn.verdict in (DUE, WAIT) and told["card_gone"]:
            lists["customers"].append(customer(told, "the stored card is gone at Square", scope.page))
    return lists


def _at_square(intent: Intent, square: AtSquare) -> str | None:
    """What Square's list says of an intent: `charged`, `refused`, `absent`, which a young list is no proof of; None where none was got."""
    listing = square.listings.get(intent.company_id)
    if listing is None:
        return None
    outcome = looked_up(intent, listing.referring(intent.payment_id), False)
    return "absent" if outcome is None else "charged" if outcome.state == payment_intent.SUCCEEDED else "refused"


def _unknown(seen: Seen, square: AtSquare) -> list[Told]:
    names = {one.company_id: one.company for one in seen.subscribers}
    return [
        {
            "company_id": one.company_id,
            "company": names.get(one.company_id, ""),
            "subscription_id": one.subscription_id,
            "payment_id": one.payment_id,
            "period": f"{one.period:%Y-%m}",
            "amount": shown(one.amount_cents),
            "currency": one.currency,
            "state": one.state,
            "code": one.code,
            "attempt": one.attempt,
            "since": one.at.isoformat(),
            "incident": one.incident,
            "at_square": _at_square(one, square),
        }
        for one in seen.intents
    ]


def _paid_there(square: AtSquare) -> set[str]:
    """The payments that are paid at Square and not here."""
    return {one.entry.payment_id for one in square.differences if one.kind in (PAID_THERE, AMOUNT) and one.entry and one.entry.is_unpaid}


def _past_due(seen: Seen, square: AtSquare) -> list[Told]:
    """The subscriptions that are past due, and why."""
    owed: dict[str, list[Row]] = {}
    for row in seen.rows:
        if not row.paid_rows:
            owed.setdefault(row.subscription_id, []).append(row)
    paid_there = {one.entry.payment_id for one in square.differences if one.kind == PAID_THERE and one.entry}
    opened = {one.subscription_id for one in seen.intents}
    found = []
    for one in seen.subscribers:
        if one.status != "past_due" or one.is_deleted:
            continue
        rows = owed.get(one.subscription_id, [])
        left = [row for row in rows if row.payment_id not in paid_there]
        if not rows:
            why, stuck = "nothing is owed; its status was left behind", True
        elif not left:
            why, stuck = "what is owed here is paid at Square; reconcile it", True
        else:
            why = "; ".join(f"{row.period:%Y-%m} {row.status} ({row.failure or 'no reason'})" for row in left[:5])
            stuck = False
        found.append(
            {
                "company_id": one.company_id,
                "company": one.company,
                "subscription_id": one.subscription_id,
                "owed": shown(sum(row.cents for row in left)),
                "currency": "",
                "stuck": stuck,
                "paid_there": bool(rows) and not left,
                "open": one.subscription_id in opened,
                "why": why,
            }
        )
    return found


def _cards_gone(seen: Seen, square: AtSquare) -> list[Told]:
    """Subscriptions that are charged and whose card is not usable any more."""
    return [
        {
            "company_id": one.company_id,
            "company": one.company,
            "subscription_id": one.subscription_id,
            "card_id": one.card,
            "reason": "Square has disabled the card" if one.card in square.cards else "Square has no such card",
        }
        for one in seen.subscribers
        if one.company_id in square.asked
        and one.has_autopay
        and one.card
        and one.status in LIVE
        and not one.is_deleted
        and not square.cards.get(one.card, False)
    ]


def status_differences(subscribers: Sequence[Subscriber], statuses: Mapping[str, str]) -> list[Told]:
    """Subscriptions that Square has in another state. `mend` is `record` where the database is to follow."""
    found = []
    for one in subscribers:
        there = statuses.get(one.subscription_id)
        if there is None:
            continue
        is_live = one.status in LIVE and not one.is_deleted
        if is_live and there == _CANCELED:
            mend, reason = "record", f"it is {one.status} here, and canceled at Square"
        elif is_live and there not in _CHARGING:
            mend, reason = "person", f"it is {one.status} here, and {there} at Square, which charges nothing for it"
        elif not is_live and there in _CHARGING:
            what = "deleted" if one.is_deleted else one.status
            mend, reason = "person", f"it is {what} here, and Square goes on charging for it; cancel it in Square's dashboard"
        else:
            continue
        found.append(
            {
                "company_id": one.company_id,
                "company": one.company,
                "subscription_id": one.subscription_id,
                "square_subscription_id": one.square_subscription_id,
                "status": one.status,
                "square_status": there,
                "mend": mend,
                "reason": reason,
            }
        )
    return found


def _missed(seen: Seen, square: AtSquare) -> Told:
    """What webhooks would have told and the database does not know: events and payments since the last that it has."""
    recorded = {entry.square_payment_id for entry in seen.entries if entry.square_payment_id and entry.status != "pending"}
    missed = [one for one in square.events.values() if one.payment.status == CHARGED and one.payment.identity not in recorded]
    # Each payment is created and updated: one of its events is enough to have missed it.
    payments = {one.payment.identity: one for one in sorted(missed, key=lambda one: (one.payment.updated_at, one.identity))}
    times = sorted(one.at for one in payments.values())
    without_event = [one for one in square.differences if one.kind == PAID_THERE and one.payment and one.payment.identity not in payments]
    return {
        "events": len(missed),
        "payments": len(payments) + len(without_event),
        "first_at": times[0].isoformat() if times else None,
        "last_at": times[-1].isoformat() if times else None,
        "event_ids": sorted(one.identity for one in missed)[:100],
    }


def audit(scope: Scope, days: int, ask_square: bool) -> dict[str, t.Any]:
    """What payment_audit_info returns."""
    seen = seen_of(scope, days)
    square = AtSquare(unknown={"square": "it was not asked"})
    if ask_square:
        square = look(scope, seen.entries, seen.subscribers, seen.now, since_of(seen.now, days), with_cards=True)
    cards_gone = _cards_gone(seen, square)
    lists: dict[str, list[Told]] = _payments(seen, scope, {one["subscription_id"] for one in cards_gone}, _paid_there(square))
    lists["unknown_payments"] = _unknown(seen, square)
    lists["past_due"] = [{**one, "currency": scope.currency} for one in _past_due(seen, square)]
    lists["cards_gone"] = cards_gone
    opened = {one.payment_id for one in seen.intents}
    lists["differences"] = [{**one.told(), "open": bool(one.entry and one.entry.payment_id in opened)} for one in square.differences]
    lists["statuses"] = status_differences(seen.subscribers, square.statuses)
    lists["sandbox_payments"] = _sandbox_payments(seen, scope)
    names = {one.company_id: one.company for one in seen.subscribers}
    lists["unreadable"] = [{"company_id": one, "company": names.get(one, ""), "reason": why} for one, why in square.unreadable.items()]
    lists["refused"] = [
        {"company_id": one, "company": names.get(one, ""), "status": status, "code": code, "reason": square.unreadable[one]}
        for one, (status, code) in square.refused.items()
    ]
    return {
        "changed": False,
        "as_of": seen.now.isoformat(),
        "since": since_of(seen.now, days).isoformat(),
        "asked": len(square.asked),
        **{name: entries[: scope.limit] for name, entries in lists.items()},
        "counts": {name: len(entries) for name, entries in lists.items()},
        "verdicts": dict(sorted(Counter(turn.verdict for turn in seen.turns.values()).items())),
        "persons": sum(turn.verdict == PERSON for turn in seen.turns.values()),
        "webhooks_missed": _missed(seen, square),
        "outage": square.outage and {"status": square.outage[0], "code": square.outage[1], "reason": square.unknown["square"]},
        "unknown": square.unknown,
        "truncated": any(len(entries) > scope.limit for entries in lists.values()),
    }


def _sandbox_payments(seen: Seen, scope: Scope) -> list[Told]:
    """In production: what is paid according to the database by companies in test mode, for which no money came."""
    if scope.environment != PRODUCTION:
        return []
    testing = {one.company_id for one in seen.subscribers if one.test_mode}
    return [
        {
            "company_id": one.company_id,
            "company": one.company,
            "payment_id": one.payment_id,
            "period": f"{one.period:%Y-%m}",
            "amount": shown(one.cents),
            "square_payment_id": one.square_payment_id,
            "reason": "it was paid in Square's sandbox, where no money moves",
        }
        for one in seen.entries
        if one.company_id in testing and one.status == "succeeded"
    ]


def audit_as(options: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """What the module returns for its options. Raises IncidentError for what the caller has to put right."""
    return audit(scope_of(options), options["since_days"], options["ask_square"])
