# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's own secrets, and a disk that is too full for evidence."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.action import incident_evidence
from ansible_collections.circuit_sage.incident_response.plugins.action.security_info import own_secrets
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError


def test_a_key_and_a_folder_that_everybody_may_read(tmp_path: Path) -> None:
    records, key = tmp_path / "records", tmp_path / "baseline.yml.key"
    records.mkdir(mode=0o755)
    key.write_text("x", encoding="utf-8")
    key.chmod(0o644)
    found = own_secrets(str(tmp_path / "baseline.yml"), records)
    assert [(one["path"], one["closed"], one["where"]) for one in found] == [
        (str(key), "0600", "controller"),
        (str(records), "0700", "controller"),
    ]
    key.chmod(0o600)
    records.chmod(0o700)
    assert own_secrets(str(tmp_path / "baseline.yml"), records) == []
    assert own_secrets(None, None) == []


def test_a_full_disk_is_refused_before_anything_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incident_evidence.shutil, "disk_usage", lambda _folder: SimpleNamespace(free=5 * 2**20))
    with pytest.raises(IncidentError, match="has 5 MiB free and the evidence may need 80; make room, or set incident_record_dir"):
        incident_evidence.refuse_full_disk("/records")
