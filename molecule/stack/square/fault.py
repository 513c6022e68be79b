# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One fault that the simulator was told: its form, which calls it is for, and whether it holds for one."""

from __future__ import annotations

import hashlib
import time
from typing import Any

from answers import CATEGORY, Answer, is_number
from call import Call

# Answered instead of the call: status, code, detail.
REFUSALS: dict[str, tuple[int, str, str]] = {
    "token_expired": (401, "ACCESS_TOKEN_EXPIRED", "The access token has expired."),
    "scope_missing": (403, "INSUFFICIENT_SCOPES", "The merchant has not given your application sufficient permissions."),
    "rate_limited": (429, "RATE_LIMITED", "Your application has been rate limited."),
    "square_down": (503, "SERVICE_UNAVAILABLE", "Service unavailable."),
}
# The codes with which a card is declined.
DECLINES = {
    "insufficient_funds": "INSUFFICIENT_FUNDS",
    "generic_decline": "GENERIC_DECLINE",
    "hard_decline": "CARD_EXPIRED",
    "verification_required": "CARD_DECLINED_VERIFICATION_REQUIRED",
    "decline": "GENERIC_DECLINE",
}
# Each mode with the keys of its own.
MODES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(REFUSALS, ()),
    "rate_limited": ("retry_after",),
    "refuse": ("status", "code"),
    "latency": ("seconds",),
    "close_before": (),
    "close_after": (),
    "timeout_before_charge": (),
    "timeout_after_charge": (),
    "failed_after_charge": ("status", "code"),
    "currency_mismatch": (),
    "card_disabled": (),
    **dict.fromkeys(DECLINES, ()),
    "hard_decline": ("code",),
    "decline": ("code",),
}
MATCHES = ("card", "customer_id", "reference_id", "idempotency_key", "location_id", "merchant_id", "method", "path")
COMMON = ("match", "mode", "rate", "count", "after", "for_seconds")
RETRY_AFTER_SECONDS = 7
# Longer than any client waits.
MOST_SECONDS = 120

Entry = dict[str, Any]


def drawn(seed: int, *names: object) -> float:
    """A number from 0 to 1, the same for the same seed and names, in whatever order threads ask."""
    text = "/".join(map(str, (seed, *names)))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") / 2**64


def checked(entry: Any, place: int) -> Entry:
    """Refuse an entry that says what is not known."""
    mode = entry.get("mode") if isinstance(entry, dict) else None
    if mode not in MODES:
        raise _refused(place, f"mode must be one of {', '.join(sorted(MODES))}")
    unknown = sorted(set(entry) - {*COMMON, *MODES[mode]})
    match = entry.get("match", {})
    if unknown or not isinstance(match, dict) or set(match) - set(MATCHES):
        names = ", ".join(unknown) or "in match"
        raise _refused(place, f"{mode} has no {names}; match may ask for {', '.join(MATCHES)}")
    if "rate" in entry and "count" in entry:
        raise _refused(place, "give rate or count, not both")
    rate = entry.get("rate", 0)
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 <= rate <= 1:
        raise _refused(place, "rate must be a number from 0 to 1")
    for name, least in (("count", 1), ("after", 0), ("retry_after", 0)):
        if name in entry and not (is_number(entry[name]) and entry[name] >= least):
            raise _refused(place, f"{name} must be a whole number, {least} or more")
    for name in ("seconds", "for_seconds"):
        value = entry.get(name, 1)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= MOST_SECONDS:
            raise _refused(place, f"{name} must be above 0 and at most {MOST_SECONDS}")
    if (mode == "latency" and "seconds" not in entry) or (mode == "refuse" and not entry.keys() >= {"status", "code"}):
        raise _refused(place, f"{mode} needs {', '.join(MODES[mode])}")
    if entry.get("status", 400) not in CATEGORY or not isinstance(entry.get("code", ""), str):
        raise _refused(place, f"status must be one of {', '.join(map(str, CATEGORY))}, and code a text")
    return dict(entry)


def _refused(place: int, why: str) -> Answer:
    return Answer(400, "INVALID_VALUE", f"fault {place}: {why}", "mode")


class Fault:
    """A fault, and how much of it is used up."""

    def __init__(self, entry: Entry, place: int, seed: int) -> None:
        self.entry = entry
        self.mode: str = entry["mode"]
        self.taken = 0
        self._match: dict[str, Any] = {name: value for name, value in entry.get("match", {}).items() if name != "path"}
        self._path: str = entry.get("match", {}).get("path", "")
        self._met = 0
        self._turns: dict[str, int] = {}
        self._drawn_from = (seed, place)
        seconds = entry.get("for_seconds")
        self._until = None if seconds is None else time.monotonic() + seconds

    def holds(self, call: Call) -> bool:
        """Whether it holds for this call; it is used up by that."""
        if not call.path.startswith(self._path) or not self._is_meant(call.facts):
            return False
        self._met += 1
        if self._met <= self.entry.get("after", 0) or not self._is_left() or not self._is_drawn(call):
            return False
        self.taken += 1
        return True

    def would_hold(self, facts: dict[str, Any]) -> bool:
        """Whether it would hold for a card. A rate is a share of the cards, always the same ones."""
        return self._is_meant(facts) and self._met >= self.entry.get("after", 0) and self._is_left() and self._has_card(facts["card"])

    def refusal(self) -> Answer:
        """What is answered instead."""
        status, code, detail = REFUSALS.get(self.mode, (504, "GATEWAY_TIMEOUT", "As the simulator was told."))
        answer = Answer(self.entry.get("status", status), self.entry.get("code", code), detail)
        if self.mode == "rate_limited":
            answer.headers = {"Retry-After": str(self.entry.get("retry_after", RETRY_AFTER_SECONDS))}
        return answer

    def _is_meant(self, facts: dict[str, Any]) -> bool:
        return all(facts.get(name) == value for name, value in self._match.items())

    def _is_left(self) -> bool:
        is_over = self._until is not None and time.monotonic() >= self._until
        return not is_over and self.taken < self.entry.get("count", self.taken + 1)

    def _is_drawn(self, call: Call) -> bool:
        if "rate" not in self.entry:
            return True
        if self.mode == "card_disabled":
            return self._has_card(call.facts["card"])
        turn = self._turns[call.identity] = self._turns.get(call.identity, 0) + 1
        return drawn(*self._drawn_from, call.identity, turn) < float(self.entry["rate"])

    def _has_card(self, card: str | None) -> bool:
        return "rate" not in self.entry or drawn(*self._drawn_from, card) < float(self.entry["rate"])
