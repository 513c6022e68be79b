# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the money of the companies is real: the address of Square and their test modes, against what the inventory says the system is."""

from __future__ import annotations

import typing as t
from collections.abc import Sequence
from urllib.parse import urlsplit

from .billing_terms import shown
from .errors import IncidentError
from .payment_accounts import Firm, refuse_wrong_mode, refuse_wrong_square
from .square_account import PRODUCTION_URL, SANDBOX_URL, is_loopback

# For how long back what was paid in the wrong place is listed.
AFFECTED_DAYS = 60
_PAID = """
SELECT c.id::text, c.name, p.id::text, to_char(p.billing_period_start AT TIME ZONE 'UTC', 'YYYY-MM'), (p.amount * 100)::bigint,
  p.square_payment_id
FROM subscription_payments p JOIN companies c ON c.id = p.company_id
WHERE p.status = 'succeeded' AND p.square_payment_id <> '' AND p.updated_at > now() - make_interval(days => %(days)s)
  AND p.company_id = ANY(%(companies)s::uuid[])
ORDER BY c.name, c.id, p.billing_period_start, p.id
"""


def leads_to(setting: str) -> str:
    """Where an address leads, in words; empty is Square's own, by each company's mode."""
    if not setting:
        return "Square, by the mode of each company"
    host = urlsplit(setting).hostname or ""
    known = {urlsplit(PRODUCTION_URL).hostname: "Square", urlsplit(SANDBOX_URL).hostname: "Square's sandbox"}
    return known.get(host) or ("this host itself" if is_loopback(host) else host)


def wrong_firms(firms: Sequence[Firm], setting: str, environment: str) -> list[Firm]:
    """The companies whose own setting belongs to the other environment."""
    wrong = []
    for firm in firms:
        try:
            refuse_wrong_mode([firm], setting, environment)
        except IncidentError:
            wrong.append(firm)
    return wrong


def observed(connection: t.Any, firms: Sequence[Firm], setting: str, environment: str, limit: int) -> dict[str, t.Any]:
    """The observation: what is wrong in sentences, for whom, and which payments were made there. Reads only."""
    wrong, reasons = wrong_firms(firms, setting, environment), []
    try:
        refuse_wrong_square(setting, environment)
    except IncidentError as error:
        # Then whatever a company's own mode is.
        wrong, reasons = list(firms), [str(error)]
    if wrong and not reasons:
        reasons = [_reason(wrong, setting, environment)]
    paid = []
    if wrong:
        with connection.cursor() as cursor:
            cursor.execute(_PAID, {"companies": [one.company_id for one in wrong], "days": AFFECTED_DAYS})
            paid = cursor.fetchall()
    return {
        "expected": environment,
        "base_url": setting or None,
        "leads_to": leads_to(setting),
        "wrong": reasons,
        "companies": len(wrong),
        "first_companies": [one.company for one in wrong[:5]],
        "affected": [
            {"company_id": firm, "company": name, "payment_id": row, "period": period, "amount": shown(cents), "square_payment_id": square}
            for firm, name, row, period, cents, square in paid[:limit]
        ],
        "affected_count": len(paid),
        "affected_total": shown(sum(cents for *_rest, cents, _square in paid)),
    }


def _reason(wrong: Sequence[Firm], setting: str, environment: str) -> str:
    try:
        refuse_wrong_mode(wrong, setting, environment)
    except IncidentError as error:
        return str(error)
    raise AssertionError("not reached")
