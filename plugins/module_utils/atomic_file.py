# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing files with secrets so that a killed run leaves the old file or the new one, and nobody sees more than before."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import IncidentError

# Not the name of the env file: what a killed run leaves must not be taken for a copy of it.
_PREFIX = ".circuit-sage-new-"


@contextmanager
def _written(folder: Path, data: bytes, like: os.stat_result, prepare: Callable[[Path], None] | None = None) -> Iterator[Path]:
    """A file with the data, on disk, mode 0600, under a passing name, with the owner of another one; *prepare* gets it empty."""
    descriptor, name = tempfile.mkstemp(prefix=_PREFIX, dir=folder)
    path = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchown(file.fileno(), like.st_uid, like.st_gid)
            if prepare is not None:
                prepare(path)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        yield path
    finally:
        path.unlink(missing_ok=True)


def _keep_entry(folder: Path) -> None:
    """Make the new name in the folder last."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_content(path: Path, data: bytes, mode: int | None = None) -> None:
    """Give a file other content; its owner, group, attributes, and its mode unless one is given, stay. A link stays one."""
    target = path.resolve()

    def as_before(fresh: Path) -> None:
        shutil.copystat(target, fresh)
        if mode is not None:
            fresh.chmod(mode)

    try:
        # Before the secrets are in it: everybody may have been allowed to read the old file.
        with _written(target.parent, data, target.stat(), as_before) as fresh:
            # The time is that of the change: who looks for when the file changed must find it.
            os.utime(fresh)
            fresh.replace(target)
        _keep_entry(target.parent)
    except OSError as error:
        raise IncidentError(
            f"{target} cannot be replaced: {error.strerror}; run as its owner or as root, on a writable file system"
        ) from None


def has_other_content(copy: Path, data: bytes) -> bool:
    """Whether something else than a copy with this content already has the name."""
    return os.path.lexists(copy) and (copy.is_symlink() or not copy.is_file() or copy.read_bytes() != data)


def keep_copy(original: Path, copy: Path, data: bytes) -> None:
    """Keep what a file held, as a file with mode 0600 and the same owner. One that is there already is never overwritten."""
    try:
        if has_other_content(copy, data):
            raise IncidentError(f"{copy} exists with another content; give another backup_name, or move that file away")
        if copy.exists():
            copy.chmod(0o600)
            return
        with _written(copy.parent, data, original.stat()) as fresh:
            # A link, unlike a rename, fails when somebody took the name in the meantime.
            os.link(fresh, copy)
        _keep_entry(copy.parent)
    except OSError as error:
        raise IncidentError(f"{copy} cannot be written: {error.strerror}; run as the owner of the folder or as root") from None


def write_private(path: Path, data: bytes, owner_of: Path) -> None:
    """Make a file, or replace it, with mode 0600 and the owner of another one."""
    try:
        with _written(path.parent, data, owner_of.stat()) as fresh:
            fresh.replace(path)
        _keep_entry(path.parent)
    except OSError as error:
        raise IncidentError(f"{path} cannot be written: {error.strerror}; run as the owner of {owner_of} or as root") from None


def remove_leftovers(folder: Path) -> None:
    """Remove what a run left that was killed while it wrote here. Only for who holds the lock of the stack: nobody else is writing."""
    for leftover in folder.glob(f"{_PREFIX}*"):
        leftover.unlink(missing_ok=True)
