# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Subscriptions as clients see them: the amount is recomputed for the answer, which hides a stored one that is wrong."""

from __future__ import annotations

from auth import current_user
from billing import amount_due
from credentials import square_credentials
from flask import Blueprint, Response
from replies import data
from service import Service

_LIST = """
SELECT s.*, c.settings,
       (SELECT count(*) FROM locations l WHERE l.company_id = s.company_id AND NOT l.is_free AND l.deleted_at IS NULL) AS billable
FROM subscriptions s JOIN companies c ON c.id = s.company_id
WHERE s.deleted_at IS NULL AND (%s::uuid IS NULL OR s.company_id = %s::uuid)
ORDER BY s.created_at, s.id
"""


def routes(service: Service) -> Blueprint:
    """GET /api/subscriptions: the user's company's, or all of them for a superuser."""
    blueprint = Blueprint("subscriptions", __name__, url_prefix="/api/subscriptions")

    @blueprint.get("")
    def listing() -> Response:
        company = current_user(service)["company_id"]
        return data(
            [
                {
                    "id": row["id"],
                    "companyId": row["company_id"],
                    "status": row["status"],
                    "monthlyAmount": amount_due(row["billable"], service.settings.price_per_location),
                    "locationCount": row["billable"],
                    "billingDay": row["billing_day"],
                    "autopayEnabled": row["autopay_enabled"],
                    "paymentsConfigured": bool(square_credentials(row["settings"], service.settings.encryption_key).get("accessToken")),
                }
                for row in service.pool.query(_LIST, (company, company))
            ]
        )

    return blueprint
