# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The loss of the whole database, drilled from the backup to the proof. It runs last, by its name: the database is made anew in it."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

from copies import Copies
from playbook import Player
from sandbox import Sandbox


def test_the_database_comes_back_from_nothing(sandbox: Sandbox, player: Player, copies: Copies, seeded_rows: str, tmp_path: Path) -> None:
    """Another cluster, the same rows; both objectives are in every report. An RPO of nothing cannot be met, and fails the drill."""
    identifier = sandbox.psql("SELECT system_identifier FROM pg_control_system()")
    given = {
        "circuit_sage_backup_dir": str(copies.folder),
        "drill_scenario": "disaster_recovery",
        "drill_dir": str(tmp_path / "drills"),
        "drill_rpo": 0.0,
    }
    run = player.start("-e", json.dumps(given), playbook="playbooks/drill.yml", say_records=False)
    run.process.wait(timeout=300)
    assert (tmp_path / "drills").exists(), run.output
    (folder,) = (tmp_path / "drills").iterdir()
    content = json.loads((folder / "drill.json").read_text(encoding="utf-8"))
    (result,) = content["results"]
    assert run.status == 2, run.output
    assert sandbox.psql("SELECT system_identifier FROM pg_control_system()") != identifier
    assert sandbox.rows() == seeded_rows
    assert (result["outcome"], result["rows_lost"]) == ("resolved", 0), result["reasons"]
    objectives = {one["name"]: one for one in result["objectives"]}
    assert objectives["RTO"]["met"]
    assert not objectives["RPO"]["met"]
    assert len(result["reasons"]) == 1
    assert result["seconds_to_recover"] > 0
    suite = ET.parse(folder / "junit.xml").getroot()  # noqa: S314 - our own file
    assert {"disaster_recovery", "RPO"} <= {case.get("name") for case in suite.iter("testcase") if case.find("failure") is not None}
    for report in ("drill.md", "drill.html"):
        assert "RTO" in (folder / report).read_text(encoding="utf-8")
    sandbox.prove_write()


def test_what_is_not_the_sandbox_is_left_alone(player: Player, tmp_path: Path) -> None:
    """A scenario that is none, and --check, are refused before anything is broken."""
    given = json.dumps({"drill_scenario": "disaster_recovery", "drill_dir": str(tmp_path / "drills")})
    run = player.play("-e", given, "--check", playbook="playbooks/drill.yml", say_records=False)
    assert run.status == 2
    assert "leave --check out" in run.said()
