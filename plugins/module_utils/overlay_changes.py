# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs from the image in a container, read where the storage driver overlay2 keeps it: the engine compares all files, in seconds.

The engine is asked where that cannot be: with another driver, on another machine, without root's rights, or where the layer is no plain
one.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from .docker_engine import DockerEngine

CHANGED, ADDED, DELETED = 0, 1, 2
# A folder that hides or renames what is below it cannot be told by its own entries alone.
_NOT_PLAIN = ("trusted.overlay.opaque", "trusted.overlay.redirect", "trusted.overlay.metacopy")


class _NotPlain(Exception):
    """The layer needs the engine to be understood."""


def _is_same(one: os.stat_result, other: os.stat_result) -> bool:
    """Whether a file was only opened for writing, and is as the image has it."""
    if stat.S_ISDIR(one.st_mode):
        return stat.S_ISDIR(other.st_mode) and (one.st_mode, one.st_uid, one.st_gid) == (other.st_mode, other.st_uid, other.st_gid)
    looks = [(look.st_mode, look.st_uid, look.st_gid, look.st_size, look.st_mtime_ns) for look in (one, other)]
    return looks[0] == looks[1]


def _below(lowers: Sequence[Path], path: str) -> os.stat_result | None:
    """What the image has there."""
    for lower in lowers:
        try:
            found = os.lstat(lower / path)
        except (FileNotFoundError, NotADirectoryError):
            continue
        return None if _is_whiteout(found) else found
    return None


def _is_whiteout(found: os.stat_result) -> bool:
    return stat.S_ISCHR(found.st_mode) and found.st_rdev == 0


def _walk(upper: Path, lowers: Sequence[Path], folder: str = "") -> Iterator[dict[str, Any]]:
    with os.scandir(upper / folder) as entries:
        for entry in sorted(entries, key=lambda one: one.name):
            path = f"{folder}{entry.name}"
            here = entry.stat(follow_symlinks=False)
            if _is_whiteout(here):
                yield {"Path": f"/{path}", "Kind": DELETED}
                continue
            is_folder = stat.S_ISDIR(here.st_mode)
            if not stat.S_ISLNK(here.st_mode) and any(name in _NOT_PLAIN for name in os.listxattr(entry.path)):
                raise _NotPlain
            below = _below(lowers, path)
            if below is None:
                yield {"Path": f"/{path}", "Kind": ADDED}
            elif not _is_same(here, below):
                yield {"Path": f"/{path}", "Kind": CHANGED}
            if is_folder:
                yield from _walk(upper, lowers, f"{path}/")


def read_layer(driver: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """What differs, as the engine lists it, by the `GraphDriver` of a container; None where the engine has to be asked."""
    data = driver.get("Data") or {}
    if driver.get("Name") != "overlay2" or not data.get("UpperDir") or os.geteuid() != 0:
        return None
    lowers = [Path(one) for one in str(data.get("LowerDir", "")).split(":")]
    if not all(one.is_dir() for one in lowers):
        return None
    try:
        return list(_walk(Path(data["UpperDir"]), lowers))
    except (OSError, _NotPlain):
        return None


def changes_of(engine: DockerEngine, inspected: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What differs from its image in a container, as inspected."""
    found = read_layer(inspected.get("GraphDriver") or {})
    return engine.changes(inspected["Id"]) if found is None else found
