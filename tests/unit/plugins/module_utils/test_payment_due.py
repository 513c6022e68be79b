# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which payment is due, and what the options of the payment modules refuse."""

from __future__ import annotations

import typing as t
from datetime import timedelta
from pathlib import Path

import pytest
from kept_payments import NOW, unpaid

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import (
    payment_accounts,
    payment_due,
    payment_options,
    payment_statement,
)
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.payment_accounts import Firm
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.payment_due import Rules
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.payment_schedule import Schedule

RULES = Rules(Schedule((1, 3, 7, 14), 4, 10), 24, 60)
SEEN = NOW.timestamp()
DEFAULTS = {name: option.get("default") for name, option in {**payment_options.PAYMENT_OPTIONS, **payment_options.CHARGING_OPTIONS}.items()}


@pytest.mark.parametrize(
    ("facts", "verdict", "words"),
    [
        ({}, "due", ""),
        ({"status": "pending", "failure": None}, "due", ""),
        ({"status": "pending", "failure": payment_due.NO_AUTOPAY}, "due", ""),
        ({"subscription_status": "canceled"}, "ended", "canceled"),
        ({"subscription_status": "cancelled"}, "ended", "cancelled"),
        ({"subscription_status": "expired"}, "ended", "expired"),
        ({"is_deleted": True}, "ended", "deleted"),
        ({"paid_rows": 1}, "paid", "another payment"),
        ({"square_payment_id": "p1"}, "paid", "p1"),
        ({"has_autopay": False, "card": None}, "incomplete", "no autopay and no card on file"),
        ({"customer": None}, "incomplete", "no customer at Square"),
        ({"unpaid_rows": 1}, "duplicate", "more than one payment"),
        ({"cents": 0}, "refused", "its amount is 0.00"),
        ({"cents": -100}, "refused", "its amount is -1.00"),
        ({"ends_at": NOW - timedelta(days=61)}, "person", "60 days ago"),
        ({"failure": "voided by hand"}, "person", "voided by hand"),
        ({"failure": "CARD_EXPIRED"}, "must_act", "CARD_EXPIRED"),
        ({"updated_at": NOW - timedelta(hours=1)}, "wait", "2026-11-25 11:00 UTC"),
        ({"card_attempts": 10}, "wait", "max_card_attempts"),
        ({"history": [[1, "SUCCEEDED", None, "c", SEEN, None]]}, "paid", "has succeeded"),
        ({"history": [[1, "UNKNOWN", None, "c", SEEN, None]]}, "open", "no outcome"),
        ({"history": [[1, "INTENT", None, "c", SEEN, None]]}, "open", "no outcome"),
        ({"history": [[1, "DECLINED", "GENERIC_DECLINE", "ccof:card-1", SEEN - 90000, None]]}, "due", ""),
        ({"history": [[1, "DECLINED", "GENERIC_DECLINE", "ccof:card-1", SEEN - 80000, None]]}, "wait", ""),
        ({"history": [[1, "DECLINED", "GENERIC_DECLINE", "ccof:card-1", SEEN - 90000, SEEN - 999999]]}, "wait", ""),
        (
            {"square_subscription_id": "s1", "status": "pending", "created_at": NOW - timedelta(hours=23)},
            "left_to_square",
            "Square charges",
        ),
        ({"square_subscription_id": "s1", "status": "pending", "created_at": NOW - timedelta(hours=24)}, "due", ""),
        ({"square_subscription_id": "s1", "created_at": NOW}, "due", ""),
    ],
)
def test_verdicts(facts: dict[str, t.Any], verdict: str, words: str) -> None:
    turn = payment_due.judged(unpaid(**facts), RULES, NOW)
    assert turn.verdict == verdict
    assert words in turn.reason


