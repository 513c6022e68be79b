# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What looks like a cause that the host shows and is none: memory, processes, ports, open files."""

from __future__ import annotations

import typing as t

import pytest
from recorded_observations import CAUSES, found, recorded

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import diagnosis, report

MIB = 1 << 20
OBSERVED = ("container_oom", "foreign_process", "memory_leak", "page_cache", "host_hog", "heap_limit", "backend_hung", "port_taken")


def backend(name: str) -> tuple[dict[str, t.Any], dict[str, t.Any]]:
    """A recorded observation, and what the host tells of the backend in it."""
    observations = recorded(name)
    return observations, observations["host"]["containers"]["backend"]


def processes(name: str, whose_own: bool, **changes: t.Any) -> dict[str, t.Any]:
    """A recorded observation with the backend's own processes changed, or the others."""
    observations, container = backend(name)
    for process in container["processes"]:
        if process["own"] is whose_own:
            process.update(changes)
    return observations


def leak(private: int, growth: int, cache: float = 0, limit_share: float | None = None, **stack: t.Any) -> dict[str, t.Any]:
    """A backend that holds so much, and grows so fast."""
    observations, container = backend("memory_leak")
    container.update(own_private_bytes=private, own_growth_bytes_per_second=growth)
    container["memory"].update(cache_share=cache, limit_share=limit_share)
    observations["stack"]["services"]["backend"].update(stack)
    return observations


def without_ports(name: str) -> dict[str, t.Any]:
    """A recorded observation in which only Docker listens."""
    observations = recorded(name)
    for port in observations["host"]["ports"]:
        port.update(docker=True, holder=None)
    return observations


def without_holder(name: str, said: str | None) -> dict[str, t.Any]:
    """A recorded observation in which nobody knows who holds the port, and what the engine said of it."""
    observations = recorded(name, stack__services__backend__error=said)
    for port in observations["host"]["ports"]:
        port.update(holder=None)
    return observations


NEAR_MISSES = {
    "137 without the engine's mark is a SIGKILL from somebody": recorded(
        "container_oom", stack__services__backend__oom_killed=False, stack__services__backend__exit_code=137
    ),
    "a limit that nobody met is no cause": recorded("container_oom", stack__services__backend__oom_killed=False),
    "what the image starts by itself is not foreign": processes("foreign_process", False, own=True),
    "a shell that somebody has open is small": processes("foreign_process", False, private_bytes=2 * MIB, growth_bytes_per_second=0),
    "a backend of that size which does not grow is large and no more": leak(300 * MIB, 0),
    "one that grows while it starts is small": leak(60 * MIB, 20 * MIB),
    "memory that is in use is no page cache": recorded(
        "page_cache", host__containers__backend__memory={"usage_bytes": 400 * MIB, "cache_share": 0.2}
    ),
    "a little page cache is not worth a word": recorded(
        "page_cache", host__containers__backend__memory={"usage_bytes": 100 * MIB, "cache_share": 0.9, "limit_share": None}
    ),
    "a heap that was used up under the compose file's own limit is not mended by putting that back": recorded(
        "heap_limit", stack__services__backend__environment={"drift": [], "added": [], "missing": [], "checked": 1}
    ),
    "an OOM kill is not the runtime's own limit": recorded("heap_limit", stack__services__backend__oom_killed=True),
    "a backend that is on its way up is busy too": processes("backend_hung", True, age_seconds=3),
    "a backend that waits is idle": processes("backend_hung", True, cores=0.02),
    "a backend that works a little on an idle host": processes("backend_hung", True, cores=0.2),
    "a backend without a file left to open spins at its door": recorded("backend_hung", host__containers__backend__open_files_share=1.0),
    "a busy backend that answers does not hang": recorded("backend_hung", edge__answers=True),
    "a backend whose database works for it is not what hangs": recorded(
        "backend_hung", postgres__activity={"holders": [{"service": "backend", "state": "active", "count": 3}]}
    ),
    "a port that Docker holds for the container itself is not taken": without_ports("port_taken"),
    "a port that nobody seems to hold, of a container that is just ending, is not taken": without_holder("port_taken", None),
    "a lower limit of open files that is not reached is no cause": recorded(
        "descriptors_exhausted", host__containers__backend__open_files_share=0.3
    ),
}


@pytest.mark.parametrize("name", NEAR_MISSES)
def test_a_near_miss_is_not_taken_for_the_cause(name: str) -> None:
    assert found(NEAR_MISSES[name]) == [], name


GIB = 1 << 30


