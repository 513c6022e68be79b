# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must not be taken for a fault of the payments, and who decides about what."""

from __future__ import annotations

import typing as t

import pytest
from recorded_observations import CAUSES, found, recorded

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import diagnosis


def first(fault: str, name: str, **values: t.Any) -> list[dict[str, t.Any]]:
    """The first entry of a list of the recorded payments, with other values."""
    return [{**recorded(fault)["payments"][name][0], **values}]


TIMEOUT = "timeout_after_charge"
NEAR_MISSES = {
    "a payment that waits for its next day is not due": recorded("insufficient_funds", payments__due=[]),
    "where nobody asked for the payments nothing is said of them": recorded("insufficient_funds", payments=None),
    "what is due is not charged while an account is refused": {
        **recorded("insufficient_funds"),
        "payments": {**recorded("insufficient_funds")["payments"], "refused": [], "outage": None, "due": []},
    },
    "what is paid by an attempt that is open is settled with it": recorded(
        "status_stuck", payments__differences=first("status_stuck", "differences", open=True), payments__past_due=[]
    ),
    "a refund at Square alone is no payment that is missing here": recorded(
        "status_stuck", payments__differences=[], payments__past_due=[]
    ),
    "a webhook that nobody checks is not wrong": recorded(
        "webhook_signature", payments__webhook__wrong=[], payments__webhooks_missed__payments=0
    ),
    "events that the database knows were not lost": recorded("webhook_gap", payments__webhooks_missed__payments=0),
    "a customer whose attempts are over is told by another cause": recorded("hard_decline", payments__customers=[]),
}
OTHERS = {
    "the code tells which decline it was": (
        recorded("insufficient_funds", payments__due=first("insufficient_funds", "due", failure="CARD_DECLINED")),
        ["generic_decline"],
    ),
    "one without a reason was never charged": (
        recorded("insufficient_funds", payments__due=first("insufficient_funds", "due", failure=None)),
        ["payment_uncharged"],
    ),
    "Autopay not enabled is no reason of a bank": (
        recorded("insufficient_funds", payments__due=first("insufficient_funds", "due", failure="Autopay not enabled")),
        ["payment_uncharged"],
    ),
    "a refused account comes before what is due": (
        recorded("token_expired", payments__due=recorded("insufficient_funds")["payments"]["due"]),
        ["token_expired"],
    ),
    "an account may be refused otherwise": (
        recorded("token_expired", payments__refused=first("token_expired", "refused", status=404, code="NOT_FOUND")),
        ["account_refused"],
    ),
    "no charge at Square tells nothing yet": (
        recorded(TIMEOUT, payments__unknown_payments=first(TIMEOUT, "unknown_payments", at_square="absent")),
        ["timeout_before_charge"],
    ),
    "a refusal at Square settles it too": (
        recorded(TIMEOUT, payments__unknown_payments=first(TIMEOUT, "unknown_payments", at_square="refused")),
        ["timeout_before_charge"],
    ),
    "an intent that nobody ended is a worker's": (
        recorded(TIMEOUT, payments__unknown_payments=first(TIMEOUT, "unknown_payments", state="INTENT")),
        ["worker_killed"],
    ),
    "a limit is no outage": (
        recorded("square_down", payments__outage={"status": 429, "code": "RATE_LIMITED", "reason": "limited"}),
        ["rate_limited"],
    ),
    "no answer at all is one": (
        recorded("rate_limited", payments__outage={"status": 0, "code": None, "reason": "nobody"}),
        ["square_down"],
    ),
    "a card with another code is refused for good as well": (
        recorded("verification_required", payments__customers=first("verification_required", "customers", failure="PAN_FAILURE")),
        ["hard_decline"],
    ),
    "attempts that are over": (
        recorded("hard_decline", payments__customers=first("hard_decline", "customers", verdict="exhausted")),
        ["attempts_exhausted"],
    ),
    "a code of no list": (
        recorded(
            "hard_decline", payments__customers=[], payments__failed_payments=first("hard_decline", "failed_payments", verdict="person")
        ),
        ["code_unlisted"],
    ),
    "a period that was charged twice": (
        recorded(
            "status_stuck",
            payments__differences=first("status_stuck", "differences", kind="charged_twice", mend="refund"),
            payments__past_due=[],
        ),
        ["charged_twice"],
    ),
    "what a person has changed": (
        recorded(
            "status_stuck",
            payments__differences=first("status_stuck", "differences", kind="amount_differs", mend="person"),
            payments__past_due=[],
        ),
        ["square_differs"],
    ),
    "a container that was made before the file was put right": (
        recorded("webhook_signature", payments__webhook__wrong=[], payments__webhook__stale=["url"]),
        ["webhook_signature"],
    ),
    "lost events behind a setting that is right": (recorded("webhook_signature", payments__webhook__wrong=[]), ["webhook_gap"]),
    "a status that was left behind, though nothing is owed": (
        recorded(
            "status_stuck", payments__differences=[], payments__past_due=first("status_stuck", "past_due", stuck=True, paid_there=False)
        ),
        ["status_stuck"],
    ),
}


@pytest.mark.parametrize("name", NEAR_MISSES)
def test_near_misses(name: str) -> None:
    assert found(NEAR_MISSES[name]) == []


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_like_a_fault_and_is_another_cause(name: str) -> None:
    observations, causes = OTHERS[name]
    assert found(observations) == causes


PERSONS = (
    *("sandbox_in_production", "token_expired", "scope_missing", "square_down", "hard_decline", "verification_required", "card_disabled"),
)


@pytest.mark.parametrize("fault", PERSONS)
def test_what_a_person_decides_is_never_charged(fault: str) -> None:
    (finding,) = diagnosis.plan(diagnosis.diagnose(recorded(fault), CAUSES), "destructive", [fault])
    assert (finding["decision"], finding["remedy"]) == ("leave", None)
    assert finding["reason"] == finding["escalate"]


@pytest.mark.parametrize(
    "fault", ["insufficient_funds", "generic_decline", TIMEOUT, "timeout_before_charge", "worker_killed", "rate_limited"]
)
def test_a_safe_run_charges_nobody(fault: str) -> None:
    findings = diagnosis.diagnose(recorded(fault), CAUSES)
    assert [one["decision"] for one in diagnosis.plan(findings, "safe")] == ["leave"]
    assert [one["decision"] for one in diagnosis.plan(findings)] == ["act"]


@pytest.mark.parametrize("fault", ["status_stuck", "webhook_gap"])
def test_a_safe_run_brings_the_books_in_line(fault: str) -> None:
    assert [one["decision"] for one in diagnosis.plan(diagnosis.diagnose(recorded(fault), CAUSES), "safe")] == ["act"]


def test_the_account_says_what_was_compared() -> None:
    assert "payments of 29 companies compared with Square: 1 due" in diagnosis.seen(recorded("insufficient_funds"))
    assert "1 payments are due and not charged" in diagnosis.symptoms(recorded("insufficient_funds"))


def test_webhook_evidence_tells_address_from_key() -> None:
    (finding,) = diagnosis.diagnose(recorded("webhook_signature"), CAUSES)
    assert finding["evidence"]["wrong"] == ["url"]
    assert finding["evidence"]["env_file"]["url"] != finding["evidence"]["at_square"][0]["url"]
    assert finding["evidence"]["env_file"]["signature"] == finding["evidence"]["at_square"][0]["signature"]
