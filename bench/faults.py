# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The faults of the drill on the sandbox: what their files say, and bringing one about so that it is always taken back."""

from __future__ import annotations

import importlib
import signal
import subprocess
import sys
import time
import typing as t
from collections.abc import Iterator
from contextlib import contextmanager

from stack import HEALTH_SECONDS, POLL_SECONDS, STACK, NotMeasured, last_words, run, succeed

sys.path.insert(0, str(STACK))
fault = importlib.import_module("fault")  # molecule/stack/fault.py


def known() -> list[str]:
    """The ids of the faults."""
    return t.cast("list[str]", fault.known())


def incident_of(identity: str) -> str:
    """The incident whose playbook mends it."""
    return str(fault.load(identity)["incident"])


def expected_outcome(identity: str) -> str:
    """How the playbook is to end."""
    return str(fault.load(identity)["expect"]["outcome"])


def shows(identity: str) -> bool:
    """Whether the fault's symptom shows, or cannot be asked for."""
    return _holds(fault.load(identity)["symptom"]) is not False


def well_inside() -> bool:
    """Whether the application's own login works, beside its health."""
    return _holds(fault.drill_faults.HEALTHY) is True


def _holds(script: str) -> bool | None:
    """Whether a part of a fault succeeds; null when it hangs."""
    try:
        return bool(fault.shell(script, check=False).returncode == 0)
    except subprocess.TimeoutExpired:
        return None


def _fault(action: str, identity: str) -> list[str]:
    return [sys.executable, str(STACK / "fault.py"), action, identity]


@contextmanager
def injected(identity: str) -> Iterator[None]:
    """A fault that bites, and is taken back whatever happens, Ctrl-C too."""
    try:
        succeed(_fault("inject", identity))
        yield
    finally:
        with _undisturbed():
            _take_back(identity)


def _take_back(identity: str) -> None:
    """Again and again: taking it back may need a server that is just coming up."""
    deadline = time.monotonic() + HEALTH_SECONDS
    while (done := run(_fault("revert", identity))).returncode:
        if time.monotonic() > deadline:
            raise NotMeasured(f"the fault {identity} could not be taken back ({last_words(done)}); make the stack anew with `make stack`")
        time.sleep(POLL_SECONDS)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Signals that end a bench do nothing to what is done here, nor to the commands that it starts."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
