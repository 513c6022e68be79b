# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server of PostgreSQL that answers statements by a part of them, and a container whose programs do what a test wants."""

from __future__ import annotations

import hashlib
import typing as t
from collections.abc import Iterator
from pathlib import Path

from engine_server import EngineServer, Ran, framed

MANIFEST_TABLES = {"public.users": {"rows": 2, "digest": "77"}}
OBJECTS = {"tables": 1, "indexes": 1}
DUMP = b"PGDMP" + b"rows" * 1000
FACTS: dict[str, t.Any] = {
    "database": "sage",
    "owner": "sage_user",
    "encoding": "UTF8",
    "collate": "en_US.utf8",
    "ctype": "en_US.utf8",
    "database_bytes": 8_000_000,
    "grants": [{"to": None, "privilege": "CONNECT"}, {"to": "report", "privilege": "CONNECT"}],
    "settings": [{"role": None, "setting": "search_path=a, b"}, {"role": "report", "setting": "work_mem=8MB"}],
    "roles": ["report"],
    "system_identifier": "7446",
    "server_version": "15.18",
    "server_version_num": 150018,
    "data_directory": "/data",
}


class Cursor:
    """Answers what it was asked last."""

    def __init__(self, server: FakeServer) -> None:
        self._server = server
        self._rows: list[tuple[t.Any, ...]] = []

    def __enter__(self) -> Cursor:
        return self

    def __exit__(self, *_error: object) -> None:
        pass

    def execute(self, statement: str, values: t.Any = None) -> None:
        self._server.asked.append(statement)
        self._rows = self._server.answer(statement, values)

    def fetchone(self) -> tuple[t.Any, ...] | None:
        return self._rows[0] if self._rows else None

    def fetchall(self) -> list[tuple[t.Any, ...]]:
        return self._rows

    def __iter__(self) -> Iterator[tuple[t.Any, ...]]:
        return iter(self._rows)


class Connection:
    """A session."""

    autocommit = True

    def __init__(self, server: FakeServer) -> None:
        self._server = server

    def cursor(self) -> Cursor:
        return Cursor(self._server)

    def set_session(self, **_how: t.Any) -> None:
        pass

    def commit(self) -> None:
        self._server.committed += 1

    def close(self) -> None:
        pass


