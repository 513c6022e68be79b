# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions out of the catalogue and out of process titles, as recorded from PostgreSQL 15.18: holders, blocking chains, masked queries."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import sessions
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.sessions import Owner

RECORDED = Path(__file__).parents[2] / "recorded" / "postgres"


@pytest.fixture
def catalog() -> dict[str, Any]:
    answer: dict[str, Any] = json.loads((RECORDED / "catalog_with_blocked_sessions.json").read_text(encoding="utf-8"))
    return answer


@pytest.fixture
def processes() -> list[sessions.Process]:
    return sessions.processes((RECORDED / "processes.bin").read_bytes())


def session(pid: int, **changes: Any) -> dict[str, Any]:
    return {
        "pid": pid,
        "backend_type": "client backend",
        "backend_start": "2026-11-23T12:13:35.133011Z",
        "user": "u",
        "database": "d",
        "client": "172.30.83.20",
        "client_port": 40000 + pid,
        "application": "",
        "state": "idle",
        "state_seconds": 5.04,
        "transaction_seconds": None,
        "query": None,
        **changes,
    }


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("select * from users where email = 'a@b.c' and id = 42", "select * from users where email = ? and id = ?"),
        ("select 'it''s', E'a\\'b', 1.5e-3, -7", "select ?, ?, ?, -?"),
        ("select $$secret$$, $a$x $$ y$a$ from t1", "select ?, ? from t1"),
        ('select "col 1" from t where x = $1', 'select "col 1" from t where x = $1'),
        ("select 1 -- password is x\n, 2 /* and 'y' */ , 3", "select ? , ? , ?"),
        ("select 'cut off in the mid", "select ?"),
        ("select $x$ cut off", "select ?"),
        ("select 1 /* cut off", "select ?"),
        ('select "cut off', 'select "cut off'),
        # Whether the backslash escapes the quote depends on the server's settings: the rest is taken as a literal.
        ("select 'a\\' and pw = 'secret' or x = 'y'", "select ?"),
        ("update t  set\n a = b", "update t set a = b"),
    ],
)
def test_a_query_is_shown_without_its_values(query: str, shown: str) -> None:
    assert sessions.mask_literals(query) == shown


def test_a_long_query_is_cut() -> None:
    assert len(sessions.mask_literals("select a, " * 500)) == sessions.LONGEST_QUERY


def test_processes_are_read_with_their_numbers_inside_the_container(processes: list[sessions.Process]) -> None:
    by_pid = {one.pid: one for one in processes}
    # Process 1 is the postmaster, 35 a psql, 42 the shell that looked.
    assert sorted(by_pid) == [10, 11, 13, 14, 15, 29, 30, 31, 32, 33, 34, 41]
    assert by_pid[29].title == "postgres: circuit_sage_user circuit_sage_db 172.30.99.1(40420) idle"
    assert by_pid[29].ticks == 448461
    assert by_pid[29].started_at == "2026-11-23T12:26:17.610000Z"


def test_a_process_that_only_calls_itself_postgres_is_left_out() -> None:
    title = b"postgres: u d [local] idle\0\0\n"
    data = b"btime 1795432293\n/proc/7/stat:7 (sleep) S 1 7\n/proc/7/cmdline:" + title + b"/proc/8/cmdline:" + title
    assert sessions.processes(data) == []


def test_without_a_boot_time_there_is_still_a_process() -> None:
    stat = b"/proc/7/stat:7 (postgres) S " + b" ".join(b"%d" % number for number in range(4, 30)) + b"\n"
    found = sessions.processes(stat + b"/proc/7/cmdline:postgres: u d [local] idle\0\nsecond line of it\n")
    assert [(one.pid, one.ticks) for one in found] == [(7, 22)]


def test_titles_tell_the_state_of_a_session(processes: list[sessions.Process]) -> None:
    found = {one["pid"]: one for process in processes if (one := sessions.from_title(process))}
    assert {pid: one["state"] for pid, one in found.items()} == {
        29: "idle",
        30: "idle in transaction",
        31: "idle in transaction (aborted)",
        32: "active",
        33: "idle in transaction",
        34: "active",
        41: "active",
    }
    assert (found[29]["client"], found[29]["client_port"], found[29]["user"]) == ("172.30.99.1", 40420, "circuit_sage_user")
    assert (found[41]["client"], found[41]["client_port"]) == ("[local]", -1)
    assert found[29]["application"] is None


