# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a baseline holds, what counts as drift from it, and how drift is put back."""

from __future__ import annotations

import copy
import typing as t
from datetime import datetime, timezone

import pytest
from recorded_observations import recorded

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import baseline, diagnosis, report
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError

HEALTHY = recorded("healthy", host__schedules={"/etc/cron.d/backup": "a" * 12})
BASELINE = baseline.extract(HEALTHY)


NETWORK = HEALTHY["stack"]["services"]["backend"]["networks"][0]["name"]


def drifted(**changes: t.Any) -> list[dict[str, t.Any]]:
    return baseline.drift(BASELINE, recorded("healthy", **{"host__schedules": HEALTHY["host"]["schedules"], **changes}))


def test_nothing_drifts_by_itself() -> None:
    later = copy.deepcopy(HEALTHY)
    later["postgres"]["server"]["started_at"] = "2027-01-01T00:00:00Z"
    later["postgres"]["content"]["companies"] += 1
    later["stack"]["services"]["backend"]["networks"][0].update(address="172.30.83.99", aliases=["another"])
    later["stack"]["services"]["backend"].update(restart_count=3, id="another", started_at="2027-01-01T00:00:00Z", state="restarting")
    assert baseline.drift(BASELINE, later) == []


def test_what_changed_is_told_in_words() -> None:
    (item,) = drifted(postgres__role__connection_limit=0)
    assert item["text"] == "role circuit_sage_user: connection_limit -1 → 0"
    assert (item["layer"], item["component"], item["was"], item["now"]) == ("authentication", "postgres", -1, 0)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"postgres__role__settings": {"search_path": "nowhere"}}, "role circuit_sage_user: settings.search_path none → nowhere"),
        ({"postgres__database__settings": {"work_mem": "1GB"}}, "database circuit_sage_db: settings.work_mem none → 1GB"),
        (
            {"postgres__server__system_identifier": "1"},
            f"server: system_identifier {BASELINE['postgres']['server']['system_identifier']} → 1",
        ),
        ({"postgres__application__host": "elsewhere"}, "application: host postgres → elsewhere"),
        ({"stack__env_file__mode": "0644"}, "env file: mode 0600 → 0644"),
        ({"stack__services__backend__restart_policy": "no"}, "container backend: restart_policy always → no"),
        ({"stack__services__backend__networks": []}, f"container backend: networks {NETWORK} → "),
        ({"postgres__database__grants": ["=Tc/circuit_sage_user"]}, "database circuit_sage_db: grants none → =Tc/circuit_sage_user"),
        ({"host__schedules": {"/etc/cron.d/backup": "b" * 12}}, f"schedule: /etc/cron.d/backup {'a' * 12} → {'b' * 12}"),
    ],
)
def test_every_part_has_a_name(changes: dict[str, t.Any], text: str) -> None:
    assert [item["text"] for item in drifted(**changes)] == [text]


def test_what_cannot_be_observed_has_not_drifted() -> None:
    blind = recorded("postgres_stopped")
    assert [item for item in baseline.drift(BASELINE, blind) if item["path"].startswith("postgres.role.")] == []


def test_secrets_are_compared_and_not_shown() -> None:
    with_secret, other = copy.deepcopy(HEALTHY), copy.deepcopy(HEALTHY)
    with_secret["stack"]["services"]["backend"]["fingerprints"] = {"JWT_SECRET": "aaaaaaaaaaaa", "GONE": "bbbbbbbbbbbb"}
    other["stack"]["services"]["backend"]["fingerprints"] = {"JWT_SECRET": "cccccccccccc", "NEW": "dddddddddddd"}
    items = baseline.drift(baseline.extract(with_secret), other)
    assert [item["text"] for item in items] == [
        "environment of backend: JWT_SECRET changed",
        "environment of backend: GONE taken away",
        "environment of backend: NEW added",
    ]
    assert {item["was"] for item in items} == {item["now"] for item in items} == {None}


def test_a_password_that_never_expires_is_said_in_two_ways() -> None:
    assert drifted(postgres__role__valid_until="infinity") == []
    assert len(drifted(postgres__role__valid_until="2020-01-01T00:00:00Z")) == 1


@pytest.mark.parametrize(
    ("path", "was", "sql"),
    [
        ("postgres.role.connection_limit", -1, 'ALTER ROLE :"role" CONNECTION LIMIT -1'),
        ("postgres.database.connection_limit", 50, 'ALTER DATABASE :"database" CONNECTION LIMIT 50'),
        ("postgres.role.valid_until", None, "ALTER ROLE :\"role\" VALID UNTIL 'infinity'"),
        ("postgres.role.valid_until", "2030-01-01T00:00:00Z", "ALTER ROLE :\"role\" VALID UNTIL '2030-01-01T00:00:00Z'"),
        ("postgres.role.settings.statement_timeout", None, 'ALTER ROLE :"role" RESET statement_timeout'),
        ("postgres.role.settings.statement_timeout", "30s", "ALTER ROLE :\"role\" SET statement_timeout = '30s'"),
        ("postgres.database.settings.work_mem", None, 'ALTER DATABASE :"database" RESET work_mem'),
        ("postgres.server.settings_of_all_roles.work_mem", None, "ALTER ROLE ALL RESET work_mem"),
        # A list would become one name, a quote would end the text, and the rest has no exact inverse.
        ("postgres.role.settings.search_path", "public, other", None),
        ("postgres.role.settings.application_name", "it's", None),
        ("postgres.role.settings.work_mem; DROP ROLE x", None, None),
        ("postgres.role.superuser", True, None),
        ("postgres.server.system_identifier", "7", None),
        ("stack.services.backend.limits.memory_bytes", 0, None),
    ],
)
def test_only_what_is_exact_and_safe_is_put_back(path: str, was: t.Any, sql: str | None) -> None:
    assert baseline.statement({"path": path, "was": was}) == sql


