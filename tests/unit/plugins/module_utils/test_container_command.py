# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands in a container: what they are given, what they print, how they end, and when they do not."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from engine_server import Content, EngineServer, Ran, framed

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import container_command
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.container_command import (
    CommandRunner,
    CommandUnfinished,
    Finished,
    split_streams,
)
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.docker_engine import ContainerGone, EngineRefused
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import EngineUnreachable, IncidentError


@pytest.fixture
def runner(engine: EngineServer) -> CommandRunner:
    return CommandRunner(engine.address, 2)


def test_what_a_command_prints_and_how_it_ends(engine: EngineServer, runner: CommandRunner) -> None:
    engine.prints = lambda _ran: framed((1, b"on"), (2, b"warning\n"), (1, b"e\n"))
    engine.ends = lambda: 3
    assert runner.run("db", ["date", "-u"]) == Finished(3, b"one\n", b"warning\n")
    (ran,) = engine.ran
    assert (ran.container, ran.wanted["Cmd"], ran.wanted["User"], ran.wanted["Env"]) == ("db", ["date", "-u"], "", [])
    assert ran.wanted["AttachStdin"] is False


def test_as_whom_and_in_which_environment(engine: EngineServer, runner: CommandRunner) -> None:
    runner.run("db", ["true"], "postgres", {"A": "b=c"})
    assert (engine.ran[0].wanted["User"], engine.ran[0].wanted["Env"]) == ("postgres", ["A=b=c"])


def test_what_is_typed_goes_in_by_standard_input_only(engine: EngineServer, runner: CommandRunner) -> None:
    engine.prints = lambda ran: framed((1, ran.typed.upper()))
    assert runner.run("db", ["cat"], typed=b"a secret" * 1000).output == b"A SECRET" * 1000
    assert "a secret" not in str(engine.ran[0].wanted)


def test_an_empty_standard_input_ends_too(engine: EngineServer, runner: CommandRunner) -> None:
    runner.run("db", ["cat"], typed=b"")
    assert engine.ran == [Ran("db", {**engine.ran[0].wanted, "AttachStdin": True}, b"")]


def test_a_container_that_does_not_run_and_one_that_has_gone(engine: EngineServer, runner: CommandRunner) -> None:
    engine.answers["POST /containers/db/exec"] = (409, {"message": "Container db is paused"})
    engine.answers["POST /containers/none/exec"] = (404, {"message": "No such container: none"})
    with pytest.raises(EngineRefused, match="Container db is paused"):
        runner.run("db", ["true"])
    with pytest.raises(ContainerGone):
        runner.run("none", ["true"])


def test_a_command_without_end(engine: EngineServer, runner: CommandRunner) -> None:
    over = threading.Event()

    def wait(_ran: Ran) -> bytes:
        over.wait(5)
        return b""

    engine.prints = wait
    started = time.monotonic()
    try:
        with pytest.raises(CommandUnfinished, match=r"`sleep` in the container db did not end within 0\.2 s"):
            runner.run("db", ["sleep", "9"], seconds=0.2)
    finally:
        over.set()
    assert time.monotonic() - started < 4.5


def test_an_output_without_end(engine: EngineServer, runner: CommandRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container_command, "MOST_OUTPUT", 1000)
    engine.prints = lambda _ran: framed((1, bytes(100_000)))
    with pytest.raises(IncidentError, match="printed more than 1000 bytes"):
        runner.run("db", ["yes"])


@pytest.mark.parametrize("reads", [0, 10])
def test_a_command_that_ends_without_reading(engine: EngineServer, runner: CommandRunner, reads: int) -> None:
    engine.reads, engine.ends = reads, lambda: 2
    engine.prints = lambda _ran: framed((2, b"no server\n"))
    # More than a socket holds, so that the engine has gone while it is typed.
    assert runner.run("db", ["psql"], typed=bytes(1_000_000)) == Finished(2, b"", b"no server\n")


@pytest.mark.parametrize(
    ("answer", "words"), [((409, {"message": "it is already running"}), "it is already running"), ((200, b""), "status 200")]
)
def test_an_engine_that_keeps_the_connection(engine: EngineServer, runner: CommandRunner, answer: tuple[int, Content], words: str) -> None:
    engine.answers["POST /exec/job/start"] = answer
    with pytest.raises(EngineRefused, match=f"refused /exec/job/start: {words}"):
        runner.run("db", ["true"])


def test_no_engine(tmp_path: Path) -> None:
    with pytest.raises(EngineUnreachable, match="no Docker socket"):
        CommandRunner(f"unix://{tmp_path}/none.sock", 1).run("db", ["true"])


def test_streams_are_told_apart_and_a_torn_frame_is_no_error() -> None:
    assert split_streams(framed((1, b"a"), (0, b"?"), (2, b"b")) + b"\1\0") == (b"a", b"b")
