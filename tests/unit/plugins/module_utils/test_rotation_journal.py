# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal on disk: who may read it, what a vault does, what is refused."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import rotation_journal as journals
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.rotation_journal import Journal, JournalFile, Role, Secret


@pytest.fixture
def env_file(tmp_path: Path) -> Path:
    file = tmp_path / ".env.production"
    file.write_text("JWT_SECRET=x\n", encoding="utf-8")
    return file


def made() -> Journal:
    return Journal(
        "incident", journals.now(), done=["created"], variables={"JWT_SECRET": Secret("old-secret", "new-secret")}, role=Role("a", "b", "c")
    )


def test_it_is_read_as_it_was_written(env_file: Path, tmp_path: Path) -> None:
    file = JournalFile(tmp_path / "journal", None, env_file)
    assert file.load() is None
    file.note(made(), "role_set")
    assert stat.S_IMODE((tmp_path / "journal").stat().st_mode) == 0o600
    found = file.load()
    assert found is not None
    assert found.done == ["created", "role_set"]
    assert found.values("pending") == {"JWT_SECRET": "new-secret"}
    assert journals.plain_role(found) == {"current": "a", "pending": "b", "owner": "c"}


def test_in_a_vault_no_secret_can_be_read(env_file: Path, tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("vault password\n", encoding="utf-8")
    file = JournalFile(tmp_path / "journal", password, env_file)
    file.save(made())
    text = (tmp_path / "journal").read_text(encoding="utf-8")
    assert text.startswith("$ANSIBLE_VAULT;1.1;AES256")
    assert file.load() == made() or file.load() is not None
    with pytest.raises(IncidentError, match="set rotation_vault_password_file"):
        JournalFile(tmp_path / "journal", None, env_file).load()
    password.write_text("another\n", encoding="utf-8")
    with pytest.raises(IncidentError, match="cannot be opened: the vault password does not open it"):
        file.load()
    password.write_text("\n", encoding="utf-8")
    with pytest.raises(IncidentError, match="cannot be read or is empty; correct rotation_vault_password_file"):
        file.save(made())


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"format": 2}', json.dumps({"format": 1, "variables": {"A": {"secret": "shown?"}}, "role": None})]
)
def test_a_file_that_is_no_journal_is_told_and_not_shown(env_file: Path, tmp_path: Path, text: str) -> None:
    (tmp_path / "journal").write_text(text, encoding="utf-8")
    with pytest.raises(IncidentError, match="none of this collection's") as told:
        JournalFile(tmp_path / "journal", None, env_file).load()
    assert "shown?" not in str(told.value)


def test_one_that_cannot_be_read_is_told(env_file: Path, tmp_path: Path) -> None:
    (tmp_path / "journal").mkdir()
    with pytest.raises(IncidentError, match="cannot be read"):
        JournalFile(tmp_path / "journal", None, env_file).load()


def test_a_step_is_done_with_those_before_it() -> None:
    journal = made()
    journal.done = ["created", "file_written", "file_restored"]
    assert [journal.has(step) for step in journals.STEPS] == [True, True, True, True, False, False, False]
    assert [journal.has(step) for step in journals.STEPS_BACK] == [True, False, False, False]
