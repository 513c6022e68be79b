# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Setting prices at Square to the stored amounts, each under the version that was read and with its images.

Square is no part of the database's transaction. So what is about to be set is committed first, then Square is called, then it is settled. A
run that is killed in between leaves an entry from which the undo finds out, by asking Square, whether the price was set.
"""

from __future__ import annotations

import typing as t
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass

from . import row_change, square_price
from .billing_database import transaction
from .billing_discrepancy import APPROVE
from .billing_guards import Guards, planned_of, refuse_too_much
from .billing_terms import Terms, shown
from .errors import IncidentError
from .password_login import Server
from .square_account import Accounts, AtSquare, SquareAccount, SquareDown, SquareRefusal, SquareUnclear, base_url_of
from .square_comparison import Comparison, Difference, look
from .square_credentials import KEY_VARIABLE, StoredCredentials

_PLAN = "the price of the plan"
_STORED_NOW = "SELECT (monthly_amount * 100)::bigint FROM subscriptions WHERE id = %s FOR SHARE"


@dataclass(frozen=True)
class Run:
    """How a run goes about it: for which incident, where Square is, how much is returned and shown. The timeouts are in seconds."""

    incident: str
    setting: str
    limit: int
    diff_limit: int
    statement_timeout: int
    lock_timeout: int

    @classmethod
    def of(cls, options: Mapping[str, t.Any]) -> Run:
        """What the options of a module say."""
        names = ("incident", "square_base_url", "limit", "diff_limit", "statement_timeout", "lock_timeout")
        return cls(*(options[name] for name in names))


@dataclass(frozen=True)
class Books:
    """The database in which the images are kept, and the env file's variables."""

    server: Server
    password: str
    variables: Mapping[str, str]

    def writing(self, run: Run) -> AbstractContextManager[t.Any]:
        """One transaction that is committed at its end."""
        timeouts = {"statement_timeout": run.statement_timeout, "lock_timeout": run.lock_timeout}
        return transaction(self.server, self.password, read_only=False, **timeouts)


class Left(t.NamedTuple):
    """A price that is left as it is, and why."""

    difference: Difference
    reason: str

    def told(self) -> dict[str, t.Any]:
        return {**self.difference.told(), "reason": self.reason}


def told_change(change: Difference, version: int | None) -> dict[str, t.Any]:
    """A change as the module returns it; `version` is the one that Square gave it, None while nothing was written."""
    override = change.at_square.override_cents
    return {
        "company_id": change.company_id,
        "company": change.company,
        "subscription_id": change.candidate.subscription_id,
        "square_subscription_id": change.candidate.square_id,
        "before": {"charged": shown(change.charged_cents), "price_override": None if override is None else shown(override)},
        "after": {"charged": shown(change.candidate.stored_cents), "price_override": shown(change.candidate.stored_cents)},
        "currency": change.currency,
        "before_version": change.at_square.version,
        "after_version": version,
        "difference_cents": change.difference_cents,
        "reason": change.reason,
    }


def diff_of(changes: Sequence[Mapping[str, t.Any]], limit: int, price: Callable[[t.Any], str | None]) -> dict[str, str]:
    """Before and after, a line for each price, of so many. `price` takes it out of one side of a change; None is that of the plan."""
    rest = f"... and {len(changes) - limit} more prices\n" if len(changes) > limit else ""

    def lines(side: str) -> str:
        shown_first = changes[:limit]
        return "".join(f"{one['company']}: {one['square_subscription_id']}: {price(one[side]) or _PLAN}\n" for one in shown_first) + rest

    return {"before": lines("before"), "after": lines("after")}


def override(books: Books, terms: Terms, run: Run, guards: Guards, check_mode: bool) -> dict[str, t.Any]:
    """Set the prices that differ from a stored amount that is right, and return what the module does.

    Raises IncidentError where Square cannot be asked, or a guard stops the run; then nothing was written.
    """
    comparison = look(books.server, books.password, terms, books.variables, run.setting, run.statement_timeout)
    if comparison.unknown:
        raise IncidentError(f"{comparison.unknown}; nothing was written")
    wanted = [one for one in comparison.differences if one.mend == APPROVE]
    left = [Left(one, one.reason) for one in comparison.differences if one.mend != APPROVE]
    refuse_too_much(planned_of(wanted, comparison.subscriptions, terms.company_ids is not None), guards)
    if check_mode:
        changes = [told_change(one, None) for one in wanted]
    else:
        changes, refused = _set_all(books, run, wanted)
        left += refused
    return _result(comparison, changes, left, run)


