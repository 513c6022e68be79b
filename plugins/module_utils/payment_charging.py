# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Charging one payment: look again under lock, commit the intent, call Square, settle."""

from __future__ import annotations

import typing as t
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from . import payment_due, payment_intent, payment_settlement
from .errors import IncidentError
from .payment_accounts import Account, Register
from .payment_books import Session, Sessions
from .payment_call import charge
from .payment_due import Row, Rules
from .payment_gate import Gate, Stopped
from .payment_intent import Intent, Wish
from .payment_schedule import DUE
from .payment_settlement import Settled
from .square_account import SquareDown, SquareRefusal
from .square_codes import STOPPING, class_of
from .square_payments import Seen

# Why a payment was left that was to be charged.
LEFT, STOPPED, PAID_THERE, BUSY, CARD_GONE = "left", "stopped", "paid_at_square", "busy", "card_gone"
NO_CARD = "its card is gone at Square; the customer must give another one"

_RECORDED = "SELECT square_payment_id FROM subscription_payments WHERE square_payment_id = ANY(%s)"


class Done(t.NamedTuple):
    """What became of one payment: its intent and outcome, or why there is none (`left`: a reason of this module or a verdict)."""

    row: Row
    intent: Intent | None
    outcome: Settled | None
    left: str = ""
    reason: str = ""
    became_active: bool = False


@dataclass(frozen=True)
class Work:
    """What the charging of all payments shares."""

    incident: str
    currency: str
    rules: Rules
    register: Register
    sessions: Sessions
    gate: Gate
    tries: int
    first_wait: float


def charge_one(work: Work, row: Row) -> Done:
    """Charge a payment that is due. Whatever can happen is told and not raised."""
    made: list[Intent] = []
    try:
        work.gate.begin()
        return _charged(work, row, made)
    except Stopped as error:
        return Done(row, made[0] if made else None, None, STOPPED, str(error))
    except SquareDown as error:
        work.gate.ended(False)
        return Done(row, None, None, LEFT, str(error))
    except SquareRefusal as error:
        # Asked for what every token may read: the account itself is not in order.
        work.gate.stop(f"{row.company}: {error}")
        return Done(row, None, None, STOPPED, str(error))
    except IncidentError as error:
        if made:
            # Square may have been asked for it already.
            return Done(row, made[0], Settled(payment_intent.UNKNOWN, None, None, str(error)))
        return Done(row, None, None, LEFT, str(error))
    except Exception:
        # What nobody thought of must not go on for all the others.
        work.gate.stop("the run broke off")
        raise


def _charged(work: Work, row: Row, made: list[Intent]) -> Done:
    account = work.register.account(row.company_id)
    place = work.register.place_of(row.company_id, work.currency)
    there = found_at_square(account, row)
    if not there and not account.has_card(row.card):
        return Done(row, None, None, CARD_GONE, NO_CARD)
    with work.sessions.borrowed() as session:
        now = payment_intent.locked_at(session.connection, row.payment_id)
        if now is None:
            return Done(row, None, None, BUSY, "another run is charging it")
        try:
            intent = _intended(work, session, row, place.identity, there, now)
            if isinstance(intent, Done):
                return intent
            made.append(intent)
            return settled(work, session, row, intent, charge_intent(work, session, account, intent, lost=False))
        finally:
            session.finally_unlock(row.payment_id)


def found_at_square(account: Account, row: Row) -> list[Seen]:
    """What an account shows as taken for a payment already."""
    listing = account.listing()
    found = listing.taken_for(row.payment_id)
    if row.square_subscription_id:
        found += listing.by_square_itself(row.customer, row.begins_at, row.ends_at)
    return found


def recorded_of(connection: t.Any, identities: Sequence[str]) -> set[str]:
    """Those of Square's payments that rows are settled with already."""
    with connection.cursor() as cursor:
        cursor.execute(_RECORDED, (list(identities),))
        return {identity for (identity,) in cursor}


def _intended(work: Work, session: Session, row: Row, place: str, there: list[Seen], now: datetime) -> Intent | Done:
    """Look again while nobody can change the rows, and commit what is about to be charged."""
    with session.begun():
        fresh = payment_due.locked_row(session, row.payment_id, row.subscription_id, now)
        if fresh is None:
            return Done(row, None, None, payment_due.PAID, "it was settled meanwhile")
        turn = payment_due.judged(fresh, work.rules, now)
        if turn.verdict != DUE:
            return Done(fresh, None, None, turn.verdict, turn.reason)
        if (fresh.cents, fresh.stored_token, fresh.card) != (row.cents, row.stored_token, row.card):
            return Done(fresh, None, None, LEFT, "its amount, its account or its card has changed meanwhile; run again")
        if there:
            recorded = recorded_of(session.connection, [one.identity for one in there])
            for one in there:
                if one.identity not in recorded:
                    return Done(fresh, None, None, PAID_THERE, f"it is paid at Square by {one.identity} already; reconcile it")
        wish = Wish(
            work.incident,
            fresh.subscription_id,
            fresh.payment_id,
            fresh.period,
            fresh.attempt,
            fresh.cents,
            work.currency,
            fresh.card or "",
            fresh.customer or "",
            place,
        )
        intent = payment_intent.intend(session, wish)
    if intent is None:
        return Done(fresh, None, None, BUSY, "another run has an intent for its period")
    return intent


def charge_intent(work: Work, session: Session, account: Account, intent: Intent, lost: bool) -> Settled:
    """Call Square for an intent that is committed, and tell the gate what came of it."""
    request = intent.request()

    def again() -> None:
        payment_intent.touch(session.connection, intent.id)

    outcome = charge(lambda: account.at_square.charge(request), work.gate, work.tries, lost, again, first_wait=work.first_wait)
    answered = outcome.state != payment_intent.UNKNOWN or outcome.square_id is not None
    work.gate.ended(answered or class_of(outcome.code) in STOPPING)
    return outcome


def settled(work: Work, session: Session, row: Row, intent: Intent, outcome: Settled) -> Done:
    """Write down what came of it, and stop the run where that is no matter of this customer."""
    became_active = session.surely(lambda same: payment_settlement.settle(same, intent, outcome))
    if class_of(outcome.code) in STOPPING and outcome.state != payment_intent.SUCCEEDED:
        what = outcome.detail or "refused"
        work.gate.stop(f"Square refuses the charge for {row.company} with {outcome.code} ({what}), which is no matter of the customer")
    return Done(row, intent, outcome, became_active=became_active)
