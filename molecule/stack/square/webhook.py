# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Telling events to an address, signed as Square signs them: once each, in their order, beside the calls that made them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import json
import queue
import socket
import threading
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlsplit

from answers import Answer, missing
from moments import now

TIMEOUT_SECONDS = 10
# What is not told of a subscription.
DEFAULTS = {
    "id": "wbhk_simulated",
    "name": "Circuit Sage",
    "enabled": True,
    "event_types": ["payment.created", "payment.updated", "refund.created", "subscription.updated"],
    "api_version": "2026-09-16",
}

Value = dict[str, Any]


def signature(key: str, notification_url: str, body: bytes) -> str:
    """What Square puts into x-square-hmacsha256-signature."""
    return base64.b64encode(hmac.new(key.encode(), notification_url.encode() + body, hashlib.sha256).digest()).decode()


class Webhook:
    """Where events are told, and what came of it."""

    def __init__(self) -> None:
        self._target: Value = {}
        self._deliveries: list[Value] = []
        self._waiting: queue.Queue[tuple[Value, Value, list[Value]]] = queue.Queue()
        # A proxy of the environment has no part in it.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        threading.Thread(target=self._deliver, daemon=True).start()

    def set(self, told: Value) -> Value:
        """Tell events to `url` from now on, or with null to nobody."""
        if told.get("url"):
            for name in ("signature_key", "notification_url"):
                if not told.get(name):
                    raise missing(name)
            _check_near(told["url"])
        self._target = {**DEFAULTS, **told, "created_at": now()} if told.get("url") else {}
        return self.shown()

    def shown(self) -> Value:
        """What was told, and the status of each answer. The key is not shown."""
        return {
            "url": self._target.get("url"),
            "notification_url": self._target.get("notification_url"),
            "deliveries": list(self._deliveries),
            "waiting": self._waiting.unfinished_tasks,
        }

    def tell(self, event: Value) -> None:
        """Tell an event, soon."""
        target = self.of(event["merchant_id"])
        if target and target["enabled"] and event["type"] in target["event_types"]:
            self._waiting.put((target, event, self._deliveries))

    def of(self, merchant: str) -> Value:
        """What was told for a merchant: for it alone, or for all; empty where nothing was."""
        return self._target if self._target.get("merchant_id") in (None, merchant) else {}

    def test(self, event: Value) -> int | None:
        """Tell an event at once, whatever is waiting; gives the status of the answer."""
        return self._post(self._target, json.dumps(event).encode())

    def forget(self) -> None:
        """Begin a new list of deliveries; what is waiting still goes out, and is in the old one."""
        self._deliveries = []

    def _deliver(self) -> None:
        while True:
            target, event, deliveries = self._waiting.get()
            status = self._post(target, json.dumps(event).encode())
            deliveries.append({"event_id": event["event_id"], "type": event["type"], "at": now(), "status": status})
            self._waiting.task_done()

    def _post(self, target: Value, body: bytes) -> int | None:
        signed = signature(target["signature_key"], target["notification_url"], body)
        headers = {"Content-Type": "application/json", "x-square-hmacsha256-signature": signed}
        request = urllib.request.Request(target["url"], body, headers)  # noqa: S310 - checked when it was told
        try:
            with self._opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as refused:
            return refused.code
        except OSError:
            return None


def _check_near(url: Any) -> None:
    """Refuse an address outside of this machine and its private networks."""
    try:
        parts = urlsplit(str(url))
        found = socket.getaddrinfo(parts.hostname, parts.port or 80, type=socket.SOCK_STREAM) if parts.scheme == "http" else []
    except (OSError, ValueError):
        found = []
    if not found or not all(ipaddress.ip_address(one[4][0]).is_private for one in found):
        raise Answer(400, "INVALID_VALUE", "The url is not http to loopback or a private address.", "url")