class FakeServer:
    """What the server has, what it was asked, and what the programs in its container do."""

    def __init__(self, engine: EngineServer, folder: Path) -> None:
        self.asked: list[str] = []
        self.committed = self.dumps = 0
        self.databases = {"postgres": "", "sage": ""}
        self.roles = {"sage_user"}
        self.locked = False
        # How many sessions are found at work, one look after the other.
        self.at_work: list[int] = []
        self.tables = {name: dict(table) for name, table in MANIFEST_TABLES.items()}
        self.answers: list[tuple[str, list[tuple[t.Any, ...]]]] = []
        self.status = {"pg_dump": 0, "pg_restore": 0, "pg_amcheck": 0}
        self.says = {"df": "Filesystem\n/dev/a 1 1 90000000 1% /\n", "pg_amcheck": ""}
        self.folder = folder
        engine.containers("sage", postgres={})
        engine.prints, engine.ends = self._prints, lambda: self.status.get(self._program(engine.ran[-1]), 0)
        engine.reads = lambda ran: -1 if "pg_restore" in ran.wanted["Cmd"] else 0
        (folder / ".env").write_text("POSTGRES_PASSWORD=secret\nPOSTGRES_DB=sage\nPOSTGRES_USER=sage_user\n", encoding="utf-8")
        self.address = engine.address

    @staticmethod
    def _program(ran: Ran) -> str:
        return next((name for name in ("pg_dump", "pg_restore", "pg_amcheck", "df") if name in ran.wanted["Cmd"]), "")

    def _prints(self, ran: Ran) -> bytes:
        program = self._program(ran)
        if program == "pg_dump":
            return framed((1, DUMP[:100]), (2, b"pg_dump: error: no\n"), (1, DUMP[100:]))
        if program == "pg_restore" and self.status[program]:
            return framed((2, b"pg_restore: error: ERROR:  out of room\n"))
        return framed((1, self.says.get(program, "").encode()))

    def connect(self, *_where: t.Any) -> Connection:
        return Connection(self)

    def answer(self, statement: str, values: t.Any) -> list[tuple[t.Any, ...]]:
        for part, rows in self.answers:
            if part in statement:
                return rows
        words = statement.replace('"', "").split()
        if "pg_try_advisory_lock" in statement:
            return [(not self.locked,)]
        if "pg_get_userbyid(d.datdba)" in statement:
            return [({**FACTS, "database": values[0]},)] if values[0] in self.databases else []
        if "shobj_description" in statement:
            return [(self.databases[values[0]],)] if values[0] in self.databases else []
        if "FROM pg_roles WHERE rolname" in statement:
            return [(values[0] in self.roles,)]
        if "FROM pg_database WHERE datname" in statement:
            return [(values[0] in self.databases,)]
        if "NOT datistemplate" in statement:
            return [(name,) for name in sorted(self.databases)]
        if statement.startswith("CREATE DATABASE"):
            self.databases[words[2]] = ""
        elif statement.startswith("DROP DATABASE"):
            self.databases.pop(words[-3], None)
        for part in statement.split(";"):
            self._change(part.replace('"', "").split(), part)
        return self._look(statement)

    def _change(self, words: list[str], statement: str) -> None:
        if words[:2] == ["ALTER", "DATABASE"] and "RENAME" in words:
            self.databases[words[-1]] = self.databases.pop(words[2])
        elif words[:3] == ["COMMENT", "ON", "DATABASE"]:
            self.databases[words[3]] = "" if words[-1] == "NULL" else statement.split("E'")[1].rstrip("'")

    def _look(self, statement: str) -> list[tuple[t.Any, ...]]:
        if "pg_export_snapshot" in statement:
            return [("00000003-1",)]
        if "to_char(now()" in statement:
            self.dumps += 1
            return [(f"2026-01-30T02:00:{self.dumps:02}.000+00:00",)]
        if "to_regclass('public.schema_migrations')" in statement:
            return [(False,)]
        if "to_regclass('public.system_settings')" in statement:
            return [(True,)]
        if "FROM public.schema_migrations" in statement:
            return [("003.sql",)]
        if "'objects'" in statement:
            return [({"objects": OBJECTS, "unvalidated": [], "invalid_indexes": []},)]
        if "c.relpersistence" in statement:
            return [tuple(name.split(".")) for name in self.tables]
        if statement.startswith("SELECT count(*), "):
            name = statement.split(" FROM ")[1].replace('"', "").split()[0]
            table = self.tables[name]
            return [(table["rows"], None if "NULL" in statement else table["digest"])]
        if "backend_type = 'client backend'" in statement:
            return [(self.at_work.pop(0) if self.at_work else 0,)]
        if "pg_terminate_backend" in statement:
            return [(1,)]
        return []

    def options(self, **given: t.Any) -> dict[str, t.Any]:
        """What the modules are given."""
        return {
            "project_src": str(self.folder),
            "project_name": "sage",
            "files": [],
            "env_file": ".env",
            "docker_host": self.address,
            "docker_timeout": 5,
            "login_host": "127.0.0.1",
            "login_port": 1,
            "login_user": None,
            "login_db": None,
            "connect_timeout": 1,
            "folder": str(self.folder / "backups"),
            "database": None,
            "keep_free_mb": 1,
            "timeout": 20,
            "incident": "20261130-020000-restore-ab12",
            "purpose": "routine",
            "recipient": None,
            "keep": 30,
            "keep_days": 30,
            "backup": "latest",
            "system_identifier": None,
            "key_file": None,
            "recent_hours": 24,
            **given,
        }


def digest(content: bytes) -> str:
    """A checksum."""
    return hashlib.sha256(content).hexdigest()
