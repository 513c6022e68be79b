# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happened to an account: found by a search while it is not too old, and told to a webhook."""

from __future__ import annotations

import time
import uuid
from typing import Any

from accounts import Account
from answers import Answer
from call import Call
from moments import seconds_of, written
from pages import is_newest_first, limit_of, page, window
from webhook import Webhook

KEPT_SECONDS = 28 * 86400
API_VERSION = "2026-09-16"

Value = dict[str, Any]


class Events:
    """The events of all accounts; the caller holds a lock."""

    def __init__(self, webhook: Webhook) -> None:
        self._webhook = webhook

    def add(self, account: Account, kind: str, name: str, value: Value, moment: float) -> None:
        """Something happened. Only what happens while events are enabled is found later, as with Square."""
        event = {
            "merchant_id": account.merchant_id,
            "type": kind,
            "event_id": str(uuid.uuid4()),
            "created_at": written(moment),
            "data": {"type": name, "id": value["id"], "object": {name: value}},
        }
        if account.are_events_enabled:
            # What a search finds has the location too; what a webhook is told has not.
            account.events.append({**event, "location_id": value["location_id"]})
        self._webhook.tell(event)

    def search(self, call: Call) -> Value:
        """POST /v2/events."""
        query = call.body.get("query") or {}
        wanted, sort = query.get("filter") or {}, query.get("sort") or {}
        oldest = time.time() - KEPT_SECONDS
        made = window(wanted.get("created_at") or {}, "start_at", "end_at", oldest)
        events = {event["event_id"]: event for event in call.account.events}
        keys = sorted((moment, identity) for identity, event in events.items() if made.has(moment := _made_at(event)) and moment >= oldest)
        question = {"query": query, "cursor": call.body.get("cursor")}
        limit, newest_first = limit_of(call.body.get("limit")), is_newest_first(sort.get("order"))
        shown, cursor = page(
            keys,
            lambda identity: events[identity] if _is_asked_for(wanted, events[identity]) else None,
            question,
            limit,
            newest_first=newest_first,
        )
        metadata = [{"event_id": event["event_id"], "api_version": API_VERSION} for event in shown]
        return {"events": shown, "metadata": metadata, **cursor}

    def enable(self, call: Call, *, wanted: bool) -> Value:
        """PUT /v2/events/enable and /v2/events/disable."""
        call.account.are_events_enabled = wanted
        return {}


def _made_at(event: Value) -> float:
    return seconds_of(event["created_at"], "created_at")


def _is_asked_for(wanted: Value, event: Value) -> bool:
    for field, name in (("event_types", "type"), ("merchant_ids", "merchant_id"), ("location_ids", "location_id")):
        values = wanted.get(field) or [event[name]]
        if not isinstance(values, list):
            raise Answer(400, "EXPECTED_ARRAY", "Expected an array.", f"query.filter.{field}")
        if event[name] not in values:
            return False
    return True
