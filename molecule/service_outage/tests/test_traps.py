# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a hasty responder would do wrong: each left alone, said, and handed to a person."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from playbook import SECONDS, Player
from sandbox import Sandbox, eventually

OWNED = """UPDATE system_settings SET value = '{"enabled": true, "owner": "migration", "expires_at": "2999-01-01T00:00:00Z"}'
  WHERE key = 'maintenance_mode'"""
ENABLED = "SELECT value->>'enabled' FROM system_settings WHERE key = 'maintenance_mode'"
MIGRATE = "INSERT INTO schema_migrations (filename, checksum) VALUES ('900_drill.sql', 'none')"
FORGET = "DELETE FROM schema_migrations WHERE filename = '900_drill.sql'"


def test_a_pause_under_a_hold_is_left_alone(sandbox: Sandbox, player: Player) -> None:
    """Somebody keeps the frozen processes as evidence."""
    with sandbox.fault("container_paused"):
        try:
            sandbox.hold_file.write_text("evidence of the break-in\n", encoding="utf-8")
            run = player.play()
            assert sandbox.state("backend") == "paused"
        finally:
            sandbox.hold_file.unlink()
    assert run.record.outcome == "escalated"
    assert "evidence of the break-in" in run.said()
    assert run.record.content["changes"] == []


def test_a_secret_that_nobody_has_is_not_invented(sandbox: Sandbox, player: Player, tmp_path: Path) -> None:
    """No copy, no container that was made with it: the env file stays as it is, and nothing is made from it."""
    copy = Path(f"{sandbox.env_file}.before-edit")
    with sandbox.fault("env_variable_missing"):
        kept = tmp_path / "kept"
        kept.write_bytes(copy.read_bytes())
        copy.unlink()
        try:
            before = sandbox.snapshot()
            run = player.play()
            assert sandbox.snapshot().changes_since(before) == {}
        finally:
            copy.write_bytes(kept.read_bytes())
    assert (run.record.outcome, run.record.causes) == ("escalated", ["env_variable_lost"])


def test_maintenance_is_not_ended_while_its_owner_lives(sandbox: Sandbox, player: Player) -> None:
    """It says itself until when it lasts, and is no fault until then."""
    with sandbox.fault("maintenance_stuck"):
        sandbox.psql(OWNED, sandbox.env["POSTGRES_DB"])
        run = player.play()
        left = sandbox.psql(ENABLED, sandbox.env["POSTGRES_DB"])
    assert (run.record.outcome, run.record.causes, left) == ("healthy", ["maintenance_owned"], "true")


def test_a_release_that_changed_the_schema_is_not_taken_back(sandbox: Sandbox, player: Player) -> None:
    """There is no way down from a migration."""
    with sandbox.fault("bad_release"):
        try:
            sandbox.psql(MIGRATE, sandbox.env["POSTGRES_DB"])
            run = player.play()
        finally:
            sandbox.psql(FORGET, sandbox.env["POSTGRES_DB"])
    assert (run.record.outcome, run.record.causes) == ("escalated", ["release_with_migrations"])
    assert run.record.content["changes"] == []


def test_a_configuration_without_a_copy_is_not_started(sandbox: Sandbox, player: Player) -> None:
    """The file and the line are named, and nginx is left as it is."""
    with sandbox.fault("edge_config_invalid"):
        container = sandbox.docker.containers.get(f"{sandbox.project}-edge")
        folder = "/etc/nginx/sites-available"
        container.exec_run(["mv", f"{folder}/circuit-sage.bak", "/root/circuit-sage.bak"])
        try:
            run = player.play()
        finally:
            container.exec_run(["mv", "/root/circuit-sage.bak", f"{folder}/circuit-sage.bak"])
    assert (run.record.outcome, run.record.causes) == ("escalated", ["edge_config_lost"])
    assert f"{folder}/circuit-sage" in run.said()


def test_an_engine_that_does_not_answer_is_said_once(sandbox: Sandbox, player: Player) -> None:
    """Whatever else is seen follows from it."""
    before = sandbox.snapshot()
    run = player.play("-e", "circuit_sage_docker_host=tcp://127.0.0.1:9")
    assert (run.record.outcome, run.record.causes) == ("escalated", ["engine_elsewhere_down"])
    assert sandbox.snapshot().changes_since(before) == {}


@pytest.mark.parametrize("arguments", [(), ("--check",)], ids=["remediate", "check"])
def test_a_backend_on_its_way_up_is_no_fault(sandbox: Sandbox, player: Player, arguments: tuple[str, ...]) -> None:
    """As one is that Docker has started again just before the look: nobody is called, and nothing restarted, before it had its time."""
    with sandbox.held_start() as pid:
        before = sandbox.snapshot()
        run = player.start("-e", "notify_slack_webhook_url=http://127.0.0.1:9/", *arguments)
        eventually(lambda: (run.records / "latest").exists() and run.record.events("waits"), SECONDS, "the run waits for it")
        os.kill(pid, signal.SIGCONT)
        run.wait()
        assert sandbox.snapshot().changes_since(before) == {}
    assert (run.status, run.record.outcome, run.record.causes) == (0, "healthy", []), run.output
    assert "backend began" in run.record.events("waits")[0]
    assert ["service does not answer" in seen for seen in run.record.events("seen")] == [True, False]
    assert run.record.events("told") == []


def test_a_backend_that_never_comes_up_is_told_to_a_person(sandbox: Sandbox, player: Player) -> None:
    """It is waited for once and not for ever."""
    with sandbox.held_start():
        run = player.play("-e", "incident_settle_seconds=2")
    assert (run.record.outcome, len(run.record.events("waits"))) == ("escalated", 1), run.output
    assert "unknown: no known cause explains" in run.said()
