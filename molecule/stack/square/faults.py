# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the simulator is told to do wrong: a list of faults, each for the calls that match, always, at a rate or so many times."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any, NamedTuple

from answers import Answer, NoAnswer
from call import Call
from fault import DECLINES, REFUSALS, Fault, checked, drawn


class OnCall(NamedTuple):
    """What goes wrong with a call, whatever it does."""

    latency_seconds: float
    instead: Callable[[], Exception] | None
    is_answer_lost: bool


class OnPayment(NamedTuple):
    """What goes wrong with the making of a payment."""

    mode: str
    answer: Answer | None = None
    declined: str | None = None


class Faults:
    """The faults in force; the caller holds a lock."""

    def __init__(self, entries: Any = (), seed: int | None = None) -> None:
        self.seed = secrets.randbits(32) if seed is None else seed
        self._faults = [Fault(checked(entry, place), place, self.seed) for place, entry in enumerate(entries)]

    def told(self) -> dict[str, Any]:
        """The faults, with how often each was taken."""
        return {"faults": [{**fault.entry, "taken": fault.taken} for fault in self._faults], "seed": self.seed}

    def share(self, *names: object) -> float:
        """A number from 0 to 1, the same for the same seed and names."""
        return drawn(self.seed, *names)

    def on_call(self, call: Call) -> OnCall:
        """Add up the latency, and take the first of the others that holds; the answer may be lost besides."""
        latency, instead, lost = 0.0, None, False
        for fault in self._faults:
            mode = fault.mode
            if mode == "latency" and fault.holds(call):
                latency += fault.entry["seconds"]
            elif mode == "close_after" and not lost:
                lost = fault.holds(call)
            elif instead is None and (mode in REFUSALS or mode in ("refuse", "close_before")) and fault.holds(call):
                instead = NoAnswer if mode == "close_before" else fault.refusal
        return OnCall(latency, instead, lost)

    def on_payment(self, call: Call, is_repeated: bool) -> OnPayment | None:
        """The first that holds. A key that is known already has its outcome: only the answer can be lost then."""
        for fault in self._faults:
            mode = fault.mode
            if mode in ("timeout_before_charge", "timeout_after_charge", "failed_after_charge"):
                if fault.holds(call):
                    return OnPayment(mode, fault.refusal() if mode == "failed_after_charge" else None)
            elif is_repeated:
                continue
            elif mode in DECLINES and fault.holds(call):
                return OnPayment(mode, declined=fault.entry.get("code", DECLINES[mode]))
            elif mode == "currency_mismatch" and fault.holds(call):
                return OnPayment(mode, Answer(400, "CURRENCY_MISMATCH", "The currency is not the location's.", "amount_money.currency"))
            elif mode == "card_disabled" and fault.holds(call):
                return OnPayment(mode, Answer(402, "INVALID_CARD", "The card on file is disabled.", "source_id"))
        return None

    def disables(self, facts: dict[str, Any]) -> bool:
        """Whether a card is shown as disabled; nothing is used up by a look."""
        return any(fault.mode == "card_disabled" and fault.would_hold(facts) for fault in self._faults)
