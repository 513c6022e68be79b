# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What keeps a recalculation from doing damage: limits on what one run may change. Pure."""

from __future__ import annotations

import typing as t
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .billing_terms import cents, money, shown
from .errors import IncidentError

# The limits that hold for whatever changes what customers are charged.
CHANGE_GUARD_OPTIONS: dict[str, dict[str, t.Any]] = {
    "max_companies": {"type": "int", "default": 1000},
    "max_companies_share": {"type": "float", "default": 0.3},
    "max_total_difference": {"type": "str", "default": "10000.00"},
    "max_single_difference": {"type": "str", "default": "2000.00"},
}
GUARD_OPTIONS: dict[str, dict[str, t.Any]] = {**CHANGE_GUARD_OPTIONS, "billing_run_quiet_seconds": {"type": "int", "default": 60}}
# For a run that writes nothing that a billing run writes too.
NO_BATCH = {"billing_run_quiet_seconds": 0}


@dataclass(frozen=True)
class Guards:
    """The limits. The differences are in cents, the share is of the companies with a counting subscription."""

    max_companies: int
    max_companies_share: float
    max_total_cents: int
    max_single_cents: int
    billing_run_quiet_seconds: int


class Planned(t.NamedTuple):
    """What a run would change, in numbers. `named`: whether it is limited to companies that were named."""

    companies: int
    subscriptions: int
    named: bool
    total_cents: int
    largest_cents: int
    largest_company: str


def guards_of(options: Mapping[str, t.Any]) -> Guards:
    """The limits that the options set."""
    for name in ("max_companies", "billing_run_quiet_seconds"):
        if options[name] < 0:
            raise IncidentError(f"{name} is {options[name]}; write 0 or a number above it")
    if not 0 <= options["max_companies_share"] <= 1:
        raise IncidentError(f"max_companies_share is {options['max_companies_share']}; write a share between 0 and 1, for example 0.3")
    return Guards(
        options["max_companies"],
        options["max_companies_share"],
        cents(money(options["max_total_difference"], "max_total_difference")),
        cents(money(options["max_single_difference"], "max_single_difference")),
        options["billing_run_quiet_seconds"],
    )


class ChangeOfMoney(t.Protocol):
    """What a change is to the guards: whose money, and how much in cents."""

    @property
    def company_id(self) -> str: ...

    @property
    def company(self) -> str: ...

    @property
    def difference_cents(self) -> int: ...


def planned_of(changes: Iterable[ChangeOfMoney], subscriptions: int, named: bool) -> Planned:
    """The numbers of a plan."""
    companies: set[str] = set()
    total, largest, company = 0, 0, ""
    for change in changes:
        companies.add(change.company_id)
        difference = abs(change.difference_cents)
        total += difference
        if difference > largest:
            largest, company = difference, change.company
    return Planned(len(companies), subscriptions, named, total, largest, company)


def _stop(guard: str, value: object, seen: str, cure: str) -> IncidentError:
    return IncidentError(f"the guard {guard} ({value}) stopped the run: {seen}; nothing was written; {cure}")


def refuse_empty_locations(has_locations: bool) -> None:
    """Without any location nobody would owe anything."""
    if not has_locations:
        seen = "the table locations is empty, as after the restore of a wrong database"
        raise _stop("locations", "never empty", seen, "restore the locations, or correct login_db")


def refuse_running_batch(seconds_ago: float | None, guards: Guards) -> None:
    """A payment of the current period that was made so lately is probably one of many that are being made."""
    if seconds_ago is not None:
        seen = f"the last payment of the period was made {max(seconds_ago, 0):.0f} s ago, so a billing run is probably under way"
        raise _stop("billing_run_quiet_seconds", guards.billing_run_quiet_seconds, seen, "wait for its end, or set the guard to 0")


def refuse_too_much(planned: Planned, guards: Guards) -> None:
    """Raise IncidentError for the first limit that the plan passes."""
    look = "look at the discrepancies, then name companies in company_ids or raise the guard"
    if planned.companies > guards.max_companies:
        raise _stop("max_companies", guards.max_companies, f"{planned.companies} companies would change", look)
    if not planned.named and planned.companies > guards.max_companies_share * max(planned.subscriptions, planned.companies):
        seen = f"{planned.companies} of {planned.subscriptions} companies with a subscription would change"
        raise _stop("max_companies_share", f"{guards.max_companies_share:g}", seen, look)
    if planned.total_cents > guards.max_total_cents:
        seen = f"the differences add up to {shown(planned.total_cents)}"
        raise _stop("max_total_difference", shown(guards.max_total_cents), seen, look)
    if planned.largest_cents > guards.max_single_cents:
        seen = f"one change, of {planned.largest_company}, is of {shown(planned.largest_cents)}"
        raise _stop("max_single_difference", shown(guards.max_single_cents), seen, look)
