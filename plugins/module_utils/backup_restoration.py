# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restoring a backup: a database is made of it beside the one in use, compared, and the two change their names in one transaction."""

from __future__ import annotations

import re
import time
import typing as t
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from datetime import datetime, timezone

from . import backup_manifest, backup_store, database_facts, file_encryption, maintenance_row
from .backup_creation import refuse_bad_options, refuse_full, told
from .backup_manifest import MARGIN, Facts
from .backup_store import Backup, Store
from .container_psql import identifier, literal
from .database_copy import BESIDE, DatabaseServer, copy_name
from .database_facts import ask
from .errors import IncidentError

POLL_SECONDS = 0.05
# What the application has begun when it is closed may take so long to end by itself, as its own statements do.
FINISH_SECONDS = 5

_EXISTS = "SELECT EXISTS (SELECT FROM pg_database WHERE datname = %s)"
_AT_WORK = "SELECT count(*) FROM pg_stat_activity WHERE datname = ANY(%s) AND backend_type = 'client backend' AND state <> 'idle'"
_END = "SELECT count(*) FROM (SELECT pg_terminate_backend(pid) AS ended FROM pg_stat_activity WHERE datname = ANY(%s)) s WHERE ended"


class Names(t.NamedTuple):
    """The databases of one restore: the one in use, what is made beside it, the old one afterwards, and what was taken back."""

    database: str
    copy: str
    before: str
    undone: str


def names_of(database: str, incident: str) -> Names:
    """How an incident calls them."""
    mark = re.sub(r"[^0-9A-Za-z]+", "_", incident.replace("-restore", "")).strip("_")
    return Names(database, copy_name(database, BESIDE), copy_name(database, f"before_{mark}"), copy_name(database, f"undone_{mark}"))


