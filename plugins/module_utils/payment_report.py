# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run over payments returns: for finance what was charged and what was not, and whom to notify. Pure."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping, Sequence

from .billing_terms import shown
from .payment_charging import Done
from .payment_gate import Gate
from .payment_intent import SUCCEEDED, UNKNOWN
from .payment_schedule import EXHAUSTED, MUST_ACT
from .square_codes import HARD, NEVER_ARRIVED, UNLISTED, class_of, is_decline

if t.TYPE_CHECKING:
    from .payment_due import Row
    from .payment_options import Scope
    from .payment_retry import Plan

Told = dict[str, t.Any]


def link_text(company: str, amount: str, currency: str, period: str, page: str) -> str:
    """What a customer is told who must act."""
    where = f" at {page.rstrip('/')}" if page else " in your account's billing settings"
    return f"{company}: the payment of {amount} {currency} for {period} did not go through. Please give another card and pay{where}."


def customer(told: Mapping[str, t.Any], reason: str, page: str) -> Told:
    """An entry of the list of customers who must act."""
    text = link_text(told["company"], told["amount"], told["currency"], told["period"], page)
    return {**told, "reason": reason, "payment_link_text": text}


def told_done(done: Done, currency: str, earlier: bool) -> Told:
    """One payment that was asked for. `earlier`: it was a run before this one that began it."""
    outcome, intent = done.outcome, done.intent
    told = done.row.told(intent.currency if intent else currency)
    if intent:
        # What was asked for, whatever the row says by now.
        told |= {"amount": shown(intent.amount_cents), "amount_cents": intent.amount_cents, "attempt": intent.attempt}
    return {
        **told,
        "state": outcome.state if outcome else None,
        "code": outcome.code if outcome else None,
        "code_class": class_of(outcome.code) if outcome and outcome.code else None,
        "square_payment_id": outcome.square_id if outcome else None,
        "reason": (outcome.detail if outcome else "") or done.reason,
        "earlier": earlier,
    }


def refund_proposal(told: Mapping[str, t.Any]) -> Told:
    """A charge is not undone. Who wants its money back for the customer proposes a refund."""
    names = ("company_id", "company", "subscription_id", "payment_id", "period", "amount", "amount_cents", "currency", "square_payment_id")
    return {"kind": "refund", **{name: told[name] for name in names}, "approval": "required"}


def _left(row: Row, verdict: str, reason: str, currency: str) -> Told:
    return {**row.told(currency), "verdict": verdict, "reason": reason}


class _Sorted:
    """What became of each payment, by what finance asks for."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self.lists: dict[str, list[Told]] = {
            name: [] for name in ("attempted", "charged", "declined", "unknown", "not_charged", "must_act", "persons", "left")
        }

    def add(self, done: Done, earlier: bool) -> None:
        """One payment that was asked for, or was to be."""
        currency, lists = self._scope.currency, self.lists
        if done.outcome is None:
            lists["left"].append(_left(done.row, done.left, done.reason, currency))
            return
        told = told_done(done, currency, earlier)
        lists["attempted"].append(told)
        code, state = done.outcome.code, done.outcome.state
        if state == SUCCEEDED:
            lists["charged"].append(told)
        elif state == UNKNOWN:
            lists["unknown"].append(told)
        elif code != NEVER_ARRIVED and is_decline(code):
            lists["declined"].append(told)
            if class_of(code) == HARD:
                lists["must_act"].append(customer(told, f"the card was refused ({code})", self._scope.page))
            if class_of(code) == UNLISTED:
                lists["persons"].append(
                    {**told, "reason": f"Square refused with {code}, which is not listed; look at it before it is charged"}
                )
        else:
            lists["not_charged"].append(told)

    def leave(self, row: Row, verdict: str, reason: str) -> None:
        """One payment that is not due."""
        told = _left(row, verdict, reason, self._scope.currency)
        self.lists["left"].append(told)
        if verdict in (MUST_ACT, EXHAUSTED):
            self.lists["must_act"].append(customer(told, reason, self._scope.page))


def retried(scope: Scope, plan: Plan, resolved: Sequence[Done], done: Sequence[Done], gate: Gate | None, check_mode: bool) -> Told:
    """What payment_retry returns."""
    found = _Sorted(scope)
    for row, turn in plan.left:
        found.leave(row, turn.verdict, turn.reason)
    would = [told_done(one, scope.currency, False) for one in done if not one.left] if check_mode else []
    would_resolve = [told_done(one, scope.currency, True) for one in resolved] if check_mode else []
    for group, earlier in ((resolved, True), (done, False)):
        for one in group:
            if not (check_mode and not one.left):
                found.add(one, earlier)
    lists = found.lists
    settled = [*lists["charged"], *lists["declined"], *lists["not_charged"]]
    return {
        "changed": bool(would or would_resolve) if check_mode else bool(settled or any(one.intent for one in done)),
        **{name: entries[: scope.limit] for name, entries in lists.items()},
        "would_charge": would[: scope.limit],
        "would_resolve": would_resolve[: scope.limit],
        "counts": {
            **{name: len(entries) for name, entries in lists.items()},
            "would_charge": len(would),
            "would_resolve": len(would_resolve),
        },
        "totals": {
            **{name: _sum(lists[name]) for name in ("charged", "declined", "unknown")},
            "would_charge": _sum(would),
        },
        "proposals": [refund_proposal(one) for one in lists["charged"][: scope.limit]],
        "became_active": sum(one.became_active for one in [*resolved, *done]),
        "stopped": gate.reason if gate else None,
        "is_outage": bool(gate and gate.is_outage),
        "truncated": any(len(entries) > scope.limit for entries in [*lists.values(), would, would_resolve]),
    }


def _sum(entries: Sequence[Told]) -> str:
    return shown(sum(one["amount_cents"] for one in entries))
