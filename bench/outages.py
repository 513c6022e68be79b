# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Outages that a restart does cure, the one command that mends each, and how long a way out of one takes.

An outage is timed from the start of the command to the beginning of the healthy time that lasts until the command has ended: a service that
comes back and is taken down once more has not come back yet.
"""

from __future__ import annotations

import os
import threading
import time
import typing as t
from collections.abc import Sequence

from faults import injected
from stack import COMMAND_SECONDS, DOCKER_SECONDS, HEALTH_SECONDS, POLL_SECONDS, NotMeasured, Stack, last_words, run, succeed, wait_for
from table import Ran

# Docker forgets the back-off of a container that ran so long; with some seconds more, each outage begins with the same one.
STEADY_SECONDS = 12.0
STEADY_WITHIN = 60.0


class Outage(t.NamedTuple):
    """A fault under which the service fails, and the command of Docker that mends it."""

    fault: str
    command: str
    service: str
    # Nobody acts at once: so often the backend crashes before somebody does, and then waits out the back-off that it got for that.
    crashes: int = 0


# Each was seen to end by the guide's restart too. A leak of memory does as well, but without an outage there is nothing to time.
OUTAGES = (
    Outage("postgres_stopped", "start", "postgres", crashes=4),
    Outage("postgres_paused", "unpause", "postgres"),
    Outage("frontend_stopped", "start", "frontend"),
    Outage("container_paused", "unpause", "backend"),
    Outage("pool_exhausted_in_app", "restart", "backend"),
    Outage("backend_hung", "restart", "backend"),
)


class Watch(threading.Thread):
    """Looks for health from outside until it is told to end, and keeps when the present healthy time began.

    The API is asked through the edge only until that has let a call through: the edge limits a client to ten calls a second.
    """

    def __init__(self, stack: Stack) -> None:
        super().__init__(daemon=True)
        self._stack = stack
        self._ended = threading.Event()
        self.healthy_since: float | None = None

    def run(self) -> None:
        """Look until the end."""
        while not self._ended.wait(POLL_SECONDS):
            if not self._stack.serves():
                self.healthy_since = None
            elif self.healthy_since is None and self._stack.lets_through():
                self.healthy_since = time.monotonic()

    def end(self) -> None:
        """End, and wait for the look that is under way."""
        self._ended.set()
        self.join()


def timed(command: Sequence[str], expected: str = "", times: int = 1) -> Ran:
    """Run a command to its end; one that fails, or does not print what is expected so many times, has not been measured."""
    before, began = os.times(), time.monotonic()
    done = run(command)
    seconds, after = time.monotonic() - began, os.times()
    if done.returncode or done.stdout.count(expected) < times:
        raise NotMeasured(f"`{' '.join(command)}` did not do what it should; its last words:\n{last_words(done)}")
    return Ran(seconds, sum(after[2:4]) - sum(before[2:4]))


def time_outage(stack: Stack, outage: Outage, way: Sequence[str], expected: str = "") -> Ran:
    """Bring the outage about, then time one way out of it."""
    settle(stack, outage)
    before = restarts_of_backend(stack)[0]
    with injected(outage.fault):
        if outage.crashes:

            def waits() -> bool:
                count, state = restarts_of_backend(stack)
                return count - before >= outage.crashes and state == "restarting"

            wait_for(waits, COMMAND_SECONDS, f"the backend did not crash {outage.crashes} times")
        if stack.serves():
            raise NotMeasured(f"the service is healthy under {outage.fault}, so that there is no outage to time")
        watch = Watch(stack)
        watch.start()
        try:
            began = time.monotonic()
            ran = timed(way, expected)
            wait_for(lambda: watch.healthy_since is not None, HEALTH_SECONDS, "the service was not healthy again")
            return ran._replace(seconds=t.cast(float, watch.healthy_since) - began)
        finally:
            watch.end()


def settle(stack: Stack, outage: Outage) -> None:
    """Wait for health and, where the back-off counts, until the backend has run without a restart for so long that it is forgotten."""
    wait_for(stack.serves, HEALTH_SECONDS, "the sandbox was not healthy")
    if not outage.crashes:
        return
    seen, since = start_of_backend(stack), time.monotonic()

    def steady() -> bool:
        nonlocal seen, since
        now = start_of_backend(stack)
        if now != seen or not stack.serves():
            seen, since = now, time.monotonic()
        return time.monotonic() - since >= STEADY_SECONDS

    wait_for(steady, STEADY_WITHIN, "the backend did not run for a while without a restart")


def start_of_backend(stack: Stack) -> str:
    """When the backend's container was started, as Docker says it, and whether it runs."""
    return _inspect(stack, "{{.State.StartedAt}} {{.State.Running}}")


def restarts_of_backend(stack: Stack) -> tuple[int, str]:
    """How often Docker itself has restarted the backend, and its state."""
    count, state = _inspect(stack, "{{.RestartCount}} {{.State.Status}}").split()
    return int(count), state


def _inspect(stack: Stack, form: str) -> str:
    return succeed(["docker", "inspect", "--format", form, stack.container("backend")], DOCKER_SECONDS).strip()
