# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The baseline: what it holds, whom it refuses, and how a fault that nobody listed is found in the drift from it."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from playbook import Player
from sandbox import SECRETS, Sandbox

DB_FAILURE = "playbooks/db_failure.yml"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the baseline of a test is, away from the checkout's inventory."""
    return tmp_path / "recorded" / "baseline.yml"


def given(file: Path) -> tuple[str, str]:
    return ("-e", f"circuit_sage_baseline={file}")


@contextmanager
def impatient_role(sandbox: Sandbox) -> Iterator[None]:
    """A setting that no cause describes: each statement of the application's role has a millisecond."""
    role = sandbox.env["POSTGRES_USER"]
    sandbox.psql(f"ALTER ROLE {role} SET statement_timeout = '1ms'")
    try:
        yield
    finally:
        sandbox.psql(f"SET statement_timeout = 0; ALTER ROLE {role} RESET statement_timeout")
        sandbox.docker.containers.get(sandbox.backend_container).restart()
        sandbox.restore()


def test_the_healthy_system_is_recorded_once(sandbox: Sandbox, player: Player, file: Path) -> None:
    """Check mode writes nothing; the second run changes nothing; no secret stands in the file, and its key is private."""
    before = sandbox.snapshot()
    assert player.play("--check", *given(file)).status == 0
    assert not file.exists()
    first = player.play("-v", *given(file))
    assert (first.status, first.changed > 0) == (0, True), first.output
    text = file.read_text(encoding="utf-8")
    again = player.play("-v", *given(file))
    assert (again.status, again.changed, file.read_text(encoding="utf-8")) == (0, 0, text), again.output
    assert sandbox.snapshot().changes_since(before) == {}
    assert stat.S_IMODE(file.with_name("baseline.yml.key").stat().st_mode) == 0o600
    assert [name for name in SECRETS if sandbox.env[name] in text + first.output + again.output] == []
    content = yaml.safe_load(text)
    assert (content["format"], content["host"]) == (1, "sandbox")
    held = content["observations"]
    assert held["stack"]["services"]["backend"]["fingerprints"].keys() >= {"JWT_SECRET", "ENCRYPTION_KEY"}
    assert held["stack"]["services"]["backend"]["networks"] == [f"{sandbox.project}_circuit-sage-network"]
    assert held["postgres"]["tables"]["users"]["owner"] == sandbox.env["POSTGRES_USER"]
    assert held["postgres"]["tables"]["users"]["grants"] == ["{0}=arwdDxt/{0}".format(sandbox.env["POSTGRES_USER"])]
    crontab = Path("/etc/crontab")
    assert held["host"]["schedules"].keys() >= ({str(crontab)} if crontab.exists() else set())


def test_a_sick_system_is_refused(sandbox: Sandbox, player: Player, file: Path) -> None:
    """What is broken is not the known good state."""
    with sandbox.fault("database_read_only"):
        run = player.play(*given(file))
    assert run.status == 2
    assert "sandbox is not healthy" in run.said()
    assert "database_read_only" in run.said()
    assert not file.exists()


def test_drift_is_named_and_put_back(sandbox: Sandbox, player: Player, file: Path) -> None:
    """With a baseline the fault is found, told in check mode, and mended; without one it is unknown, and nothing is guessed."""
    assert player.play(*given(file)).status == 0
    with impatient_role(sandbox):
        before = sandbox.snapshot()
        unknown = player.play(playbook=DB_FAILURE)
        checked = player.play("--check", *given(file), playbook=DB_FAILURE)
        assert sandbox.snapshot().changes_since(before) == {}
        mended = player.play(*given(file), playbook=DB_FAILURE)
        again = player.play("-v", *given(file), playbook=DB_FAILURE)
    cause = "drift:postgres.role.settings.statement_timeout"
    assert (unknown.record.outcome, unknown.record.causes) == ("escalated", []), unknown.output
    assert (checked.record.outcome, checked.record.causes) == ("diagnosed", [cause]), checked.output
    assert "settings.statement_timeout none → 1ms" in checked.said()
    assert (mended.record.outcome, mended.record.causes) == ("resolved", [cause]), mended.output
    assert (again.record.outcome, again.changed) == ("healthy", 0), again.output


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [", "is not YAML; put the last good copy back, or go on without a baseline (-e circuit_sage_baseline=)"),
        ("- 1", "holds no observations"),
        ("{format: 0, host: sandbox, observations: {}}", "has the format 0"),
        ("{format: 1, host: web1, observations: {}}", "is of the host web1, not of sandbox"),
        ("{format: 1, host: sandbox, observations: {}}", "holds nothing to compare with"),
    ],
)
def test_a_baseline_that_cannot_be_used_is_refused_before_anything_is_touched(
    sandbox: Sandbox, player: Player, tmp_path: Path, text: str, words: str
) -> None:
    """One sentence, and the fault stays as it was."""
    file = tmp_path / "baseline.yml"
    file.write_text(text, encoding="utf-8")
    before = sandbox.snapshot()
    run = player.play(*given(file), playbook=DB_FAILURE)
    assert run.status == 2
    assert words in run.said()
    assert sandbox.snapshot().changes_since(before) == {}
