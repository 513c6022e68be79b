# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The observation of a service, from what `docker inspect` really said of containers that were broken in each way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import compose, stack
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.fingerprint import Fingerprints
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.timestamps import shifted, utc

RECORDED = Path(__file__).parents[2] / "recorded"
INSPECTED: dict[str, dict[str, Any]] = json.loads((RECORDED / "docker_inspect.json").read_text())
CONTAINERS: list[dict[str, Any]] = json.loads((RECORDED / "docker_containers.json").read_text())
MODEL = compose.parse_model((RECORDED / "compose_config.json").read_text())
NETWORK = "circuit-sage_circuit-sage-network"


@pytest.mark.parametrize(
    ("recorded", "state", "exit_code", "oom_killed", "restarts"),
    [
        ("healthy", "running", 0, False, 0),
        ("running", "running", 0, False, 0),
        ("stopped", "exited", 0, False, 0),
        ("killed", "exited", 137, False, 0),
        ("sigkilled_and_restarted", "running", 0, False, 1),
        ("paused", "paused", 0, False, 0),
        ("restarting", "restarting", 1, False, 4),
        ("oom_killed", "exited", 137, True, 0),
        ("port_taken", "exited", 128, False, 0),
    ],
)
def test_state(recorded: str, state: str, exit_code: int, oom_killed: bool, restarts: int) -> None:
    observed = stack.describe(INSPECTED[recorded], [])
    assert (observed["state"], observed["exit_code"], observed["oom_killed"], observed["restart_count"]) == (
        state,
        exit_code,
        oom_killed,
        restarts,
    )


def test_health() -> None:
    assert stack.describe(INSPECTED["healthy"], [])["health"] == "healthy"
    # Docker itself calls a stopped container unhealthy.
    assert stack.describe(INSPECTED["stopped"], [])["health"] == "unhealthy"
    assert stack.describe(INSPECTED["running"], [])["health"] == "none"


def test_everything_of_a_container() -> None:
    observed = stack.describe(INSPECTED["healthy"], ["first-password-123"])
    assert observed["container"] == "circuit-sage-db"
    assert observed["restart_policy"] == "always"
    assert observed["error"] is None
    assert observed["finished_at"] is None
    assert observed["created_at"] < observed["started_at"]
    assert observed["image"]["name"] == "debian:bookworm-slim"
    assert observed["command"].startswith("sh -c trap")
    assert observed["working_dir"] == "/opt/circuit-sage"
    assert observed["ports"] == [{"container_port": "5432/tcp", "host_address": "127.0.0.1", "host_port": 25433}]
    assert [(mount["type"], mount["name"], mount["read_write"]) for mount in observed["mounts"]] == [
        ("volume", "circuit-sage_postgres_data", True)
    ]
    assert observed["limits"] == {"memory_bytes": 0, "nano_cpus": 0, "pids": 0, "nofile": 0}
    assert "first-password-123" not in json.dumps(observed)


def test_why_it_did_not_start() -> None:
    assert "port is already allocated" in stack.describe(INSPECTED["port_taken"], [])["error"]


def test_ports_of_a_stopped_container_are_those_that_it_asks_for() -> None:
    assert stack.describe(INSPECTED["stopped"], [])["ports"] == stack.describe(INSPECTED["healthy"], [])["ports"]
    chosen = json.loads(json.dumps(INSPECTED["stopped"]))
    chosen["HostConfig"]["PortBindings"] = {"80/tcp": [{"HostIp": "", "HostPort": ""}], "81/tcp": None}
    assert stack.describe(chosen, [])["ports"] == [{"container_port": "80/tcp", "host_address": "", "host_port": None}]


def test_limits() -> None:
    limited = INSPECTED["limited"]
    assert stack.describe(limited, [])["limits"] == {"memory_bytes": 33554432, "nano_cpus": 500000000, "pids": 100, "nofile": 0}
    quota = json.loads(json.dumps(limited))
    quota["HostConfig"].update(
        NanoCpus=0, CpuQuota=25000, CpuPeriod=50000, PidsLimit=-1, Ulimits=[{"Name": "nofile", "Soft": 64, "Hard": 64}]
    )
    assert stack.describe(quota, [])["limits"] == {"memory_bytes": 33554432, "nano_cpus": 500000000, "pids": 0, "nofile": 64}


@pytest.mark.parametrize(
    ("recorded", "missing", "aliases"),
    [
        ("running", [], []),
        ("detached", [NETWORK], []),
        ("stopped_and_detached", [NETWORK], []),
        ("attached_without_alias", [], [{"network": NETWORK, "aliases": ["backend"]}]),
    ],
)
def test_networks(recorded: str, missing: list[str], aliases: list[dict[str, Any]]) -> None:
    attached = stack.describe(INSPECTED[recorded], [])["networks"]
    compared = stack.compare_networks(attached, MODEL["services"]["backend"]["networks"])
    assert compared["networks_missing"] == missing
    assert compared["aliases_missing"] == aliases
    assert compared["networks_expected"] == [{"name": NETWORK, "aliases": ["backend"], "address": None}]


def test_a_stopped_container_is_still_attached() -> None:
    networks = stack.describe(INSPECTED["stopped"], [])["networks"]
    assert networks[0]["address"] is None
    assert stack.compare_networks(networks, MODEL["services"]["postgres"]["networks"])["networks_missing"] == []


def test_environment_without_drift() -> None:
    real = stack.environment_of(INSPECTED["running"])
    compared = stack.compare_environment(real, MODEL["services"]["backend"]["environment"], set(), Fingerprints())
    assert compared == {"drift": [], "missing": [], "added": [], "checked": 3}