def with_drift(name: str, **changes: t.Any) -> dict[str, t.Any]:
    observations = recorded(name, **changes)
    observations["host"]["schedules"] = HEALTHY["host"]["schedules"]
    return {**observations, "drift": baseline.drift(BASELINE, observations)}


SICK = {"ok": False, "class": "statement_timeout", "sqlstate": "57014", "message": "canceling statement", "milliseconds": 2}


def test_drift_explains_what_no_cause_does_deepest_first() -> None:
    settings = {"statement_timeout": "1ms", "lock_timeout": "1ms"}
    seen = with_drift("healthy", postgres__write=SICK, postgres__role__settings=settings, stack__services__backend__restart_policy="no")
    found = diagnosis.plan(diagnosis.diagnose(seen, []))
    assert [finding["id"].rpartition(".")[2] for finding in found] == ["restart_policy", "statement_timeout", "lock_timeout"]
    assert [finding["decision"] for finding in found] == ["leave", "act", "act"]
    assert found[1]["title"] == "drift: role circuit_sage_user: settings.statement_timeout none → 1ms"
    assert report.evidence_lines(found[1]["evidence"]) == ["recorded: not set", "now: 1ms"]


def test_drift_of_a_component_without_a_part_in_the_symptom_is_no_finding() -> None:
    seen = with_drift("healthy", stack__services__backend__state="exited", stack__env_file__mode="0644", postgres__role__connection_limit=9)
    assert [finding["id"] for finding in diagnosis.diagnose(seen, [])] == ["drift:stack.env_file.mode"]


def test_the_values_of_a_secret_are_not_said_to_be_unset() -> None:
    observations, recorded_before = recorded("healthy", postgres__write=SICK), copy.deepcopy(BASELINE)
    recorded_before.pop("host")
    recorded_before["stack"]["services"]["backend"]["fingerprints"] = {"JWT_SECRET": "aaaaaaaaaaaa"}
    observations["stack"]["services"]["backend"]["fingerprints"] = {"JWT_SECRET": "cccccccccccc"}
    (finding,) = diagnosis.diagnose({**observations, "drift": baseline.drift(recorded_before, observations)}, [])
    assert finding["evidence"] == {"recorded": None, "now": None}


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        (
            "",
            "circuit_sage_baseline is not set; set it to a file on the controller, and record it with baseline.yml while all is well",
        ),
        ("/srv/b.yml", "there is no baseline /srv/b.yml; record one with baseline.yml while all is well"),
    ],
)
def test_why_there_is_no_baseline(path: str, reason: str) -> None:
    assert baseline.why_none(path) == reason


def test_drift_on_a_healthy_system_and_beside_a_cause_is_no_finding() -> None:
    assert diagnosis.diagnose(with_drift("healthy", postgres__role__connection_limit=5), []) == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("text", "holds no observations; put the last good copy back, or go on"),
        ({"format": 1, "host": "sandbox"}, "holds no observations"),
        ({"format": 1, "host": "sandbox", "observations": {}}, "holds nothing to compare with"),
        ({"format": 1, "host": "sandbox", "observations": {"stack": {"services": 3}}}, "holds nothing to compare with"),
        (
            {"format": 1, "host": "sandbox", "observations": {**BASELINE, "odd": {"until": datetime(2027, 1, 1, tzinfo=timezone.utc)}}},
            "a time without quotes",
        ),
        ({"format": 0, "host": "sandbox", "observations": BASELINE}, "has the format 0, and 1 is needed"),
        (
            {"format": 1, "host": "other", "observations": BASELINE},
            "is of the host other, not of sandbox; set circuit_sage_baseline to the file of sandbox",
        ),
    ],
)
def test_a_baseline_that_cannot_be_used_is_told_with_the_way_on_without_it(content: t.Any, words: str) -> None:
    with pytest.raises(IncidentError, match=words) as refused:
        baseline.check(content, "b.yml", "sandbox")
    assert "go on without a baseline (-e circuit_sage_baseline=)" in str(refused.value)


def test_a_baseline_that_can_be_used_passes() -> None:
    assert baseline.check({"format": 1, "host": "sandbox", "observations": BASELINE}, "b.yml", "sandbox") == BASELINE


@pytest.mark.parametrize(
    ("held", "texts"),
    [
        ({"stack": {"engine": {"version": "1"}}}, [f"project: engine.version 1 → {HEALTHY['stack']['engine']['version']}"]),
        ({"stack": {"services": 3}, "postgres": {"role": {"valid_until": [1]}}}, ["role circuit_sage_user: valid_until 1 → infinity"]),
        ({"postgres": {"role": {"settings": {3: 4}}}}, ["role circuit_sage_user: settings.3 4 → none"]),
    ],
)
def test_a_baseline_that_was_edited_by_hand_is_compared_as_far_as_it_goes(held: dict[str, t.Any], texts: list[str]) -> None:
    assert [item["text"] for item in baseline.drift(held, recorded("healthy", postgres__role__valid_until="infinity"))] == texts
