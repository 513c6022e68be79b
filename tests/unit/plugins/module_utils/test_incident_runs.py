# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run that joins an incident means for it."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import incident_runs
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.record import Record
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.report import left_alone

OUTAGE = {"id": "postgres_stopped", "role": "db_failure", "status": "found", "decision": "leave", "reason": "above the limit"}
BILLING = {"id": "wrong_amount", "role": "billing_errors", "status": "found", "decision": "leave", "reason": "above the limit"}
SYSTEM: dict[str, t.Any] = {"stack": {"engine": {}}}


@pytest.fixture
def record(tmp_path: Path) -> Record:
    """An incident whose first run was not allowed to mend what it found."""
    made = Record.create(str(tmp_path), "triage", "Triage", "sandbox", "P1")
    made.merge_findings([OUTAGE, BILLING])
    assert incident_runs.end(made.content, "diagnosed", "2026-11-30T03:00:00.000+00:00", {**SYSTEM, "billing": {"companies": 1}}) == []
    made.save()
    return made


def joined(record: Record, kind: str = "db_failure") -> Record:
    return Record.joined(str(record.folder.parent), record.content["id"], kind, "Database connection failure", "sandbox")


def test_what_a_run_does_not_look_for_stays_open(record: Record) -> None:
    again = joined(record)
    assert (again.content["outcome"], incident_runs.found(again.content)) == (None, [])
    again.merge_findings([{**OUTAGE, "decision": "act", "reason": ""}])
    assert [one["id"] for one in incident_runs.found(again.content)] == ["postgres_stopped"]
    assert incident_runs.end(again.content, "resolved", "2026-11-30T03:10:00.000+00:00", SYSTEM) == ["wrong_amount"]
    assert (again.content["outcome"], again.content["resolved_at"]) == ("diagnosed", None)
    assert left_alone(again.content) == [("wrong_amount", "above the limit")]


def test_the_last_cause_that_is_mended_ends_the_incident(record: Record) -> None:
    at = "2026-11-30T03:10:00.000+00:00"
    again = joined(record)
    incident_runs.end(again.content, "healthy", at, {**SYSTEM, "billing": {"companies": 1}})
    assert (again.content["outcome"], again.content["resolved_at"]) == ("resolved", at)
    assert {one["status"] for one in again.content["findings"]} == {"mended"}
    assert left_alone(again.content) == []
    assert [(run["kind"], run["outcome"]) for run in again.content["runs"]] == [("triage", "diagnosed"), ("db_failure", "healthy")]


@pytest.mark.parametrize("observed", [None, {}])
def test_a_run_that_looks_at_nothing_ends_nothing(record: Record, observed: dict[str, t.Any] | None) -> None:
    again = joined(record, "backup")
    assert len(incident_runs.end(again.content, "resolved", "2026-11-30T03:10:00.000+00:00", observed)) == 2
    assert again.content["outcome"] == "diagnosed"


@pytest.mark.parametrize("outcome", ["healthy", "resolved", "diagnosed"])
def test_a_run_that_finds_nothing_leaves_the_conclusion_of_an_incident_that_is_over(record: Record, outcome: str) -> None:
    at = "2026-11-30T03:10:00.000+00:00"
    incident_runs.end(record.content, "resolved", at, {**SYSTEM, "billing": {"companies": 1}})
    record.content.update(summary="all mended", impact=["features: everything"])
    record.save()
    again = joined(record, "backup")
    again.save()
    # One that was killed is in between.
    again = joined(again, "backup")
    assert incident_runs.end_beside(again.content, outcome)
    concluded = [again.content[name] for name in ("outcome", "resolved_at", "summary", "impact")]
    assert concluded == ["resolved", at, "all mended", ["features: everything"]]
    assert [run["outcome"] for run in again.content["runs"]] == ["resolved", None, outcome]
    assert "concluded" not in again.content


