# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report in the record, as Markdown and as a page, with what the review adds."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.record import Record
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.report_files import write_report

REVIEW = {
    "made_at": "2026-11-23T12:00:00+00:00",
    "closed_at": None,
    "root_cause": "A script.",
    "prevention": "No script.",
    "items": [
        {
            "id": "a",
            "text": "Do it",
            "severity": "P2",
            "owner": "Ada",
            "due": "2026-12-01T23:59:59+00:00",
            "done_at": "2026-11-24T12:00:00+00:00",
            "issue": None,
        }
    ],
}


@pytest.fixture
def record(tmp_path: Path) -> Record:
    made = Record.create(str(tmp_path), "db_failure", "Database connection failure", "sandbox", "P1")
    made.content["outcome"] = "resolved"
    return made


def test_both_files_are_private_and_say_what_the_review_adds(record: Record) -> None:
    write_report(record)
    assert "- [ ] Review this incident within 24 hours" in (record.folder / "report.md").read_text(encoding="utf-8")
    (record.folder / "review.json").write_text(json.dumps(REVIEW), encoding="utf-8")
    write_report(record)
    for name in ("report.md", "report.html"):
        assert stat.S_IMODE((record.folder / name).stat().st_mode) == 0o600
        assert "No script." in (record.folder / name).read_text(encoding="utf-8")
    text = (record.folder / "report.md").read_text(encoding="utf-8")
    assert "- [x] Do it (P2, Ada, due 2026-12-01 23:59:59 UTC)" in text
    assert "## Root Cause\nA script.\n\nNo known cause was found." in text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "Expecting"),
        ("[]", "keys"),
        ("{}", "it has no closed_at"),
        (json.dumps({**REVIEW, "items": [{"id": "a"}]}), "it has no done_at"),
    ],
)
def test_a_damaged_review_is_named(record: Record, text: str, why: str) -> None:
    (record.folder / "review.json").write_text(text, encoding="utf-8")
    with pytest.raises(IncidentError, match=rf"review\.json cannot be read \(.*{why}.*\); put it right, or move it away"):
        record.review()


def test_an_incident_is_named_by_its_id_or_as_the_latest(record: Record, tmp_path: Path) -> None:
    assert Record.named(tmp_path, record.folder.name).folder == record.folder
    assert Record.named(tmp_path, "latest").folder == record.folder
    for name in ("nobody", "..", f"../{tmp_path.name}/{record.folder.name}/evidence", "/etc"):
        with pytest.raises(IncidentError, match=r"there is no incident .* name one of the folders there, or latest"):
            Record.named(tmp_path, name)
