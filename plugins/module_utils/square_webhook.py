# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Square's webhook subscriptions: where it tells its events, with which key it signs them, and a test event when it is asked for one.

A key is never in a result or a sentence.
"""

from __future__ import annotations

import typing as t
from contextlib import ExitStack

from . import square_transport
from .errors import LibraryMissing
from .payment_accounts import Firm
from .square_account import MISSING_SDK, base_url_of
from .square_credentials import StoredCredentials
from .square_payments import PaymentAccount

# For one answer; a test event is answered when the endpoint has answered Square.
ANSWER_SECONDS = 15.0
_ASKED_ONCE: t.Any = {"max_retries": 0}
# Of what happens to a payment at least one has to be told.
_PAYMENTS = "payment."


class WebhookSubscription(t.NamedTuple):
    """Where Square tells events, and the key by which it signs them."""

    identity: str
    name: str
    is_enabled: bool
    url: str
    key: str
    tells_payments: bool


class WebhookAccount(PaymentAccount):
    """The webhook subscriptions of one account. Everything raises SquareRefusal or SquareDown."""

    def subscriptions(self) -> list[WebhookSubscription]:
        """All of them, the disabled ones too."""
        return self._asked(
            "the webhook subscriptions",
            lambda: [
                _subscription(one) for one in self._square.webhooks.subscriptions.list(include_disabled=True, request_options=_ASKED_ONCE)
            ],
        )

    def test(self, identity: str) -> int:
        """Let Square tell a signed test event; gives the status with which it was answered."""
        found: t.Any = self._asked(
            "the webhook subscription",
            lambda: self._square.webhooks.subscriptions.test(identity, event_type="payment.updated", request_options=_ASKED_ONCE),
        )
        return int(found.status_code or (found.subscription_test_result and found.subscription_test_result.status_code) or 0)


class WebhookAccounts:
    """The accounts of companies as far as webhooks go, over one pool of connections for each address."""

    def __init__(self, stack: ExitStack, credentials: StoredCredentials, setting: str, connections: int) -> None:
        """The connections are closed with the stack. Raises LibraryMissing where the SDK is missing."""
        if MISSING_SDK:
            raise LibraryMissing(MISSING_SDK)
        self._credentials, self._setting = credentials, setting
        self._transports = {
            url: stack.enter_context(square_transport.client_of(url, ANSWER_SECONDS, connections))
            for url in {base_url_of(setting, mode) for mode in (False, True)}
        }

    def of(self, firm: Firm) -> WebhookAccount:
        """The account of a company. Raises Unreadable where its token cannot be read."""
        url = base_url_of(self._setting, firm.test_mode)
        return WebhookAccount(self._credentials.read(firm.stored_token), url, self._transports[url])


def _subscription(found: t.Any) -> WebhookSubscription:
    if not isinstance(found.id, str) or not isinstance(found.notification_url, str):
        raise ValueError("no webhook subscription")
    kinds = found.event_types or []
    tells = any(str(kind).startswith(_PAYMENTS) for kind in kinds)
    return WebhookSubscription(found.id, found.name or "", bool(found.enabled), found.notification_url, found.signature_key or "", tells)
