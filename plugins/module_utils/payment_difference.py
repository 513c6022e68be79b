# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the database and Square disagree about payments, and what is done about it. Pure."""

from __future__ import annotations

import typing as t
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime

from .billing_terms import shown
from .square_codes import CHARGED, TAKEN

# Every run reads what is decided here, and nearly none asks Square: the SDK takes longer to load than the rest of a run.
if t.TYPE_CHECKING:
    from .payment_accounts import Listing
    from .square_payments import Seen

# What is done: the row is brought in line; a refund is proposed; a person looks at it.
RECORD, REFUND, PERSON = "record", "refund", "person"
PAID_THERE, PAID_HERE, AMOUNT, REFUNDED, TWICE, FAILED_THERE, STRAY = (
    *("paid_at_square", "paid_here_only", "amount_differs", "refunded_at_square", "charged_twice"),
    *("failed_at_square", "unknown_here"),
)
_UNPAID, _VOIDED = ("pending", "failed"), "voided:"


class Entry(t.NamedTuple):
    """A payment as the database has it."""

    payment_id: str
    company_id: str
    company: str
    subscription_id: str
    cents: int
    status: str
    failure: str | None
    square_payment_id: str | None
    period: date
    begins_at: datetime
    ends_at: datetime
    customer: str | None
    by_square: bool

    @property
    def is_unpaid(self) -> bool:
        """Whether it is still to be paid; a voided duplicate is not."""
        return self.status in _UNPAID and not (self.failure or "").startswith(_VOIDED)


class Difference(t.NamedTuple):
    """One disagreement. `entry` is None where the database has nothing, `payment` where Square has nothing."""

    kind: str
    mend: str
    entry: Entry | None
    payment: Seen | None
    reason: str

    def told(self) -> dict[str, t.Any]:
        """The difference as a module returns it."""
        entry, payment = self.entry, self.payment
        return {
            "kind": self.kind,
            "mend": self.mend,
            "company_id": entry and entry.company_id,
            "company": entry and entry.company,
            "subscription_id": entry and entry.subscription_id,
            "payment_id": entry and entry.payment_id,
            "period": entry and f"{entry.period:%Y-%m}",
            "amount": entry and shown(entry.cents),
            "status": entry and entry.status,
            "square_payment_id": payment.identity if payment else entry and entry.square_payment_id,
            "square_amount": payment and shown(payment.cents),
            "square_status": payment and payment.status,
            "currency": payment and payment.currency,
            "customer_id": payment.customer if payment else entry and entry.customer,
            "reason": self.reason,
        }


class _Matched(t.NamedTuple):
    entry: Entry
    payments: list[Seen]


def _matches(entries: Sequence[Entry], listing: Listing) -> tuple[list[_Matched], set[str]]:
    """For each row the payments that took money for it: by its id at Square, by reference, and by customer and period."""
    recorded = {entry.square_payment_id for entry in entries if entry.square_payment_id}
    used: set[str] = set()
    matched = []
    for entry in entries:
        found: dict[str, Seen] = {}
        if entry.square_payment_id in listing.by_id:
            found[str(entry.square_payment_id)] = listing.by_id[str(entry.square_payment_id)]
        for one in listing.taken_for(entry.payment_id):
            found[one.identity] = one
        if entry.by_square and not (entry.failure or "").startswith(_VOIDED):
            for one in listing.by_square_itself(entry.customer, entry.begins_at, entry.ends_at):
                if one.identity not in recorded and one.identity not in used:
                    found[one.identity] = one
        used |= found.keys()
        matched.append(_Matched(entry, sorted(found.values(), key=lambda one: (one.created_at, one.identity))))
    return matched, used


def differences(entries: Sequence[Entry], listing: Listing, since: datetime, currency: str) -> list[Difference]:
    """What differs in the rows of companies of one account, which are in that currency, for periods that begin after `since`."""
    matched, used = _matches(entries, listing)
    found: list[Difference] = []
    for entry, payments in matched:
        found += _of_entry(entry, payments, entry.begins_at >= since, currency)
    found += _strays(entries, listing, used)
    return found