class Restoration:
    """One run of the modules backup_info and backup_restore."""

    def __init__(self, options: Mapping[str, t.Any]) -> None:
        refuse_bad_options(options)
        self._options = options
        self._store = Store(options["folder"])
        self._server = DatabaseServer(options)
        self._database: str = options["database"] or self._server.server.database

    # Looking

    def look(self) -> dict[str, t.Any]:
        """What would be restored, and into what; raises IncidentError where it cannot be."""
        with self._server.session() as connection:
            backup, target = self._checked(connection)
        lost = (datetime.now(timezone.utc) - backup_manifest.snapshot_time(backup.manifest)).total_seconds()
        return {
            "backup": told(backup),
            "age_seconds": round(lost, 1),
            "target": {name: target[name] for name in ("database", "database_bytes", "system_identifier", "server_version")},
        }

    def _checked(self, connection: t.Any) -> tuple[Backup, Facts]:
        target = self._server.facts(connection, self._database)
        backup = self._store.find(self._options["backup"], self._database)
        backup_manifest.refuse(backup.manifest, target, self._options["system_identifier"] or "")
        backup_store.check(backup)
        if backup.manifest["encrypted"]:
            file_encryption.refuse_key(backup.file, self._options["key_file"] or "")
        free = self._server.free_bytes(target["data_directory"])
        needed = round(backup.manifest["database_bytes"] * MARGIN)
        refuse_full(free, needed, self._options["keep_free_mb"], "the disk of the database")
        return backup, target

    # Making it beside

    def load(self) -> dict[str, t.Any]:
        """Make a database of the backup beside the one in use, and compare it with what the backup says."""
        started = time.monotonic()
        with self._server.alone() as connection:
            self._server.drop_leftovers(connection, self._database)
            backup, _target = self._checked(connection)
            manifest = backup.manifest
            name = names_of(self._database, "").copy
            made = self._make_roles(connection, manifest)
            try:
                found = self._server.load(connection, manifest, name, self._source(backup), digests=False)
                if different := backup_manifest.differences(manifest, found):
                    raise IncidentError(f"what was restored is not what the backup says: {'; '.join(different[:5])}; name another backup")
                self._finish(connection, manifest, name)
            except IncidentError:
                self._server.drop_copy(connection, name)
                raise
        rows = sum(one["rows"] for one in found["tables"].values())
        seconds = round(time.monotonic() - started, 3)
        return {"changed": True, "beside": name, "rows": rows, "objects": found["objects"], "roles_made": made, "seconds": seconds}

    def _source(self, backup: Backup) -> Iterable[bytes]:
        if backup.manifest["encrypted"]:
            return file_encryption.decrypted(backup.file, self._options["key_file"])
        return backup_store.blocks(backup.file)

    @staticmethod
    def _make_roles(connection: t.Any, manifest: Facts) -> list[str]:
        """Roles that the backup's objects belong to and that this server has not, as after the loss of a cluster: without a login."""
        made = []
        for role in sorted({manifest["owner"], *manifest["roles"]}):
            if not ask(connection, "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = %s)", role):
                with connection.cursor() as cursor:
                    cursor.execute(f"CREATE ROLE {identifier(role)} NOLOGIN")
                made.append(role)
        return made

    def _finish(self, connection: t.Any, manifest: Facts, name: str) -> None:
        """Give it what a dump does not bring, and the statistics without which its first queries would be slow."""
        with connection.cursor() as cursor:
            for statement in database_facts.properties_sql(manifest, name):
                cursor.execute(statement)
        with self._server.session(name) as copy, copy.cursor() as cursor:
            cursor.execute("ANALYZE")

    # Changing the names

    def swap(self, check_mode: bool) -> dict[str, t.Any]:
        """Give the copy the name of the database in use, which keeps its rows under another name."""
        names = names_of(self._database, self._options["incident"])
        with self._server.alone() as connection:
            if ask(connection, _EXISTS, names.before):
                return self._swapped(names, False, 0, 0.0)
            if not ask(connection, _EXISTS, names.copy):
                raise IncidentError(f"the server has no database {names.copy}; restore the backup into it first")
            if check_mode:
                return self._swapped(names, True, 0, 0.0)
            note = f"what {names.database} was before the restore of incident {self._options['incident']}"
            ended, seconds = self._exchange(connection, names.database, names.before, names.copy, note)
        return self._swapped(names, True, ended, seconds)

    def swap_back(self, check_mode: bool) -> dict[str, t.Any]:
        """Give the database that was in use before its name back; what was restored keeps its rows under another one."""
        names = names_of(self._database, self._options["incident"])
        with self._server.alone() as connection:
            if not ask(connection, _EXISTS, names.before):
                if ask(connection, _EXISTS, names.undone):
                    return self._swapped(names, False, 0, 0.0)
                raise IncidentError(
                    f"the server has no database {names.before}, so incident {self._options['incident']} has restored nothing here "
                    "that could be taken back; give the id of one that has"
                )
            if check_mode:
                return self._swapped(names, True, 0, 0.0)
            note = f"what incident {self._options['incident']} had restored, and what was written since"
            ended, seconds = self._exchange(connection, names.database, names.undone, names.before, note)
        return self._swapped(names, True, ended, seconds)

    @staticmethod
    def _swapped(names: Names, changed: bool, ended: int, seconds: float) -> dict[str, t.Any]:
        return {
            "changed": changed,
            "due": changed,
            "database": names.database,
            "before": names.before,
            "undone": names.undone,
            "sessions_ended": ended,
            "seconds": round(seconds, 3),
        }

    def _exchange(self, connection: t.Any, database: str, away: str, other: str, note: str) -> tuple[int, float]:
        """Give *other* the name of the database in use, which is *away* then: how many sessions were ended, and how long it took."""
        started = time.monotonic()
        self._carry_maintenance_over(database, other)
        self._let_end(connection, [database])
        ended = self._rename(connection, [(database, away), (other, database)], {away: note, database: None})
        return ended, time.monotonic() - started

    def _carry_maintenance_over(self, source: str, target: str) -> None:
        """Whether the application is closed is no part of what is restored: it stays as it is."""
        row = None
        # What cannot be read any more may be why it is restored, and to the application it says that it is open.
        with suppress(IncidentError), self._server.session(source) as connection:
            row = maintenance_row.standing(connection)
        with self._server.session(target) as connection:
            maintenance_row.carry_over(row, connection)

    @staticmethod
    def _let_end(connection: t.Any, databases: list[str]) -> None:
        """Wait a little for what is being done in them: no request that had begun when the application was closed is to be cut in two."""
        deadline = time.monotonic() + FINISH_SECONDS
        while ask(connection, _AT_WORK, databases) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)

    def _rename(self, connection: t.Any, renames: list[tuple[str, str]], comments: Mapping[str, str | None]) -> int:
        """Rename in one transaction: a run that is killed leaves all names as they were, or as they are to be.

        PostgreSQL lets nobody new into a database that is being renamed, and waits 5 s for those that are in it: these are ended meanwhile.
        """
        ended = 0
        busy = [old for old, _new in renames]
        with self._server.session(autocommit=False) as renaming, ThreadPoolExecutor(max_workers=1) as threads:
            work = threads.submit(_carry_out, renaming, renames, comments)
            while not _is_done(work):
                ended += int(ask(connection, _END, busy))
            work.result()
        return ended


def _carry_out(connection: t.Any, renames: list[tuple[str, str]], comments: Mapping[str, str | None]) -> None:
    with connection.cursor() as cursor:
        for old, new in renames:
            cursor.execute(f"ALTER DATABASE {identifier(old)} RENAME TO {identifier(new)}")
        for name, text in comments.items():
            cursor.execute(f"COMMENT ON DATABASE {identifier(name)} IS {'NULL' if text is None else literal(text)}")
    connection.commit()


def _is_done(work: Future[None]) -> bool:
    return bool(wait([work], POLL_SECONDS).done)


LOADED, SWAPPED, SWAPPED_BACK = "loaded", "swapped", "swapped_back"


def restore(options: Mapping[str, t.Any], check_mode: bool) -> dict[str, t.Any]:
    """The result of the module backup_restore."""
    restoration = Restoration(options)
    if options["state"] == LOADED:
        return {"changed": True, **restoration.look()} if check_mode else restoration.load()
    return (restoration.swap if options["state"] == SWAPPED else restoration.swap_back)(check_mode)
