# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Putting back the prices that an incident set at Square: those that nobody has changed since, the newest first."""

from __future__ import annotations

import typing as t
from contextlib import ExitStack

from . import square_price
from .billing_database import transaction
from .billing_terms import shown
from .square_account import Accounts, AtSquare, SquareDown, SquareRefusal, base_url_of, check_base_url
from .square_credentials import KEY_VARIABLE, StoredCredentials, Unreadable
from .square_override import Books, Run, diff_of
from .square_price import Price

RESTORE, NOTHING, KEEP = "restore", "nothing", "keep"


class Back(t.NamedTuple):
    """What becomes of a price that an incident set: it is put back, is as it was before, or stays, and why."""

    price: Price
    action: str
    version: int
    reason: str

    def told(self) -> dict[str, t.Any]:
        before = self.price.before_cents
        return {
            "company": self.price.company,
            "square_subscription_id": self.price.square_id,
            "before": shown(self.price.after_cents),
            "after": None if before is None else shown(before),
            "currency": self.price.currency,
            "reason": self.reason,
        }


def judged(price: Price, found: AtSquare, ours: int | None) -> Back:
    """Whether a price is still the one that was set. `ours` is the version that a newer change of it left when it was put back."""
    version = price.after_version if ours is None else ours
    unsettled = price.state in square_price.OPEN
    if found.override_cents == price.before_cents:
        return Back(price, NOTHING, found.version, "it is as it was before")
    same = found.override_cents == price.after_cents
    if same and (found.version == version if not unsettled else found.version != price.before_version):
        return Back(price, RESTORE, found.version, "")
    charged = "the price of the plan" if found.override_cents is None else shown(found.override_cents)
    why = f"somebody has changed it at Square since: it charges {charged} under version {found.version}"
    return Back(price, KEEP, found.version, why)


class _Undo:
    """One undo. What a newer change of the same subscription left is what the older one goes by."""

    def __init__(self, books: Books, run: Run, check_mode: bool, accounts: Accounts) -> None:
        self._books, self._run, self._check_mode, self._accounts = books, run, check_mode, accounts
        self._credentials = StoredCredentials(books.variables.get(KEY_VARIABLE, ""))
        self._left: dict[str, int] = {}

    def put_back(self, price: Price) -> Back:
        """Put one price back, where it is still ours, and keep that it is."""
        try:
            token = self._credentials.read(price.stored_token)
            account = self._accounts.account(token, base_url_of(self._run.setting, price.test_mode))
            back = judged(price, account.subscription(price.square_id), self._left.get(price.square_id))
            if back.action == RESTORE and not self._check_mode:
                written = account.override_price(price.square_id, price.before_cents, price.currency, back.version)
                self._left[price.square_id] = written.version
        except (Unreadable, SquareDown, SquareRefusal) as error:
            return Back(price, KEEP, price.before_version, str(error))
        if back.action != KEEP and not self._check_mode:
            with self._books.writing(self._run) as connection:
                square_price.mark_undone(connection, price.id)
        return back


def put_back(books: Books, run: Run, check_mode: bool) -> dict[str, t.Any]:
    """Put the prices back that an incident set, and return what the module does. Where Square does not answer they stay."""
    if run.setting:
        check_base_url(run.setting)
    with transaction(books.server, books.password, read_only=True, statement_timeout=run.statement_timeout) as connection:
        prices = square_price.prices_of(connection, run.incident)
    done: list[Back] = []
    # A host that never set a price need not have the SDK.
    if prices:
        with ExitStack() as stack:
            undo = _Undo(books, run, check_mode, Accounts(stack))
            done = [undo.put_back(price) for price in prices]
    restored = [one.told() for one in done if one.action == RESTORE]
    kept = [one.told() for one in done if one.action == KEEP]
    return {
        "changed": bool(restored),
        "undone": restored[: run.limit],
        "undone_count": len(restored),
        "kept": kept[: run.limit],
        "kept_count": len(kept),
        "truncated": max(len(restored), len(kept)) > run.limit,
        "diff": diff_of(restored, run.diff_limit, lambda price: price),
    }
