# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder of the backups: each is a folder of its own, named when all of it is on disk, and nameless before any of it is removed."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import typing as t
from collections.abc import Iterator
from pathlib import Path

from . import backup_manifest
from .backup_manifest import Facts
from .errors import IncidentError

MANIFEST = "manifest.json"
DUMP = "database.dump"
LATEST = "latest"
# Folders that are being written or removed.
_PASSING = ".passing-"
_BLOCK = 1024 * 1024
# What a dump in PostgreSQL's custom format begins with.
_MAGIC = b"PGDMP"


class Backup(t.NamedTuple):
    """One backup: its folder, and what it says of itself."""

    folder: Path
    manifest: Facts

    @property
    def file(self) -> Path:
        """The dump."""
        return self.folder / str(self.manifest["file"])


def blocks(path: Path) -> Iterator[bytes]:
    """A file in parts that fit into memory."""
    with path.open("rb") as file:
        yield from iter(lambda: file.read(_BLOCK), b"")


def digest_of(path: Path) -> str:
    """The checksum of a file."""
    digest = hashlib.sha256()
    for block in blocks(path):
        digest.update(block)
    return digest.hexdigest()


def _sync(path: Path) -> None:
    """Make what a file or folder holds last."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def check(backup: Backup) -> None:
    """Raise IncidentError for a backup that is not whole."""
    manifest, file = backup.manifest, backup.file
    instead = "name another backup in restore_backup"
    try:
        size = file.stat().st_size
        if size != manifest["bytes"]:
            kind = "truncated" if size < manifest["bytes"] else "longer than it was"
            raise IncidentError(f"{file} is {kind}: {size} bytes, not {manifest['bytes']}; {instead}")
        first, digest = next(blocks(file), b""), digest_of(file)
    except OSError as error:
        raise IncidentError(f"{file} cannot be read ({error.strerror}); {instead}, or run as its owner") from None
    if digest != manifest["sha256"]:
        raise IncidentError(f"{file} has another checksum than its manifest says; {instead}")
    if not manifest["encrypted"] and not first.startswith(_MAGIC):
        raise IncidentError(f"{file} is no dump in PostgreSQL's custom format; {instead}")


class Store:
    """The folder, on the managed host."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)

    def prepare(self) -> None:
        """Make the folder, and remove what a killed run left. Only for who keeps others away."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for leftover in self.folder.glob(f"{_PASSING}*"):
                shutil.rmtree(leftover)
        except OSError as error:
            raise self._unusable(error) from None

    def _unusable(self, error: OSError) -> IncidentError:
        return IncidentError(
            f"the folder {self.folder} cannot be written ({error.strerror}); set circuit_sage_backup_dir to one that this user may write"
        )

    def free_bytes(self) -> int:
        """How many bytes the file system of the folder has for this user, whether the folder is there yet or not."""
        place = next(one for one in (self.folder, *self.folder.parents) if one.exists())
        found = os.statvfs(place)
        return found.f_bavail * found.f_frsize

    def backups(self) -> list[Backup]:
        """All backups that are there, the oldest first. What is none of ours is left out."""
        found = []
        for path in sorted(self.folder.glob(f"*/{MANIFEST}")):
            if not path.parent.name.startswith(_PASSING):
                with contextlib.suppress(IncidentError):
                    found.append(self._read(path))
        return found

    @staticmethod
    def _read(path: Path) -> Backup:
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise IncidentError(f"{path} cannot be read ({error.strerror}); run as its owner or as root") from None
        except UnicodeDecodeError:
            text = ""
        return Backup(path.parent, backup_manifest.parse(text, path))

    def find(self, wanted: str, database: str) -> Backup:
        """The backup that is meant by `latest`, by its name, or by the path of its folder or of a file in it."""
        if wanted == LATEST:
            known = {one.manifest["id"]: one for one in self.backups()}
            newest = backup_manifest.latest([one.manifest for one in known.values()], database)
            if newest is None:
                raise IncidentError(
                    f"{self.folder} has no verified backup of {database}; name one in restore_backup, or correct circuit_sage_backup_dir"
                )
            return known[newest["id"]]
        # An absolute path stays what it is.
        path = self.folder / wanted
        if not path.exists():
            names = ", ".join(one.manifest["id"] for one in self.backups()[-3:]) or "none"
            raise IncidentError(f"there is no backup {path}; the newest ones in {self.folder} are: {names}")
        folder = path if path.is_dir() else path.parent
        if not (folder / MANIFEST).exists():
            raise IncidentError(
                f"{path} has no {MANIFEST} beside it, so backup.yml has not made it; name one of its backups in restore_backup"
            )
        return self._read(folder / MANIFEST)

    @contextlib.contextmanager
    def written(self, identity: str) -> Iterator[Path]:
        """A folder to write a backup into, which is gone afterwards unless it was published."""
        folder = self.folder / f"{_PASSING}{identity}"
        try:
            folder.mkdir(mode=0o700)
            yield folder
        except OSError as error:
            raise self._unusable(error) from None
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def publish(self, folder: Path, manifest: Facts) -> Backup:
        """Give a backup its name, with all of it on disk."""
        path = folder / MANIFEST
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(json.dumps(manifest, indent=2) + "\n")
        for one in (path, folder / manifest["file"], folder):
            _sync(one)
        target = self.folder / manifest["id"]
        folder.rename(target)
        _sync(self.folder)
        return Backup(target, manifest)

    def remove(self, backup: Backup) -> None:
        """Remove a backup; killed in the middle, what is left of it has no name any more."""
        passing = self.folder / f"{_PASSING}{backup.folder.name}"
        try:
            backup.folder.rename(passing)
            shutil.rmtree(passing)
        except OSError as error:
            raise self._unusable(error) from None
