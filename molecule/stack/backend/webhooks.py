# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Square's webhook.

It sits behind authentication, as in the real application, so Square itself never gets through; signatures are not checked.
"""

from __future__ import annotations

import logs
from auth import current_user
from flask import Blueprint, Response, request
from replies import reply
from service import Service

# Square's word for a payment's state -> ours.
_STATUS = {"COMPLETED": "succeeded", "FAILED": "failed", "CANCELED": "failed"}


def routes(service: Service) -> Blueprint:
    """POST /api/payments/webhook/square."""
    blueprint = Blueprint("webhooks", __name__, url_prefix="/api/payments/webhook")

    @blueprint.post("/square")
    def square() -> Response:
        current_user(service)
        event = request.get_json(silent=True)
        payment = event.get("data", {}).get("object", {}).get("payment", {}) if isinstance(event, dict) else {}
        status = _STATUS.get(payment.get("status", ""))
        if status and payment.get("id"):
            service.pool.query(
                "UPDATE subscription_payments SET status = %s, updated_at = now() WHERE square_payment_id = %s", (status, payment["id"])
            )
        logs.info("Billing event")
        return reply({"received": True})

    return blueprint
