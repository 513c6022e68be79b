# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What looks like a cause of service_outage and is none, or is another one."""

from __future__ import annotations

import typing as t

import pytest
from recorded_observations import CAUSES, found, recorded

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import diagnosis

GOOD_IMAGE = recorded("bad_release")["release"]["previous"]["id"]
BAD_IMAGE = recorded("bad_release")["release"]["id"]
FAULTS = (
    "backend_stopped",
    "bad_release",
    "certificate_expired",
    "certificate_key_mismatch",
    "certificate_other_name",
    "container_paused",
    "dns_broken",
    "edge_config_invalid",
    "edge_stopped",
    "env_variable_missing",
    "frontend_stopped",
    "maintenance_stuck",
    "rollback_target_gone",
)


def with_baseline(name: str, image: str) -> dict[str, t.Any]:
    """A recorded observation beside a baseline with that image of the backend."""
    baseline = {"stack": {"services": {"backend": {"image": {"id": image, "name": "shop/backend:1"}}}}}
    return {**recorded(name), "baseline": baseline}


def closed_at_nginx(**found: bool) -> dict[str, t.Any]:
    """A healthy system with maintenance mode at nginx."""
    return {**recorded("healthy"), "nginx": {"maintenance": found}}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_fault_is_a_symptom_too(fault: str) -> None:
    assert diagnosis.symptoms(recorded(fault))


NEAR_MISSES = {
    "an API that fails with the recorded good image has another cause": (with_baseline("bad_release", BAD_IMAGE), []),
    "a release that fails for want of its database has the database's cause": (
        recorded("bad_release", postgres__error={"class": "other", "message": "m", "sqlstate": None}),
        [],
    ),
    "a release that changed the schema is not taken back": (
        recorded("bad_release", release__migrations_since=["004.sql"]),
        ["release_with_migrations"],
    ),
    "a release of which nobody knows whether it changed the schema is not taken back": (
        recorded("bad_release", release__migrations_since=None),
        ["release_with_migrations"],
    ),
    "the recorded good image is as good as the one before": (
        {
            **with_baseline("rollback_target_gone", "good"),
            "release": {**recorded("rollback_target_gone")["release"], "local_images": ["good"]},
        },
        ["bad_release"],
    ),
    "without an image and without an archive there is nothing to go back to": (
        recorded("rollback_target_gone", release__archive=None),
        ["rollback_target_lost"],
    ),
    "a recorded good image that was removed is none to go back to": (
        with_baseline("rollback_target_gone", "gone"),
        ["rollback_target_gone"],
    ),
    "maintenance mode with an owner is left on": (recorded("maintenance_stuck", postgres__maintenance__owned=True), ["maintenance_owned"]),
    "nginx that was closed by a run that is gone is stuck too": (
        closed_at_nginx(enabled=True, owned=False),
        ["maintenance_stuck"],
    ),
    "nginx that somebody has closed is left closed": (
        closed_at_nginx(enabled=True, owned=True),
        ["maintenance_owned"],
    ),
    "what is left at nginx of a maintenance mode that is over has no effect": (
        closed_at_nginx(enabled=False, owned=False),
        [],
    ),
    "maintenance mode that is off explains nothing": (recorded("maintenance_stuck", postgres__maintenance__enabled=False), []),
    "a variable that nobody has is lost": (recorded("env_variable_missing", stack__env_file__restorable=[]), ["env_variable_lost"]),
    "a configuration without a copy that passes is lost": (
        recorded("edge_config_invalid", nginx__test__restorable=None),
        ["edge_config_lost"],
    ),
    "a stopped nginx whose test fails for another reason is not started": (recorded("edge_stopped", nginx__test__class="other"), []),
    "nginx that runs is not stopped": (recorded("edge_stopped", nginx__running=True), []),
    "nginx that nobody could look at is not known to be stopped": (recorded("edge_stopped", nginx=None), []),
    "a certificate that nobody could look at from inside is lost": (recorded("certificate_expired", nginx=None), ["certificate_lost"]),
    "a name server of the network's own, off its network, is not the resolver's fault": (
        recorded("dns_broken", stack__services__backend__networks_missing=["circuit-sage_default"]),
        ["network_detached"],
    ),
    "a backend that asks the engine's name server has a right resolver": (recorded("dns_broken", resolver__embedded=True), []),
    "a backend that ended with an error was stopped by nobody": (recorded("backend_stopped", stack__services__backend__exit_code=1), []),
    "a backend that Docker could not start was stopped by nobody": (
        recorded("backend_stopped", stack__services__backend__error="port is already allocated"),
        [],
    ),
    "a frontend that is missing is not stopped": (recorded("frontend_stopped", stack__services__frontend__state="missing"), []),
}


@pytest.mark.parametrize("name", NEAR_MISSES)
def test_a_near_miss_is_not_taken_for_the_cause(name: str) -> None:
    observations, expected = NEAR_MISSES[name]
    assert found(observations) == expected


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault.startswith("certificate")])
def test_a_certificate_without_a_valid_pair_is_lost(fault: str) -> None:
    observations = recorded(fault)
    observations["nginx"]["certificates"][0]["restorable"] = None
    assert found(observations) == ["certificate_lost"]


def test_a_renewed_certificate_that_was_not_read_yet_is_only_read() -> None:
    observations = recorded("certificate_expired")
    observations["nginx"]["certificates"][0].update({"class": "ok", "restorable": None})
    assert found(observations) == ["certificate_expired"]


def test_a_paused_frontend_is_paused_too() -> None:
    assert found(recorded("healthy", stack__services__frontend__state="paused")) == ["container_paused"]


def test_an_engine_that_is_down_is_said_once() -> None:
    observations = recorded("healthy", stack__services=None, stack__volumes=None)
    for own, cause in ((True, "engine_down"), (False, "engine_elsewhere_down")):
        observations["stack"]["engine"] = {"own_service": own, "reachable": False, "error": "nothing listens"}
        assert found(observations) == [cause]
    assert len(diagnosis.symptoms(observations)) == 1


def test_what_may_be_deliberate_respects_a_hold() -> None:
    respectful = {cause["id"] for cause in CAUSES if cause.get("respects_hold")}
    assert {"container_paused", "maintenance_stuck", "edge_stopped", "bad_release"} <= respectful


def test_a_maintenance_mode_that_somebody_owns_is_no_fault() -> None:
    stuck, owned = recorded("maintenance_stuck"), recorded("maintenance_stuck", postgres__maintenance__owned=True)
    assert diagnosis.symptoms(stuck) and not diagnosis.symptoms(owned)
    assert "service answers" in diagnosis.seen(owned) and "does not answer" in diagnosis.seen(stuck)
    (finding,) = diagnosis.diagnose(owned, CAUSES)
    assert finding["harmless"]


def test_pages_without_the_api_are_no_p1() -> None:
    (finding,) = diagnosis.diagnose(recorded("frontend_stopped"), CAUSES)
    assert finding["severity"] == "P2"