def _of_entry(entry: Entry, payments: Sequence[Seen], is_recent: bool, currency: str) -> Iterable[Difference]:
    charged = [one for one in payments if one.status == CHARGED]
    kept = [one for one in charged if one.refunded_cents < one.cents]
    own = next((one for one in payments if one.identity == entry.square_payment_id), None)
    if len(kept) > 1:
        first = next((one for one in kept if one.identity == entry.square_payment_id), kept[0])
        for one in kept:
            if one is not first:
                yield Difference(TWICE, REFUND, entry, one, f"{first.identity} paid it already; propose a refund of {shown(one.cents)}")
    if entry.is_unpaid:
        if kept and kept[0].currency != currency:
            there = f"{kept[0].identity} at Square is of {shown(kept[0].cents)} {kept[0].currency}, not {currency}"
            yield Difference(AMOUNT, PERSON, entry, kept[0], f"it is {entry.status} here, and {there}")
        elif kept:
            yield _paid_there(entry, kept[0])
        elif charged:
            given_back = "and Square has charged it and given the money back; decide whether it is still owed"
            yield Difference(REFUNDED, PERSON, entry, charged[0], f"it is {entry.status} here, {given_back}")
        elif own and own.status not in TAKEN:
            # What has an id is never charged.
            there = f"{own.identity}, which Square has as {own.status}"
            yield Difference(
                FAILED_THERE,
                PERSON,
                entry,
                own,
                f"it is {entry.status} here with the payment {there}; empty its square_payment_id if it is owed",
            )
        return
    if entry.status != "succeeded":
        return
    if own is None:
        named = f"payment {entry.square_payment_id}" if entry.square_payment_id else "payment"
        if kept:
            yield Difference(
                PAID_HERE, PERSON, entry, kept[0], f"Square has {kept[0].identity} for it and no {named}; look which one is right"
            )
        elif is_recent:
            yield Difference(PAID_HERE, PERSON, entry, None, f"it is paid here, and Square shows no {named} for it; look how it was paid")
    elif own.status not in TAKEN:
        yield Difference(PAID_HERE, PERSON, entry, own, f"it is paid here, and Square has the payment as {own.status}")
    elif own.refunded_cents >= own.cents > 0:
        yield Difference(REFUNDED, PERSON, entry, own, "Square has given the money back; a paid payment is not changed here")
    elif (own.cents, own.currency) != (entry.cents, currency):
        stored = f"{shown(entry.cents)} {currency} is stored as paid"
        yield Difference(AMOUNT, PERSON, entry, own, f"Square charged {shown(own.cents)} {own.currency}, and {stored}")


def _paid_there(entry: Entry, payment: Seen) -> Difference:
    amount = "" if payment.cents == entry.cents else f", of {shown(payment.cents)} and not of {shown(entry.cents)}"
    return Difference(PAID_THERE, RECORD, entry, payment, f"it is {entry.status} here, and paid at Square by {payment.identity}{amount}")


def _strays(entries: Sequence[Entry], listing: Listing, used: set[str]) -> Iterable[Difference]:
    """Payments of these customers that belong to no row."""
    of_customer: dict[str, Entry] = {}
    for entry in entries:
        if entry.customer:
            of_customer[entry.customer] = entry
    seen: dict[str, list[Seen]] = defaultdict(list)
    for one in listing.by_id.values():
        if one.status == CHARGED and one.identity not in used and one.customer in of_customer and one.refunded_cents < one.cents:
            seen[str(one.customer)].append(one)
    for customer, payments in sorted(seen.items()):
        company = of_customer[customer].company
        for one in payments:
            yield Difference(STRAY, PERSON, None, one, f"Square charged {company} {shown(one.cents)} for which there is no payment here")
