# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an incident charged. A charge is not undone: for each one a refund is proposed, which a person makes at Square with approval."""

from __future__ import annotations

import typing as t

from . import payment_intent
from .billing_terms import shown

_CHARGED = f"""
SELECT i.company_id::text, c.name, i.payment_id::text, to_char(i.period, 'YYYY-MM'), i.amount_cents, i.currency, i.square_payment_id
FROM {payment_intent.TABLE} i LEFT JOIN companies c ON c.id = i.company_id
WHERE i.incident = %s AND i.state = '{payment_intent.SUCCEEDED}' ORDER BY i.id
"""  # noqa: S608 # names from above


def is_known(connection: t.Any, incident: str) -> bool:
    """Whether the incident has charged, or meant to."""
    if not payment_intent.exists(connection):
        return False
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT EXISTS (SELECT FROM {payment_intent.TABLE} WHERE incident = %s)", (incident,))  # noqa: S608 # name from above
        return bool(cursor.fetchone()[0])


def refunds_of(connection: t.Any, incident: str) -> list[dict[str, t.Any]]:
    """The refund that is proposed for each charge of the incident."""
    if not payment_intent.exists(connection):
        return []
    with connection.cursor() as cursor:
        cursor.execute(_CHARGED, (incident,))
        return [
            {
                "kind": "refund",
                "approval": "required",
                "company_id": company_id,
                "company": company,
                "payment_id": payment,
                "period": period,
                "amount": shown(cents),
                "currency": currency,
                "square_payment_id": square,
            }
            for company_id, company, payment, period, cents, currency, square in cursor
        ]
