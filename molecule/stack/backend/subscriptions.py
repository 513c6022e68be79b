# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A subscription as its company sees it: the amount is recomputed for the answer, which hides a stored one that is wrong."""

from __future__ import annotations

from auth import company_of, current_user
from billing import amount_due
from credentials import square_credentials
from flask import Blueprint, Response
from replies import Refused, data
from service import Service

_ONE = """
SELECT c.settings, s.id, COALESCE(s.status, 'none') AS status, s.billing_day, COALESCE(s.autopay_enabled, false) AS autopay_enabled,
       count(l.id) FILTER (WHERE NOT l.is_free) AS billable, count(l.id) FILTER (WHERE l.is_free) AS free
FROM companies c
LEFT JOIN subscriptions s ON s.company_id = c.id AND s.deleted_at IS NULL
LEFT JOIN locations l ON l.company_id = c.id AND l.deleted_at IS NULL
WHERE c.id = %s
GROUP BY c.id, s.id
"""


def routes(service: Service) -> Blueprint:
    """GET /api/subscriptions: the one of the user's company; its status is "none" where there is no row."""
    blueprint = Blueprint("subscriptions", __name__, url_prefix="/api/subscriptions")

    @blueprint.get("")
    def subscription() -> Response:
        company = company_of(current_user(service))
        rows = service.pool.query(_ONE, (company,))
        if not rows:
            raise Refused(404, "Company not found")
        row = rows[0]
        return data(
            {
                "id": row["id"],
                "companyId": company,
                "status": row["status"],
                "monthlyAmount": float(amount_due(row["billable"], service.settings.price_per_location)),
                "locationCount": row["billable"],
                "freeLocationCount": row["free"],
                "billingDay": row["billing_day"],
                "autopayEnabled": row["autopay_enabled"],
                "paymentsConfigured": bool(square_credentials(row["settings"] or {}, service.settings.encryption_key).get("accessToken")),
            }
        )

    return blueprint