@pytest.mark.parametrize(
    "title",
    [
        "postgres: checkpointer ",
        "postgres: autovacuum worker circuit_sage_db",
        "postgres: parallel worker for PID 123 ",
        "postgres: logical replication worker for subscription 16394 ",
        "postgres: walsender circuit_sage_user 172.30.99.1(40420) streaming 0/3000148",
        "postgres: startup recovering 000000010000000000000001",
        "/usr/lib/postgresql/15/bin/postgres -D /var/lib/postgresql/data",
        "sleep 5",
    ],
)
def test_the_servers_own_processes_are_no_sessions(title: str) -> None:
    assert sessions.from_title(title) is None


def test_other_forms_of_titles() -> None:
    named = sessions.from_title("postgres: main: u d 10.0.0.1(5) idle")
    assert named is not None
    assert (named["user"], named["pid"], named["backend_start"]) == ("u", None, None)
    six = sessions.from_title("postgres: u d fd00::1(5) SELECT waiting")
    assert six is not None
    assert (six["client"], six["state"]) == ("fd00::1", "active")
    # With update_process_title off the title stays as it was at the start.
    silent = sessions.from_title("postgres: u d [local]")
    assert silent is not None
    assert silent["state"] is None


def test_addresses_belong_to_containers() -> None:
    networks = {"a": {"IPAddress": "172.30.83.20"}, "b": {"IPAddress": ""}}
    containers = [
        {"Id": "1", "Names": ["/circuit-sage-api"], "NetworkSettings": {"Networks": networks}},
        {"Id": "2", "Names": ["/foreign"], "NetworkSettings": {"Networks": {"a": {"IPAddress": "172.30.83.99"}}}},
        {"Id": "3", "Names": ["/none"], "NetworkSettings": {"Networks": None}},
    ]
    assert sessions.owners(containers, {"1": "backend"}) == {
        "172.30.83.20": Owner("circuit-sage-api", "backend"),
        "172.30.83.99": Owner("foreign", None),
    }


def test_holders_are_counted_with_the_most_first() -> None:
    rows = [
        session(1),
        session(2, client="172.30.83.99", state_seconds=9.06),
        session(3, client="172.30.83.99", state_seconds=3.0),
        session(4, backend_type="walsender"),
        session(5, client="172.30.83.99", state="active", state_seconds=-0.1),
    ]
    found = sessions.activity(rows, {"172.30.83.20": Owner("circuit-sage-api", "backend"), "172.30.83.99": Owner("foreign", None)}, 10)
    assert (found["total"], found["slots_left"]) == (4, 6)
    first, *others = found["holders"]
    assert (first["client"], first["container"], first["service"], first["count"]) == ("172.30.83.99", "foreign", None, 2)
    assert (first["pids"], first["oldest_seconds"]) == ([2, 3], 9.1)
    assert first["sessions"][0] == {
        "pid": 2,
        "backend_start": "2026-11-23T12:13:35.133011Z",
        "user": "u",
        "database": "d",
        "client": "172.30.83.99",
        "client_port": 40002,
    }
    assert {(one["service"], one["state"], one["oldest_seconds"]) for one in others} == {("backend", "idle", 5.0), (None, "active", 0.0)}


def test_holders_out_of_titles_have_no_times_and_from_outside_no_numbers() -> None:
    title = "postgres: u d 172.30.99.1(5) idle"
    (held,) = sessions.holders([one for one in (sessions.from_title(title), sessions.from_title(title)) if one], {})
    assert (held["count"], held["oldest_seconds"], held["pids"], held["sessions"], held["service"]) == (2, None, [], [], None)
    assert sessions.activity([], {}, None) == {"total": 0, "slots_left": None, "holders": []}


def test_only_the_roots_of_blocking_chains_are_named(catalog: dict[str, Any]) -> None:
    found = sessions.blockers(catalog, {"172.30.99.1": Owner("circuit-sage-api", "backend")})
    assert [(one["application"], one["waiting"], one["relations"]) for one in found] == [
        ("root", 3, ["system_settings"]),
        # A row that is waited for, not a table.
        ("rowroot", 1, ["companies"]),
    ]
    root = found[0]
    assert (root["state"], root["service"], root["container"]) == ("idle in transaction", "backend", "circuit-sage-api")
    assert root["idle_seconds"] > 0
    assert root["transaction_seconds"] >= root["idle_seconds"]
    assert "secret" not in root["query"]


def test_an_active_root_has_no_idle_time() -> None:
    catalog = {
        "waits": [{"pid": 2, "blocked_by": [1]}],
        "sessions": [session(1, state="active", query=None, transaction_seconds=1.0), session(2)],
        "locks": None,
    }
    (root,) = sessions.blockers(catalog, {})
    assert (root["idle_seconds"], root["query"], root["relations"], root["service"]) == (None, None, [], None)


