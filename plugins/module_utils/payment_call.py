# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One charge at Square to its outcome: the same request under the same key, a bounded number of times.

What is not known to be charged or refused stays unknown. Once the answer to a request was lost, only an answer about this very payment
counts: a refusal of a later request says nothing about the earlier one.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from .payment_gate import LONGEST_HOLD, Gate, Stopped
from .payment_intent import DECLINED, SUCCEEDED, UNKNOWN
from .payment_settlement import Settled
from .square_codes import CHARGED, KEY_REUSED, TRANSIENT, class_of
from .square_payments import Reply

# Seconds before the second try; each further one takes twice as long.
FIRST_WAIT = 0.5
# Seconds that may lie between the last word of the database about a request and the request itself.
PROMPT = 1.0
_FAILED = ("FAILED", "CANCELED")
_LIMITED = 429


def outcome_of(reply: Reply, lost: bool) -> Settled | None:
    """What a reply settles; None where the same has to be asked again. `lost`: an earlier request may have been carried out."""
    payment = reply.payment
    if reply.status == 200 and payment is not None:
        if payment.status == CHARGED:
            return Settled(SUCCEEDED, None, payment.identity)
        if payment.status in _FAILED:
            return Settled(DECLINED, reply.code or "GENERIC_DECLINE", payment.identity)
        return Settled(UNKNOWN, payment.status, payment.identity, f"Square has the payment as {payment.status}")
    if reply.status in (0, 200) or reply.status >= 500 or class_of(reply.code) == TRANSIENT or reply.status in (408, 409, _LIMITED):
        return None
    if reply.code == KEY_REUSED:
        return Settled(UNKNOWN, reply.code, None, "its key was used for another request before, which may have been carried out")
    if payment is not None and payment.status in _FAILED:
        return Settled(DECLINED, reply.code, payment.identity)
    if lost:
        return Settled(UNKNOWN, reply.code, None, f"an earlier answer was lost, and Square now refuses to say ({reply.detail})")
    return Settled(DECLINED, reply.code or f"HTTP_{reply.status}", None, reply.detail)


def charge(
    ask: Callable[[], Reply],
    gate: Gate,
    tries: int,
    lost: bool,
    again: Callable[[], None],
    chance: Callable[[], float] = random.random,
    first_wait: float = FIRST_WAIT,
) -> Settled:
    """Ask until there is an outcome, at most so many times. The last answer's code is kept where there is none.

    `again` is called before each request but a first one that need not wait for its turn. Raises Stopped where the run ends before the
    first: then nothing was asked.
    """
    last: Reply | None = None
    for number in range(tries):
        try:
            if last is not None:
                gate.begin(_pause(last, number, chance, first_wait))
            with gate.calling(is_charge=True) as waited:
                if waited > PROMPT or last is not None:
                    again()
                last = ask()
        except Stopped:
            if last is None:
                raise
            break
        outcome = outcome_of(last, lost)
        if outcome is not None:
            return outcome
        # Before that request nothing was done: Square turned it away.
        lost = lost or last.status != _LIMITED
        if last.status == _LIMITED:
            gate.hold(max(_pause(last, number + 1, lambda: 0.0, first_wait), last.after or 0))
        if (last.after or 0) > LONGEST_HOLD:
            break
    detail = last.detail if last else "it was not asked"
    return Settled(UNKNOWN, last.code if last else None, None, f"no outcome ({detail})")


def _pause(last: Reply, number: int, chance: Callable[[], float], first_wait: float) -> float:
    """What Square asks for, else twice as long each time; and a fifth more by chance, so that not all come back at once."""
    wait = last.after if last.after is not None else first_wait * 2 ** (number - 1)
    return min(wait, LONGEST_HOLD) * (1 + 0.2 * chance())
