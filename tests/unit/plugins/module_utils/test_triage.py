# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Severity, who is affected and which playbook, as the role's own rules judge what was recorded under each fault; rules that are wrong."""

from __future__ import annotations

import typing as t

import pytest
import yaml
from recorded_observations import CAUSES, CHECKOUT, RECORDED, recorded

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import diagnosis, triage
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError

RULES: list[dict[str, t.Any]] = yaml.safe_load((CHECKOUT / "roles/triage/vars/main/severities.yml").read_text(encoding="utf-8"))[
    "__triage_severities"
]
TRAFFIC = {"minutes": 15, "truncated": False, "requests": 200, "failed": 50, "features": {"the pages": {"requests": 80, "failed": 50}}}


def verdict(name: str, **more: t.Any) -> dict[str, t.Any]:
    observations = {**recorded(name), **more}
    findings = diagnosis.plan(diagnosis.diagnose(observations, CAUSES))
    return triage.assess(observations, findings, diagnosis.symptoms(observations), RULES)


@pytest.mark.parametrize(
    ("fault", "severity", "reason", "playbooks"),
    [
        ("postgres_stopped", "P1", "complete service outage", ["db_failure"]),
        ("pool_exhausted_in_app", "P1", "complete service outage", ["db_failure"]),
        ("maintenance_stuck", "P1", "complete service outage", ["service_outage"]),
        ("empty_volume", "P1", "data loss or corruption", ["db_failure"]),
        ("wrong_server", "P1", "data loss or corruption", ["db_failure"]),
        ("rogue_superuser", "P1", "security breach", ["security_incident"]),
        ("miner", "P1", "security breach", ["security_incident"]),
        ("database_exposed", "P1", "security breach", ["security_incident"]),
        ("keys_mixed", "P1", "data loss or corruption", ["security_incident"]),
        ("credential_stuffing", "P2", "an attack, or a protection that does not hold", ["security_incident"]),
        ("bans_lost", "P2", "an attack, or a protection that does not hold", ["security_incident"]),
        ("scanner", "P3", "a fault that customers do not notice yet", ["security_incident"]),
        ("square_down", "P1", "payments of several customers fail", ["payment_failure"]),
        ("amount_drift", "P2", "billing calculation errors", ["billing_errors"]),
        ("frontend_stopped", "P2", "partial service outage", ["service_outage"]),
        ("database_read_only", "P2", "partial service outage", ["db_failure"]),
        ("lock_blocker", "P2", "performance degradation", ["db_failure"]),
        ("memory_leak", "P2", "performance degradation", ["high_memory"]),
        ("page_cache", "P4", "what was seen is harmless", []),
        ("healthy", None, None, []),
    ],
)
def test_severity(fault: str, severity: str | None, reason: str | None, playbooks: list[str]) -> None:
    found = verdict(fault)
    assert (found["severity"], found["reason"], found["playbooks"]) == (severity, reason, playbooks)


@pytest.mark.parametrize("fault", sorted(path.stem for path in RECORDED.glob("*.json")))
def test_every_fault_has_a_severity_of_its_own_rule(fault: str) -> None:
    """P3 for want of a rule would be a fault of the tables that the guide's levels do not know."""
    found = verdict(fault)
    assert (found["severity"] is None) == (fault == "healthy")
    assert found["severity"] != "P3" or fault == "scanner"


def test_one_customer_is_not_several() -> None:
    observations = recorded("hard_decline")
    payments = observations["payments"]
    for name in ("refused", "due", "customers", "failed_payments", "stuck", "unknown_payments", "cards_gone"):
        payments[name] = (payments.get(name) or [])[:1]
    companies = {one["company_id"] for name in ("customers", "failed_payments") for one in payments[name]}
    assert len(companies) == 1
    found = triage.assess(observations, diagnosis.plan(diagnosis.diagnose(observations, CAUSES)), [], RULES)
    assert (found["severity"], found["reason"]) == ("P2", "payments of a single customer fail")
    assert "companies: 1" in found["affected"]


def test_who_is_affected() -> None:
    assert verdict("frontend_stopped", traffic=TRAFFIC)["affected"] == [
        "features: a part of the service",
        "companies: 40",
        "requests: 50 of 200 in the last 15 minutes failed (25 %): 50 of 80 the pages",
    ]
    assert verdict("postgres_stopped")["affected"] == ["features: everything", "companies: unknown, the database cannot be asked"]
    assert triage.requests_told({**TRAFFIC, "requests": 0, "failed": 0}) == "requests: none in the last 15 minutes"


def test_what_no_rule_knows_needs_somebody_all_the_same() -> None:
    found = triage.assess(recorded("postgres_stopped"), [], ["postgres is exited"], RULES[1:3])
    assert (found["severity"], found["reason"]) == ("P3", "no severity rule knows what is wrong")


RULE = {"severity": "P1", "reason": "down", "match": "`true`", "features": ["everything"]}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"match": None}, r"severity rule 1 \(down\) lacks match"),
        ({"severity": "P9"}, "has the severity P9; use one of P1, P2, P3, P4"),
        ({"match": "a["}, "match is not JMESPath"),
        ({"companies": "a["}, "companies is not JMESPath"),
        ({"at_least": 2}, "has at_least and no companies"),
        ({"owner": "me"}, "has unknown keys owner"),
    ],
)
def test_rules_that_are_wrong(change: dict[str, t.Any], said: str) -> None:
    with pytest.raises(IncidentError, match=said):
        triage.check_rules([{**RULE, **change}])
