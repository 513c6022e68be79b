# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The newest archive of a repository's image is found, whatever else lies in the folder."""

from __future__ import annotations

import io
import json
import os
import tarfile
from pathlib import Path

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.image_archive import newest_archive, read_archive


def save(path: Path, config: str, names: list[str] | None, age: int, packed: bool = False) -> Path:
    """An archive as `docker save` makes it, so many seconds old."""
    content = json.dumps([{"Config": config, "RepoTags": names, "Layers": []}]).encode()
    with tarfile.open(path, "w:gz" if packed else "w") as archive:
        member = tarfile.TarInfo("manifest.json")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    os.utime(path, (1_700_000_000 - age,) * 2)
    return path


@pytest.mark.parametrize("config", ["0a1b.json", "blobs/sha256/0a1b"])
def test_both_forms_of_an_archive_are_read(tmp_path: Path, config: str) -> None:
    path = save(tmp_path / "one.tar", config, ["shop/backend:1"], 0)
    assert read_archive(path) == [{"id": "sha256:0a1b", "names": ["shop/backend:1"]}]


def test_the_newest_with_another_image_of_the_repository_counts(tmp_path: Path) -> None:
    save(tmp_path / "bad.tar", "bad.json", ["shop/backend:3"], 0)
    save(tmp_path / "foreign.tar", "f.json", ["shop/frontend:2", "shop/backend-tools:2"], 1)
    save(tmp_path / "nameless.tar", "n.json", None, 2)
    good = save(tmp_path / "good.tar.gz", "good.json", ["shop/backend:2"], 10, packed=True)
    save(tmp_path / "older.tar", "older.json", ["shop/backend:1"], 20)
    assert newest_archive(str(tmp_path), "shop/backend", "sha256:bad") == {
        "path": str(good),
        "name": "shop/backend:2",
        "id": "sha256:good",
        "saved_at": "2023-11-14T22:13:10.000Z",
    }


def test_what_is_no_archive_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "torn.tar").write_bytes(b"not a tar")
    with tarfile.open(tmp_path / "other.tar", "w"):
        pass
    (tmp_path / "list.tar").mkdir()
    assert newest_archive(str(tmp_path), "shop/backend", "x") is None
    assert newest_archive(str(tmp_path / "none"), "shop/backend", "x") is None
