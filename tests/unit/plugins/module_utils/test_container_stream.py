# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands whose input or output is a stream: handed on part by part, ended in time, and no orphan left by the shell around them."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path

import pytest
from engine_server import EngineServer, framed

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.container_command import CommandUnfinished
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.container_stream import MOST_ERRORS, StreamRunner, bound


@pytest.fixture
def runner(engine: EngineServer) -> StreamRunner:
    return StreamRunner(engine.address, 2)


def test_what_is_printed_is_handed_on(engine: EngineServer, runner: StreamRunner) -> None:
    engine.reads = 0
    engine.prints = lambda _ran: framed((1, b"a" * 100_000), (2, b"w" * 2 * MOST_ERRORS), (1, b"b"))
    seen: list[bytes] = []
    done = runner.take_output("db", ["dump"], seen.append, {"A": "b"}, 5)
    assert (done.status, b"".join(seen), len(done.errors)) == (0, b"a" * 100_000 + b"b", MOST_ERRORS)
    assert engine.ran[0].wanted["Cmd"][-1] == "dump"
    assert engine.ran[0].wanted["Env"] == ["A=b"]


def test_what_is_read_is_typed(engine: EngineServer, runner: StreamRunner) -> None:
    engine.prints = lambda _ran: framed((2, b"done"))
    assert runner.give_input("db", ["load"], (b"x" * 70_000 for _number in range(5)), {}, 5).errors == b"done"
    assert engine.ran[0].typed == b"x" * 350_000


def test_a_command_that_does_not_end_is_left(engine: EngineServer, runner: StreamRunner) -> None:
    never = threading.Event()
    engine.reads = 0
    engine.prints = lambda _ran: bytes(never.wait(3))
    with pytest.raises(CommandUnfinished, match=r"did not end within 0\.1 s"):
        runner.take_output("db", ["dump"], lambda _block: None, {}, 0.1)
    never.set()


@pytest.mark.parametrize("status", [0, 3])
def test_the_shell_around_it_ends_as_the_command_does(status: int) -> None:
    with subprocess.Popen(bound(["sh", "-c", f"echo out; exit {status}"]), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.read() == b"out\n"
        assert process.wait(timeout=5) == status


def test_the_shell_ends_the_command_when_nobody_reads_any_more(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    with subprocess.Popen(
        bound(["sh", "-c", f"echo $$ >{mark}; echo began; exec sleep 60"]), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        process.stdin.close()
        # As of a process that was ended by a signal.
        assert process.wait(timeout=5) == 128 + 15
    assert not Path(f"/proc/{mark.read_text().strip()}").exists()
