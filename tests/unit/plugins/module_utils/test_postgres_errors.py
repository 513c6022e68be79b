# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What PostgreSQL's words mean: the words themselves were recorded from PostgreSQL 15.18, psycopg2 2.9 and psql."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import postgres_errors

RECORDED = Path(__file__).parents[2] / "recorded" / "postgres"
LOGINS = json.loads((RECORDED / "login_failures.json").read_text(encoding="utf-8"))
WRITES = json.loads((RECORDED / "write_failures.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", LOGINS, ids=[case["seen_with"] for case in LOGINS])
def test_a_failed_login_is_named(case: dict[str, Any]) -> None:
    answer = postgres_errors.login_answer(case["text"])
    assert (answer.kind, answer.sqlstate, answer.password_taken) == (case["class"], case["sqlstate"], case["password_taken"])


@pytest.mark.parametrize("case", LOGINS, ids=[case["seen_with"] for case in LOGINS])
def test_the_message_is_the_servers_words_in_one_line(case: dict[str, Any]) -> None:
    message = postgres_errors.login_answer(case["text"]).message
    assert message
    assert "\n" not in message
    assert "connection to server" not in message
    assert "FATAL" not in message


@pytest.mark.parametrize("case", WRITES, ids=[case["text"][:40].strip() for case in WRITES])
def test_a_failed_write_is_named(case: dict[str, Any]) -> None:
    assert postgres_errors.write_kind(case["sqlstate"], case["text"]) == case["class"]


def test_names_that_quote_other_errors_do_not_mislead() -> None:
    text = 'FATAL:  password authentication failed for user "role "x" is not permitted to log in"\n'
    assert postgres_errors.login_answer(text).kind == postgres_errors.PASSWORD_REJECTED
    text = 'FATAL:  database "sorry, too many clients already" does not exist\n'
    assert postgres_errors.login_answer(text).kind == postgres_errors.DATABASE_MISSING
    # A relation is no database.
    assert postgres_errors.login_answer('FATAL:  relation "users" does not exist\n').kind == postgres_errors.OTHER


def test_with_encryption_tried_first_the_server_speaks_twice() -> None:
    prefix = 'connection to server at "db", port 5432 failed: '
    refusal = f'{prefix}FATAL:  no pg_hba.conf entry for host "h", '
    text = f"{refusal}SSL encryption\n{refusal}no encryption\n"
    answer = postgres_errors.login_answer(text)
    assert answer.kind == "hba_rejected"
    assert answer.message == 'no pg_hba.conf entry for host "h", SSL encryption'


def test_the_detail_belongs_to_the_words_and_the_hint_does_not() -> None:
    text = 'FATAL:  permission denied for database "d"\nDETAIL:  User does not have CONNECT privilege.\nHINT:  Ask.\n'
    assert postgres_errors.words(text) == 'permission denied for database "d" User does not have CONNECT privilege.'


def test_no_words_are_said_to_be_none() -> None:
    assert postgres_errors.words(" \n") == "it gave no reason"
