# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`stack.sh down` and the watchdog of a killed drill: it is ended with its stack, and nothing else is."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import typing as t
from pathlib import Path

import app_override
import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import drill_faults

# An engine that has one container of the project, until that is removed.
DOCKER = """#!/usr/bin/env bash
case "$1" in
  version) echo 27 ;;
  ps) if [ -e "$STUB/container" ]; then echo "1a $SANDBOX_PROJECT-db $SANDBOX_PROJECT"; fi ;;
  rm) rm -f "$STUB/container" ;;
esac
"""


class Stack:
    """A stack of its own name, whose engine is a stub."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.project = f"cs-unit-{os.getpid()}"
        self.state = Path(f"/tmp/circuit-sage-drill-{self.project}")  # noqa: S108 - where a drill keeps it
        self.taken_back = folder / "taken back"
        (folder / "docker").write_text(DOCKER, encoding="utf-8")
        (folder / "docker").chmod(0o755)
        (folder / "container").touch()
        # A copy: the script waits for another one in its folder, where a stack may be at work.
        (folder / "scripts").mkdir()
        shutil.copy(app_override.STACK / "stack.sh", folder / "scripts")
        (folder / "env").write_text("POSTGRES_USER=u\nPOSTGRES_DB=d\nPOSTGRES_PASSWORD=p\n", encoding="utf-8")

    def arm(self) -> int:
        """Start the watchdog of a drill that is then killed; its process."""
        names = {"STATE": str(self.state), "ENV_FILE": str(self.folder / "env"), "PROJECT": self.project}
        subprocess.run(["bash", "-c", drill_faults.watchdog(names, f"touch '{self.taken_back}'", 600)], timeout=10, check=True)
        return int((self.state / "armed").read_text(encoding="utf-8").split()[0])

    def down(self) -> str:
        environment = {
            **os.environ,
            "PATH": f"{self.folder}:{os.environ['PATH']}",
            "SANDBOX_PROJECT": self.project,
            "STUB": str(self.folder),
        }
        command = [str(self.folder / "scripts" / "stack.sh"), "down"]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=True).stdout


@pytest.fixture
def stack(tmp_path: Path) -> t.Iterator[Stack]:
    made = Stack(tmp_path)
    yield made
    shutil.rmtree(made.state, ignore_errors=True)


def runs(pid: int) -> bool:
    """Whether the process is there and has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_the_watchdog_takes_its_fault_back_and_ends_before_the_stack_does(stack: Stack) -> None:
    pid = stack.arm()
    assert "is removed" in stack.down()
    assert stack.taken_back.exists()
    assert not runs(pid)
    assert not (stack.state / "armed").exists()


def test_without_its_stack_the_watchdog_is_only_ended(stack: Stack) -> None:
    (stack.folder / "container").unlink()
    pid = stack.arm()
    assert stack.down() == ""
    assert not stack.taken_back.exists()
    assert not runs(pid)


def test_another_process_that_has_its_number_now_is_left_alone(stack: Stack) -> None:
    other = subprocess.Popen(["sleep", "600"], start_new_session=True)
    try:
        stack.state.mkdir(mode=0o700)
        (stack.state / "armed").write_text(f"{other.pid} 1\n", encoding="utf-8")
        stack.down()
        assert runs(other.pid)
        assert not (stack.state / "armed").exists()
    finally:
        os.killpg(other.pid, signal.SIGKILL)
        other.wait()
