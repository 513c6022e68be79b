# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What looks like a cause of db_failure and is none, and what its causes read out of what was recorded."""

from __future__ import annotations

import typing as t

import pytest
from recorded_observations import CAUSES, found, recorded

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import diagnosis


def computing(**changes: t.Any) -> dict[str, t.Any]:
    """A statement that computes for long."""
    return {"pid": 1, "kind": "read", "computes": True, "seconds": 400.0, "large_tables": [], **changes}


# A health address that gives no answer at all.
SILENT = {"url": "u", "status": None, "class": "timeout", "database": None, "milliseconds": 3000}

NEAR_MISSES = {
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
    "what is rejected by a line of pg_hba.conf is rejected on purpose": recorded(
        "hba_rejects",
        postgres__error={"class": "hba_rejected", "message": 'pg_hba.conf rejects connection for host "h"', "sqlstate": "28000"},
    ),
    "a data directory that is as it should be is not what a missing file comes from": recorded(
        "data_dir_permissions", postgres__data_directory__mode="0700"
    ),
    "a data directory that its group may read is as PostgreSQL allows it": recorded(
        "data_dir_permissions", postgres__data_directory__mode="0750"
    ),
    "a mode that is wrong and keeps nobody out has nothing to do with what is seen": recorded(
        "data_dir_permissions", postgres__error={"class": "other", "message": "out of memory", "sqlstate": None}
    ),
    "the server's own upkeep, a backup and what has written something are never runaways": recorded(
        "runaway_query", postgres__active=[computing(kind=kind) for kind in ("server", "kept", "write")]
    ),
    "a statement that waits does not compute": recorded("runaway_query", postgres__active=[computing(computes=False)] * 2),
    "a report of some seconds is no runaway": recorded("runaway_query", postgres__active=[computing(seconds=9.0)] * 2),
    "one statement of a minute leaves the other cores alone": recorded("runaway_query", postgres__active=[computing(seconds=60.0)]),
    "a pool whose connections are at work is used up by work": recorded(
        "pool_exhausted_in_app", postgres__activity__holders=[{"service": "backend", "state": "active", "count": 10}]
    ),
    "a backend that does not answer at all is hung, whatever its log says of an hour ago": recorded(
        "pool_exhausted_in_app", edge__probes=[SILENT], stack__services__backend__log__patterns__pool_exhausted__seconds_ago=3600.0
    ),
    "an error of the pool's database that comes at once is not the pool's wait": recorded(
        "pool_exhausted_in_app", edge__probes=[{"url": "u", "status": 503, "class": "unhealthy", "database": "error", "milliseconds": 20}]
    ),
    "a slow way that nothing shapes has another cause": recorded("network_latency", postgres__network__shaping=[]),
    "a slow way whose rules could not be looked at is unknown": recorded("network_latency", postgres__network__shaping=None),
    "a backend that lacks another variable is at the right server": recorded(
        "wrong_server", stack__services__backend__environment__drift=[{"name": "LOG_LEVEL", "container": "a", "expected": "b"}]
    ),
    "a new company that has its first customers is no empty volume": recorded("empty_volume", postgres__content={"companies": 3}),
    "an empty database on the volume of the compose file is a new one": recorded(
        "empty_volume", stack__services__postgres__compose_drift=False
    ),
    "a data directory of the image's own version fails for another reason": recorded(
        "version_mismatch", postgres__data_directory__image_version="15"
    ),
    "so does one of which there is no image": recorded("version_without_image", postgres__data_directory__version="15"),
    "a disk that was full an hour ago is not": recorded(
        "data_disk_full", postgres__write={"ok": True, "class": "ok", "sqlstate": None, "message": None, "milliseconds": 3}
    ),
    "a backend that restarts for a reason of its own still has none when its login fails": recorded(
        "healthy", stack__services__backend__state="restarting", postgres__error={"class": "other", "message": "m", "sqlstate": None}
    ),
}


