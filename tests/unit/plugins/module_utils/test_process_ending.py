# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ending one process, and no other."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.process_ending import end, start_of

SLEEPS = "import time; print('up', flush=True); time.sleep(60)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SLEEPS


@pytest.fixture
def process(request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[str]]:
    code = getattr(request, "param", SLEEPS)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        child.stdout.readline()
        yield child
        child.kill()


def begun(process: subprocess.Popen[str]) -> int:
    ticks = start_of(process.pid)
    assert ticks is not None
    return ticks


def test_the_process_is_asked_to_end(process: subprocess.Popen[str]) -> None:
    assert end(process.pid, begun(process), 5, dry=False)
    assert process.wait() == -15


def test_check_mode_says_so_and_does_nothing(process: subprocess.Popen[str]) -> None:
    assert end(process.pid, begun(process), 5, dry=True)
    assert process.poll() is None


def test_another_process_with_the_same_number_is_left_alone(process: subprocess.Popen[str]) -> None:
    assert not end(process.pid, begun(process) - 1, 5, dry=False)
    assert process.poll() is None


def test_a_process_that_is_gone_is_no_change(process: subprocess.Popen[str]) -> None:
    ticks = begun(process)
    process.kill()
    process.wait()
    assert not end(process.pid, ticks, 5, dry=False)


@pytest.mark.parametrize("process", [STUBBORN], indirect=True)
def test_one_that_does_not_end_is_told_and_never_killed(process: subprocess.Popen[str]) -> None:
    with pytest.raises(IncidentError, match="did not within"):
        end(process.pid, begun(process), 0.2, dry=False)
    assert process.poll() is None


@pytest.mark.parametrize(("error", "told"), [(ProcessLookupError, False), (PermissionError, True)])
def test_what_the_kernel_answers(process: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch, error: type[OSError], told: bool) -> None:
    def refuse(_pid: int, _signal: int) -> None:
        raise error

    ticks = begun(process)
    with monkeypatch.context() as patched:
        patched.setattr(os, "kill", refuse)
        if told:
            with pytest.raises(IncidentError, match="no right to end"):
                end(process.pid, ticks, 5, dry=False)
        else:
            assert not end(process.pid, ticks, 5, dry=False)
