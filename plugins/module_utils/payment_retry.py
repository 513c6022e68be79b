# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run over the payments that are due: what is open is resolved first, then what may be charged is charged, each period once."""

from __future__ import annotations

import typing as t
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from . import payment_due, payment_intent, payment_report
from .billing_audit import present_of, refuse_unknown_companies
from .billing_terms import shown
from .errors import IncidentError
from .payment_accounts import Account, Firm, Register, refuse_wrong_mode
from .payment_books import Sessions
from .payment_charging import CARD_GONE, LEFT, NO_CARD, PAID_THERE, STOPPED, Done, Work, charge_one, found_at_square, recorded_of
from .payment_due import Row
from .payment_gate import Gate, Stopped
from .payment_intent import Intent
from .payment_options import Pace, Scope
from .payment_resolution import resolve_one
from .payment_schedule import DUE, Turn
from .square_account import SquareDown, SquareRefusal
from .square_credentials import KEY_VARIABLE, StoredCredentials
from .square_payments import CARDS_PAGE, PaymentAccounts

# A payment may be made before its period begins, by a billing day of the month before.
_BEFORE_PERIOD = timedelta(days=1)


@dataclass
class Plan:
    """What a run is about to do."""

    now: datetime
    due: list[Row]
    open: list[tuple[Row, Intent]]
    left: list[tuple[Row, Turn]]

    @property
    def rows(self) -> list[Row]:
        return [*self.due, *(row for row, _intent in self.open)]


def firm_of(row: Row) -> Firm:
    """Whose account a payment goes to."""
    return Firm(row.company_id, row.company, row.stored_token, row.stored_location, row.test_mode)


def planned(scope: Scope) -> Plan:
    """What the database says is to be done."""
    with scope.books.reading() as connection:
        refuse_unknown_companies(connection, scope.company_ids)
        now = present_of(connection)
        intents = {one.payment_id: one for one in payment_intent.open_intents(connection, scope.company_ids)}
        rows = payment_due.rows_of(connection, scope.company_ids, now, also=list(intents))
    plan = Plan(now, [], [], [])
    for row in rows:
        if row.payment_id in intents:
            plan.open.append((row, intents[row.payment_id]))
            continue
        turn = payment_due.judged(row, scope.rules, now)
        if turn.verdict == DUE:
            plan.due.append(row)
        else:
            plan.left.append((row, turn))
    return plan


def refuse_too_much(plan: Plan, pace: Pace) -> None:
    """The guards. Nothing was charged yet."""
    look = "look at the list in check mode, then name single companies or raise the guard"
    if len(plan.due) > pace.max_payments:
        raise IncidentError(
            f"the guard max_payments ({pace.max_payments}) stopped the run: {len(plan.due)} payments are due; nothing was charged; {look}"
        )
    total = sum(row.cents for row in plan.due)
    if total > pace.max_total_cents:
        raise IncidentError(
            f"the guard max_total ({shown(pace.max_total_cents)}) stopped the run: {shown(total)} is due; nothing was charged; {look}"
        )


def retry(scope: Scope, pace: Pace, incident: str, check_mode: bool) -> dict[str, t.Any]:
    """Charge what is due, and return what the module does. In check mode nothing is written, here or at Square."""
    plan = planned(scope)
    refuse_too_much(plan, pace)
    if not plan.rows:
        return payment_report.retried(scope, plan, [], [], None, check_mode)
    refuse_wrong_mode([firm_of(row) for row in plan.rows], scope.setting, scope.environment)
    with ExitStack() as stack:
        gate = Gate(pace.max_in_flight, pace.max_per_second, pace.breaker_after)
        register = _register(scope, plan, stack, pace.max_in_flight, gate)
        without = register.enrol([firm_of(row) for row in plan.rows])
        plan.left += [(row, Turn(payment_due.INCOMPLETE, without[row.company_id])) for row in plan.rows if row.company_id in without]
        plan.due = [row for row in plan.due if row.company_id not in without]
        plan.open = [(row, one) for row, one in plan.open if row.company_id not in without]
        _refuse_places(register, plan, scope, gate, pace.max_in_flight)
        sessions = Sessions(scope.books, stack)
        work = Work(incident, scope.currency, scope.rules, register, sessions, gate, pace.tries, pace.first_wait)
        if check_mode:
            return payment_report.retried(scope, plan, *_foreseen(work, plan), gate, check_mode)
        with scope.books.writing(incident) as connection:
            payment_intent.make_table(connection)
        with ThreadPoolExecutor(max_workers=gate.hands) as threads:
            # What is open decides which periods may be charged at all.
            resolved = list(threads.map(lambda one: resolve_one(work, one[0], one[1], pace.patience), plan.open))
            done = _charge_all(work, plan.due, threads)
    return payment_report.retried(scope, plan, resolved, done, gate, check_mode)


