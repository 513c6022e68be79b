# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad input is refused before anything is touched, in one sentence that says what to write instead, with an exit status of its own."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playbook import Player, Run, user_environment
from sandbox import CHECKOUT, STACK, Sandbox, Snapshot

NOBODY = "65534"


@pytest.fixture(scope="module", autouse=True)
def untouched(sandbox: Sandbox) -> Iterator[Snapshot]:
    """Nothing in this module changes anything; looked at once, after all of it."""
    before = sandbox.snapshot()
    yield before
    assert sandbox.snapshot().changes_since(before) == {}
    assert not sandbox.lock_file.exists()


def assert_refused(run: Run, *words: str) -> None:
    """The exit status tells it, the words are there, no traceback, and nothing was done."""
    said = run.said()
    assert run.status != 0, run.output
    missing = [word for word in words if word not in said]
    assert not missing, f"{missing} not in:\n{run.output}"
    assert "Traceback" not in run.output
    assert not re.search(r" s  (act|did) ", run.stdout)
    # One sentence: told once, not once by each task on the way out.
    assert run.stdout.count(words[0]) == 1, run.output


@pytest.fixture(scope="module")
def env_without(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the env file without a variable that the compose file uses and has no default for."""
    copy = tmp_path_factory.mktemp("env") / "env"
    lines = sandbox.env_file.read_text(encoding="utf-8").splitlines(keepends=True)
    copy.write_text("".join(line for line in lines if not line.startswith("JWT_SECRET=")), encoding="utf-8")
    copy.chmod(0o600)
    return copy


def test_no_env_file(player: Player) -> None:
    """The path, and what to do; beside it lies the right one, which is named."""
    run = player.play("-e", "circuit_sage_env_file=.env.nowhere")
    assert_refused(run, f"there is no env file {STACK}/.env.nowhere", "create it", "circuit_sage_env_file")


def test_env_file_without_a_variable(player: Player, env_without: Path) -> None:
    """It is a finding, which names the variable and where its value still is; nothing is made from such a file."""
    run = player.play("--check", "-e", f"circuit_sage_env_file={env_without}")
    assert run.status == 0, run.output
    assert run.record.causes == ["env_variable_missing"]
    assert "JWT_SECRET" in run.stdout


def test_wrong_project_name(player: Player, sandbox: Sandbox) -> None:
    """Which ones there are."""
    run = player.play("-e", "circuit_sage_project_name=nowhere")
    assert_refused(run, "`nowhere`", sandbox.project, "circuit_sage_project_name")


def test_wrong_port_of_the_database(player: Player, sandbox: Sandbox) -> None:
    """The one that is published; an outage it is not."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        run = player.play("-e", f"circuit_sage_postgres_port={port}")
    assert_refused(run, f"nothing listens at 127.0.0.1:{port}", "publishes", "circuit_sage_postgres_port")
    assert sandbox.is_healthy()


def test_compose_file_elsewhere(player: Player, tmp_path: Path) -> None:
    """The path that was looked at, and where the project's containers were started from."""
    run = player.play("-e", f"circuit_sage_project_src={tmp_path}")
    assert_refused(run, f"{tmp_path}/docker-compose.prod.yml", str(STACK), "circuit_sage_project_src")


def test_no_right_on_docker(tmp_path: Path) -> None:
    """As a user who may read every file, and may not use the engine's socket."""
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        pytest.skip("needs root and setpriv to become another user")
    home = tmp_path / "home"
    home.mkdir()
    shutil.chown(home, int(NOBODY), int(NOBODY))
    other = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    other += ["--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search", "--bounding-set=-all,+dac_read_search"]
    lock_dir = f"incident_lock_dir={home}"
    run = Player(home / "records", "db_failure").play(
        "-e", lock_dir, before=other, env=user_environment(HOME=str(home), ANSIBLE_REMOTE_TMP=str(home / "tmp"))
    )
    assert_refused(run, "no right to use the Docker engine", "group `docker`")


def test_engine_is_not_there(player: Player, tmp_path: Path) -> None:
    """No bad input for certain, it may be down: observed, told and left alone."""
    run = player.play("-e", f"circuit_sage_docker_host=unix://{tmp_path}/docker.sock")
    assert run.status != 0
    assert run.record.outcome == "escalated"
    assert f"there is no Docker socket at unix://{tmp_path}/docker.sock" in run.said()
    assert "circuit_sage_docker_host" in run.said()
    assert "Traceback" not in run.output


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("incident_mode=dianose", ("dianose", "incident_mode", "remediate", "diagnose")),
        ("incident_mod=diagnose", ("incident_mod is not a setting", "did you mean incident_mode?")),
        ("incident_risk_limit=high", ("high", "incident_risk_limit", "safe", "disruptive", "destructive")),
        ("incident_approve=postgres_stoped", ("incident_approve names postgres_stoped", "postgres_stopped")),
        ("incident_lock_dir=/nowhere/at/all", ("cannot be taken", "/nowhere/at/all", "incident_lock_dir")),
        ("circuit_sage_docker_host=nonsense", ("`nonsense`", "unix:///var/run/docker.sock")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_setting(player: Player, setting: str, words: tuple[str, ...]) -> None:
    """What is wrong, and what may stand there."""
    assert_refused(player.play("-e", setting), *words)


def test_record_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """A file stands where a folder should."""
    (tmp_path / "taken").write_text("", encoding="utf-8")
    run = Player(tmp_path / "records", "db_failure").play("-e", f"incident_record_dir={tmp_path}/taken/records", say_records=False)
    assert_refused(run, f"the record folder {tmp_path}/taken/records cannot be written", "incident_record_dir")


def test_two_inventories(player: Player, tmp_path: Path) -> None:
    """Two stacks in one run: refused, with both named."""
    other = tmp_path / "other.yml"
    other.write_text("circuit_sage:\n  hosts:\n    other:\n      ansible_connection: local\n", encoding="utf-8")
    run = player.play("-i", str(CHECKOUT / "inventories/sandbox"), "-i", str(other), "--limit", "sandbox")
    assert_refused(run, "2 inventories were given", str(other), "one -i")


def test_ports_taken(sandbox: Sandbox, tmp_path: Path) -> None:
    """stack.sh says which port, who has it, and which variable changes it; it makes nothing."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        env = user_environment(
            SANDBOX_PROJECT=f"{sandbox.project}-second", SANDBOX_ENV_FILE=str(tmp_path / "env"), SANDBOX_POSTGRES_PORT=str(port)
        )
        command = ["bash", str(STACK / "stack.sh"), "up"]
        done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode != 0, done.stdout
    told = [line for line in done.stderr.splitlines() if f"port {port} is taken by process {os.getpid()} " in line]
    assert len(told) == 1, done.stderr
    assert "set SANDBOX_POSTGRES_PORT to a free port" in told[0]
    names = [container.name for container in sandbox.docker.containers.list(all=True)]
    assert not [name for name in names if name.startswith(f"{sandbox.project}-second-")]