def test_environment_that_the_files_do_not_set_is_named() -> None:
    compared = stack.compare_environment({"PATH": "/bin", "NODE_OPTIONS": "--inspect"}, {"PATH": "/bin"}, set(), Fingerprints())
    assert compared["added"] == ["NODE_OPTIONS"]
    assert compared["drift"] == []


@pytest.mark.parametrize(
    ("real", "wanted", "lowered"),
    [
        ({"memory_bytes": 0, "nofile": 0}, {"memory_bytes": 0, "nofile": 0}, []),
        ({"memory_bytes": 96, "nofile": 0}, {"memory_bytes": 0, "nofile": 0}, ["memory_bytes"]),
        ({"memory_bytes": 96, "nofile": 64}, {"memory_bytes": 512, "nofile": 128}, ["memory_bytes", "nofile"]),
        ({"memory_bytes": 512, "nofile": 0}, {"memory_bytes": 512, "nofile": 64}, []),
        ({"memory_bytes": 0, "nofile": 0}, {"memory_bytes": 512, "nofile": 0}, []),
    ],
)
def test_limits_that_are_lower_than_the_files_give(real: dict[str, int], wanted: dict[str, int], lowered: list[str]) -> None:
    assert stack.compare_limits(real, wanted) == {"limits_expected": wanted, "limits_lowered": lowered}


def test_environment_drift_shows_fingerprints_only() -> None:
    fingerprints = Fingerprints()
    real = {"DB_PASSWORD": "old-password", "OPTIONAL": ""}
    wanted = {"DB_PASSWORD": "new-password", "JWT_SECRET": "s3cret-value", "OPTIONAL": "", "BLANK": ""}
    compared = stack.compare_environment(real, wanted, {"BLANK"}, fingerprints)
    assert compared["drift"] == [
        {"name": "BLANK", "container": None, "expected": fingerprints.of("")},
        {"name": "DB_PASSWORD", "container": fingerprints.of("old-password"), "expected": fingerprints.of("new-password")},
        {"name": "JWT_SECRET", "container": None, "expected": fingerprints.of("s3cret-value")},
    ]
    # OPTIONAL is empty on purpose; BLANK because the env file lacks its variable.
    assert compared["missing"] == ["BLANK", "JWT_SECRET"]
    assert not any(value in json.dumps(compared) for value in ("old-password", "new-password", "s3cret-value"))


def test_config_hash() -> None:
    hashes = compose.parse_hashes((RECORDED / "compose_hashes.txt").read_text())
    assert stack.config_hash(INSPECTED["running"]) == (hashes["backend"], "2.26.1")
    assert stack.config_hash({"Config": {"Labels": None}}) == (None, None)


def test_group_by_service_takes_the_newest_first_and_no_one_off() -> None:
    found = stack.group_by_service(CONTAINERS, "circuit-sage")
    assert set(found) == {"backend", "frontend", "postgres"}
    older = {**CONTAINERS[1], "Id": "older", "Created": 1}
    one_off = {**CONTAINERS[1], "Labels": {**CONTAINERS[1]["Labels"], "com.docker.compose.oneoff": "True"}}
    stranger = {"Created": 5, "Labels": None}
    found = stack.group_by_service([older, one_off, stranger, *CONTAINERS], "circuit-sage")
    assert [one["Id"] for one in found["backend"]] == [CONTAINERS[1]["Id"], "older"]


def test_projects() -> None:
    assert stack.projects([*CONTAINERS, {"Labels": {}}]) == {
        "circuit-sage": "/opt/circuit-sage",
        "circuit-sage-sandbox": "/srv/circuit-sage-sandbox",
    }


def test_volume_users_of_all_projects() -> None:
    foreign = {"Names": ["/copy"], "Labels": None, "Mounts": [{"Type": "volume", "Name": "circuit-sage_postgres_data"}]}
    other = {"Names": ["/other"], "Labels": {}, "Mounts": [{"Type": "volume", "Name": "not-ours"}, {"Type": "bind", "Source": "/x"}]}
    own = {
        "Names": ["/own"],
        "Labels": {"com.docker.compose.project": "circuit-sage"},
        "Mounts": [{"Type": "volume", "Name": "undeclared"}],
    }
    users = stack.volume_users([*CONTAINERS, foreign, other, own], ["circuit-sage_postgres_data", "unused"], "circuit-sage")
    assert users == {
        "circuit-sage_postgres_data": {"used_by": ["circuit-sage-db", "copy"]},
        "undeclared": {"used_by": ["own"]},
        "unused": {"used_by": []},
    }


def test_time_stamps() -> None:
    assert utc("2026-11-23T11:34:08.76721953Z") == "2026-11-23T11:34:08.767Z"
    assert utc("2026-11-23T11:34:08Z") == "2026-11-23T11:34:08.000Z"
    assert utc("0001-01-01T00:00:00Z") is None
    assert utc("") is None
    assert utc(None) is None
    assert shifted("2026-11-23T00:00:00.050Z", -100) == "2026-11-22T23:59:59.950Z"


@pytest.mark.parametrize(
    ("name", "repository"),
    [("shop/backend:1", "shop/backend"), ("localhost:5000/shop", "localhost:5000/shop"), ("localhost:5000/shop:2", "localhost:5000/shop")],
)
def test_the_repository_of_a_name(name: str, repository: str) -> None:
    assert stack.repository_of(name) == repository
