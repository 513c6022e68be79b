# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The database as far as charging goes: unpaid rows, intents with their rule of one for a period, and what settles them.

The real one is asked in molecule/payment_failure; here it is that what is done with its answers is tested where there is no server.
"""

from __future__ import annotations

import hashlib
import typing as t
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import date, datetime, timedelta, timezone

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import payment_due, payment_intent, payment_settlement
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.payment_due import Row
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.payment_intent import DECLINED, OPEN, SUCCEEDED, Intent

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=timezone.utc)
PERIOD = date(2026, 11, 1)
BEGINS = datetime(2026, 11, 1, tzinfo=timezone.utc)
ENDS = datetime(2026, 11, 30, 23, 59, 59, tzinfo=timezone.utc)


def token(number: int) -> str:
    """The access token of a made-up company."""
    return f"EAAAtoken-{number:04}"


def unpaid(number: int = 1, **other: t.Any) -> Row:
    """A payment that failed long ago and is due."""
    row = Row(
        payment_id=f"00000000-0000-4000-8000-{number:012}",
        company_id=f"company-{number}",
        company=f"Company {number}",
        subscription_id=f"subscription-{number}",
        cents=5000,
        status="failed",
        failure="INSUFFICIENT_FUNDS",
        square_payment_id=None,
        created_at=NOW - timedelta(days=20),
        updated_at=NOW - timedelta(days=20),
        period=PERIOD,
        begins_at=BEGINS,
        ends_at=ENDS,
        subscription_status="past_due",
        has_autopay=True,
        square_subscription_id=None,
        customer=f"customer-{number}",
        card=f"ccof:card-{number}",
        is_deleted=False,
        stored_token=token(number),
        stored_location=f"L{number}",
        test_mode=True,
        paid_rows=0,
        unpaid_rows=0,
        history=[],
        card_attempts=0,
        card_refused=None,
    )
    return row._replace(**other)


def account(number: int = 1, currency: str = "USD") -> dict[str, t.Any]:
    """The account of such a company, for the simulator of Square."""
    places = [
        {"id": f"M{number}", "name": "Main", "currency": currency, "main": True},
        {"id": f"L{number}", "name": "Shop", "currency": currency},
    ]
    return {
        "token_sha256": hashlib.sha256(token(number).encode()).hexdigest(),
        "merchant_id": f"merchant-{number}",
        "locations": places,
        "customers": [{"id": f"customer-{number}"}],
        "cards": [{"id": f"ccof:card-{number}", "customer_id": f"customer-{number}"}],
        "events_enabled": True,
    }


class Kept:
    """Answers like a session of psycopg2."""

    closed = 0
    autocommit = False

    def __init__(self, *rows: Row) -> None:
        self.rows = {row.payment_id: row for row in rows}
        self.intents: dict[int, Intent] = {}
        self.busy: set[str] = set()
        self.recorded: set[str] = set()
        self.still = True
        self.rowcount = 0
        self.activated: list[str] = []
        self._answer: list[tuple[t.Any, ...]] = []

    @contextmanager
    def transaction(self, *_where: t.Any, **_how: t.Any) -> Iterator[Kept]:
        yield self

    def cursor(self) -> t.Any:
        return nullcontext(self)

    def close(self) -> None:
        self.closed = 1

    def fetchone(self) -> tuple[t.Any, ...] | None:
        return self._answer[0] if self._answer else None

    def fetchall(self) -> list[tuple[t.Any, ...]]:
        return self._answer

    def __iter__(self) -> Iterator[tuple[t.Any, ...]]:
        return iter(self._answer)

    def execute(self, text: str, values: t.Any = None) -> None:
        """Any statement of the payment modules."""
        self._answer = list(self._answers(text, values))
        self.rowcount = len(self._answer)

    def _answers(self, text: str, values: t.Any) -> Iterator[tuple[t.Any, ...]]:
        if text.endswith(payment_due._ONE.execute):
            yield from (self._as_now(row) for row in self.rows.values() if self._is_unpaid(row) and row.payment_id == values["payment"])
        elif text == payment_due._ALL.direct:
            yield from (self._as_now(row) for row in self.rows.values() if self._is_unpaid(row) or row.payment_id in values["also"])
        elif text == payment_intent._INTEND.execute:
            yield from self._intended(values)
        elif text.endswith((payment_settlement._SETTLE.execute, payment_settlement._SETTLE.direct)):
            yield (self._settled(values),)
        elif text == "SELECT clock_timestamp()":
            yield (NOW,)
        elif "FROM companies" in text:
            yield from ((one,) for one in {row.company_id for row in self.rows.values()} & set(values[0]))
        elif "pg_try_advisory_lock" in text:
            yield values[1] not in self.busy, NOW
        elif "to_regclass" in text:
            yield (True,)
        elif "WHERE state IN" in text:
            yield from (tuple(one) for one in self.intents.values() if one.state in OPEN)
        elif "WHERE id = %s" in text and text.startswith("SELECT"):
            yield tuple(self.intents[values[0]])
        elif "SELECT square_payment_id" in text:
            yield from ((one,) for one in self.recorded & set(values[0]))
        elif "FOR NO KEY UPDATE OF s, p" in text:
            yield (self.still,)

    @staticmethod
    def _is_unpaid(row: Row) -> bool:
        return row.status in ("pending", "failed")

    def _as_now(self, row: Row) -> tuple[t.Any, ...]:
        history = [
            [one.attempt, one.state, one.code, one.card_id, one.at.timestamp(), None]
            for one in self.intents.values()
            if (one.subscription_id, one.period) == (row.subscription_id, row.period)
        ]
        return tuple(row._replace(history=[*row.history, *history]))

    def _intended(self, values: dict[str, t.Any]) -> Iterator[tuple[t.Any, ...]]:
        row = self.rows[values["payment_id"]]
        for one in self.intents.values():
            if one.subscription_id == row.subscription_id and one.period == values["period"] and one.state in (*OPEN, SUCCEEDED):
                return
        number = len(self.intents) + 1
        named = {**values, "id": number, "company_id": row.company_id, "subscription_id": row.subscription_id}
        later = {"state": "INTENT", "code": None, "square_payment_id": None, "at": NOW, "called_at": NOW}
        self.intents[number] = Intent(**{name: {**named, **later}[name] for name in Intent._fields})
        self.rows[row.payment_id] = row._replace(status="pending", failure=None)
        yield tuple(self.intents[number])

    def _settled(self, values: dict[str, t.Any]) -> int:
        intent = self.intents[values["intent"]]
        assert intent.state in OPEN
        state, code, identity = values["state"], values["code"], values["square"] or intent.square_payment_id
        self.intents[intent.id] = intent._replace(state=state, code=code, square_payment_id=identity)
        row = self.rows[values["payment"]]
        if state == SUCCEEDED:
            self.rows[row.payment_id] = row._replace(status="succeeded", square_payment_id=identity)
            self.activated.append(row.subscription_id)
            return 1
        if state == DECLINED:
            self.rows[row.payment_id] = row._replace(status="failed", failure=code if values["becomes"] == "failed" else "as before")
        return 0