def _charge_all(work: Work, due: Sequence[Row], threads: ThreadPoolExecutor) -> list[Done]:
    """The payments of one card go one after the other, the older months first: what becomes of one decides whether the next is tried.

    Where the cards of an account are listed, each is charged as soon as Square has shown it.
    """
    groups = _by_card(due)
    begun: dict[str, Future[list[Done]]] = {}

    def begin(card: str) -> None:
        begun[card] = threads.submit(lambda: [charge_one(work, row) for row in groups[card]])

    def list_and_begin(account: Account, cards: set[str]) -> None:
        with suppress(SquareDown, SquareRefusal, Stopped):  # a charge that finds its card not listed asks for it, and tells
            for card in account.list_cards():
                if card in cards:
                    cards.remove(card)
                    begin(card)
        for card in cards:
            begin(card)

    wanted = _cards_to_list(work, due)
    listed = {card for _account, cards in wanted for card in cards}
    lists = [threads.submit(list_and_begin, account, cards) for account, cards in wanted]
    for card in groups:
        if card not in listed:
            begin(card)
    for one in lists:
        one.result()
    return [done for card in groups for done in begun[card].result()]


def _by_card(rows: Sequence[Row]) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: row.begins_at):
        groups.setdefault(row.card or row.payment_id, []).append(row)
    return groups


def _cards_to_list(work: Work, due: Sequence[Row]) -> list[tuple[Account, set[str]]]:
    """The accounts of which so many cards are wanted that their list is sooner there than each by itself, with these cards."""
    account_of = {row.card: work.register.account(row.company_id) for row in due if row.card}
    wanted: dict[int, tuple[Account, set[str]]] = {}
    for card, account in account_of.items():
        wanted.setdefault(id(account), (account, set()))[1].add(card)
    return [(account, cards) for account, cards in wanted.values() if len(cards) > CARDS_PAGE]


def _register(scope: Scope, plan: Plan, stack: ExitStack, connections: int, gate: Gate) -> Register:
    # What refers to a row is younger than it, and may be older than its period, as that of a month that is billed ahead.
    moments = [moment for row in plan.rows for moment in (row.begins_at, row.created_at)] + [one.at for _row, one in plan.open]
    begin = min(moments) - _BEFORE_PERIOD
    # Square shows a year.
    begin = max(begin, plan.now - timedelta(days=364))
    credentials = StoredCredentials(scope.books.variables.get(KEY_VARIABLE, ""))
    return Register(PaymentAccounts(stack, connections, gate.limited, gate.calling), credentials, scope.setting, begin)


def _refuse_places(register: Register, plan: Plan, scope: Scope, gate: Gate, in_flight: int) -> None:
    """Each account takes the currency, and lets itself be asked, before the first charge."""
    firms = {row.company_id: row for row in plan.due}

    def look(row: Row) -> str:
        try:
            register.place_of(row.company_id, scope.currency)
        except (SquareDown, SquareRefusal) as error:
            gate.stop(f"{row.company}: {error}", isinstance(error, SquareDown))
        except IncidentError as error:
            return f"{row.company}: {error}; nothing was charged"
        except Stopped:
            # Another account has stopped the run already.
            return ""
        return ""

    with ThreadPoolExecutor(max_workers=in_flight) as threads:
        for refused in threads.map(look, firms.values()):
            if refused:
                raise IncidentError(refused)


def _foreseen(work: Work, plan: Plan) -> tuple[list[Done], list[Done]]:
    """What a run would do, as far as reading tells."""
    opened = [Done(row, intent, None) for row, intent in plan.open]
    done: list[Done] = []
    for account, _cards in _cards_to_list(work, plan.due):
        with suppress(SquareDown, SquareRefusal, Stopped):  # as for a charge
            deque(account.list_cards(), maxlen=0)
    for row in plan.due:
        if work.gate.reason is not None:
            done.append(Done(row, None, None, STOPPED, work.gate.reason))
            continue
        try:
            account = work.register.account(row.company_id)
            there, has_card = found_at_square(account, row), account.has_card(row.card)
        except (SquareDown, SquareRefusal, Stopped) as error:
            done.append(Done(row, None, None, LEFT, str(error)))
            continue
        if not there and not has_card:
            done.append(Done(row, None, None, CARD_GONE, NO_CARD))
            continue
        done.append(_foreseen_one(work, row, [one.identity for one in there]))
    return opened, done


def _foreseen_one(work: Work, row: Row, there: Sequence[str]) -> Done:
    with work.sessions.borrowed() as session, session.transaction():
        recorded = recorded_of(session.connection, there)
    open_ones = [one for one in there if one not in recorded]
    if open_ones:
        return Done(row, None, None, PAID_THERE, f"it is paid at Square by {open_ones[0]} already; reconcile it")
    return Done(row, None, None)