@pytest.mark.parametrize(
    ("what", "disk", "full"),
    [
        ("no room", {"free_bytes": 100 * MIB, "free_share": 0.002}, True),
        ("no room for more files", {"inodes_total": 1000, "inodes_free_share": 0.0}, True),
        ("a small part of a large disk is room enough", {"free_bytes": 40 * GIB, "free_share": 0.04}, False),
        ("a small disk that is half empty", {"free_bytes": GIB // 2, "free_share": 0.5}, False),
        ("a file system that does not count its files", {"inodes_total": 0, "inodes_free_share": None}, False),
    ],
)
def test_what_a_full_disk_looks_like(what: str, disk: dict[str, t.Any], full: bool) -> None:
    observations = recorded("page_cache")
    observations["host"]["disks"][0].update(disk)
    findings = diagnosis.plan(diagnosis.diagnose(observations, CAUSES, "service_outage"))
    assert [(finding["id"], finding["decision"]) for finding in findings] == ([("host_disk_without_ballast", "leave")] if full else []), (
        what
    )
    observations["host"]["disks"][0]["ballast"] = [{"path": "/opt/ballast", "bytes": 512 * MIB}]
    findings = diagnosis.plan(diagnosis.diagnose(observations, CAUSES, "service_outage"))
    assert [(finding["id"], finding["decision"]) for finding in findings] == ([("host_disk_full", "act")] if full else []), what


def test_a_process_of_a_container_is_no_hog_of_the_host() -> None:
    observations = recorded("host_hog")
    for process in observations["host"]["processes"]:
        process["container"] = "another-stack"
    assert found(observations) == []


def test_a_loop_gets_less_than_a_core_where_many_want_one() -> None:
    observations = processes("backend_hung", True, cores=0.15)
    observations["host"]["cpu"]["load_per_core"] = 6.0
    assert found(observations) == ["backend_hung"]


def test_files_that_were_read_are_no_leak_even_where_they_fill_the_limit() -> None:
    assert found(leak(60 * MIB, 0, cache=0.9, limit_share=0.95)) == ["page_cache"]


def test_the_limit_of_the_compose_file_itself_is_for_a_person() -> None:
    observations = recorded("container_oom", stack__services__backend__limits_lowered=[])
    (finding,) = diagnosis.plan(diagnosis.diagnose(observations, CAUSES))
    assert (finding["id"], finding["decision"]) == ("container_oom_at_its_limit", "leave")
    observations["stack"]["asked"] = {"memory_limits": [{"service": "backend", "memory_bytes": 512 * MIB, "memory_bytes_now": 96 * MIB}]}
    (finding,) = diagnosis.plan(diagnosis.diagnose(observations, CAUSES))
    assert (finding["id"], finding["decision"]) == ("memory_limit_asked", "act")


def test_an_end_at_a_limit_that_was_raised_since_is_over() -> None:
    observations = recorded("container_oom", stack__services__backend__limits_lowered=[])
    observations["stack"]["services"]["backend"]["override_since_end"] = True
    assert found(observations) == []


def test_settings_of_the_pool_are_set_where_the_database_is_asked_about() -> None:
    observations = recorded("healthy")
    observations["stack"]["asked"] = {"memory_limits": [], "environment": [{"name": "DB_POOL_MAX", "value": "20", "value_now": None}]}
    assert [one["id"] for one in diagnosis.diagnose(observations, CAUSES, "db_failure")] == ["pool_settings_asked"]
    assert diagnosis.diagnose(observations, CAUSES, "service_outage") == []


@pytest.mark.parametrize(("now", "told"), [(None, "not set"), ("10", "10"), ("", "")])
def test_a_setting_of_the_pool_that_the_compose_files_lack_is_not_set(now: str | None, told: str) -> None:
    observations = recorded("healthy")
    observations["stack"]["asked"] = {"memory_limits": [], "environment": [{"name": "DB_POOL_MAX", "value": "20", "value_now": now}]}
    (finding,) = diagnosis.diagnose(observations, CAUSES, "db_failure")
    assert report.evidence_lines(finding["evidence"])[0] == f"asked: variable DB_POOL_MAX, value 20, value_of_the_compose_files {told}"


def test_a_container_at_a_lowered_limit_gets_its_limit_back_and_no_second_restart() -> None:
    observations = recorded("container_oom")
    observations["host"]["containers"]["backend"]["memory"].update(limit_share=0.97, cache_share=0)
    assert found(observations) == ["container_oom"]


@pytest.mark.parametrize(
    ("what", "private", "growth", "limit_share"),
    [("large", 600 * MIB, 0, None), ("growing", 256 * MIB, 5 * MIB, None), ("nearly all that its limit allows", 90 * MIB, 0, 0.93)],
)
def test_what_a_leak_looks_like(what: str, private: int, growth: int, limit_share: float | None) -> None:
    assert found(leak(private, growth, limit_share=limit_share)) == ["memory_leak"], what


@pytest.mark.parametrize("cause", ["host_hog", "page_cache"])
def test_what_is_no_fault_of_the_stack_is_told_when_it_is_asked_for(cause: str) -> None:
    asked = [finding["id"] for finding in diagnosis.diagnose(recorded(cause), CAUSES, "high_memory")]
    assert asked == [cause]
    assert diagnosis.diagnose(recorded(cause), CAUSES, "db_failure") == []


@pytest.mark.parametrize("cause", ["host_hog", "port_taken"])
def test_a_process_of_somebody_else_is_ended_only_when_it_is_approved_by_name(cause: str) -> None:
    findings = diagnosis.diagnose(recorded(cause), CAUSES)
    (left,) = diagnosis.plan(findings)
    assert left["decision"] == "leave"
    (approved,) = diagnosis.plan(findings, approve=[cause])
    assert approved["decision"] == "act"


def test_without_the_rights_to_see_who_holds_a_port_the_engine_tells_that_it_is_taken() -> None:
    said = recorded("port_taken")["stack"]["services"]["backend"]["error"]
    assert found(without_holder("port_taken", said)) == ["port_taken"]


@pytest.mark.parametrize("name", OBSERVED)
def test_a_host_that_cannot_be_observed_names_nothing_of_its_own(name: str) -> None:
    observations = recorded(name)
    observations["host"] = {"processes": None, "ports": None, "containers": None, "memory": None, "unknown": {}}
    assert set(found(observations)) <= {"container_oom", "heap_limit"}
    del observations["host"]
    assert set(found(observations)) <= {"container_oom", "heap_limit"}