def _result(comparison: Comparison, changes: Sequence[dict[str, t.Any]], left: Sequence[Left], run: Run) -> dict[str, t.Any]:
    told = comparison.told(run.limit)
    return {
        "changed": bool(changes),
        "subscriptions": told["subscriptions"],
        "compared": told["compared"],
        "changes": list(changes[: run.limit]),
        "left": [one.told() for one in left[: run.limit]],
        "unreadable": told["unreadable"],
        "truncated": told["truncated"] or max(len(changes), len(left)) > run.limit,
        "diff": diff_of(changes, run.diff_limit, lambda side: side["price_override"]),
    }


def _set_all(books: Books, run: Run, wanted: Sequence[Difference]) -> tuple[list[dict[str, t.Any]], list[Left]]:
    """One after the other, until Square does not answer any more."""
    changes: list[dict[str, t.Any]] = []
    left: list[Left] = []
    down = ""
    credentials = StoredCredentials(books.variables.get(KEY_VARIABLE, ""))
    with ExitStack() as stack:
        accounts = Accounts(stack)
        for one in wanted:
            if down:
                left.append(Left(one, down))
                continue
            token = credentials.read(one.candidate.stored_token)
            account = accounts.account(token, base_url_of(run.setting, one.candidate.test_mode))
            outcome = _set(books, run, one, account)
            if outcome.written:
                changes.append(told_change(one, outcome.written.version))
            else:
                left.append(Left(one, outcome.reason))
                down = outcome.reason if outcome.is_down else ""
    return changes, left


class Outcome(t.NamedTuple):
    """What came of one price: the state to keep, and the subscription where it is set now, else why not and whether Square is down."""

    state: str
    written: AtSquare | None
    reason: str = ""
    is_down: bool = False


def _set(books: Books, run: Run, change: Difference, account: SquareAccount) -> Outcome:
    """Set one price: keep what is about to be set, call Square, keep what came of it."""
    before, wanted = change.at_square, change.candidate.stored_cents
    with books.writing(run) as connection:
        row_change.take_lock(connection, run.incident)
        square_price.make_table(connection)
        if _stored_now(connection, change.candidate.subscription_id) != wanted:
            return Outcome(square_price.REFUSED, None, "the stored amount has changed meanwhile; run again")
        images = (change.currency, before.override_cents, before.version, wanted)
        entry = square_price.intend(
            connection, (run.incident, change.company_id, change.candidate.subscription_id, before.identity, *images)
        )
    outcome = _attempt(account, before, wanted, change.currency)
    with books.writing(run) as connection:
        square_price.settle(connection, entry, outcome.state, outcome.written and outcome.written.version, outcome.reason or None)
    return outcome


def _attempt(account: SquareAccount, before: AtSquare, cents: int, currency: str) -> Outcome:
    """Call Square once; where the answer is lost, look whether the price is set."""
    try:
        return Outcome(square_price.DONE, account.override_price(before.identity, cents, currency, before.version))
    except (SquareDown, SquareUnclear) as error:
        lost = Outcome(square_price.UNKNOWN, None, str(error), is_down=isinstance(error, SquareDown))
    except SquareRefusal as error:
        return Outcome(square_price.REFUSED, None, str(error))
    try:
        found = account.subscription(before.identity)
    except (SquareDown, SquareRefusal):
        return lost
    if found.version != before.version and found.override_cents == cents:
        return Outcome(square_price.DONE, found)
    # What was sent may still be on its way.
    return lost


def _stored_now(connection: t.Any, subscription: str) -> int | None:
    with connection.cursor() as cursor:
        cursor.execute(_STORED_NOW, (subscription,))
        row = cursor.fetchone()
        return row and int(row[0])