@pytest.mark.parametrize("outcome", ["escalated", "resolved"])
def test_a_run_that_finds_something_concludes_anew(record: Record, outcome: str) -> None:
    incident_runs.end(record.content, "resolved", "2026-11-30T03:10:00.000+00:00", {**SYSTEM, "billing": {"companies": 1}})
    record.save()
    again = joined(record)
    again.merge_findings([OUTAGE])
    assert not incident_runs.end_beside(again.content, outcome)
    assert "concluded" not in again.content


def test_what_is_no_cause_of_a_role_is_looked_for_by_its_own_playbook(tmp_path: Path) -> None:
    at = "2026-11-30T03:10:00.000+00:00"
    made = Record.create(str(tmp_path), "verify_integrity", "Integrity", "sandbox", "P3")
    made.merge_findings([{"id": "orphans", "decision": "leave", "reason": "a person decides"}])
    incident_runs.end(made.content, "escalated", at, None)
    made.save()
    other = joined(made)
    assert not incident_runs.end_beside(other.content, "healthy")
    assert incident_runs.end(other.content, "healthy", at, SYSTEM) == ["orphans"]
    assert other.content["outcome"] == "escalated"
    other.save()
    assert incident_runs.end(joined(made, "verify_integrity").content, "healthy", at, None) == []


def test_a_record_from_before_findings_had_a_status_is_joined(record: Record) -> None:
    del record.content["findings"][1]["status"]
    record.save()
    assert incident_runs.end(joined(record).content, "healthy", "2026-11-30T03:10:00.000+00:00", SYSTEM) == ["wrong_amount"]


def test_a_run_that_was_killed_leaves_the_incident_open(record: Record) -> None:
    joined(record).save()
    again = joined(record, "backup")
    again.content["runs"][0]["outcome"] = None
    incident_runs.end(again.content, "resolved", "2026-11-30T03:10:00.000+00:00", None)
    assert again.content["outcome"] is None


def test_healthy_all_along(tmp_path: Path) -> None:
    made = Record.create(str(tmp_path), "triage", "Triage", "sandbox", "P4")
    incident_runs.end(made.content, "healthy", "2026-11-30T03:00:00.000+00:00", SYSTEM)
    made.save()
    again = joined(made)
    incident_runs.end(again.content, "healthy", "2026-11-30T03:01:00.000+00:00", SYSTEM)
    assert again.content["outcome"] == "healthy"


def test_only_its_own_changes_are_settled(record: Record) -> None:
    record.begin_change({"component": "postgres", "action": "start it", "undo": "stop it"})
    record.save()
    again = joined(record)
    again.content["changes"][0]["at"] = record.content["opened_at"]
    again.content["runs"][-1]["at"] = "2999-01-01T00:00:00.000+00:00"
    again.settle_changes(broke_off=False)
    assert again.content["changes"][0]["done"] is None


@pytest.mark.parametrize(
    ("name", "host", "words"),
    [
        ("20260101-000000-db_failure-abcd", "sandbox", "there is no incident 20260101-000000-db_failure-abcd in .*; name one of"),
        ("../etc", "sandbox", "there is no incident ../etc"),
        ("latest", "another", "is of sandbox, not of another; name one of another, or leave -e incident out"),
    ],
)
def test_what_cannot_be_joined(record: Record, name: str, host: str, words: str) -> None:
    before = (record.folder / "incident.json").read_bytes()
    with pytest.raises(IncidentError, match=words):
        Record.joined(str(record.folder.parent), name, "db_failure", "Database", host)
    assert (record.folder / "incident.json").read_bytes() == before


def test_a_closed_incident_is_not_joined(record: Record) -> None:
    times = {"made_at": "2026-11-30T04:00:00+00:00", "closed_at": "2026-11-30T05:00:00+00:00"}
    review = {**times, "root_cause": "", "prevention": "", "items": []}
    (record.folder / "review.json").write_text(json.dumps(review), encoding="utf-8")
    with pytest.raises(IncidentError, match=r"was closed at 2026-11-30T05:00:00\+00:00; leave -e incident out"):
        joined(record)
