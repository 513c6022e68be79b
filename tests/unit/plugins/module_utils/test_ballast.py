# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Only a file whose removal gives room back on the very file system is ballast."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.ballast import ballast_on


def test_only_what_gives_room_back_counts(tmp_path: Path) -> None:
    device = tmp_path.stat().st_dev
    good, second, link, folder = (tmp_path / name for name in ("good", "second", "link", "folder"))
    good.write_bytes(b"x" * 8192)
    assert ballast_on(device, [str(good)], "/nowhere") == [{"path": str(good), "bytes": 8192}]
    assert ballast_on(device + 1, [str(good)], "/nowhere") == []
    link.symlink_to(good)
    folder.mkdir()
    assert ballast_on(device, [str(link), str(folder), str(tmp_path / "none")], "/nowhere") == []
    second.hardlink_to(good)
    assert ballast_on(device, [str(good), str(second)], "/nowhere") == []


def test_no_file_of_the_database_is_ballast(tmp_path: Path) -> None:
    data = tmp_path / "volume"
    (data / "base").mkdir(parents=True)
    for name in ("PG_VERSION", "base/1"):
        (data / name).write_text("15\n")
    around = tmp_path / "around"
    around.symlink_to(data)
    paths = [str(data / "PG_VERSION"), str(data / "base" / "1"), f"{around}/PG_VERSION", f"{tmp_path}/other/../volume/PG_VERSION"]
    assert ballast_on(tmp_path.stat().st_dev, paths, str(data)) == []
