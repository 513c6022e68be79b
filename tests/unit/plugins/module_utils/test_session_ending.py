# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which named sessions may be ended; and, with real processes, that the command ends exactly those that still are what they were."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import session_ender, session_ending
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.session_ending import Rules, Verdict
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.sessions import IDLE_STATES, Process

START = "2026-11-23T12:13:35.133011Z"
RULES = Rules(IDLE_STATES, 0)


def session(pid: int = 7, **changes: Any) -> dict[str, Any]:
    return {
        "pid": pid,
        "backend_type": "client backend",
        "backend_start": START,
        "user": "u",
        "database": "d",
        "client": "172.30.83.20",
        "client_port": 40420,
        "state": "idle",
        "state_seconds": 40.0,
        **changes,
    }


def test_what_describes_a_session_beyond_its_identity_is_left_aside() -> None:
    entry = {**session(), "waiting": 3, "query": "select ?", "relations": ["users"]}
    assert session_ending.named([entry, {"pid": "8", "backend_start": None}]) == [
        {"pid": 7, "backend_start": START, "user": "u", "database": "d", "client": "172.30.83.20", "client_port": 40420},
        {"pid": 8},
    ]


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([{}], "no process number"),
        ([{"pid": 0}], "no process number"),
        ([{"pid": "-5"}], "no process number"),
        ([{"pid": "all"}], "no process number"),
        ([{"pid": 7}, {"pid": "7"}], "named twice"),
        ([{"pid": 7, "backend_start": "yesterday"}], "no time with an offset"),
        ([{"pid": 7, "backend_start": "2026-11-23T12:13:35"}], "no time with an offset"),
    ],
)
def test_wrong_input_is_refused(entries: list[dict[str, Any]], words: str) -> None:
    with pytest.raises(IncidentError, match=words):
        session_ending.named(entries)


@pytest.mark.parametrize(
    ("wanted", "current", "rules", "kind", "words"),
    [
        ({}, session(), RULES, "end", ""),
        ({"backend_start": START, "user": "u", "client_port": "40420"}, session(), RULES, "end", ""),
        # From /proc the same start is known to a second only.
        ({"backend_start": "2026-11-23T12:13:34.290000Z"}, session(), RULES, "end", ""),
        ({"backend_start": "2026-11-23T13:13:35.133011+01:00"}, session(), RULES, "end", ""),
        ({"client": "172.30.83.20"}, session(client=None), RULES, "end", ""),
        ({}, None, RULES, "gone", "no session"),
        ({}, session(backend_type="checkpointer"), RULES, "refused", "checkpointer"),
        ({}, session(backend_type="walsender"), RULES, "refused", "walsender"),
        ({}, session(backend_type="autovacuum worker"), RULES, "refused", "autovacuum"),
        ({"backend_start": "2026-11-23T12:13:30Z"}, session(), RULES, "refused", "another session has this number"),
        ({"client_port": 40421}, session(), RULES, "refused", "client_port is 40420, not 40421"),
        ({"user": "other"}, session(), RULES, "refused", "user is u"),
        ({}, session(state="active"), RULES, "refused", "its state is active"),
        ({}, session(state=None), RULES, "refused", "its state is unknown"),
        ({}, session(state="idle in transaction"), Rules(("idle",), 0), "refused", "only idle may be ended"),
        ({}, session(), Rules(IDLE_STATES, 30), "end", ""),
        ({}, session(state_seconds=29.9), Rules(IDLE_STATES, 30), "refused", "29.9 s only, not 30 s"),
        ({}, session(state_seconds=None), Rules(IDLE_STATES, 30), "refused", "cannot be known without SQL"),
    ],
)
def test_a_verdict(wanted: dict[str, Any], current: dict[str, Any] | None, rules: Rules, kind: str, words: str) -> None:
    verdict = session_ending.judge({"pid": 7, **wanted}, current, rules)
    assert verdict.kind == kind
    assert words in verdict.reason


def test_the_statement_chooses_before_it_ends_and_looks_at_identity_and_state_again() -> None:
    sql = session_ending.ending_sql([Verdict(7, "end", "", session())], "terminated", Rules(("idle", "o'x"), 30))
    assert f"(7, '{START}'::timestamptz)" in sql
    assert "state IN ('idle', 'o''x')" in sql
    assert "secs => 30.0" in sql
    assert sql.index("chosen AS MATERIALIZED") < sql.index("pg_terminate_backend(pid)")
    assert "pg_cancel_backend(pid)" in session_ending.ending_sql([Verdict(7, "end", "", session())], "cancelled", RULES)
    assert "pid IN (7, 8)" in session_ending.sessions_sql([7, 8])


