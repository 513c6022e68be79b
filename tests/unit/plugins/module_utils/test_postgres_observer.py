# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole observation for each way in which the database can be broken, with a made-up engine and server that say recorded words."""

from __future__ import annotations

import io
import json
import os
import re
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import (
    database_login,
    login_attempts,
    postgres_observer,
    sessions,
)
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.docker_engine import ContainerGone
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import EngineForbidden, EngineUnreachable, IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.postgres_catalog import CONTENT_TABLES
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.postgres_errors import OK, Answer, login_answer
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.stack_options import POSTGRES_OPTIONS, STACK_OPTIONS

RECORDED = Path(__file__).parents[2] / "recorded" / "postgres"
CATALOG = json.loads((RECORDED / "catalog_with_blocked_sessions.json").read_text(encoding="utf-8"))
PROCESSES = (RECORDED / "processes.bin").read_bytes()
IDENTIFIER = "7711326838020775956"
CREATED = "2026-11-23T11:26:30.435879788Z"
RIGHT, WRONG = "right-made-up-password", "wrong-made-up-password"
SLOTS = "FATAL:  sorry, too many clients already\n"
REJECTED = 'FATAL:  password authentication failed for user "circuit_sage_user"\n'
NOLOGIN = 'FATAL:  role "circuit_sage_user" is not permitted to log in\n'
NOT_ACCEPTING = 'FATAL:  database "circuit_sage_db" is not currently accepting connections\n'


def table(name: str, **changes: Any) -> dict[str, Any]:
    """A table as the catalogue lists it."""
    stays = {"name": name, "key": f"{name}_pkey", "may_read": True, "may_write": True, "owner": "owner", "grants": None}
    return {**stays, "rows": 40, "seq_scans": 1, "idx_scans": 2, **changes}