def test_the_frontend_off_its_network_is_connected_again_too() -> None:
    observations = recorded("healthy", stack__services__frontend__networks_missing=["circuit-sage_default"])
    (finding,) = diagnosis.diagnose(observations, CAUSES)
    assert (finding["id"], finding["remedy"]) == ("network_detached", "reconnect_network")
    assert [one["missing"] for one in finding["evidence"]["detached"]] == [["circuit-sage_default"]]


def test_an_expired_password_is_told_from_a_wrong_one_and_put_back_where_its_end_is_recorded() -> None:
    expired = recorded("database_password_moved", postgres__role__expired=True)
    (finding,) = diagnosis.diagnose(expired, CAUSES)
    assert (finding["id"], finding["remedy"]) == ("password_expired", None)
    path = "postgres.role.valid_until"
    end = {"path": path, "component": "postgres", "layer": "authentication", "was": None, "now": "2001-01-01", "text": path}
    assert found({**expired, "drift": [end]}) == [f"drift:{path}"]


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
    # For another reason than its database it is not started again on a guess.
    assert found(waiting) == []
    waiting["stack"]["services"]["backend"]["log"]["patterns"]["database_connection_failed"]["this_life"] = 1
    assert found(waiting) == ["backend_in_backoff"]
    assert found(recorded("postgres_stopped", stack__services__backend__state="restarting")) == ["postgres_stopped"]


def test_causes_that_may_be_deliberate_respect_a_hold() -> None:
    respectful = {cause["id"] for cause in CAUSES if cause.get("respects_hold")}
    assert {"postgres_paused", "role_nologin", "database_not_accepting", "database_read_only"} <= respectful


@pytest.mark.parametrize(("cores", "load"), [(0.0, 0.1), (0.9, 3.0)])
def test_a_backend_that_has_just_said_that_its_pool_is_used_up_is_not_hung(cores: float, load: float) -> None:
    observations = recorded("pool_exhausted_in_app", edge__probes=[SILENT], host__cpu__load_per_core=load)
    observations["stack"]["services"]["backend"]["log"]["patterns"]["pool_exhausted"].update(this_life=2, seconds_ago=3.0)
    for process in observations["host"]["containers"]["backend"]["processes"]:
        process.update(cores=cores, age_seconds=600)
    assert found(observations) == ["pool_exhausted_in_app"]


def test_a_database_that_was_dropped_is_for_a_person() -> None:
    (finding,) = diagnosis.diagnose(recorded("database_missing", postgres__database__neighbours=[]), CAUSES)
    assert (finding["id"], finding["remedy"]) == ("database_dropped", None)


def test_two_databases_with_our_tables_are_for_a_person_too() -> None:
    neighbours = [{"name": name, "size_bytes": 1, "allow_connections": True, "application_tables": 5} for name in ("one", "two")]
    assert found(recorded("database_missing", postgres__database__neighbours=neighbours)) == ["database_dropped"]


def test_an_empty_volume_that_customers_signed_up_on_is_told_by_the_recorded_cluster() -> None:
    observations = recorded("empty_volume", postgres__content={"companies": 3})
    observations["baseline"] = {"postgres": {"server": {"system_identifier": "7711382037241729050"}}}
    assert "empty_volume" in found(observations)


def test_a_server_that_does_not_start_on_a_full_disk_is_told_by_the_space() -> None:
    observations = recorded(
        "data_disk_full", postgres__error={"class": "refused", "message": "Connection refused", "sqlstate": None}, postgres__write={}
    )
    observations["postgres"]["data_space"]["free_bytes"] = 4096
    assert found(observations)[0] == "data_disk_full"
    observations["postgres"]["data_space"]["ballast"] = []
    assert found(observations)[0] == "data_disk_without_ballast"


def test_the_volume_that_lay_unused_is_not_another_cluster_by_mistake() -> None:
    before = recorded("empty_volume")
    after = recorded("empty_volume", postgres__content={"companies": 40}, postgres__server__system_identifier="7711382037241729050")
    assert "another database cluster" in str(diagnosis.preserved(before, after))
    mounts = after["stack"]["services"]["postgres"]["mounts"]
    mounts[0]["name"] = next(name for name, volume in before["stack"]["volumes"].items() if not volume["used_by"])
    assert diagnosis.preserved(before, after) == []