def test_the_next_attempt_has_the_next_number() -> None:
    assert unpaid().attempt == 1
    assert unpaid(history=[[3, "DECLINED", "", "c", SEEN, None], [1, "DECLINED", "", "c", SEEN, None]]).attempt == 4


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"limit": 0}, "limit is 0"),
        ({"pending_hours": -1}, "pending_hours is -1"),
        ({"currency": "usd"}, "currency is `usd`; write three capital letters"),
        ({"currency": "JPY"}, "currency is `JPY`"),
        ({"schedule_days": [3, 1]}, "goes backwards"),
        ({"company_ids": ["seven"]}, "no UUID"),
        ({"square_base_url": "http://square.example.com"}, "without TLS"),
        ({"square_base_url": "https://connect.squareupsandbox.com"}, "Square's sandbox, where no money moves"),
        ({"square_base_url": "http://127.0.0.1:4010"}, "this host itself, where no money moves"),
        ({"square_base_url": "https://connect.squareup.com", "square_environment": "sandbox"}, "Square's production"),
    ],
)
def test_options_that_make_no_sense_are_refused(given: dict[str, t.Any], words: str) -> None:
    with pytest.raises(IncidentError, match=words):
        payment_options.scope_in(t.cast(t.Any, None), {**DEFAULTS, **given})


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"max_in_flight": 0}, "max_in_flight is 0; write 1"),
        ({"max_in_flight": 65}, "write at most 64"),
        ({"max_per_second": -1}, "max_per_second is -1"),
        ({"max_per_second": float("nan")}, "max_per_second is nan"),
        ({"tries": 0}, "tries is 0"),
        ({"max_total": "much"}, "no amount of money"),
    ],
)
def test_a_pace_that_makes_no_sense_is_refused(given: dict[str, t.Any], words: str) -> None:
    with pytest.raises(IncidentError, match=words):
        payment_options.pace_of({**DEFAULTS, **given})


def test_a_run_needs_a_name() -> None:
    with pytest.raises(IncidentError, match="incident is empty"):
        payment_options.refuse_bad_writer({"incident": " ", "lock_timeout": 5})
    with pytest.raises(IncidentError, match="lock_timeout is 0"):
        payment_options.refuse_bad_writer({"incident": "I", "lock_timeout": 0})


@pytest.mark.parametrize(
    ("written", "page"),
    [
        ("", ""),
        ("DOMAIN_NAME=pay.example.com\n", "https://pay.example.com"),
        ("FRONTEND_URL=https://a.example\nDOMAIN_NAME=b\n", "https://a.example"),
    ],
)
def test_where_customers_pay(tmp_path: Path, written: str, page: str) -> None:
    (tmp_path / ".env.production").write_text(f"POSTGRES_PASSWORD=s3cret\n{written}", encoding="utf-8")
    scope = payment_options.scope_of({**DEFAULTS, "project_src": str(tmp_path)})
    assert (scope.page, scope.books.password, scope.environment) == (page, "s3cret", "production")


def test_a_company_of_the_other_environment_is_refused() -> None:
    testing, real = Firm("1", "Cedar", "t", None, True), Firm("2", "Maple", "t", None, False)
    payment_accounts.refuse_wrong_mode([testing, real], "http://127.0.0.1:1", "sandbox")
    payment_accounts.refuse_wrong_mode([real], "", "production")
    payment_accounts.refuse_wrong_mode([testing], "", "sandbox")
    with pytest.raises(IncidentError, match=r"Cedar would pay in Square's sandbox, where no money moves \(testMode\)"):
        payment_accounts.refuse_wrong_mode([real, testing], "", "production")
    with pytest.raises(IncidentError, match="Cedar would pay in Square's sandbox"):
        payment_accounts.refuse_wrong_mode([testing], "https://proxy.example.com", "production")
    with pytest.raises(IncidentError, match="Maple, Maple, Maple, Maple, Maple and 1 more would pay with real cards"):
        payment_accounts.refuse_wrong_mode([real] * 6, "", "sandbox")


def test_a_statement_in_its_three_forms() -> None:
    made = payment_statement.Statement("s", "SELECT :b:, :a:, :b: LIKE 'x%'", a="int", b="text")
    assert made.direct == "SELECT %(b)s::text, %(a)s::int, %(b)s::text LIKE 'x%%'"
    assert made.prepare == "PREPARE s (int, text) AS SELECT $2, $1, $2 LIKE 'x%'"
    assert made.execute == "EXECUTE s (%(a)s, %(b)s)"
