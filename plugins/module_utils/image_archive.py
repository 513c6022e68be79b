# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is in the archives that `docker save` made: the names of their images. Reads only."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path, PurePosixPath
from typing import Any

from .timestamps import of_seconds

# Of the archives in a folder so many are read, from the newest on: a packed one has to be read to its end.
READ = 5
_MANIFEST = "manifest.json"


def read_archive(path: Path) -> list[dict[str, Any]]:
    """The images of an archive, each with its `id` and `names`; none where it is no such archive."""
    try:
        with tarfile.open(path) as archive:
            member = archive.extractfile(_MANIFEST)
            images = json.loads(member.read()) if member else []
    except (OSError, tarfile.TarError, KeyError, ValueError, EOFError):
        return []
    # `HEX.json`, or `blobs/sha256/HEX` since Docker 25.
    return [
        {"id": f"sha256:{PurePosixPath(image['Config']).name.partition('.')[0]}", "names": image.get("RepoTags") or []} for image in images
    ]


def newest_archive(folder: str, repository: str, without: str) -> dict[str, Any] | None:
    """The newest archive in a folder with a named image of the repository that is not the one `without`; null where there is none."""
    try:
        files = sorted(Path(folder).glob("*.tar*"), key=lambda one: one.stat().st_mtime, reverse=True)
    except OSError:
        return None
    for path in files[:READ]:
        for image in read_archive(path):
            name = next((name for name in image["names"] if name.rpartition(":")[0] == repository), None)
            if name and image["id"] != without:
                return {"path": str(path), "name": name, "id": image["id"], "saved_at": of_seconds(path.stat().st_mtime)}
    return None
