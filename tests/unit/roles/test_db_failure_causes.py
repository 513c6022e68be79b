# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What looks like a cause of db_failure and is none, and what its causes read out of what was recorded."""

from __future__ import annotations

import pytest
from recorded_observations import CAUSES, found, recorded

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import diagnosis

NEAR_MISSES = {
    "an expired password is refused in the words of a changed one": recorded("database_password_moved", postgres__role__expired=True),
    "a password that never worked in this container proves nothing about the role": recorded(
        "database_password_moved",
        postgres__password={
            "backend_accepted": False,
            "accepted_sources": [],
            "backend_connected_before": False,
            "initialised_with_recorded": False,
        },
    ),
    "a standby is read only by nature": recorded("database_read_only", postgres__server__in_recovery=True),
    "a write refused as read only without the database's setting has another cause": recorded(
        "database_read_only", postgres__database__settings={}
    ),
    "a blocker that is at work is not idle": recorded("lock_blocker", postgres__blockers=[{"waiting": 3, "state": "active", "pid": 1}]),
    "an idle transaction that nobody waits for blocks nobody": recorded(
        "lock_blocker", postgres__blockers=[{"waiting": 0, "state": "idle in transaction", "pid": 1}]
    ),
    "a restore keeps the database closed on purpose": recorded(
        "database_not_accepting", postgres__activity__holders=[{"application": "pg_restore", "state": "active", "count": 1}]
    ),
    "a backend that restarts for a reason of its own still has none when its login fails": recorded(
        "healthy", stack__services__backend__state="restarting", postgres__error={"class": "other", "message": "m", "sqlstate": None}
    ),
}


@pytest.mark.parametrize("name", NEAR_MISSES)
def test_a_near_miss_is_not_taken_for_the_cause(name: str) -> None:
    assert found(NEAR_MISSES[name]) == [], name


def test_a_password_that_another_place_still_has_is_the_applications_fault_not_the_databases() -> None:
    observations = recorded("database_password_moved")
    observations["postgres"]["password"]["accepted_sources"] = [".env.production.before"]
    assert found(observations) == ["app_password_wrong"]


def test_a_detached_network_explains_the_refused_login_before_anything_else() -> None:
    observations = recorded("network_detached", stack__services__backend__state="restarting")
    assert found(observations)[0] == "network_detached"


def test_a_stopped_container_that_has_no_network_is_stopped() -> None:
    observations = recorded("postgres_stopped")
    observations["stack"]["services"]["postgres"]["networks_missing"] = ["circuit-sage_default"]
    assert found(observations) == ["postgres_stopped"]


@pytest.mark.parametrize(
    ("exit_code", "oom_killed", "meaning"),
    [
        (0, False, "somebody stopped it"),
        (137, False, "it was killed, and not for want of memory"),
        (137, True, "the kernel killed it for want of memory"),
        (1, False, "it ended by itself, see its log"),
    ],
)
def test_the_exit_code_is_read(exit_code: int, oom_killed: bool, meaning: str) -> None:
    observations = recorded(
        "postgres_stopped", stack__services__postgres__exit_code=exit_code, stack__services__postgres__oom_killed=oom_killed
    )
    (finding,) = diagnosis.diagnose(observations, CAUSES)
    assert finding["evidence"]["meaning"] == meaning


def test_the_backends_back_off_is_ended_only_when_its_database_answers() -> None:
    waiting = recorded("healthy", stack__services__backend__state="restarting")
    assert found(waiting) == ["backend_in_backoff"]
    assert found(recorded("postgres_stopped", stack__services__backend__state="restarting")) == ["postgres_stopped"]


def test_causes_that_may_be_deliberate_respect_a_hold() -> None:
    respectful = {cause["id"] for cause in CAUSES if cause.get("respects_hold")}
    assert {"postgres_paused", "role_nologin", "database_not_accepting", "database_read_only"} <= respectful
