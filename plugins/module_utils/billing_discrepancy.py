# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the billing, one discrepancy after the other, its reason in words, and the totals by kind. Pure."""

from __future__ import annotations

import typing as t
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

from .billing_terms import cents

# What may be done about a discrepancy.
SET, CREATE, VOID = "set", "create", "void"  # without asking
APPROVE = "approve"  # when its kind is approved
PROPOSE, REPORT = "propose", "report"  # by a person
UNASKED = (SET, CREATE, VOID)

# Kind by kind, what may be done; where there are two, it depends on whether the payment is paid.
KINDS: dict[str, tuple[str, ...]] = {
    "location_change_missed": (SET,),
    "price_drift": (SET,),
    "amount_drift": (SET,),
    "subscription_missing": (REPORT,),
    "subscription_orphaned": (APPROVE,),
    "payment_duplicate": (VOID, PROPOSE),
    "payment_amount_wrong": (SET, PROPOSE),
    "payment_missing": (CREATE,),
    "batch_interrupted": (CREATE,),
    "billing_day_invalid": (APPROVE,),
}
MENDED_KINDS = tuple(kind for kind, mends in KINDS.items() if set(mends) & set(UNASKED))
APPROVED_KINDS = tuple(kind for kind, mends in KINDS.items() if APPROVE in mends)


class Discrepancy(t.NamedTuple):
    """One row of the examination. `stored` and `due` are money, but for an invalid billing day; `period` is the first day of a month."""

    kind: str
    mend: str
    company_id: str
    company: str
    subscription_id: str | None
    payment_id: str | None
    period: t.Any
    stored: str
    due: str
    location_count: int
    facts: dict[str, t.Any]

    @property
    def difference_cents(self) -> int:
        """Due less stored; above zero where too little is charged."""
        return 0 if self.kind == "billing_day_invalid" else cents(Decimal(self.due)) - cents(Decimal(self.stored))

    def told(self) -> dict[str, t.Any]:
        """The discrepancy as a module returns it."""
        return {
            "company_id": self.company_id,
            "company": self.company,
            "subscription_id": self.subscription_id,
            "payment_id": self.payment_id,
            "period": self.period and self.period.strftime("%Y-%m"),
            "kind": self.kind,
            "stored": self.stored,
            "due": self.due,
            "difference_cents": self.difference_cents,
            "location_count": self.location_count,
            "reason": reason(self),
            "mend": self.mend,
        }


def _locations(number: int) -> str:
    return "1 billable location" if number == 1 else f"{number} billable locations"


def _moment(stamp: str) -> str:
    """A time of the database's JSON as a person reads it: to the second, in UTC."""
    return f"{stamp[:10]} {stamp[11:19]} UTC"


def _events(facts: Mapping[str, t.Any]) -> str:
    told = ", ".join(f"{event['name']} {event['what']} {_moment(event['at'])}" for event in facts["shown"])
    more = facts["events"] - len(facts["shown"])
    return f"{told}, and {more} more" if more > 0 else told


def _freed(found: Discrepancy) -> str:
    """The policy behind an amount, where nobody has set the flag yet."""
    name = found.facts.get("freed")
    return f"; {name} was counted as free, because the first location is, although it is not flagged" if name is not None else ""


def _amount(found: Discrepancy) -> str:
    return f"{_locations(found.location_count)} come to {found.due}, and {found.stored} is stored"


def _payment_amount(found: Discrepancy) -> str:
    facts = found.facts
    when = f" at {_moment(facts['at'])}" if facts["at"] else ""
    kind = "paid" if facts["paid"] else "pending"
    count = f" for {facts['count']} locations" if facts["count"] != found.location_count else ""
    return (
        f"the {kind} payment is of {found.stored}{count}, and {_locations(found.location_count)}{when} come to {found.due}{_freed(found)}"
    )


def _duplicate(found: Discrepancy) -> str:
    survivor = found.facts["survivor"]
    if found.mend == PROPOSE:
        return f"the period was paid already by payment {survivor}, so {found.stored} are to be refunded"
    return f"the period has the payment {survivor} already, and this one is not paid"


def _gap(found: Discrepancy) -> str:
    due = f"{_locations(found.location_count)} come to {found.due}"
    return f"the period {found.period:%Y-%m} has no payment, billed on {_moment(found.facts['billed_at'])}; {due}{_freed(found)}"


def _interrupted(found: Discrepancy) -> str:
    facts = found.facts
    return (
        f"the billing run of day {facts['day']} stopped after {facts['done']} of {facts['done'] + facts['missing']}, the last one at "
        f"{_moment(facts['last'])}; {_locations(found.location_count)} come to {found.due}{_freed(found)}"
    )


_REASONS: dict[str, Callable[[Discrepancy], str]] = {
    "location_change_missed": lambda found: f"not recalculated since: {_events(found.facts)}; {_amount(found)}{_freed(found)}",
    "price_drift": lambda found: f"calculated at {found.facts['price']} for each location; {_amount(found)}{_freed(found)}",
    "amount_drift": lambda found: f"{_amount(found)}{_freed(found)}",
    "subscription_missing": lambda found: (
        f"there is no subscription, and {_locations(found.location_count)} come to {found.due}{_freed(found)}"
    ),
    "subscription_orphaned": lambda found: f"the company is deleted, and its subscription is still {found.facts['status']}",
    "payment_duplicate": _duplicate,
    "payment_amount_wrong": _payment_amount,
    "payment_missing": _gap,
    "batch_interrupted": _interrupted,
    "billing_day_invalid": lambda found: f"billing day {found.stored} does not come in every month; {found.due} is the nearest that does",
}


def reason(found: Discrepancy) -> str:
    """Why it is one, in words."""
    return _REASONS[found.kind](found)


class Totals:
    """Sums of discrepancies by kind, in cents."""

    def __init__(self, found: Iterable[Discrepancy] = ()) -> None:
        self._sums: dict[str, list[int]] = {}
        self._companies: dict[str, set[str]] = {}
        self._mends: dict[str, dict[str, int]] = {}
        for one in found:
            self.add(one)

    def add(self, found: Discrepancy) -> None:
        """Count one more."""
        difference = found.difference_cents
        sums = self._sums.setdefault(found.kind, [0, 0, 0])
        sums[0] += 1
        sums[1] += difference
        sums[2] += abs(difference)
        self._companies.setdefault(found.kind, set()).add(found.company_id)
        mends = self._mends.setdefault(found.kind, {})
        mends[found.mend] = mends.get(found.mend, 0) + 1

    def told(self) -> dict[str, dict[str, t.Any]]:
        """The totals as a module returns them: those kinds of which there is something."""
        return {
            kind: {
                "count": self._sums[kind][0],
                "difference_cents": self._sums[kind][1],
                "absolute_difference_cents": self._sums[kind][2],
                "companies": len(self._companies[kind]),
                "mend": self._mends[kind],
            }
            for kind in KINDS
            if kind in self._sums
        }
