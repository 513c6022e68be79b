# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Square's webhook.

It sits behind authentication, as in the real application, so Square itself never gets through; signatures are not checked. Where
SQUARE_WEBHOOK_SIGNATURE_KEY is set it is what a later release may be: Square's signature is checked instead, and the payment is settled.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

import logs
from auth import current_user
from flask import Blueprint, Response, request
from replies import Refused, reply
from service import Service

# Square's word for a payment's state -> ours.
_STATUS = {"COMPLETED": "succeeded", "FAILED": "failed", "CANCELED": "failed"}
_SETTLE = "UPDATE subscription_payments SET status = %s, updated_at = now() WHERE square_payment_id = %s"
# What Square charges by itself refers to no row: it is the customer's payment of the month that is not paid yet.
_TAKE = """
WITH told (status, id, reference, customer, made) AS (VALUES (%s, %s, %s, %s, %s::timestamptz))
UPDATE subscription_payments p SET status = t.status, square_payment_id = t.id, failure_reason = NULL, updated_at = now()
FROM told t, subscriptions s
WHERE s.id = p.subscription_id AND t.status = 'succeeded' AND p.status IN ('pending', 'failed') AND p.square_payment_id IS NULL
  AND (p.id::text = t.reference OR (t.reference IS NULL AND s.square_customer_id = t.customer
    AND t.made BETWEEN p.billing_period_start AND p.billing_period_end))
"""


def _check_signature(service: Service) -> None:
    """Refuse what Square has not signed with the key, for the address as it is registered there."""
    key, url = service.settings.webhook_signature_key, service.settings.webhook_notification_url
    signed = base64.b64encode(hmac.new(key.encode(), url.encode() + request.get_data(), hashlib.sha256).digest())
    if not hmac.compare_digest(signed, request.headers.get("x-square-hmacsha256-signature", "").encode()):
        logs.warn("Square webhook refused: the signature does not match")
        raise Refused(403, "Invalid signature")


def _settle(service: Service, payment: dict[str, Any]) -> None:
    status = _STATUS.get(payment.get("status", ""))
    if not status or not payment.get("id"):
        return
    service.pool.query(_SETTLE, (status, payment["id"]))
    if service.settings.webhook_signature_key:
        told = [payment.get(name) for name in ("reference_id", "customer_id", "created_at")]
        service.pool.query(_TAKE, (status, payment["id"], *told))


def routes(service: Service) -> Blueprint:
    """POST /api/payments/webhook/square."""
    blueprint = Blueprint("webhooks", __name__, url_prefix="/api/payments/webhook")

    @blueprint.post("/square")
    def square() -> Response:
        if service.settings.webhook_signature_key:
            _check_signature(service)
        else:
            current_user(service)
        event = request.get_json(silent=True)
        payment = event.get("data", {}).get("object", {}).get("payment", {}) if isinstance(event, dict) else {}
        _settle(service, payment)
        logs.info("Billing event")
        return reply({"received": True})

    return blueprint
