# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The observation of the payments, what is broken about it, and its line."""

from __future__ import annotations

import typing as t

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import payment_observation

SETTINGS: dict[str, t.Any] = {"environment": {"wrong": []}, "webhook": {"wrong": []}, "unknown": None}
EMPTY: dict[str, t.Any] = {name: [] for name in payment_observation.AUDITED}
AUDIT = {**EMPTY, "asked": 3, "outage": None, "unknown": {}, "counts": {"unknown_payments": 0, "differences": 0, "customers": 0}}


def payment(identity: str, verdict: str = "due", gone: bool = False) -> dict[str, t.Any]:
    return {"payment_id": identity, "verdict": verdict, "card_gone": gone}


def test_what_is_due() -> None:
    """Not what is paid at Square, nor what has no card any more."""
    failed = [payment("a"), payment("b", "wait"), payment("c", gone=True), payment("d")]
    paid = [{"payment_id": "d", "mend": "record"}, {"payment_id": "a", "mend": "person"}]
    found = payment_observation.observation(SETTINGS, {**AUDIT, "failed_payments": failed, "stuck": [payment("e")], "differences": paid})
    assert [one["payment_id"] for one in found["payments"]["due"]] == ["a", "e"]
    assert found["unknown"] == {}
    assert payment_observation.symptoms(found) == ["2 payments are due and not charged", "1 payments are paid at Square and not here"]
    assert payment_observation.seen(found) == [
        "payments of 3 companies compared with Square: 2 due, 0 without outcome, 0 differ, 0 customers must act"
    ]


def test_a_database_that_lets_nobody_in() -> None:
    found = payment_observation.observation({"skipped": True}, {"skipped": True})
    assert found == {"payments": None, "unknown": {"payments": "the database does not let the application in"}}
    assert payment_observation.symptoms(found) == []
    assert payment_observation.seen(found) == ["Square: the database does not let the application in"]


def test_a_wrong_environment_is_not_audited() -> None:
    wrong = {**SETTINGS, "environment": {"wrong": ["no money moves"]}, "unknown": "no money moves"}
    found = payment_observation.observation(wrong, {"skipped": True})
    assert found["unknown"] == {"webhook": "no money moves", "payments": "no money moves"}
    assert "due" not in found["payments"]
    assert payment_observation.symptoms(found) == ["no money moves"]


def test_what_is_broken() -> None:
    audit = {**AUDIT, "outage": {"reason": "Square fails"}, "refused": [{"reason": "no token"}], "unknown_payments": [{}]}
    settings = {**SETTINGS, "webhook": {"wrong": ["url"]}}
    found = payment_observation.observation(settings, {**audit, "unknown": {"square": "Square fails"}})
    assert payment_observation.symptoms(found) == [
        "Square fails",
        "no token",
        "1 payments have an outcome that nobody knows",
        "no signature of Square's webhook is right",
    ]
    assert payment_observation.seen(found)[1:] == ["Square: Square fails"]


def test_where_nobody_asked_nothing_is_said() -> None:
    assert payment_observation.symptoms({}) == payment_observation.seen({}) == []
