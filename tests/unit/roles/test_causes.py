# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The causes of all roles against observations recorded from the real stack under each fault."""

from __future__ import annotations

import time

import pytest
import yaml
from recorded_observations import CAUSES, CHECKOUT, RECORDED, found, recorded

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import baseline, cause_catalog, diagnosis

FAULTS = sorted(path.stem for path in RECORDED.glob("*.json") if path.stem != "healthy")
ALL_SECONDS = 2.0


def expected(fault: str) -> str:
    """The cause that the fault is."""
    path = CHECKOUT / "extensions" / "drill" / "faults" / f"{fault}.yml"
    return str(yaml.safe_load(path.read_text(encoding="utf-8"))["expect"]["cause"])


def test_there_is_a_recorded_observation_of_every_fault() -> None:
    faults = {path.stem for path in (CHECKOUT / "extensions" / "drill" / "faults").glob("*.yml")}
    assert faults == set(FAULTS)


@pytest.mark.parametrize("fault", FAULTS)
def test_the_fault_is_named_alone_and_first(fault: str) -> None:
    assert found(recorded(fault)) == [expected(fault)]


@pytest.mark.parametrize("fault", FAULTS)
def test_every_evidence_has_something_to_say(fault: str) -> None:
    (finding,) = diagnosis.diagnose(recorded(fault), CAUSES)
    assert [value for value in finding["evidence"].values() if value is not None]


def test_nothing_is_found_on_the_healthy_stack() -> None:
    assert found(recorded("healthy")) == []
    assert diagnosis.symptoms(recorded("healthy")) == []


def test_every_recorded_observation_is_diagnosed_in_no_time() -> None:
    began = time.process_time()
    for fault in FAULTS:
        found(recorded(fault))
    assert time.process_time() - began < ALL_SECONDS


@pytest.mark.parametrize("role", cause_catalog.roles_with_causes())
def test_every_remedy_has_its_file_and_every_file_its_cause(role: str) -> None:
    files = {path.stem for path in (CHECKOUT / "roles" / role / "tasks" / "remedies").glob("*.yml")}
    remedies = {cause["remedy"] for cause in CAUSES if cause["role"] == role and cause.get("remedy")}
    assert files == remedies | ({baseline.PUT_BACK} if role == baseline.REMEDIES_OF else set())