def test_a_prepared_transaction_blocks_without_a_session() -> None:
    catalog = {
        "waits": [{"pid": 2, "blocked_by": [0]}],
        "sessions": [session(2)],
        "locks": [{"pid": 2, "relation": "users", "granted": False}],
    }
    (root,) = sessions.blockers(catalog, {})
    assert (root["pid"], root["state"], root["relations"], root["waiting"]) == (0, "prepared transaction", ["users"], 1)
    assert set(root) == set(sessions.blockers({**catalog, "waits": [{"pid": 2, "blocked_by": [1]}], "sessions": [session(1)]}, {})[0])


def test_a_root_that_is_ours_or_gone_is_not_named() -> None:
    catalog = {"waits": [{"pid": 2, "blocked_by": [7]}], "sessions": [session(2)], "locks": []}
    assert sessions.blockers(catalog, {}) == []


def test_nobody_waits() -> None:
    assert sessions.blockers({"waits": None, "sessions": None, "locks": None}, {}) == []


def test_a_deadlock_has_no_root() -> None:
    catalog = {"waits": [{"pid": 1, "blocked_by": [2]}, {"pid": 2, "blocked_by": [1]}], "sessions": [session(1), session(2)], "locks": []}
    assert sessions.blockers(catalog, {}) == []


def at_work(pid: int, query: str, **changes: Any) -> dict[str, Any]:
    """A session with a statement at work for a minute."""
    return session(pid, state="active", **{"query_seconds": 60.0, "wait": None, "writes": False, "query": query, **changes})


@pytest.mark.parametrize(
    ("kind", "one"),
    [
        ("read", at_work(1, "SELECT count(*) FROM events WHERE note = 'x'")),
        ("read", at_work(1, "  ((WITH a AS (SELECT 1) SELECT * FROM a))")),
        ("write", at_work(1, "WITH gone AS (DELETE FROM events RETURNING *) SELECT * FROM gone", writes=True)),
        ("write", at_work(1, "UPDATE subscription_payments SET status = 'paid'")),
        ("write", at_work(1, "ALTER TABLE users ADD COLUMN x int")),
        ("write", at_work(1, "VACUUM FULL events")),
        ("kept", at_work(1, "COPY public.events TO stdout", application="pg_dump")),
        ("kept", at_work(1, "SELECT pg_start_backup('x')", application="pgBackRest [backup]")),
        ("kept", at_work(1, "SELECT 1", application="Migrations")),
        ("server", at_work(1, "autovacuum: VACUUM public.events (to prevent wraparound)", backend_type="autovacuum worker")),
    ],
)
def test_only_a_statement_that_reads_is_one_that_may_be_ended(kind: str, one: dict[str, Any]) -> None:
    (found,) = sessions.active([one], {}, {}, ["events"])
    assert found["kind"] == kind
    assert "'x'" not in found["query"]


def test_statements_at_work_are_listed_with_the_longest_first() -> None:
    mine = {"172.30.83.20": Owner("api", "backend")}
    rows = [
        at_work(1, "SELECT 1 FROM events_old", query_seconds=5.0),
        at_work(2, "SELECT 1 FROM events", wait="Lock"),
        session(3, state="idle", query="SELECT 2", query_seconds=None),
        at_work(4, "SELECT 3", query_seconds=None),
    ]
    found = sessions.active(rows, mine, {}, ["events"])
    assert [(one["pid"], one["seconds"], one["computes"], one["large_tables"]) for one in found] == [
        (2, 60.0, False, ["events"]),
        (1, 5.0, True, []),
    ]
    assert found[0]["service"] == "backend"


def test_a_process_that_had_no_processor_does_not_compute() -> None:
    rows = [at_work(1, "SELECT 1"), at_work(2, "SELECT 1")]
    used = {("172.30.83.20", 40001): sessions.Usage(0, 1024), ("172.30.83.20", 40002): sessions.Usage(20, 1024)}
    assert [(one["cpu_seconds"], one["computes"]) for one in sessions.active(rows, {}, used, [])] == [(0, False), (20, True)]
    assert sessions.holders(rows, {}, used)[0]["resident_bytes"] == 2048
    assert sessions.holders(rows, {})[0]["resident_bytes"] is None


def test_a_statement_at_its_temporary_file_computes() -> None:
    assert [one["computes"] for one in sessions.active([at_work(1, "SELECT 1", wait="IO")], {}, {}, [])] == [True]
