# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Docker engine that was stopped is started, and the stack with it. Only with an engine that setup/engine.sh started for the sandbox."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playbook import Player
from sandbox import CHECKOUT, Sandbox, eventually

STARTED_BY_US = Path("/run/circuit-sage-sandbox/started_for")
ENGINE_PID = Path("/var/run/docker.pid")
INIT_SCRIPT = Path("/etc/init.d/docker")


@pytest.fixture
def unlimited(tmp_path: Path) -> Iterator[None]:
    """Where an init script starts the engine, one that sets no limits stands in its place: in a container not every root may."""
    if Path("/run/systemd/system").exists() or os.geteuid() != 0:
        yield
        return
    script = tmp_path / INIT_SCRIPT.name
    lines = INIT_SCRIPT.read_text(encoding="utf-8").splitlines(keepends=True)
    script.write_text("".join(line.replace("ulimit", ": ulimit") for line in lines), encoding="utf-8")
    script.chmod(0o755)
    subprocess.run(["mount", "--bind", script, INIT_SCRIPT], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", INIT_SCRIPT], check=True)


@pytest.fixture
def stopped_engine(sandbox: Sandbox) -> Iterator[None]:
    """The engine is ended, and started again afterwards where nobody did."""
    guests = [one.name for one in sandbox.docker.containers.list(all=True) if not one.name.startswith(sandbox.project)]
    if not STARTED_BY_US.exists() or os.geteuid() != 0 or guests:
        pytest.skip("the engine is not the sandbox's alone: ending it would end the containers of others")
    pid = int(ENGINE_PID.read_text(encoding="ascii"))
    os.kill(pid, signal.SIGTERM)
    try:
        eventually(lambda: not Path(f"/proc/{pid}").exists(), 30, "the engine ended")
        yield
    finally:
        subprocess.run([CHECKOUT / "setup" / "engine.sh"], check=True, timeout=120, stdin=subprocess.DEVNULL)
        sandbox.restore()


@pytest.mark.usefixtures("unlimited", "stopped_engine")
def test_the_engine_is_started_and_the_stack_comes_back(sandbox: Sandbox, tmp_path: Path) -> None:
    player = Player(tmp_path / "records", "service_outage")
    checked = player.play("--check")
    assert (checked.record.outcome, checked.record.causes) == ("diagnosed", ["engine_down"]), checked.output
    assert not ENGINE_PID.exists()

    mended = player.play()
    assert (mended.status, mended.record.outcome) == (0, "resolved"), mended.output
    assert mended.record.causes[0] == "engine_down"
    assert sandbox.is_healthy()
    sandbox.prove_write()
    again = player.play("-v")
    assert (again.record.outcome, again.changed) == ("healthy", 0), again.output
