# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Square's API of webhook subscriptions: the one that was told, under the token of whose it is."""

from __future__ import annotations

import uuid
from typing import Any

from answers import not_found
from call import Call
from moments import now
from webhook import Webhook

# What Square tells of a subscription; where the simulator posts to is its own affair.
FIELDS = ("id", "name", "enabled", "event_types", "notification_url", "api_version", "signature_key", "created_at")

Value = dict[str, Any]


def answer(call: Call, webhook: Webhook) -> Value:
    """GET /v2/webhooks/subscriptions, GET /v2/webhooks/subscriptions/ID, POST /v2/webhooks/subscriptions/ID/test."""
    target = webhook.of(call.account.merchant_id)
    match [call.method, *call.names[1:]]:
        case ["GET", "subscriptions"]:
            is_shown = target and (target["enabled"] or call.query.get("include_disabled") == "true")
            return {"subscriptions": [_shown(target)]} if is_shown else {}
        case ["GET", "subscriptions", identity] if target and identity == target["id"]:
            return {"subscription": _shown(target)}
        case ["POST", "subscriptions", identity, "test"] if target and identity == target["id"]:
            return _tested(call, webhook, target)
        case _:
            raise not_found("the webhook subscription")


def _shown(target: Value) -> Value:
    return {**{name: target[name] for name in FIELDS}, "updated_at": target["created_at"]}


def _tested(call: Call, webhook: Webhook, target: Value) -> Value:
    """Post an event of a payment that is not there, as Square's own test does."""
    moment = now()
    event = {
        "merchant_id": call.account.merchant_id,
        "type": call.body.get("event_type") or target["event_types"][0],
        "event_id": str(uuid.uuid4()),
        "created_at": moment,
        "data": {"type": "payment", "id": "TEST", "object": {"payment": {"id": "TEST", "status": "COMPLETED"}}},
    }
    status = webhook.test(event)
    times = {"created_at": moment, "updated_at": moment}
    told = {"status_code": status or 504, "notification_url": target["notification_url"], "passes_filter": True, "payload": event}
    return {"subscription_test_result": {"id": f"wbhkt_{event['event_id']}", **told, **times}, **told}
