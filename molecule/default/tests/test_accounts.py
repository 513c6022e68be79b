# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sign-in, tokens, and what shuts an account out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from circuit_sage import CircuitSage
from made_company import PASSWORD, Company


def test_sign_in(system: CircuitSage, company: Company) -> None:
    """bcrypt on the row, a token in the answer."""
    reply = system.sign_in(company.email, PASSWORD)
    assert reply.status == 200
    assert reply.json["data"]["accessToken"].count(".") == 2


def test_wrong_password(system: CircuitSage, company: Company) -> None:
    """401, in the very words whose length is in nginx's log."""
    reply = system.sign_in(company.email, "not-a-password")
    assert (reply.status, reply.text) == (401, '{"success":false,"error":{"message":"Invalid credentials"}}')


def test_no_token(system: CircuitSage) -> None:
    """401."""
    assert system.backend("GET", "/api/subscriptions").status == 401


def test_bad_token(system: CircuitSage) -> None:
    """403."""
    reply = system.backend("GET", "/api/subscriptions", token="not.a.token")
    assert reply.status == 403
    assert "Unauthorized" in reply.text


def test_webhook_of_square_wants_a_token(system: CircuitSage) -> None:
    """Square sends none, so its calls get 401 and the statuses drift."""
    reply = system.edge("POST", "/api/payments/webhook/square", body={"type": "payment.updated", "event_id": "conformance"})
    assert reply.status == 401


@pytest.fixture
def changed_user(system: CircuitSage, company: Company) -> Iterator[Any]:
    """Changes a column of the company's administrator until the end of the test."""

    def change(column: str, value: str) -> None:
        system.sql(f"UPDATE users SET {column} = {value} WHERE id = %s", company.user_id)  # noqa: S608 - words of the tests below

    yield change
    system.sql("UPDATE users SET active = true, deleted_at = NULL WHERE id = %s", company.user_id)


def test_inactive_user_is_not_blocked(system: CircuitSage, company: Company, token: str, changed_user: Any) -> None:
    """`active = false` stops neither a token nor a sign-in."""
    changed_user("active", "false")
    assert system.backend("GET", "/api/subscriptions", token=token).status == 200
    assert system.sign_in(company.email, PASSWORD).status == 200


def test_deleted_user_is_blocked(system: CircuitSage, company: Company, token: str, changed_user: Any) -> None:
    """Only `deleted_at` does, and answers 403."""
    changed_user("deleted_at", "now()")
    assert system.backend("GET", "/api/subscriptions", token=token).status == 403
    assert system.sign_in(company.email, PASSWORD).status in (401, 403)
