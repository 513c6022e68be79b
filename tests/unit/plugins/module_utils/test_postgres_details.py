# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of entry, tables, the way over the network, and the files of a server that is down."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import postgres_catalog, postgres_details, sessions
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.docker_engine import ContainerGone, DockerEngine
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError

# As `tc -j qdisc show` printed it in the container's network, without a rule and with one.
PLAIN = """[{"kind":"noqueue","handle":"0:","dev":"lo","root":true,"refcnt":2,"options":{}},
{"kind":"noqueue","handle":"0:","dev":"eth0","root":true,"refcnt":2,"options":{}}]"""
SHAPED = """[{"kind":"noqueue","handle":"0:","dev":"lo","root":true,"refcnt":2,"options":{}},
{"kind":"tbf","handle":"8001:","dev":"eth0","root":true,"refcnt":2,"options":{"rate":1500,"burst":1599,"lat":10000000}}]"""
RULE = {"device": "eth0", "kind": "tbf", "options": {"rate": 1500, "burst": 1599, "lat": 10000000}}
RUNNING = {"State": {"Status": "running", "Pid": 4711}}


def answers(server_ms: float = 0.2) -> postgres_details.Ask:
    """A server that answers every question so."""
    return lambda sql: {"server_ms": server_ms, "tables": [], "file": "f", "rules": []}


def refuses(sql: str) -> dict[str, Any]:
    """A server that answers none."""
    raise IncidentError("no answer within 2 s")


class Slow:
    """A clock on which each question takes so many milliseconds."""

    def __init__(self, *milliseconds: float) -> None:
        self.now, self.left, self.asked = 0.0, list(milliseconds), 0

    def monotonic(self) -> float:
        return self.now

    def ask(self, sql: str) -> dict[str, Any]:
        self.asked += 1
        self.now += self.left.pop(0) / 1000
        return {"server_ms": 0.2}


