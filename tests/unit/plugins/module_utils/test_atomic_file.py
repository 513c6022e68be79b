# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file with secrets is replaced in one step, keeps what it was but its content, and a copy is never overwritten."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.atomic_file import (
    has_other_content,
    keep_copy,
    replace_content,
    write_private,
)
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError


@pytest.fixture
def env_file(tmp_path: Path) -> Path:
    """An env file as it lies on a host."""
    file = tmp_path / ".env.production"
    file.write_bytes(b"old\r\n")
    file.chmod(0o640)
    os.utime(file, (1, 1))
    return file


def mode_of(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_content_and_time_change_and_nothing_else(env_file: Path) -> None:
    inode, owner = env_file.stat().st_ino, (env_file.stat().st_uid, env_file.stat().st_gid)
    replace_content(env_file, b"new\r\n")
    assert env_file.read_bytes() == b"new\r\n"
    assert mode_of(env_file) == 0o640
    assert (env_file.stat().st_uid, env_file.stat().st_gid) == owner
    assert env_file.stat().st_mtime > 1
    assert env_file.stat().st_ino != inode, "written in place, a killed run would leave half a file"
    assert names(env_file.parent) == [".env.production"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_another_owner_keeps_the_file_and_its_copy(env_file: Path) -> None:
    os.chown(env_file, 1234, 4321)
    copy = env_file.with_name("copy")
    keep_copy(env_file, copy, b"old\r\n")
    replace_content(env_file, b"new")
    for file in (env_file, copy):
        assert (file.stat().st_uid, file.stat().st_gid) == (1234, 4321)


def test_a_link_goes_on_leading_to_the_file(env_file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "app"
    folder.mkdir()
    link = folder / ".env.production"
    link.symlink_to("../.env.production")
    replace_content(link, b"new")
    assert link.is_symlink()
    assert env_file.read_bytes() == b"new"
    assert names(folder) == [".env.production"]


def test_a_file_that_cannot_be_replaced_is_named(tmp_path: Path) -> None:
    with pytest.raises(IncidentError, match=f"{tmp_path}/none cannot be replaced: No such file"):
        replace_content(tmp_path / "none", b"")


def test_nothing_stays_behind_when_the_write_fails(env_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(IncidentError, match="No space left on device"):
        replace_content(env_file, b"new")
    assert env_file.read_bytes() == b"old\r\n"
    assert names(env_file.parent) == [".env.production"]


def test_a_copy_is_for_its_owner_alone(env_file: Path) -> None:
    copy = env_file.with_name("copy")
    keep_copy(env_file, copy, b"old\r\n")
    assert copy.read_bytes() == b"old\r\n"
    assert mode_of(copy) == 0o600
    assert names(env_file.parent) == [".env.production", "copy"]


def test_the_same_copy_may_be_there_already(env_file: Path) -> None:
    copy = env_file.with_name("copy")
    copy.write_bytes(b"old\r\n")
    copy.chmod(0o644)
    keep_copy(env_file, copy, b"old\r\n")
    assert mode_of(copy) == 0o600


def test_another_copy_is_never_overwritten(env_file: Path) -> None:
    copy = env_file.with_name("copy")
    copy.write_bytes(b"precious")
    with pytest.raises(IncidentError, match="exists with another content"):
        keep_copy(env_file, copy, b"old\r\n")
    assert copy.read_bytes() == b"precious"


def test_a_link_or_a_folder_is_no_copy(env_file: Path) -> None:
    link, folder = env_file.with_name("link"), env_file.with_name("folder")
    link.symlink_to(env_file)
    folder.mkdir()
    assert has_other_content(link, b"old\r\n")
    assert has_other_content(folder, b"old\r\n")
    assert not has_other_content(env_file, b"old\r\n")
    assert not has_other_content(env_file.with_name("none"), b"")


def test_a_copy_that_cannot_be_written_is_named(env_file: Path, tmp_path: Path) -> None:
    with pytest.raises(IncidentError, match="none/copy cannot be written: No such file"):
        keep_copy(env_file, tmp_path / "none" / "copy", b"old\r\n")


def test_a_mode_can_be_given(env_file: Path) -> None:
    replace_content(env_file, b"new", 0o600)
    assert mode_of(env_file) == 0o600


def test_nobody_reads_the_new_content_who_may_not(env_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even while it is written, nor in what a run leaves that is killed then."""
    env_file.chmod(0o644)
    seen = []
    copystat = shutil.copystat

    def watched(source: Path, target: Path) -> None:
        copystat(source, target)
        seen.append((mode_of(target), target.read_bytes()))

    monkeypatch.setattr(shutil, "copystat", watched)
    replace_content(env_file, b"new secret", 0o600)
    assert seen == [(0o644, b"")]
    assert (mode_of(env_file), env_file.read_bytes()) == (0o600, b"new secret")


def test_a_private_file_is_for_its_owner_alone(env_file: Path, tmp_path: Path) -> None:
    private = tmp_path / "private"
    for data in (b"one", b"two"):
        write_private(private, data, env_file)
    assert (private.read_bytes(), mode_of(private)) == (b"two", 0o600)
    with pytest.raises(IncidentError, match="cannot be written"):
        write_private(tmp_path / "nowhere" / "private", b"", env_file)
