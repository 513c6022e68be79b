# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding out what became of an intent without an outcome, whose run was killed or got no answer.

While it is young the same request is sent again under the same key, which charges once at most. Square publishes no time for which it
remembers keys, so an older one is only looked up. It is never charged under a new key before its own end is known.
"""

from __future__ import annotations

import math
import typing as t
from collections.abc import Sequence
from datetime import datetime, timedelta

from . import payment_intent
from .errors import IncidentError
from .payment_accounts import Account
from .payment_call import PROMPT
from .payment_charging import BUSY, LEFT, STOPPED, Done, Work, charge_intent, settled
from .payment_due import LIVE, Row
from .payment_gate import Stopped
from .payment_intent import DECLINED, SUCCEEDED, UNKNOWN, Intent
from .payment_settlement import Settled
from .square_account import SquareDown, SquareRefusal
from .square_codes import CHARGED, NEVER_ARRIVED, TAKEN
from .square_payments import Seen

# May the same still be charged: nobody has paid it by hand, ended the subscription, or changed amount or card since.
_STILL = """
SELECT p.status IN ('pending', 'failed') AND coalesce(p.square_payment_id, '') = '' AND p.amount * 100 = %(amount_cents)s
  AND s.status = ANY(%(live)s) AND s.autopay_enabled AND s.deleted_at IS NULL AND c.deleted_at IS NULL
  AND s.square_card_id = %(card_id)s AND s.square_customer_id = %(customer_id)s
  AND NOT EXISTS (SELECT FROM subscription_payments q WHERE q.subscription_id = s.id AND q.id <> p.id
    AND q.status IN ('succeeded', 'refunded')
    AND date_trunc('month', q.billing_period_start AT TIME ZONE 'UTC')::date = %(period)s)
FROM subscriptions s JOIN subscription_payments p ON p.subscription_id = s.id JOIN companies c ON c.id = s.company_id
WHERE p.id = %(payment_id)s FOR NO KEY UPDATE OF s, p
"""


class Patience(t.NamedTuple):
    """How long the same key may be sent again, and how late Square may show a payment, in seconds."""

    young: float
    lag: float


def looked_up(intent: Intent, payments: Sequence[Seen], is_late: bool) -> Settled | None:
    """What the payments that refer to an intent's row say of it; None where they say nothing.

    `is_late`: they were listed so long after the last request that it would be among them.
    """
    charged = [one for one in payments if one.status == CHARGED]
    if charged:
        return Settled(SUCCEEDED, None, charged[0].identity)
    if any(one.status in TAKEN for one in payments):
        return None
    own = [one for one in payments if one.note == payment_intent.note_of(intent.period, intent.attempt)]
    if own:
        return Settled(DECLINED, own[0].code or "GENERIC_DECLINE", own[0].identity)
    return Settled(DECLINED, NEVER_ARRIVED, None, "Square shows no such payment at any location") if is_late else None


def resolve_one(work: Work, row: Row, intent: Intent, patience: Patience) -> Done:
    """Find out what became of an intent, and settle it. Whatever can happen is told and not raised."""
    try:
        work.gate.begin()
        return _resolved(work, row, intent, patience)
    except Stopped as error:
        return Done(row, intent, Settled(UNKNOWN, intent.code), STOPPED, str(error))
    except SquareDown as error:
        work.gate.ended(False)
        return Done(row, intent, Settled(UNKNOWN, intent.code), LEFT, str(error))
    except SquareRefusal as error:
        work.gate.stop(f"{row.company}: {error}")
        return Done(row, intent, Settled(UNKNOWN, intent.code), STOPPED, str(error))
    except IncidentError as error:
        return Done(row, intent, Settled(UNKNOWN, intent.code), LEFT, str(error))
    except Exception:
        work.gate.stop("the run broke off")
        raise


def _resolved(work: Work, row: Row, intent: Intent, patience: Patience) -> Done:
    account = work.register.account(row.company_id)
    with work.sessions.borrowed() as session:
        now = payment_intent.locked_at(session.connection, intent.payment_id)
        if now is None:
            return Done(row, intent, Settled(UNKNOWN, intent.code), BUSY, "another run is at it")
        try:
            fresh = payment_intent.read(session.connection, intent.id)
            if fresh.state not in payment_intent.OPEN:
                # It is in the books of that run.
                return Done(row, None, None, BUSY, f"another run has settled it as {fresh.state}")
            found = _looked(account, fresh, now, math.inf)
            if found is None and now - fresh.at < timedelta(seconds=patience.young) and fresh.is_whole and _may_go_again(session, fresh):
                # Surer than what a list does not show: should Square be later than ever, the same key charges once all the same.
                found = charge_intent(work, session, account, fresh, lost=True)
            elif found is None:
                found = _looked(account, fresh, now, patience.lag)
            if found is None:
                found = Settled(UNKNOWN, fresh.code, None, _why_unknown(account, fresh))
            return settled(work, session, row, fresh, found)
        finally:
            session.finally_unlock(intent.payment_id)


def _looked(account: Account, intent: Intent, now: datetime, lag: float) -> Settled | None:
    """By its id where Square gave one, else by its reference over all locations and in the events, which show it after so many seconds."""
    if intent.square_payment_id:
        return looked_up(intent, [account.at_square.payment(intent.square_payment_id)], False)
    found = looked_up(intent, account.listing().referring(intent.payment_id), False)
    if found is not None:
        return found
    listing = account.listing_with_events()
    # The two clocks are compared by how long ago it is, at either.
    since = (now - intent.called_at).total_seconds() - PROMPT - listing.age()
    # That an account does not show what was asked of another one proves nothing.
    return looked_up(intent, listing.referring(intent.payment_id), since > lag and account.would_show(intent.location_id, intent.at))


def _why_unknown(account: Account, intent: Intent) -> str:
    if account.would_show(intent.location_id, intent.at):
        return "Square shows nothing of it yet; look again later"
    return (
        f"it was asked for at the location {intent.location_id} at {intent.at:%Y-%m-%d %H:%M} UTC, which the present account of the "
        "company does not show; look it up in the account that it had then"
    )


def _may_go_again(session: t.Any, intent: Intent) -> bool:
    """Whether the same may be charged still; then it is kept that Square is about to be called again."""
    with session.transaction() as cursor:
        cursor.execute(_STILL, {**intent._asdict(), "live": list(LIVE)})
        row = cursor.fetchone()
        if not row or not row[0]:
            return False
        payment_intent.touch(session.connection, intent.id)
        return True
