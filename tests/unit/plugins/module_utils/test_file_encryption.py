# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Encrypting evidence: the readable file goes when the encrypted one is whole; a recipient that cannot be used is refused first."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import file_encryption
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError

# In the place of age: what it is given as its last three words is what is asserted.
AGE = """#!/bin/sh
[ "$2" = age1right ] || { echo "age: error: malformed recipient" >&2; exit 1; }
shift 3
{ echo sealed; cat "$2"; } >"$1"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "age"
    program.write_text(AGE, encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    (tmp_path / "a.log").write_text("a", encoding="utf-8")
    (tmp_path / "b.log").write_text("b", encoding="utf-8")
    return tmp_path


def test_each_file_is_replaced_by_its_encrypted_one(folder: Path) -> None:
    done = file_encryption.encrypt([folder / "a.log", folder / "b.log"], "age1right")
    assert [one.name for one in done] == ["a.log.age", "b.log.age"]
    assert (folder / "a.log.age").read_text(encoding="utf-8") == "sealed\na"
    assert stat.S_IMODE((folder / "a.log.age").stat().st_mode) == 0o600
    assert sorted(one.name for one in folder.iterdir()) == ["a.log.age", "b.log.age", "bin"]


def test_what_cannot_be_encrypted_stays(folder: Path) -> None:
    with pytest.raises(IncidentError, match=r"a\.log could not be encrypted \(age: error: malformed recipient\)"):
        file_encryption.encrypt([folder / "a.log", folder / "b.log"], "age1wrong")
    assert sorted(one.name for one in folder.iterdir()) == ["a.log", "b.log", "bin"]


def test_openpgp_by_a_file_with_the_key(folder: Path) -> None:
    key = folder / "key.asc"
    key.write_text("a key", encoding="utf-8")
    words = file_encryption.command(str(key), "/home", folder / "a.log", folder / "a.log.gpg")
    assert words[:1] + words[-5:] == ["gpg", str(key), "--output", str(folder / "a.log.gpg"), "--encrypt", str(folder / "a.log")]
    assert file_encryption.suffix_of(str(key)) == ".gpg"


def test_a_recipient_that_is_none_is_refused() -> None:
    with pytest.raises(IncidentError, match="neither an age recipient"):
        file_encryption.check("somebody@example.com")


def test_a_missing_program_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    key = tmp_path / "key.asc"
    key.write_text("a key", encoding="utf-8")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(IncidentError, match="has no `gpg`; install it there \\(Debian's package `gnupg`\\)"):
        file_encryption.check(str(key))


def test_an_encrypted_file_is_read_in_parts(folder: Path) -> None:
    """With the program that its name says; `age --decrypt --identity KEY FILE`."""
    (folder / "bin" / "age").write_text(
        '#!/bin/sh\n[ "$(cat "$3")" = right ] || { echo "age: no identity" >&2; exit 1; }\ncat "$4"\n', encoding="utf-8"
    )
    (folder / "a.age").write_bytes(b"content")
    key = folder / "key"
    key.write_text("right", encoding="utf-8")
    file_encryption.refuse_key(folder / "a.age", str(key))
    assert b"".join(file_encryption.decrypted(folder / "a.age", str(key))) == b"content"
    key.write_text("wrong", encoding="utf-8")
    with pytest.raises(IncidentError, match=r"a\.age could not be decrypted \(age: no identity\); set restore_key_file"):
        list(file_encryption.decrypted(folder / "a.age", str(key)))


def test_a_key_is_asked_for_before_anything_is_touched(folder: Path) -> None:
    with pytest.raises(IncidentError, match="is encrypted; set restore_key_file"):
        file_encryption.refuse_key(folder / "a.age", "")
    with pytest.raises(IncidentError, match="which is no file; correct it"):
        file_encryption.refuse_key(folder / "a.age", str(folder / "none"))
    (folder / "bin" / "age").unlink()
    with pytest.raises(IncidentError, match="the host has no `age`"):
        file_encryption.refuse_missing("age", "the host")
