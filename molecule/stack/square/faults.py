# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the simulator is told to do wrong: one fault at a time, for a number of calls or of seconds, or until a reset."""

from __future__ import annotations

import time
from typing import Any

from answers import Answer

# Answered instead of the call: status, code, detail, headers.
REFUSALS: dict[str, tuple[int, str, str, dict[str, str]]] = {
    "token_expired": (401, "ACCESS_TOKEN_EXPIRED", "The access token has expired.", {}),
    "scope_missing": (403, "INSUFFICIENT_SCOPES", "The merchant has not given your application sufficient permissions.", {}),
    "rate_limited": (429, "RATE_LIMITED", "Your application has been rate limited.", {"Retry-After": "7"}),
    "square_down": (503, "SERVICE_UNAVAILABLE", "Service unavailable.", {}),
}
# On a payment only: the connection is closed before or after the charge is recorded; or the card is declined with `code`.
ON_PAYMENT = ("timeout_before_charge", "timeout_after_charge", "decline")
# On a change of a subscription only: the connection is closed after it is recorded.
ON_UPDATE = ("timeout_after_update",)


class Faults:
    """The fault in force."""

    def __init__(self) -> None:
        self._kind: str | None = None
        self._code = ""
        self._left: int | None = None
        self._until: float | None = None

    def set(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """Put one in force: `kind` (null for none), for a decline `code`, and optionally `times` or `seconds`."""
        kind, times, seconds = wanted.get("kind"), wanted.get("times"), wanted.get("seconds")
        known = [*REFUSALS, *ON_PAYMENT, *ON_UPDATE]
        if kind is not None and kind not in known:
            raise Answer(400, "INVALID_VALUE", f"Unknown fault; known are: {', '.join(known)}", "kind")
        for field, value in (("times", times), ("seconds", seconds)):
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
                raise Answer(400, "INVALID_VALUE", f"{field} must be a whole number above 0", field)
        self._kind, self._left = kind, times
        self._code = str(wanted.get("code", "GENERIC_DECLINE"))
        self._until = None if seconds is None else time.monotonic() + seconds
        return {"kind": kind, "times": times, "seconds": seconds}

    def refuse(self) -> None:
        """Answer the call with the fault's refusal, if that is its kind."""
        if self._kind in REFUSALS and self._takes():
            status, code, detail, headers = REFUSALS[self._kind]
            answer = Answer(status, code, detail)
            answer.headers = headers
            raise answer

    def on_payment(self) -> tuple[str, str] | None:
        """What goes wrong with this payment, and the code of a decline."""
        return (self._kind, self._code) if self._kind in ON_PAYMENT and self._takes() else None

    def on_update(self) -> bool:
        """Whether the answer to this change of a subscription is lost."""
        return self._kind in ON_UPDATE and self._takes()

    def _takes(self) -> bool:
        """Whether the fault still holds; one of its calls is used up."""
        if self._until is not None and time.monotonic() >= self._until:
            return False
        if self._left is not None:
            if self._left == 0:
                return False
            self._left -= 1
        return True
