# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The process that sends what waits, beside the run and beyond its end: neither a remedy nor the end of a run waits for a channel.

It is a copy of the process that starts it, so that no secret passes through arguments, variables of the environment or files.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import typing as t
from collections.abc import Callable, Mapping
from pathlib import Path

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.notify_settings import secret_values
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.outbox import waiting_folder
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.outbox_sender import send_all
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.record import write_private
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.redaction import redact

# What nobody can say in advance, such as a name server that does not answer, ends the process this long after everything should be over.
_GRACE_SECONDS = 60


def start(base: Path, settings: Mapping[str, t.Any]) -> Callable[[float], bool]:
    """Start sending beside the run. The answer waits until everything had its first chance, for so many seconds at most: whether it had."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        _detach(base, settings, write_end)
    os.close(write_end)
    os.waitpid(child, 0)

    def wait(seconds: float) -> bool:
        with contextlib.closing(os.fdopen(read_end, "rb")) as reader:
            return bool(select.select([reader], [], [], seconds)[0])

    return wait


def _detach(base: Path, settings: Mapping[str, t.Any], told: int) -> t.NoReturn:
    """In the child: leave the run's session, let a second child be nobody's, and send there. Nothing of the run is held open."""
    status = 1
    try:
        os.setsid()
        if os.fork() == 0:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM):
                signal.signal(number, signal.SIG_DFL)
            null = os.open(os.devnull, os.O_RDWR)
            for descriptor in (0, 1, 2):
                os.dup2(null, descriptor)
            os.closerange(3, told)
            os.closerange(told + 1, max(told + 2, 4096))
            signal.alarm(settings["notify_retry_seconds"] + 4 * settings["notify_timeout_seconds"] + _GRACE_SECONDS)
            _send_beside(base, settings, told)
        status = 0
    finally:
        # Whatever happened, the copy of the run ends here: it must not go on as a second one.
        os._exit(status)


def _send_beside(base: Path, settings: Mapping[str, t.Any], told: int) -> None:
    note = waiting_folder(base) / ".failed"
    try:
        send_all(base, settings, lambda: os.close(told))
        note.unlink(missing_ok=True)
    except BaseException as error:
        # There is nobody to tell; who looks for why a message waits finds it here.
        write_private(note, redact(f"{type(error).__name__}: {error}", secret_values(settings)) + "\n")
        raise
