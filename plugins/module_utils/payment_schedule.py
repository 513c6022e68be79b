# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a payment may be tried again: the dunning schedule, and the caps on attempts. Pure."""

from __future__ import annotations

import typing as t
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from .errors import IncidentError
from .square_codes import HARD, UNLISTED, class_of, is_decline

# The card networks' own limits on attempts for a card within this time. Which network a card is of, Square says only in answers, so the
# lower of Visa's 15 and Mastercard's 10 holds for all.
CARD_DAYS = 30
CARD_ATTEMPTS = 10

DUE, WAIT, MUST_ACT, EXHAUSTED, PERSON = "due", "wait", "must_act", "exhausted", "person"


@dataclass(frozen=True)
class Schedule:
    """Days after the first failure at which is tried again; attempts for each period, and for each card within CARD_DAYS."""

    days: tuple[float, ...]
    max_attempts: int
    max_card_attempts: int


def schedule_of(days: Sequence[float], max_attempts: int, max_card_attempts: int) -> Schedule:
    """Raises IncidentError for numbers that make no sense."""
    form = "write days that grow, for example [1, 3, 7, 14]"
    if not days:
        raise IncidentError(f"schedule_days is empty; {form}")
    if any(not 0 <= day <= 365 for day in days):
        raise IncidentError(f"schedule_days holds a day below 0 or above 365; {form}")
    if any(days[index + 1] <= days[index] for index in range(len(days) - 1)):
        raise IncidentError(f"schedule_days goes backwards or stands still ({', '.join(f'{day:g}' for day in days)}); {form}")
    if max_attempts < 1:
        raise IncidentError(f"max_attempts is {max_attempts}; write a number above 0, for example 4")
    if not 1 <= max_card_attempts <= CARD_ATTEMPTS:
        raise IncidentError(
            f"max_card_attempts is {max_card_attempts}; write 1 to {CARD_ATTEMPTS}, which is the lowest limit of the card networks in "
            f"{CARD_DAYS} days"
        )
    return Schedule(tuple(days), max_attempts, max_card_attempts)


class Attempt(t.NamedTuple):
    """An earlier attempt of a period that was settled as declined."""

    code: str | None
    card: str
    at: datetime


class Turn(t.NamedTuple):
    """Whether a payment is due; if not, why, and where it waits until when."""

    verdict: str
    reason: str = ""
    at: datetime | None = None


def turn_of(
    schedule: Schedule,
    now: datetime,
    card: str,
    failed_at: datetime | None,
    failure: str | None,
    attempts: Sequence[Attempt],
    card_attempts: int,
) -> Turn:
    """Whether it is a payment's turn.

    `failed_at` and `failure` are of the row as it was before the first attempt of this collection, None where it had not failed.
    `card_attempts` are the declines of the card within CARD_DAYS, whatever they were for.
    """
    declined = [one for one in attempts if is_decline(one.code)]
    blocked = _blocked(card, failure if failed_at and not declined else None, declined)
    if blocked:
        return blocked
    if len(declined) >= schedule.max_attempts:
        return Turn(EXHAUSTED, f"it was declined {len(declined)} times, which is max_attempts")
    if card_attempts >= schedule.max_card_attempts:
        return Turn(WAIT, f"its card was declined {card_attempts} times within {CARD_DAYS} days, which is max_card_attempts")
    failures = len(declined) + (1 if failed_at else 0)
    if not failures:
        return Turn(DUE)
    if failures > len(schedule.days):
        return Turn(EXHAUSTED, f"it failed {failures} times, and schedule_days has {len(schedule.days)} days")
    first = min([one.at for one in declined] + ([failed_at] if failed_at else []))
    at = first + timedelta(days=schedule.days[failures - 1])
    # A run that comes late must not bring the later attempts closer to one another than one step of the schedule.
    if declined:
        step = schedule.days[failures - 1] - (schedule.days[failures - 2] if failures > 1 else 0)
        at = max(at, declined[-1].at + timedelta(days=step))
    return Turn(DUE) if at <= now else Turn(WAIT, f"its next attempt is due at {at:%Y-%m-%d %H:%M} UTC", at)


def _blocked(card: str, failure: str | None, declined: Sequence[Attempt]) -> Turn | None:
    """Why there is no next attempt, whatever the time."""
    codes: list[str | None] = [failure] if failure else []
    # Another card than the one that was refused is the act of the customer that was waited for.
    codes += [one.code for one in declined[-1:] if one.card == card]
    for code in codes:
        if class_of(code) == HARD:
            return Turn(MUST_ACT, f"the card was refused ({code}); the customer must give another one")
        if class_of(code) == UNLISTED:
            return Turn(PERSON, f"it failed with `{(code or '')[:80]}`, which is no code that may be retried; look at it")
    return None
