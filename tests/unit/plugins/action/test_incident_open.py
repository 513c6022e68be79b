# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of the record of a run that was killed, once another run takes its lock over."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.circuit_sage.incident_response.plugins.action.incident_open import report_killed
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.record import Record


def opened(base: Path) -> Record:
    return Record.create(str(base), "db_failure", "Database connection failure", "sandbox", "P1")


def test_a_killed_run_gets_its_report(tmp_path: Path) -> None:
    killed, record = opened(tmp_path), opened(tmp_path)
    report_killed(record, killed.content["id"], "its process 17 is gone")
    text = (killed.folder / "report.md").read_text(encoding="utf-8")
    assert f"broke off: its process 17 is gone; {record.content['id']} took its lock over" in text
    assert (killed.folder / "report.html").exists()
    assert Record.load(str(killed.folder)).content["outcome"] is None


def test_one_that_was_concluded_is_left_as_it_is(tmp_path: Path) -> None:
    done, record = opened(tmp_path), opened(tmp_path)
    done.content["outcome"] = "resolved"
    done.save()
    before = (done.folder / "incident.json").read_bytes()
    report_killed(record, done.content["id"], "it expired")
    assert (done.folder / "incident.json").read_bytes() == before
    assert not (done.folder / "report.md").exists()


def test_the_record_of_another_controller_is_none_of_ours(tmp_path: Path) -> None:
    record = opened(tmp_path)
    report_killed(record, "20261130-030000-triage-0000", "it expired")
    report_killed(record, "../elsewhere", "it expired")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([record.folder.name, "latest"])
