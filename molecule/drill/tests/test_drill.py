# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The drill: faults that nobody listed are escalated without a guess, what is measured is reported, what may not be broken is refused."""

from __future__ import annotations

import json
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from playbook import Player, Run
from sandbox import CHECKOUT, Sandbox

UNKNOWN = CHECKOUT / "molecule" / "harness" / "unknown"
TOOTHLESS = """
id: toothless
incident: db_failure
title: Nothing breaks
inject: "true"
symptom: "false"
revert: "true"
expect: {cause: unknown, outcome: escalated}
"""
FAULTS = sorted(path.stem for path in UNKNOWN.glob("*.yml"))


def drill(player: Player, tmp_path: Path, **settings: str) -> Run:
    words = [word for name, value in settings.items() for word in ("-e", f"{name}={value}")]
    run = player.start(*words, "-e", f"drill_dir={tmp_path}/drills", say_records=False)
    run.process.wait(timeout=600)
    return run


def reports(tmp_path: Path) -> Path:
    (folder,) = (tmp_path / "drills").iterdir()
    return folder


def test_faults_that_nobody_listed_are_not_guessed_at(sandbox: Sandbox, player: Player, tmp_path: Path) -> None:
    """Five of them: each bites, none is given a name, nothing is touched, all is taken back and healthy."""
    assert len(FAULTS) == 5
    run = drill(player, tmp_path, drill_faults=",".join(FAULTS), drill_fault_path=str(UNKNOWN))
    assert run.status == 0, run.output
    content = json.loads((reports(tmp_path) / "drill.json").read_text(encoding="utf-8"))
    assert content["passed"] is True
    assert content["healthy_changes"] == []
    found = {one["id"]: (one["bit"], one["outcome"], one["findings"], one["touched"]) for one in content["results"]}
    assert found == {name: (True, "escalated", [], []) for name in FAULTS}
    assert sandbox.is_healthy()


def test_what_is_measured_is_reported(player: Player, tmp_path: Path) -> None:
    """An outage is seen from outside: requests failed, the cause came before the recovery, and no row is lost."""
    run = drill(player, tmp_path, drill_faults="postgres_stopped")
    assert run.status == 0, run.output
    folder = reports(tmp_path)
    (result,) = json.loads((folder / "drill.json").read_text(encoding="utf-8"))["results"]
    assert (result["diagnosis"], result["outcome"], result["rows_lost"]) == ("first", "resolved", 0)
    assert result["requests"]["failed"] > 0
    assert 0 < result["seconds_to_diagnose"] < result["seconds_to_recover"]
    events = [entry["event"] for entry in result["timeline"]]
    assert events[0] == "injected"
    assert events[-1] == "reverted"
    assert ET.parse(folder / "junit.xml").getroot().iter("testcase")  # noqa: S314 - our own file
    assert "postgres_stopped" in (folder / "drill.md").read_text(encoding="utf-8")
    page = (folder / "drill.html").read_text(encoding="utf-8")
    assert "<svg" in page
    assert "<script" not in page


def test_a_fault_that_does_not_bite_fails_the_drill(player: Player, tmp_path: Path) -> None:
    """Its symptom never shows: a drill that broke nothing proves nothing."""
    mine = tmp_path / "faults"
    mine.mkdir()
    (mine / "toothless.yml").write_text(TOOTHLESS, encoding="utf-8")
    run = drill(player, tmp_path, drill_faults="toothless", drill_fault_path=str(mine))
    assert run.status == 2
    assert "it did not bite within 30 s" in run.said()


def test_a_fault_of_an_incident_that_is_not_known_is_refused(sandbox: Sandbox, player: Player, tmp_path: Path) -> None:
    """Before any fault is brought about: there is no playbook that could mend it."""
    (tmp_path / "toothless.yml").write_text(TOOTHLESS.replace("db_failure", "db_failur"), encoding="utf-8")
    before = sandbox.snapshot()
    run = drill(player, tmp_path, drill_faults="toothless", drill_fault_path=str(tmp_path))
    assert run.status == 2
    incidents = ", ".join(sorted(path.parents[1].name for path in (CHECKOUT / "roles").glob("*/files/causes.yml")))
    assert f"toothless.yml has the incident db_failur; use one of {incidents}" in run.said()
    assert sandbox.snapshot().changes_since(before) == {}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"drill_faults": "postgres_stoped"}, "drill_faults names postgres_stoped; use all, an incident"),
        ({"drill_fault_path": "/nonexistent"}, "drill_fault_path names /nonexistent, which is no folder"),
        ({"drill_faults": ""}, "drill_faults names no fault"),
        ({"drill_revert_seconds": "-4"}, "drill_revert_seconds is -4; use 30, which a fault may take to bite, to 86400"),
        ({"drill_fault": "postgres_stopped"}, "drill_fault is not a setting of a drill"),
    ],
)
def test_bad_input_is_refused_before_anything_is_broken(
    sandbox: Sandbox, player: Player, tmp_path: Path, settings: dict[str, str], words: str
) -> None:
    """One sentence, nothing touched."""
    before = sandbox.snapshot()
    run = drill(player, tmp_path, **settings)
    assert run.status == 2
    assert words in run.said()
    assert sandbox.snapshot().changes_since(before) == {}


def test_what_is_not_the_sandbox_is_not_broken_without_a_token(sandbox: Sandbox, player: Player, tmp_path: Path) -> None:
    """The same stack behind an env file that does not say that it is disposable."""
    env_file = tmp_path / "env"
    shutil.copy(sandbox.env_file, env_file)
    lines = [line for line in env_file.read_text(encoding="utf-8").splitlines() if not line.startswith("SANDBOX_ID=")]
    env_file.write_text("\n".join([*lines, ""]), encoding="utf-8")
    before = sandbox.snapshot()
    run = drill(player, tmp_path, drill_faults="postgres_stopped", circuit_sage_env_file=str(env_file))
    assert run.status == 2
    assert "is not the sandbox, and a drill breaks what it runs on" in run.said()
    assert sandbox.snapshot().changes_since(before) == {}
