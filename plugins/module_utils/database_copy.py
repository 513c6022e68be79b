# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dumping a database and making another one of the dump, as a stream: by the programs of the server's container, whose version fits."""

from __future__ import annotations

import hashlib
import typing as t
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from . import database_facts
from .billing_database import connect, server_and_password
from .container_psql import identifier, literal, reason_of
from .container_stream import StreamRunner
from .database_facts import Facts, ask
from .errors import IncidentError
from .postgres_errors import words
from .rotation_database import DATABASE_SERVICE, MAINTENANCE_DATABASE
from .stack import group_by_service, name_of

with suppress(ImportError):  # connect() says so
    import psycopg2

APPLICATION_NAME = "circuit_sage backup"
# Two numbers that no other program uses: "CSOP" and one for copies of databases.
_LOCK = (0x43534F50, 2)
# What a role or database may have set to something that would break a dump or a comparison.
_SETTINGS = {
    "search_path": "pg_catalog",
    "default_transaction_read_only": "off",
    "idle_in_transaction_session_timeout": "0",
    "extra_float_digits": "1",
    "intervalstyle": "postgres",
    "bytea_output": "hex",
    "lock_timeout": "60s",
}
# A copy that is not whole yet is of no use after a crash, so that its commits need not be waited for; the one that gives it its name is.
_LOAD_OPTIONS = "-c default_transaction_read_only=off -c synchronous_commit=off"
# By its comment a database is known to be a copy that was made here.
COMMENT = "copy made by circuit_sage.incident_response"
# A database without that comment yet, which nobody else would call so: a run may be killed before it can be given one.
_FRESH = "circuit_sage_unfinished"
# The copies by which a backup is proven, and of which a restore makes the database in use.
SCRATCH, BESIDE = "backup_check", "restore"
_LONGEST_NAME = 63

_STAMP = """to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"+00:00"')"""


def copy_name(database: str, suffix: str) -> str:
    """The name of a database beside another one."""
    name = f"{database}_{suffix}"
    if len(name.encode()) > _LONGEST_NAME:
        raise IncidentError(
            f"{name} is longer than PostgreSQL lets a name be ({_LONGEST_NAME} bytes); rename the database {database} first"
        )
    return name


class Dumped(t.NamedTuple):
    """What was written: how much of it, and its checksum."""

    bytes: int
    sha256: str