def archive(kind: bytes, mode: int, uid: int, content: bytes = b"") -> bytes:
    """An archive of one entry, as the engine sends it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        entry = tarfile.TarInfo("entry")
        entry.type, entry.mode, entry.uid, entry.size = kind, mode, uid, len(content)
        tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


POSTGRES = {"Id": "p", "Config": {"Image": "postgres:16"}}


class Reader(DockerEngine):
    """An engine that sends these archives and these rows of `ps`, and has these images: when each was made, and its version."""

    def __init__(
        self,
        archives: dict[str, bytes] | None = None,
        rows: list[list[str]] | None = None,
        versions: dict[str, tuple[int, str]] | None = None,
    ) -> None:
        self.archives, self.rows, self.versions = archives or {}, rows, versions or {}

    def images(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = [{"Id": name, "RepoTags": [name], "Created": made} for name, (made, _major) in self.versions.items()]
        return [*found, {"Id": "of no name", "RepoTags": None, "Created": 9}]

    def image(self, identity: str) -> dict[str, Any]:
        return {"Config": {"Env": ["PGDATA=/data", f"PG_MAJOR={self.versions[identity][1]}"]}}

    def archive(self, container: str, path: str, most_bytes: int) -> bytes:
        if path not in self.archives:
            raise ContainerGone("the container has just been removed; run again")
        return self.archives[path][:most_bytes]

    def processes(self, container: str, columns: str | None = None) -> dict[str, Any]:
        if self.rows is None:
            raise ContainerGone("the container has just been removed; run again")
        return {"Processes": self.rows}


def test_what_cannot_be_asked_is_told() -> None:
    unknown: dict[str, str] = {}
    assert (postgres_details.tables(refuses, "u", unknown), postgres_details.hba(refuses, unknown)) == (None, None)
    assert set(unknown) == {"tables", "hba"}
    assert (postgres_details.tables(answers(), "u", {}), postgres_details.hba(answers(), {})) == ([], answers()(""))


def test_a_fast_way_is_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Slow(3.0)
    monkeypatch.setattr(postgres_details, "time", clock)
    assert postgres_details.round_trip(clock.ask) == {"round_trip_ms": 3.0, "server_ms": 0.2}
    assert clock.asked == 1


def test_a_slow_way_is_measured_three_times_and_the_best_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Slow(300.0, 250.0, 400.0)
    monkeypatch.setattr(postgres_details, "time", clock)
    assert postgres_details.round_trip(clock.ask)["round_trip_ms"] == 250.0
    clock = Slow(300.0, 2.0)
    monkeypatch.setattr(postgres_details, "time", clock)
    assert postgres_details.round_trip(clock.ask)["round_trip_ms"] == 2.0


def test_a_way_that_gives_no_answer_has_no_measure() -> None:
    assert postgres_details.round_trip(refuses) == {"round_trip_ms": None, "server_ms": None}


def test_only_rules_that_somebody_set_count() -> None:
    assert postgres_details.parse_shaping(PLAIN) == []
    assert postgres_details.parse_shaping("") == []
    assert postgres_details.parse_shaping(SHAPED) == [RULE]


def test_the_rules_are_read_in_the_containers_network(monkeypatch: pytest.MonkeyPatch) -> None:
    commands = []

    def run(command: list[str], **how: Any) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        return subprocess.CompletedProcess(command, 0, SHAPED, "")

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(subprocess, "run", run)
    assert postgres_details.shaping(4711) == [RULE]
    assert commands[0][:4] == ["nsenter", "--target", "4711", "--net"]


def test_only_root_can_look_at_the_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(IncidentError, match="become"):
        postgres_details.shaping(4711)


def test_a_host_without_the_tools_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*words: Any, **how: Any) -> None:
        raise FileNotFoundError

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(subprocess, "run", missing)
    with pytest.raises(IncidentError, match="FileNotFoundError"):
        postgres_details.shaping(4711)


def test_the_rules_are_looked_at_only_where_the_way_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_details, "shaping", lambda pid: [RULE])
    fast = postgres_details.network(answers(), True, RUNNING, {})
    assert (fast["shaping"], fast["pid"]) == (None, None)
    for ask, reached in ((refuses, True), (None, False)):
        unknown: dict[str, str] = {}
        slow = postgres_details.network(ask, reached, RUNNING, unknown)
        assert (slow["shaping"], slow["pid"], slow["round_trip_ms"]) == ([RULE], 4711, None)
        assert list(unknown) == ["network.round_trip_ms"]
    # Nobody was let in, yet the server answered: that is no matter of the network.
    assert postgres_details.network(None, True, RUNNING, {})["shaping"] is None
    for nothing in (None, {"State": {"Status": "exited", "Pid": 0}}):
        assert postgres_details.network(None, False, nothing, {})["shaping"] is None


def test_why_the_rules_are_unknown_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    unknown: dict[str, str] = {}
    assert postgres_details.network(refuses, True, RUNNING, unknown)["shaping"] is None
    assert "root" in unknown["network.shaping"]


def test_processes_are_looked_at_only_where_there_is_something_to_see() -> None:
    title = "postgres: u d 172.30.83.20(40001) SELECT"
    reader = Reader(rows=[["7", "12", "2048", title], ["8", "12", "2048", "postgres: checkpointer"], ["9", "-", "-", title]])
    idle = {"state": "idle", "query": None}
    used = {("172.30.83.20", 40001): sessions.Usage(12, 2048 * 1024)}
    assert postgres_details.process_usage(reader, "p", {"sessions": [idle] * 3}) == {}
    assert postgres_details.process_usage(reader, None, {"sessions": [idle] * 50}) == {}
    assert postgres_details.process_usage(reader, "p", {"sessions": [idle] * 50}) == used
    assert postgres_details.process_usage(reader, "p", {"sessions": [{"state": "active", "query": "SELECT"}]}) == used
    assert postgres_details.process_usage(Reader(), "p", {"sessions": [idle] * 50}) == {}
    assert postgres_details.process_usage(reader, "p", {"sessions": None}) == {}


def test_large_tables() -> None:
    assert postgres_details.large_tables([{"name": "a", "rows": 60000}, {"name": "b", "rows": 10}, {"name": "c", "rows": None}]) == ["a"]
    assert postgres_details.large_tables(None) == []


def test_the_image_of_the_datas_version_is_the_newest_of_the_repository() -> None:
    versions = {"postgres:15": (1, "15"), "postgres:15.8": (2, "15"), "postgres:16": (3, "16"), "mirror:5000/postgres:15": (4, "15")}
    reader = Reader(versions=versions)
    assert postgres_details.image_of_version(reader, "postgres:16", "15") == "postgres:15.8"
    assert postgres_details.image_of_version(reader, "mirror:5000/postgres:16", "15") == "mirror:5000/postgres:15"
    assert postgres_details.image_of_version(reader, "postgres:16", "14") is None


def test_the_data_directory_is_looked_at_from_outside() -> None:
    unknown: dict[str, str] = {}
    directory, version = archive(tarfile.DIRTYPE, 0o40000, 999), archive(tarfile.REGTYPE, 0o600, 999, b"14\n")
    reader = Reader({"/data": directory, "/data/PG_VERSION": version})
    found = postgres_details.data_directory(reader, POSTGRES, "/data", {"PG_MAJOR": "15"}, unknown)
    wanted = {"path": "/data", "mode": "0000", "uid": 999, "files_uid": 999, "version": "14", "image_version": "15", "image": None}
    assert (found, unknown) == (wanted, {})


def test_what_of_the_data_directory_cannot_be_seen_is_told() -> None:
    for reader in (Reader(), Reader({"/data": b"no archive"}), Reader({"/data": archive(tarfile.DIRTYPE, 0o700, 999)})):
        unknown: dict[str, str] = {}
        assert postgres_details.data_directory(reader, POSTGRES, "/data", {}, unknown)["version"] is None
        assert list(unknown) == ["data_directory"]


def test_the_space_of_the_innermost_mount_counts(tmp_path: Path) -> None:
    mounts = [
        {"Destination": "/var/lib/postgresql", "Source": "/nowhere"},
        {"Destination": "/var/lib/postgresql/data", "Source": str(tmp_path)},
        {"Destination": "/var/lib/postgresql/database", "Source": "/nowhere"},
    ]
    found = postgres_details.data_space({"Mounts": mounts}, "/var/lib/postgresql/data", {})
    assert found is not None
    assert (found["path"], found["size_bytes"] > 0) == (str(tmp_path), True)


def test_a_space_that_cannot_be_looked_at_is_told() -> None:
    unknown: dict[str, str] = {}
    mounts = [{"Destination": "/data", "Source": "/nowhere/at/all"}]
    assert postgres_details.data_space({"Mounts": mounts}, "/data", unknown) is None
    assert "become" in unknown["data_space"]
    assert postgres_details.data_space(None, "/data", {}) is None


def test_a_renamed_table_is_told_by_its_primary_key() -> None:
    rows: list[dict[str, Any]] = [
        {"name": name, "key": f"{name}_pkey", "may_read": True, "may_write": True, "owner": "app", "grants": ["app=arwdDxt/app"]}
        | {"rows": 1, "seq_scans": 2, "idx_scans": 3}
        for name in (*postgres_catalog.CONTENT_TABLES, "invoices")
    ]
    stays, use = postgres_catalog.split_tables(rows)
    assert stays["users"] == {"key": "users_pkey", "may_read": True, "may_write": True, "owner": "app", "grants": ["app=arwdDxt/app"]}
    assert use[0] == {"name": "companies", "rows": 1, "seq_scans": 2, "idx_scans": 3}
    assert postgres_catalog.missing_tables(stays) == []
    stays["users_before"] = stays.pop("users")
    stays.pop("locations")
    assert postgres_catalog.missing_tables(stays) == [
        {"name": "locations", "renamed_to": None},
        {"name": "users", "renamed_to": "users_before"},
    ]
    assert postgres_catalog.missing_tables(None) is None