def test_those_are_still_there_that_have_number_and_start() -> None:
    verdicts = [Verdict(7, "end", "", session()), Verdict(8, "end", "", session(8)), Verdict(9, "gone", "", None)]
    assert session_ending.still_there(verdicts, [session(), session(8, backend_start="2026-11-23T12:14:00Z"), session(9)]) == [7]


@pytest.mark.parametrize(
    ("now", "is_at_work"),
    [
        ({"state": "active", "state_seconds": 40.5}, True),
        ({"state": "active", "state_seconds": None}, True),
        ({"state": "active", "state_seconds": 0.1}, False),
        ({"state": "idle in transaction (aborted)", "state_seconds": 0.1}, False),
    ],
    ids=["the_same", "seen_by_its_title", "the_next_one", "cancelled"],
)
def test_whose_statement_is_still_at_work(now: dict[str, Any], is_at_work: bool) -> None:
    verdicts = [Verdict(7, "end", "", session(state="active"))]
    assert session_ending.still_at_work(verdicts, [session(**now)]) == ([7] if is_at_work else [])
    assert session_ending.still_at_work(verdicts, []) == []


def _ticks(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19])


def _run(targets: list[Process], state: str = "terminated") -> dict[int, str]:
    done = subprocess.run(session_ending.ending_command(targets, state), capture_output=True, text=True, check=True)
    return session_ending.outcomes(done.stdout + "noise\n")


def test_the_command_ends_only_what_still_is_what_it_was() -> None:
    title = "postgres: u d 172.30.83.20(40420) idle"
    # Bash gives its child the title of a session.
    with subprocess.Popen(["bash", "-c", f"exec -a '{title}' sleep 60"]) as process:
        while b"idle" not in Path(f"/proc/{process.pid}/cmdline").read_bytes() or b"bash" in Path(f"/proc/{process.pid}/stat").read_bytes():
            os.sched_yield()
        ticks, whole = _ticks(process.pid), Path(f"/proc/{process.pid}/cmdline").read_text(encoding="utf-8").replace("\0", "")
        assert _run([Process(process.pid, ticks, START, title + " in transaction")]) == {process.pid: "changed"}
        assert _run([Process(process.pid, ticks + 1, START, whole)]) == {process.pid: "changed"}
        assert process.poll() is None
        targets = [Process(process.pid, ticks, START, whole), Process(2**22, 1, START, title)]
        assert _run(targets) == {process.pid: "signalled", 2**22: "gone"}
        assert process.wait(timeout=5) == -15


class Way:
    """Sessions in a list instead of in a server."""

    name = "sql"

    def __init__(self, current: list[dict[str, Any]], answers: dict[int, str] | None = None, dies: bool = True) -> None:
        self.current = current
        self.answers = answers or {}
        self.dies = dies
        self.ended: list[int] = []

    def look(self, pids: Any) -> list[dict[str, Any]]:
        return [one for one in self.current if one["pid"] in pids]

    def end(self, verdicts: Any, state: str, rules: Rules) -> dict[int, str]:
        became = {one.pid: self.answers.get(one.pid, "signalled") for one in verdicts}
        self.ended = [pid for pid, word in became.items() if word == "signalled"]
        if self.dies:
            self.current = [one for one in self.current if one["pid"] not in self.ended]
        return became


class Refusing(Way):
    name = "sql"

    def look(self, pids: Any) -> list[dict[str, Any]]:
        raise IncidentError("sorry, too many clients already")


def empty() -> dict[str, Any]:
    return {"ended": [], "gone": [], "refused": [], "via": None, "sql_refused": None}


def carry_out(ways: list[Any], wanted: list[dict[str, Any]], state: str = "terminated", check_mode: bool = False) -> dict[str, Any]:
    result = empty()
    session_ender.end_sessions(ways, wanted, state, RULES, check_mode, result)
    return result


def test_what_became_of_each_is_told() -> None:
    way = Way([session(7), session(8, state="active"), session(10), session(11)], {10: "changed", 11: "gone"})
    result = carry_out([way, way], [{"pid": pid} for pid in (7, 8, 9, 10, 11)])
    assert [one["pid"] for one in result["ended"]] == [7]
    assert result["ended"][0]["state"] == "idle"
    assert result["gone"] == [9, 11]
    assert [one["pid"] for one in result["refused"]] == [8, 10]
    assert way.ended == [7]