def entry(name: str, content: bytes, kind: bytes, mode: int, uid: int) -> bytes:
    """An archive of one entry, as the engine sends it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        info = tarfile.TarInfo(name)
        info.type, info.mode, info.uid, info.size = kind, mode, uid, len(content)
        tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def directory(mode: int, uid: int) -> bytes:
    """The archive of a data directory."""
    return entry("data/", b"", tarfile.DIRTYPE, mode, uid)


def plain_file(name: str, content: bytes, uid: int) -> bytes:
    """The archive of a file."""
    return entry(name, content, tarfile.REGTYPE, 0o600, uid)


def refuse(error: Exception | None) -> None:
    """Raise what the made-up world answers with, if anything."""
    if error is not None:
        raise error


class World:
    """What the engine, the server and the container would say."""

    def __init__(self) -> None:
        self.password = RIGHT
        # What each login meets before its password is looked at, and after that: by database.
        self.before: str | None = None
        self.after: dict[str, str] = {}
        self.used_password = True
        self.state = "running"
        self.psql: str | None = None
        self.answer: dict[str, Any] = {**CATALOG, "superusers": ["circuit_sage_user"]}
        self.content: str | None = None
        self.processes: str | None = None
        self.identifier: str | None = IDENTIFIER
        self.engine: Exception | None = None
        self.engine_later: Exception | None = None
        self.backend = {"DB_HOST": "postgres", "DB_USER": "circuit_sage_user", "DB_NAME": "circuit_sage_db", "DB_PASSWORD": RIGHT}
        self.postgres = {"POSTGRES_PASSWORD": RIGHT}
        self.services = ["postgres", "backend"]
        self.log = [f"{CREATED} \x1b[32minfo\x1b[39m: Database connection established\n".encode()]
        self.write = database_login.Write(OK, None, None, 3)
        self.tables: list[dict[str, Any]] = [table(name) for name in (*CONTENT_TABLES, "invoices")]
        self.hba: str | None = None
        self.server_ms: list[float] = [0.2]
        self.data = directory(mode=0o700, uid=999)
        self.version = plain_file("PG_VERSION", b"15\n", uid=999)
        self.usage: list[list[str]] = []
        self.logins: list[tuple[str, str]] = []
        self.asked: list[str] = []
        self.inspected = 0

    def told(self, sql: str) -> dict[str, Any]:
        """The answer to a question."""
        if "maintenance_mode" in sql:
            return {"value": {"enabled": False}, "updated_by": None, "changed_at": CREATED, "seconds": 5}
        if "schema_migrations" in sql:
            return {"newest": [{"filename": "001_initial_schema.sql", "applied_at": CREATED}]}
        if "pg_hba_file_rules" in sql:
            refuse(IncidentError(self.hba) if self.hba else None)
            return {"file": "/data/pg_hba.conf", "rules": []}
        if "pg_constraint" in sql:
            return {"tables": self.tables}
        if "server_ms" in sql:
            return {"server_ms": self.server_ms[0]}
        return {"companies": 40} if "public.companies" in sql else self.answer


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> World:
    world = World()

    class Session:
        def __init__(self, login: database_login.Login, timeout: float, settings: dict[str, str] | None = None) -> None:
            world.logins.append((login.database, login.password))
            self.milliseconds = 4
            if world.before:
                self.answer = login_answer(world.before)
            elif login.password != world.password:
                self.answer = login_answer(REJECTED)
            elif login.database in world.after:
                self.answer = login_answer(world.after[login.database])
            else:
                self.answer = Answer(OK, None, None, True if world.used_password else None)

        def ask(self, sql: str) -> dict[str, Any]:
            if "public.companies" in sql and world.content:
                raise IncidentError(world.content)
            return world.told(sql)

        def write(self) -> database_login.Write:
            return world.write

        def close(self) -> None:
            """Nothing is open."""

    class Engine:
        def __init__(self, docker_host: str, timeout: float) -> None:
            assert timeout <= 3

        def containers(self) -> list[dict[str, Any]]:
            refuse(world.engine)
            labels = {"com.docker.compose.project": "shop"}
            networks = {"net": {"IPAddress": "172.30.99.1"}}
            return [
                {
                    "Id": name,
                    "Names": [f"/shop-{name}"],
                    "Created": 1,
                    "Labels": {**labels, "com.docker.compose.service": name},
                    "NetworkSettings": {"Networks": networks if name == "backend" else {}},
                }
                for name in world.services
            ]

        def inspect(self, identity: str) -> dict[str, Any]:
            world.inspected += 1
            environment = world.backend if identity == "backend" else world.postgres
            return {
                "Id": identity,
                "Name": f"/shop-{identity}",
                "Created": CREATED,
                "State": {"Status": world.state if identity == "postgres" else "running"},
                "Config": {"Tty": False, "Env": [f"{name}={value}" for name, value in environment.items()]},
            }

        def log(self, identity: str, terminal: bool) -> Iterator[bytes]:
            yield from world.log

        def archive(self, identity: str, path: str, most_bytes: int) -> bytes:
            return (world.version if path.endswith("PG_VERSION") else world.data)[:most_bytes]

        def processes(self, identity: str, columns: str) -> dict[str, Any]:
            return {"Processes": world.usage}

    class Container:
        def __init__(self, engine: Any, identity: str) -> None:
            assert identity == "shop-postgres"

        def ask(self, user: str, database: str, sql: str, timeout: int) -> dict[str, Any]:
            refuse(world.engine_later)
            world.asked.append(database)
            refusal = world.psql or world.after.get(database)
            if refusal:
                raise IncidentError(f"psql in the container shop-postgres was refused: {refusal.partition(':  ')[2].strip()}")
            return world.told(sql)

        def processes(self) -> list[sessions.Process]:
            refuse(world.engine_later)
            if world.processes:
                raise IncidentError(world.processes)
            return sessions.processes(PROCESSES)

        def titles_from_outside(self) -> list[str]:
            refuse(world.engine_later)
            return [one.title for one in sessions.processes(PROCESSES)]

        def system_identifier(self, data_directory: str) -> str:
            if world.identifier is None:
                raise IncidentError("the Docker engine refused: no such file; look at the state of the container")
            return world.identifier

    monkeypatch.setattr(database_login, "Session", Session)
    monkeypatch.setattr(postgres_observer, "DockerEngine", Engine)
    monkeypatch.setattr(postgres_observer, "DatabaseContainer", Container)
    (tmp_path / ".env.production").write_text(f"POSTGRES_PASSWORD={RIGHT}\n", encoding="utf-8")
    return world


def observe(folder: Path, **options: Any) -> dict[str, Any]:
    defaults = {name: option.get("default") for name, option in {**STACK_OPTIONS, **POSTGRES_OPTIONS}.items()}
    own = {"postgres_service": "postgres", "backend_service": "backend", "connected_pattern": "Database connection established", "wait": 0}
    result = postgres_observer.observe({**defaults, **own, "project_src": str(folder), "project_name": "shop", **options})
    assert not [secret for secret in (RIGHT, WRONG) if secret in json.dumps(result)]
    assert all(isinstance(reason, str) and reason for reason in result["unknown"].values())
    return result


def test_healthy(world: World, tmp_path: Path) -> None:
    found = observe(tmp_path)
    assert (found["via"], found["error"], found["unknown"]) == ("tcp", None, {})
    assert [(one["source"], one["class"]) for one in found["attempts"]] == [("backend", OK), ("env_file", OK), ("postgres_container", OK)]
    assert len({one["fingerprint"] for one in found["attempts"]}) == 1
    assert found["password"] == {
        "backend_accepted": True,
        "accepted_sources": ["backend", "env_file", "postgres_container"],
        "backend_connected_before": True,
        "initialised_with_recorded": True,
    }
    assert found["application"] == {"host": "postgres", "port": None, "user": "circuit_sage_user", "database": "circuit_sage_db"}
    assert found["write"]["ok"] is True
    assert found["content"] == {"companies": 40}
    assert found["maintenance"]["enabled"] is False
    assert found["migrations"] == [{"filename": "001_initial_schema.sql", "applied_at": CREATED}]
    assert {one["service"] for one in found["activity"]["holders"]} == {"backend"}
    assert len(found["blockers"]) == 2
    # One login for what all three share, one for the write.
    assert len(world.logins) == 2


def test_the_same_shape_whatever_is_broken(world: World, tmp_path: Path) -> None:
    healthy = observe(tmp_path)
    world.before, world.state = "Connection refused", "exited"
    stopped = observe(tmp_path)
    assert list(stopped) == list(healthy)
    for part in ("server", "role", "database", "activity", "write", "password"):
        assert set(stopped[part]) == set(healthy[part])


def test_stopped(world: World, tmp_path: Path) -> None:
    world.before, world.state = "Connection refused\n", "exited"
    found = observe(tmp_path)
    assert (found["via"], found["error"]["class"]) == ("none", "refused")
    assert found["server"]["system_identifier"] == IDENTIFIER
    assert found["activity"] == {"total": None, "slots_left": None, "holders": None}
    assert found["unknown"]["activity"] == "the container is exited"
    assert found["unknown"]["server"].endswith("the container is exited")
    assert len(world.logins) == 1
    assert world.asked == []


def test_other_passwords_are_not_tried_at_a_server_that_is_not_reached(world: World, tmp_path: Path) -> None:
    world.before, world.backend["DB_PASSWORD"] = "no answer within 2 s", WRONG
    world.state = "paused"
    found = observe(tmp_path)
    assert [(one["class"], one["milliseconds"]) for one in found["attempts"]] == [("timeout", 4), ("timeout", None), ("timeout", None)]
    assert len(world.logins) == 1
    # Paused: the titles are seen from outside, where the numbers are others.
    assert found["activity"]["total"] == 7
    assert {pid for one in found["activity"]["holders"] for pid in one["pids"]} == set()
    assert found["password"]["initialised_with_recorded"] is True


def test_a_container_off_its_network_is_asked_inside(world: World, tmp_path: Path) -> None:
    world.before = "Connection refused\n"
    found = observe(tmp_path)
    assert (found["via"], found["error"]["class"]) == ("container", "refused")
    assert found["content"] == {"companies": 40}
    assert found["role"]["exists"] is True
    assert (found["write"]["ok"], found["unknown"]["write"]) == (None, "no login over TCP as the application works")
    assert found["password"]["backend_accepted"] is None


def test_slots_full(world: World, tmp_path: Path) -> None:
    world.before = world.psql = SLOTS
    found = observe(tmp_path)
    assert (found["via"], found["error"]["class"], found["error"]["sqlstate"]) == ("none", "too_many_connections", "53300")
    assert (found["activity"]["total"], found["activity"]["slots_left"]) == (7, 0)
    assert found["activity"]["holders"][0]["service"] == "backend"
    assert found["activity"]["holders"][0]["sessions"][0]["backend_start"]
    assert "activity.holders" in found["unknown"]
    # Nothing else would be let in either.
    assert world.asked == ["circuit_sage_db"]


def test_nologin_of_the_only_superuser(world: World, tmp_path: Path) -> None:
    world.after = dict.fromkeys(("circuit_sage_db", "postgres"), NOLOGIN)
    found = observe(tmp_path)
    assert (found["via"], found["error"]["class"]) == ("none", "role_not_permitted")
    assert (found["role"]["exists"], found["role"]["can_login"], found["role"]["expired"]) == (True, False, None)
    assert found["password"]["backend_accepted"] is True
    assert found["activity"]["slots_left"] is None


def test_processes_and_control_file_that_cannot_be_read_are_told(world: World, tmp_path: Path) -> None:
    world.before = world.psql = SLOTS
    world.processes, world.identifier = "no such program", None
    found = observe(tmp_path)
    assert found["unknown"]["activity"] == "no such program"
    assert "no such file" in found["unknown"]["server"]
    assert found["password"]["initialised_with_recorded"] is None
    assert "password.initialised_with_recorded" in found["unknown"]
    assert found["activity"]["slots_left"] == 0


def test_a_wrong_password_and_the_right_one_elsewhere(world: World, tmp_path: Path) -> None:
    world.backend["DB_PASSWORD"] = WRONG
    (tmp_path / ".env.production").write_text(f"POSTGRES_PASSWORD={WRONG}\n", encoding="utf-8")
    world.log = [f"{CREATED} error: Database connection failed\n".encode()]
    found = observe(tmp_path)
    assert (found["via"], found["error"]["class"]) == ("tcp", "password_rejected")
    assert found["password"] == {
        "backend_accepted": False,
        "accepted_sources": ["postgres_container"],
        "backend_connected_before": False,
        "initialised_with_recorded": True,
    }
    backend, env_file, container = (one["fingerprint"] for one in found["attempts"])
    assert backend == env_file != container


def test_a_password_that_was_moved_is_looked_for_in_copies(world: World, tmp_path: Path) -> None:
    world.password = "moved-made-up-password"
    (tmp_path / ".env.production.bak").write_text("POSTGRES_PASSWORD=moved-made-up-password\n", encoding="utf-8")
    (tmp_path / ".env.production.old").write_bytes(b"\xff\xfe")
    (tmp_path / ".env.production.huge").write_text("A=1\n" * 20000, encoding="utf-8")
    (tmp_path / ".env.production.odd").write_text("1 + 1\n", encoding="utf-8")
    (tmp_path / ".env.production.d").mkdir()
    found = observe(tmp_path)
    assert found["password"]["accepted_sources"] == [".env.production.bak"]
    assert {name for name in found["unknown"] if name.startswith("password.")} == {
        "password..env.production.old",
        "password..env.production.huge",
        "password..env.production.odd",
    }
    assert found["write"]["ok"] is True


def test_a_password_that_was_moved_away_from_all_records(world: World, tmp_path: Path) -> None:
    world.password = "moved-made-up-password"
    found = observe(tmp_path)
    assert (found["via"], found["password"]["accepted_sources"]) == ("container", [])
    assert found["role"]["expired"] is False


def test_copies_cost_no_failed_login_while_the_application_is_let_in(world: World, tmp_path: Path) -> None:
    (tmp_path / ".env.production.bak").write_text(f"POSTGRES_PASSWORD={WRONG}\n", encoding="utf-8")
    found = observe(tmp_path)
    assert [one["source"] for one in found["attempts"]] == ["backend", "env_file", "postgres_container"]


def test_only_the_newest_copies_are_read(world: World, tmp_path: Path) -> None:
    for number in range(8):
        copy = tmp_path / f".env.production.{number}"
        copy.write_text(f"POSTGRES_PASSWORD=old-{number}\n", encoding="utf-8")
        os.utime(copy, (number, number))
    world.password = "moved-made-up-password"
    sources = [one["source"] for one in observe(tmp_path)["attempts"]]
    assert sources[3:] == [f".env.production.{number}" for number in (7, 6, 5, 4, 3)]


def test_a_database_that_lets_nobody_in_is_looked_at_from_another(world: World, tmp_path: Path) -> None:
    world.after = {"circuit_sage_db": NOT_ACCEPTING}
    found = observe(tmp_path)
    assert (found["via"], found["error"]["class"]) == ("tcp", "database_not_accepting")
    assert world.logins[-1] == ("postgres", RIGHT)
    assert found["password"]["backend_accepted"] is True
    assert found["unknown"]["content"] == "the database circuit_sage_db lets nobody in"


def test_the_same_inside_the_container(world: World, tmp_path: Path) -> None:
    world.after = {"circuit_sage_db": NOT_ACCEPTING}
    world.password = "moved-made-up-password"
    found = observe(tmp_path)
    assert found["via"] == "container"
    # The catalogue, and then the rules of entry.
    assert world.asked == ["circuit_sage_db", "postgres", "postgres"]
    assert (found["content"], found["tables"], found["hba"]["rules"]) == (None, None, [])


def test_a_database_known_to_refuse_is_not_asked_again(world: World, tmp_path: Path) -> None:
    world.after = {"circuit_sage_db": NOT_ACCEPTING, "postgres": NOT_ACCEPTING.replace("circuit_sage_db", "postgres")}
    found = observe(tmp_path)
    assert world.asked == ["postgres"]
    assert (found["via"], found["database"]["exists"], found["database"]["allow_connections"]) == ("none", True, False)


def test_trust_proves_no_password(world: World, tmp_path: Path) -> None:
    world.used_password = False
    found = observe(tmp_path)
    assert (found["error"], found["password"]["backend_accepted"], found["password"]["accepted_sources"]) == (None, None, [])
    assert "trust" in found["unknown"]["password.backend_accepted"]


def test_read_only(world: World, tmp_path: Path) -> None:
    world.write = database_login.Write("read_only", "25006", f"cannot execute INSERT {RIGHT}", 2)
    found = observe(tmp_path)
    assert (found["error"], found["write"]["ok"], found["write"]["class"]) == (None, False, "read_only")


def test_a_locked_table_is_not_counted(world: World, tmp_path: Path) -> None:
    world.content = "canceling statement due to lock timeout"
    found = observe(tmp_path)
    assert found["content"] is None
    assert found["unknown"]["content"] == "the rows could not be counted (canceling statement due to lock timeout)"


def test_the_last_slot_may_be_gone_when_the_write_comes(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = database_login.Session

    def session(login: database_login.Login, timeout: float, settings: dict[str, str] | None = None) -> Any:
        if settings == {}:
            world.before = SLOTS
        return made(login, timeout, settings)

    monkeypatch.setattr(database_login, "Session", session)
    found = observe(tmp_path)
    assert (found["write"]["ok"], found["write"]["class"], found["write"]["sqlstate"]) == (False, "too_many_connections", "53300")


def test_a_catalogue_that_does_not_answer_is_asked_for_inside(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Any, sql: str) -> dict[str, Any]:
        raise IncidentError("canceling statement due to statement timeout")

    monkeypatch.setattr(database_login.Session, "ask", refuse)
    found = observe(tmp_path)
    assert (found["via"], found["error"]) == ("container", None)


def test_the_engine_is_down(world: World, tmp_path: Path) -> None:
    world.engine = EngineUnreachable("there is no Docker socket")
    found = observe(tmp_path)
    assert (found["via"], found["error"]) == ("tcp", None)
    assert [one["source"] for one in found["attempts"]] == ["env_file"]
    for name in ("backend_accepted", "backend_connected_before", "initialised_with_recorded"):
        assert found["unknown"][f"password.{name}"] == "there is no Docker socket"


def test_the_engine_is_down_and_the_database_too(world: World, tmp_path: Path) -> None:
    world.engine, world.before = EngineUnreachable("there is no Docker socket"), "Connection refused\n"
    found = observe(tmp_path)
    assert found["via"] == "none"
    assert "there is no Docker socket" in found["unknown"]["activity"]


@pytest.mark.parametrize("state", ["running", "paused"])
def test_an_engine_that_goes_down_meanwhile_is_asked_once(world: World, tmp_path: Path, state: str) -> None:
    world.engine_later, world.before, world.state = EngineUnreachable("the engine does not answer"), "Connection refused\n", state
    found = observe(tmp_path)
    assert found["unknown"]["activity"] == "the engine does not answer"
    assert found["server"]["system_identifier"] is None


def test_no_right_to_use_the_engine_is_a_failure(world: World, tmp_path: Path) -> None:
    world.engine = EngineForbidden("no right to use the Docker engine")
    with pytest.raises(EngineForbidden):
        observe(tmp_path)


def test_no_containers(world: World, tmp_path: Path) -> None:
    world.services, world.before = [], "Connection refused\n"
    found = observe(tmp_path)
    assert [one["source"] for one in found["attempts"]] == ["env_file"]
    assert found["error"]["class"] == "refused"
    assert found["unknown"]["password.backend_connected_before"] == "the backend has no container"
    assert "the database has no container" in found["unknown"]["server"]


def test_a_container_that_goes_while_it_is_looked_at(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(self: Any, identity: str) -> dict[str, Any]:
        raise ContainerGone("the container has just been removed")

    monkeypatch.setattr(postgres_observer.DockerEngine, "inspect", gone)
    assert observe(tmp_path)["unknown"]["password.backend_connected_before"] == "the backend has no container"


def test_no_password_anywhere(world: World, tmp_path: Path) -> None:
    world.backend, world.postgres = {}, {}
    (tmp_path / ".env.production").unlink()
    found = observe(tmp_path)
    assert found["attempts"] == []
    assert found["error"] == {"class": "other", "sqlstate": None, "message": "no password of the application is recorded anywhere"}
    assert found["via"] == "container"
    assert "password.env_file" in found["unknown"]
    assert (found["role"]["name"], found["database"]["name"]) == ("circuit_sage_user", "circuit_sage_db")


def test_a_folder_that_is_not_there(world: World, tmp_path: Path) -> None:
    assert "password.env_file" in observe(tmp_path / "none")["unknown"]


def test_a_log_that_cannot_be_read(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Any, identity: str, terminal: bool) -> Iterator[bytes]:
        raise IncidentError("configured logging driver does not support reading")

    monkeypatch.setattr(postgres_observer.DockerEngine, "log", refuse)
    assert "does not support reading" in observe(tmp_path)["unknown"]["password.backend_connected_before"]

    def forbid(self: Any, identity: str, terminal: bool) -> Iterator[bytes]:
        raise EngineForbidden("no right")

    monkeypatch.setattr(postgres_observer.DockerEngine, "log", forbid)
    with pytest.raises(EngineForbidden):
        observe(tmp_path)


def test_a_pattern_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IncidentError, match="connected_pattern is not a regular expression"):
        postgres_observer.observe({"connected_pattern": "("})


def history(lines: list[str], deadline: float = 10.0) -> tuple[bool | None, str]:
    frames = iter([line.encode() for line in lines])
    return postgres_observer.connected_before(frames, re.compile("established"), CREATED, time.monotonic() + deadline)


def test_the_history_of_the_backend() -> None:
    assert history([f"{CREATED} Database connection established\n"]) == (True, "")
    assert history([f"{CREATED} Database connection failed\n"]) == (False, "")
    assert history([]) == (False, "")
    assert history(["2026-11-23T11:32:00.1Z x\n"])[0] is None
    assert history(["2026-11-23T11:29:00.1Z x\n"])[0] is False
    assert history([f"{CREATED} x\n"] * 2, deadline=-1)[0] is None


def test_a_server_on_its_way_up_is_waited_for(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world.before = "FATAL:  the database system is starting up\n"

    def pause(seconds: float) -> None:
        assert seconds <= login_attempts.POLL_SECONDS
        world.before = None

    monkeypatch.setattr(time, "sleep", pause)
    assert observe(tmp_path, wait=5)["error"] is None


def test_a_container_that_stops_is_not_waited_for(world: World, tmp_path: Path) -> None:
    world.before, world.state = "Connection refused\n", "exited"
    started = time.monotonic()
    assert observe(tmp_path, wait=30)["error"]["class"] == "refused"
    assert time.monotonic() - started < 5


def test_waiting_ends(world: World, tmp_path: Path) -> None:
    world.before = "FATAL:  the database system is starting up\n"
    started = time.monotonic()
    assert observe(tmp_path, wait=1)["error"]["class"] == "starting_up"
    assert 0.9 < time.monotonic() - started < 5


def test_a_container_that_goes_is_not_waited_for(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world.before = "Connection refused\n"
    real = postgres_observer.DockerEngine.inspect

    def inspect(self: Any, identity: str) -> dict[str, Any]:
        if world.inspected >= 2:
            raise ContainerGone("the container has just been removed")
        return real(self, identity)

    monkeypatch.setattr(postgres_observer.DockerEngine, "inspect", inspect)
    assert observe(tmp_path, wait=30)["error"]["class"] == "refused"


def test_a_missing_table_has_its_other_name(world: World, tmp_path: Path) -> None:
    world.tables = [table("users_before", key="users_pkey") if one["name"] == "users" else one for one in world.tables]
    world.content = 'relation "public.users" does not exist'
    found = observe(tmp_path)
    assert found["missing_tables"] == [{"name": "users", "renamed_to": "users_before"}]
    assert found["content"] is None


def test_who_may_not_read_the_rules_of_entry_is_told_so(world: World, tmp_path: Path) -> None:
    world.hba = "permission denied for view pg_hba_file_rules"
    found = observe(tmp_path)
    assert (found["hba"], "permission denied" in found["unknown"]["hba"]) == (None, True)


def test_a_missing_database_is_looked_for_among_its_neighbours(world: World, tmp_path: Path) -> None:
    world.after = {"circuit_sage_db": 'FATAL:  database "circuit_sage_db" does not exist\n'}
    other = {"name": "circuit_sage_db_old", "size_bytes": 1, "allow_connections": True, "connection_limit": -1, "grants": None}
    closed = {"name": "closed", "size_bytes": 1, "allow_connections": False, "connection_limit": -1, "grants": None}
    full = {"name": "full", "size_bytes": 1, "allow_connections": True, "connection_limit": -1, "grants": None}
    world.after["full"] = SLOTS
    world.answer = {**world.answer, "databases": [other, closed, full, *(one for one in CATALOG["databases"] if one["name"] == "postgres")]}
    found = observe(tmp_path)
    assert found["error"]["class"] == "database_missing"
    assert {one["name"]: one["application_tables"] for one in found["database"]["neighbours"]} == {
        "circuit_sage_db_old": 5,
        "closed": None,
        "full": None,
        "postgres": None,
    }


def test_the_files_of_a_server_that_is_down_are_looked_at(world: World, tmp_path: Path) -> None:
    world.before, world.state = "Connection refused\n", "restarting"
    world.data, world.version = directory(mode=0, uid=999), plain_file("PG_VERSION", b"14\n", uid=999)
    found = observe(tmp_path)["data_directory"]
    assert (found["mode"], found["files_uid"], found["version"]) == ("0000", 999, "14")
