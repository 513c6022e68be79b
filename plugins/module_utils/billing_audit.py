# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The billing audit: asks the database what is wrong, and keeps no more of it in memory than is returned."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone

from . import billing_query
from .billing_database import Server, server_and_password, transaction
from .billing_discrepancy import Discrepancy, Totals
from .billing_terms import BILLING_OPTIONS, Terms, cents, period_of, shown, terms_of
from .errors import IncidentError
from .stack_options import POSTGRES_OPTIONS, STACK_OPTIONS

AUDIT_OPTIONS: dict[str, dict[str, t.Any]] = {**STACK_OPTIONS, **POSTGRES_OPTIONS, **BILLING_OPTIONS}

# How many rows come from the server at once.
_ROWS = 2000
# Up to so many companies all rows come at once.
_AT_ONCE = 5000


class Survey(t.NamedTuple):
    """How much there is, and the companies that are worth a look."""

    companies: int
    subscriptions: int
    locations: int
    has_locations: bool
    suspicious: list[str]


def refuse_unknown_companies(connection: t.Any, named: Sequence[str] | None) -> None:
    """Raise IncidentError for a company that is not there."""
    if named is not None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT id::text FROM companies WHERE id = ANY(%s::uuid[])", (list(named),))
            _refuse_unknown(named, [identity for (identity,) in cursor])


def _refuse_unknown(named: Sequence[str], found: Sequence[str]) -> None:
    unknown = sorted(set(named) - set(found))
    if unknown:
        raise IncidentError(f"there is no company {', '.join(unknown[:5])}; correct its id, or login_db")


def survey(connection: t.Any, terms: Terms, now: datetime) -> Survey:
    """One pass over all companies, or the ones that were named. Raises IncidentError for a company that is not there."""
    named = terms.company_ids
    with connection.cursor() as cursor:
        # Where a table is read by several processes at once, the two halves are not taken at the same time.
        cursor.execute("SET LOCAL min_parallel_table_scan_size = '4TB'")
        cursor.execute(
            billing_query.survey(terms, now) if named is None else billing_query.counts(terms),
            billing_query.parameters(terms, now, named or ()),
        )
        parts = [Survey(*row) for row in cursor]
        cursor.execute("SET LOCAL min_parallel_table_scan_size TO DEFAULT")
    found = Survey(
        sum(part.companies for part in parts),
        sum(part.subscriptions for part in parts),
        sum(part.locations for part in parts),
        any(part.has_locations for part in parts),
        [company for part in parts for company in part.suspicious],
    )
    _refuse_unknown(named or (), found.suspicious)
    return found


def examine(connection: t.Any, terms: Terms, now: datetime, companies: Sequence[str]) -> Iterator[Discrepancy]:
    """What is wrong with these companies, in the order of their names; no more of it is in memory than that of `_AT_ONCE` companies."""
    if not companies:
        return
    # With a cursor of its own a statement is not shared by several processes of the server.
    with connection.cursor(name="circuit_sage_billing" if len(companies) > _AT_ONCE else None) as cursor:
        cursor.itersize = _ROWS
        cursor.execute(billing_query.EXAMINATION, billing_query.parameters(terms, now, companies))
        for row in cursor:
            yield Discrepancy(*row)


def present_of(connection: t.Any) -> datetime:
    """The time of the database, by which all times in its rows were written."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now.astimezone(timezone.utc)


def described(terms: Terms, now: datetime, seen: Survey) -> dict[str, t.Any]:
    """What an audit went by, and how much it saw."""
    as_of = terms.as_of or now
    start, end = period_of(as_of)
    return {
        "price": shown(cents(terms.price)),
        "as_of": as_of.isoformat(),
        "period": {"start": start.isoformat(), "end": end.isoformat()},
        "companies": seen.companies,
        "subscriptions": seen.subscriptions,
        "locations": seen.locations,
    }


def audit(server: Server, password: str, terms: Terms, limit: int, statement_timeout: int) -> dict[str, t.Any]:
    """The audit as the module returns it, made within one read-only transaction, so that all numbers are of one moment."""
    totals = Totals()
    kept: list[dict[str, t.Any]] = []
    with transaction(server, password, read_only=True, statement_timeout=statement_timeout) as connection:
        now = present_of(connection)
        seen = survey(connection, terms, now)
        for found in examine(connection, terms, now, seen.suspicious):
            totals.add(found)
            if len(kept) < limit:
                kept.append(found.told())
    told = totals.told()
    return {
        **described(terms, now, seen),
        "discrepancies": kept,
        "totals": told,
        "truncated": sum(total["count"] for total in told.values()) > len(kept),
    }


def audit_as(options: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """What the module returns for its options. Raises IncidentError for what the caller has to put right."""
    server, password, variables = server_and_password(options)
    return {"changed": False, **audit(server, password, terms_of(options, variables), options["limit"], options["statement_timeout"])}
