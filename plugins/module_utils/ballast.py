# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ballast: files without content of worth, kept so that there is something to delete when a file system is full."""

from __future__ import annotations

import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def ballast_on(device: int, paths: Sequence[str], data: str) -> list[dict[str, Any]]:
    """Those of the files that are there and on a device (`st_dev`), with the bytes that their removal gives back.

    None below the folder *data* is ballast, whatever the inventory says: a file of the database would be gone.
    """
    found = []
    for path in paths:
        if Path(data).resolve() in Path(path).resolve().parents:
            continue
        try:
            status = Path(path).lstat()
        except OSError:
            continue
        # A link, or a file with a second name, would give nothing back.
        if stat.S_ISREG(status.st_mode) and status.st_nlink == 1 and status.st_dev == device:
            found.append({"path": path, "bytes": status.st_blocks * 512})
    return found
