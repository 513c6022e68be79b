# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs in a container, by the folders in which overlay2 keeps its layers; devices and attributes are made up."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import overlay_changes as overlay


class Layers:
    """Two layers of an image and the one of a container."""

    def __init__(self, root: Path) -> None:
        self.upper, self.lowers = root / "upper", [root / "top", root / "base"]
        for folder in (self.upper, *self.lowers):
            folder.mkdir()

    def write(self, layer: Path, path: str, text: str = "as it was") -> Path:
        file = layer / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        os.utime(file, (1, 1))
        return file

    def found(self) -> list[tuple[str, int]] | None:
        data = {"UpperDir": str(self.upper), "LowerDir": ":".join(map(str, self.lowers))}
        seen = overlay.read_layer({"Name": "overlay2", "Data": data})
        return None if seen is None else [(one["Path"], one["Kind"]) for one in seen]


@pytest.fixture
def layers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layers:
    monkeypatch.setattr(overlay.os, "geteuid", lambda: 0)
    return Layers(tmp_path)


def test_added_changed_and_left_as_it_was(layers: Layers) -> None:
    layers.write(layers.lowers[1], "etc/passwd")
    layers.write(layers.lowers[1], "etc/same")
    layers.write(layers.upper, "etc/passwd", "another")
    layers.write(layers.upper, "etc/same")
    layers.write(layers.upper, "opt/shell.js")
    (layers.upper / "opt" / "link").symlink_to("shell.js")
    assert layers.found() == [
        ("/etc/passwd", overlay.CHANGED),
        ("/opt", overlay.ADDED),
        ("/opt/link", overlay.ADDED),
        ("/opt/shell.js", overlay.ADDED),
    ]


def test_a_changed_mode_is_a_change(layers: Layers) -> None:
    layers.write(layers.lowers[0], "etc/shadow")
    layers.write(layers.upper, "etc/shadow").chmod(0o666)
    (layers.upper / "etc").chmod(0o700)
    assert layers.found() == [("/etc", overlay.CHANGED), ("/etc/shadow", overlay.CHANGED)]


def test_a_deleted_file_is_a_device_without_a_number(layers: Layers, monkeypatch: pytest.MonkeyPatch) -> None:
    layers.write(layers.upper, "gone")
    layers.write(layers.lowers[1], "gone")
    monkeypatch.setattr(overlay, "_is_whiteout", lambda found: stat.S_ISREG(found.st_mode))
    assert layers.found() == [("/gone", overlay.DELETED)]


def test_what_a_layer_of_the_image_deleted_is_added_again(layers: Layers, monkeypatch: pytest.MonkeyPatch) -> None:
    layers.write(layers.lowers[0], "again", "deleted")
    layers.write(layers.lowers[1], "again")
    here = layers.write(layers.upper, "again")
    monkeypatch.setattr(overlay, "_is_whiteout", lambda found: found.st_ino not in (here.stat().st_ino, here.parent.stat().st_ino))
    assert layers.found() == [("/again", overlay.ADDED)]


def test_a_device_without_a_number_is_one() -> None:
    kind: Any = SimpleNamespace(st_mode=stat.S_IFCHR, st_rdev=0)
    assert overlay._is_whiteout(kind)
    assert not overlay._is_whiteout(SimpleNamespace(st_mode=stat.S_IFCHR, st_rdev=7))  # type: ignore[arg-type]


def test_a_layer_that_hides_a_folder_is_left_to_the_engine(layers: Layers, monkeypatch: pytest.MonkeyPatch) -> None:
    layers.write(layers.upper, "opt/x")
    monkeypatch.setattr(overlay.os, "listxattr", lambda _path: ["trusted.overlay.opaque"])
    assert layers.found() is None


@pytest.mark.parametrize(
    "driver",
    [
        {"Name": "btrfs", "Data": None},
        {"Name": "overlay2", "Data": {}},
        {"Name": "overlay2", "Data": {"UpperDir": "/nonexistent", "LowerDir": "/nonexistent"}},
        {"Name": "overlay2", "Data": {"UpperDir": "/nonexistent", "LowerDir": "/"}},
    ],
)
def test_what_is_not_here_is_left_to_the_engine(driver: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overlay.os, "geteuid", lambda: 0)
    assert overlay.read_layer(driver) is None


def test_without_root_the_engine_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(overlay.os, "geteuid", lambda: 1000)
    engine: Any = SimpleNamespace(changes=lambda identity: [{"Path": f"/{identity}", "Kind": 1}])
    data = {"UpperDir": str(tmp_path), "LowerDir": str(tmp_path)}
    assert overlay.changes_of(engine, {"Id": "x", "GraphDriver": {"Name": "overlay2", "Data": data}}) == [{"Path": "/x", "Kind": 1}]