def test_a_second_run_ends_nothing() -> None:
    way = Way([session(7)])
    assert carry_out([way], [{"pid": 7}])["ended"]
    assert carry_out([way], [{"pid": 7}]) == {**empty(), "gone": [7], "via": "sql"}


def test_check_mode_says_the_same_and_ends_nothing() -> None:
    way = Way([session(7)])
    assert [one["pid"] for one in carry_out([way], [{"pid": 7}], check_mode=True)["ended"]] == [7]
    assert way.ended == []


def test_where_the_server_lets_nobody_in_signals_are_used() -> None:
    way = Way([session(7)])
    result = carry_out([Refusing([]), way], [{"pid": 7}])
    assert way.ended == [7]
    assert result["sql_refused"] == "sorry, too many clients already"


def test_what_was_ended_before_sql_was_lost_is_not_forgotten() -> None:
    class Lost(Way):
        looks = 0

        def look(self, pids: Any) -> list[dict[str, Any]]:
            self.looks += 1
            if self.looks > 1:
                raise IncidentError("lost")
            return super().look(pids)

    first = Lost([session(7)])
    result = carry_out([first, Way([])], [{"pid": 7}])
    assert [one["pid"] for one in result["ended"]] == [7]
    assert result["gone"] == []


def test_a_session_that_does_not_go_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_ender, "GONE_WITHIN", 0.15)
    with pytest.raises(IncidentError, match="session 7 was asked to end and is still there"):
        carry_out([Way([session(7)], dies=False)], [{"pid": 7}])


class Busy(Way):
    """A server so short of processors that a cancelled statement goes on for so many looks."""

    def __init__(self, looks: int) -> None:
        super().__init__([session(7, state="active")], dies=False)
        self.looks = looks

    def look(self, pids: Any) -> list[dict[str, Any]]:
        self.looks -= bool(self.ended)
        return super().look(pids) if self.looks > 0 else [session(7, state_seconds=0.1)]


def cancel(way: Way) -> dict[str, Any]:
    result = empty()
    session_ender.end_sessions([way], [{"pid": 7}], "cancelled", Rules(("active",), 0), False, result)
    return result


def test_a_cancelled_session_stays_and_its_statement_is_over() -> None:
    way = Busy(3)
    assert [one["pid"] for one in cancel(way)["ended"]] == [7]
    assert way.looks == 0


def test_a_statement_that_does_not_end_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_ender, "GONE_WITHIN", 0.15)
    with pytest.raises(IncidentError, match="the statement of session 7 was cancelled and is still at work"):
        cancel(Busy(99))


class Container:
    """The answers that the database's container would give."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.ran: list[tuple[list[str], str]] = []

    def ask(self, user: str, database: str, sql: str, timeout: int) -> dict[str, Any]:
        self.asked.append(f"{user}@{database}")
        return {"signalled": [7]} if "signalled" in sql else {"sessions": [session(7), session(8)]}

    def processes(self) -> list[Process]:
        return [
            Process(7, 100, START, "postgres: u d [local] idle"),
            Process(8, 101, START, "postgres: checkpointer "),
            Process(9, 102, START, "postgres: u d [local] idle"),
        ]

    def run(self, command: list[str], user: str = "") -> bytes:
        self.ran.append((command, user))
        return b"7 signalled\n"


def test_by_sql() -> None:
    container: Any = Container()
    way = session_ender.BySql(container, "circuit_sage_user")
    assert [one["pid"] for one in way.look([7, 8])] == [7, 8]
    verdicts = [Verdict(7, "end", "", session(7)), Verdict(8, "end", "", session(8))]
    assert way.end(verdicts, "terminated", RULES) == {7: "signalled", 8: "changed"}
    assert set(container.asked) == {"circuit_sage_user@postgres"}


def test_by_signal() -> None:
    container: Any = Container()
    way = session_ender.BySignal(container)
    found = way.look([7, 8])
    assert [(one["pid"], one["backend_type"]) for one in found] == [(7, "client backend"), (8, "checkpointer")]
    assert way.end([Verdict(7, "end", "", found[0])], "terminated", RULES) == {7: "signalled"}
    command, user = container.ran[0]
    assert user == "postgres"
    assert command[3:] == ["sh", "TERM", "7", "100", "postgres: u d [local] idle"]
