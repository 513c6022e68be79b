# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The baseline on the controller: one that is not there is no fault, one that cannot be read is told with the way on without it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.action import observation_info
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError

WAY_ON = "put the last good copy back, or go on without a baseline \\(-e circuit_sage_baseline=\\)$"


def test_without_the_files_there_is_no_baseline_and_no_key(tmp_path: Path) -> None:
    assert observation_info.read_baseline(tmp_path / "b.yml", "sandbox") is None
    assert observation_info.read_key(tmp_path / "b.yml") is None


def test_the_key_is_the_file_beside_the_baseline(tmp_path: Path) -> None:
    (tmp_path / "b.yml.key").write_text("abc\n", encoding="utf-8")
    assert observation_info.read_key(tmp_path / "b.yml") == "abc"


@pytest.mark.parametrize(
    ("content", "reason"), [(b"a: [", "is not YAML"), (b"\xff\xfe", "cannot be read (it is no text)"), (None, "Is a directory")]
)
def test_a_baseline_that_cannot_be_read_is_told(tmp_path: Path, content: bytes | None, reason: str) -> None:
    file = tmp_path / "b.yml"
    if content is None:
        file.mkdir()
    else:
        file.write_bytes(content)
    with pytest.raises(IncidentError, match=WAY_ON) as refused:
        observation_info.read_baseline(file, "sandbox")
    assert reason in str(refused.value)


@pytest.mark.parametrize(("content", "reason"), [(b"\xff\xfe", "(it is no text)"), (None, "Is a directory")])
def test_a_key_that_cannot_be_read_is_told(tmp_path: Path, content: bytes | None, reason: str) -> None:
    key = tmp_path / "b.yml.key"
    if content is None:
        key.mkdir()
    else:
        key.write_bytes(content)
    with pytest.raises(IncidentError, match=WAY_ON) as refused:
        observation_info.read_key(tmp_path / "b.yml")
    assert f"the key of the baseline {key}" in str(refused.value)
    assert reason in str(refused.value)