class DatabaseServer:
    """The stack's server: sessions with it over TCP, and the programs in its container."""

    def __init__(self, options: Mapping[str, t.Any]) -> None:
        self.server, self._password, _variables = server_and_password(options)
        self._engine = StreamRunner(options["docker_host"], options["docker_timeout"])
        self._project: str = options["project_name"]
        self._seconds: int = options["timeout"]

    # Sessions

    @contextmanager
    def session(self, database: str = MAINTENANCE_DATABASE, autocommit: bool = True) -> Iterator[t.Any]:
        """A session in a database; what the server refuses becomes a sentence."""
        connection = connect(replace(self.server, database=database), self._password, APPLICATION_NAME)
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                for name, value in {**_SETTINGS, "statement_timeout": f"{self._seconds}s"}.items():
                    cursor.execute(f"SET {name} = {literal(value)}")
            connection.autocommit = autocommit
            yield connection
        except psycopg2.Error as error:
            raise IncidentError(f"the server refused it ({words(str(error))}); mend that, then run again") from None
        finally:
            connection.close()

    @contextmanager
    def alone(self) -> Iterator[t.Any]:
        """A session of the maintenance database while no other run makes a copy: one whose controller was killed may still be at work."""
        with self.session() as connection:
            if not ask(connection, "SELECT pg_try_advisory_lock(%s, %s)", *_LOCK):
                raise IncidentError("another backup or restore is at work on this server; wait for its end, then run again")
            yield connection

    def facts(self, connection: t.Any, database: str) -> Facts:
        """What a database is. Raises IncidentError where there is none."""
        found = database_facts.database_facts(connection, database)
        if found is None:
            with connection.cursor() as cursor:
                cursor.execute("SELECT datname FROM pg_database WHERE NOT datistemplate ORDER BY 1")
                names = ", ".join(name for (name,) in cursor)
            raise IncidentError(f"the server has no database {database}; it has {names}; name one of these, or create it first")
        return found

    # The container

    @property
    def _container(self) -> str:
        found = group_by_service(self._engine.containers(self._project), self._project).get(DATABASE_SERVICE)
        if not found:
            raise IncidentError(f"the project {self._project} has no container of the service {DATABASE_SERVICE}; start it")
        return name_of(found[0])

    def free_bytes(self, folder: str) -> int:
        """How many bytes the file system of a folder in the container has left."""
        done = self._engine.run(self._container, ["df", "-Pk", folder])
        with suppress(ValueError, IndexError):
            return int(done.output.decode().splitlines()[-1].split()[3]) * 1024
        raise IncidentError(f"the container does not tell how much room {folder} has ({done.errors.decode('utf-8', 'replace').strip()})")

    def amcheck(self, database: str) -> list[str]:
        """What pg_amcheck complains of; a program that cannot be run is an error."""
        command = ["pg_amcheck", "--no-password", "-U", self.server.user, "-d", database]
        done = self._engine.run(self._container, command, seconds=self._seconds)
        complaints = [line for line in done.output.decode("utf-8", "replace").splitlines() if line and not line.startswith(" ")]
        if done.status not in (0, 2) or (done.status and not complaints):
            raise IncidentError(f"pg_amcheck cannot be run in the container ({reason_of(done.errors.decode('utf-8', 'replace'))})")
        return complaints

    def dump(self, database: str, path: Path, digests: bool) -> tuple[Facts, Dumped]:
        """Write a dump, and say what was in the database at the very moment that it is of."""
        with self.session(database, autocommit=False) as connection:
            connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
            snapshot = ask(connection, "SELECT pg_export_snapshot()")
            found = {
                **self.facts(connection, database),
                "snapshot_at": ask(connection, f"SELECT {_STAMP}"),
                "last_migration": database_facts.last_migration(connection),
            }
            with ThreadPoolExecutor(max_workers=1) as threads:
                # The rows are counted beside the dump, in the transaction whose snapshot it has.
                counting = threads.submit(database_facts.content, connection, digests)
                dumped = self._dump(database, snapshot, path)
                found.update(counting.result())
        return found, dumped

    def _dump(self, database: str, snapshot: str, path: Path) -> Dumped:
        command = ["pg_dump", "--format=custom", f"--snapshot={snapshot}", "--no-password", "-U", self.server.user, "-d", database]
        digest, size = hashlib.sha256(), 0
        with path.open("xb") as file:
            path.chmod(0o600)

            def keep(block: bytes) -> None:
                nonlocal size
                file.write(block)
                digest.update(block)
                size += len(block)

            done = self._engine.take_output(self._container, command, keep, {"PGAPPNAME": APPLICATION_NAME}, self._seconds)
        if done.status != 0:
            raise IncidentError(f"pg_dump failed ({reason_of(done.errors.decode('utf-8', 'replace'))}); mend that, then run again")
        return Dumped(size, digest.hexdigest())

    def drop_leftovers(self, connection: t.Any, database: str) -> None:
        """Drop what killed runs have left of copies of a database. Only for who keeps others away; one that was not made here stays."""
        for name in (copy_name(database, SCRATCH), copy_name(database, BESIDE)):
            if (self._comment(connection, name) or "").startswith(COMMENT):
                self.drop_copy(connection, name)
        self._do(connection, f"DROP DATABASE IF EXISTS {identifier(copy_name(database, _FRESH))} WITH (FORCE)")

    def drop_copy(self, connection: t.Any, name: str) -> None:
        """Drop a database that was made here; another one of that name is refused."""
        comment = self._comment(connection, name)
        if comment is None:
            return
        if not comment.startswith(COMMENT):
            raise IncidentError(f"the server has a database {name} that was not made here; rename or drop it, then run again")
        self._do(connection, f"DROP DATABASE {identifier(name)} WITH (FORCE)")

    @staticmethod
    def _comment(connection: t.Any, name: str) -> str | None:
        """The comment of a database; none where there is no such database."""
        statement = "SELECT coalesce(shobj_description(oid, 'pg_database'), '') FROM pg_database WHERE datname = %s"
        comment: str | None = ask(connection, statement, name)
        return comment

    @staticmethod
    def _do(connection: t.Any, statement: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement)

    def load(self, connection: t.Any, facts: Facts, name: str, source: Iterable[bytes], digests: bool) -> Facts:
        """Make a database of a dump, beside all others, and say what is in it."""
        self.drop_copy(connection, name)
        fresh = copy_name(facts["database"], _FRESH)
        self._do(connection, database_facts.create_sql(facts, fresh))
        marked = f"COMMENT ON DATABASE {identifier(fresh)} IS {literal(COMMENT)}"
        self._do(connection, f"{marked}; ALTER DATABASE {identifier(fresh)} RENAME TO {identifier(name)}")
        command = ["pg_restore", "--exit-on-error", "--no-password", "-U", self.server.user, "-d", name]
        environment = {"PGAPPNAME": APPLICATION_NAME, "PGOPTIONS": _LOAD_OPTIONS}
        done = self._engine.give_input(self._container, command, source, environment, self._seconds)
        if done.status != 0:
            raise IncidentError(f"pg_restore failed ({reason_of(done.errors.decode('utf-8', 'replace'))}); name another backup")
        with self.session(name) as copy:
            return database_facts.content(copy, digests)
