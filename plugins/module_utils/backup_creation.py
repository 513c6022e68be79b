# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Making a backup: a dump with what was in the database at its moment, restored and compared before it counts, and the old ones removed."""

from __future__ import annotations

import time
import typing as t
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path

from . import backup_manifest, file_encryption
from .backup_manifest import MARGIN, ROUTINE, Facts
from .backup_store import DUMP, Backup, Store, blocks, digest_of
from .database_copy import SCRATCH, DatabaseServer, Dumped, copy_name
from .errors import IncidentError

RECIPIENT = "circuit_sage_backup_recipient"
_MIB = 2**20


def refuse_bad_options(options: Mapping[str, t.Any]) -> None:
    """Raise IncidentError for a folder and numbers that make no sense."""
    if not Path(options["folder"]).is_absolute():
        raise IncidentError(f"the folder of the backups is {options['folder']}; set circuit_sage_backup_dir to an absolute path")
    for name, least in (("keep", 1), ("keep_days", 1), ("keep_free_mb", 0), ("timeout", 1)):
        if name in options and options[name] < least:
            raise IncidentError(f"backup_{name} is {options[name]}; write {least} or a number above it")


def refuse_full(free: int, needed: int, keep_free_mb: int, place: str) -> None:
    """Raise IncidentError where something would not fit, or would leave too little."""
    if free - needed < keep_free_mb * _MIB:
        raise IncidentError(
            f"{place} has {free // _MIB} MiB free; {needed // _MIB + 1} MiB may be needed and {keep_free_mb} MiB are to stay free; "
            "make room there, or let less stay free: keep_free_mb, which is backup_keep_free_mb or restore_keep_free_mb in a playbook"
        )


class Creation:
    """One run of the module backup_create."""

    def __init__(self, options: Mapping[str, t.Any]) -> None:
        refuse_bad_options(options)
        self._options = options
        self._verify = options["purpose"] == ROUTINE
        if options["recipient"]:
            file_encryption.check(options["recipient"], RECIPIENT)
        self._store = Store(options["folder"])
        self._server = DatabaseServer(options)
        self._database: str = options["database"] or self._server.server.database

    def plan(self) -> dict[str, t.Any]:
        """What would be done; raises IncidentError where it cannot be."""
        with self._server.session() as connection:
            facts = self._server.facts(connection, self._database)
            expected = self._refuse_full(facts)
        gone = self._expired(datetime.now(timezone.utc))
        return self._told(None, facts, gone) | {"changed": True, "expected_bytes": expected}

    def _refuse_full(self, facts: Facts) -> int:
        """How many bytes the dump may have, where there is room for it and for the copy that it is compared with."""
        known = [one.manifest for one in self._store.backups()]
        expected = backup_manifest.expected_bytes(known, self._database, facts["database_bytes"])
        # For a while the readable and the encrypted one are both there.
        needed = expected * (2 if self._options["recipient"] else 1)
        refuse_full(self._store.free_bytes(), needed, self._options["keep_free_mb"], f"the disk of {self._store.folder}")
        if self._verify:
            free = self._server.free_bytes(facts["data_directory"])
            refuse_full(free, round(facts["database_bytes"] * MARGIN), self._options["keep_free_mb"], "the disk of the database")
        return expected

    def _expired(self, now: datetime) -> list[Backup]:
        known = {one.manifest["id"]: one for one in self._store.backups()}
        manifests = [one.manifest for one in known.values()]
        gone = backup_manifest.expired(manifests, self._database, now, self._options["keep"], self._options["keep_days"])
        return [known[one["id"]] for one in gone]

    def make(self) -> dict[str, t.Any]:
        """Make it. Nothing has its name before all of it is on disk, and proven where it is to be."""
        with self._server.alone() as connection:
            self._store.prepare()
            self._server.drop_leftovers(connection, self._database)
            expected = self._refuse_full(self._server.facts(connection, self._database))
            began = datetime.now(timezone.utc)
            identity = backup_manifest.identity(self._database, began)
            with self._store.written(identity) as folder:
                started = time.monotonic()
                facts, dumped = self._server.dump(self._database, folder / DUMP, digests=self._verify)
                manifest = self._manifest(identity, facts, dumped, round(time.monotonic() - started, 3))
                if self._verify:
                    self._prove(connection, folder, manifest)
                if self._options["recipient"]:
                    self._encrypt(folder, manifest)
                made = self._store.publish(folder, manifest)
            gone = self._expired(datetime.now(timezone.utc)) if self._verify else []
            for one in gone:
                self._store.remove(one)
        return self._told(made, facts, gone) | {"changed": True, "expected_bytes": expected}

    def _manifest(self, identity: str, facts: Facts, dumped: Dumped, seconds: float) -> Facts:
        return {
            "kind": backup_manifest.KIND,
            "format": backup_manifest.FORMAT,
            "id": identity,
            "purpose": self._options["purpose"],
            "incident": self._options["incident"],
            **facts,
            "dump_seconds": seconds,
            "dump_bytes": dumped.bytes,
            "file": DUMP,
            "bytes": dumped.bytes,
            "sha256": dumped.sha256,
            "encrypted": False,
            "verified_at": None,
            "verified_seconds": None,
        }

    def _prove(self, connection: t.Any, folder: Path, manifest: Facts) -> None:
        """Restore the file that was written, and compare every row."""
        started = time.monotonic()
        scratch = copy_name(self._database, SCRATCH)
        try:
            found = self._server.load(connection, manifest, scratch, blocks(folder / DUMP), digests=True)
        finally:
            self._server.drop_copy(connection, scratch)
        if different := backup_manifest.differences(manifest, found):
            raise IncidentError(f"the backup is not what the database was: {'; '.join(different[:5])}; it was thrown away, run again")
        manifest["verified_seconds"] = round(time.monotonic() - started, 3)
        manifest["verified_at"] = datetime.now(timezone.utc).isoformat(timespec="milliseconds")

    def _encrypt(self, folder: Path, manifest: Facts) -> None:
        (file,) = file_encryption.encrypt([folder / DUMP], self._options["recipient"], RECIPIENT, self._options["timeout"])
        manifest.update(file=file.name, bytes=file.stat().st_size, sha256=digest_of(file), encrypted=True)

    def _told(self, made: Backup | None, facts: Facts, gone: list[Backup]) -> dict[str, t.Any]:
        return {
            "backup": told(made) if made else None,
            "database": facts["database"],
            "database_bytes": facts["database_bytes"],
            "removed": [one.manifest["id"] for one in gone],
            "kept": len(self._store.backups()) - (0 if made else len(gone)),
        }


# What of a manifest a run tells; the tables are many.
_TOLD = (
    "id",
    "purpose",
    "database",
    "snapshot_at",
    "last_migration",
    "system_identifier",
    "server_version",
    "dump_seconds",
    "bytes",
    "sha256",
    "encrypted",
    "verified_at",
    "verified_seconds",
)


def told(backup: Backup) -> dict[str, t.Any]:
    """What a run tells of a backup."""
    manifest = backup.manifest
    tables = {name: table["rows"] for name, table in manifest["tables"].items()}
    return {**{name: manifest[name] for name in _TOLD}, "path": str(backup.file), "rows": backup_manifest.rows(manifest), "tables": tables}


def create(options: Mapping[str, t.Any], check_mode: bool) -> dict[str, t.Any]:
    """The result of the module backup_create."""
    creation = Creation(options)
    return creation.plan() if check_mode else creation.make()
