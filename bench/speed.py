#!/usr/bin/env python3
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast `db_failure` is on the running sandbox, beside what cannot be undercut. Fails when a bar is missed.

Everything is measured in one run and judged by medians, and what is compared takes turns, so that a machine that is busy or slow for a
while is so for both sides. Beside the time on the clock stands the processor time of the command, which suffers less from other work.

An outage is timed from the start of the command to the beginning of the healthy time that lasts until the command has ended: a service that
comes back and is taken down once more has not come back yet.
"""

from __future__ import annotations

import argparse
import http.client
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import typing as t
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
STACK = CHECKOUT / "molecule" / "stack"
PROGRAMS = Path(sys.executable).parent

# The bars, in seconds above what the row is compared with.
DIAGNOSIS_ABOVE_FLOOR = 2.5
REPAIR_ABOVE_ORACLE = 4.0

POLL_SECONDS = 0.05
PROBE_SECONDS = 1.0
COMMAND_SECONDS = 180.0
HEALTH_SECONDS = 120.0
# Docker forgets the back-off of a container that ran so long; with some seconds more, each outage begins with the same one.
STEADY_SECONDS = 12.0
STEADY_WITHIN = 60.0


class NotMeasured(Exception):
    """The bench could not be carried out; the text says why, and what to do."""


class Sandbox:
    """The names and addresses of the sandbox, from the same SANDBOX_* variables that its own scripts read."""

    def __init__(self) -> None:
        self.project = os.environ.get("SANDBOX_PROJECT", "circuit-sage-sandbox")
        self.edge_port = int(os.environ.get("SANDBOX_EDGE_PORT", "18080"))
        self.backend_port = int(os.environ.get("SANDBOX_BACKEND_PORT", "14000"))
        self.postgres, self.backend = f"{self.project}-db", f"{self.project}-api"
        self.compose = ["docker", "compose", "--project-directory", str(STACK), "--project-name", self.project]
        self.compose += ["--env-file", str(STACK / ".env.production")]
        for file in ("docker-compose.prod.yml", "docker-compose.sandbox.yml"):
            self.compose += ["--file", str(STACK / file)]


class Ran(t.NamedTuple):
    """One measurement: seconds on the clock, and seconds of processor time of the command and of what it started."""

    seconds: float
    processor: float


class Row(t.NamedTuple):
    """One line of the table."""

    name: str
    runs: list[Ran]
    # What it is compared with: its name, its median, and by how many seconds it may be exceeded.
    against: tuple[str, float, float] | None = None

    @property
    def median(self) -> float:
        return statistics.median(run.seconds for run in self.runs)

    @property
    def passed(self) -> bool:
        return self.against is None or self.median <= self.against[1] + self.against[2]

    def cells(self) -> list[str]:
        """The line as it is shown."""
        seconds = [run.seconds for run in self.runs]
        shown = [self.name, str(len(self.runs)), f"{self.median:.2f}", f"{min(seconds):.2f} to {max(seconds):.2f}"]
        shown.append(f"{statistics.median(run.processor for run in self.runs):.2f}")
        if self.against is None:
            return [*shown, "", "", ""]
        name, base, above = self.against
        bar = f"≤ {name}" + (f" + {above} s" if above else "") + f" = {base + above:.2f}"
        return [*shown, f"{self.median / base:.2f} of {name}", bar, "pass" if self.passed else "MISSED"]


def status(port: int, path: str) -> int:
    """The status of an answer from a published port, 0 when there is none."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PROBE_SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


class Watch(threading.Thread):
    """Looks for health from outside until it is told to end, and keeps when the present healthy time began.

    The edge is asked only until it has let through what the backend answers: it limits a client to ten calls a second. This release has no
    /api/health, so that any answer but the edge's own for a backend that it cannot reach proves the way.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(daemon=True)
        self._sandbox = sandbox
        self._ended = threading.Event()
        self.healthy_since: float | None = None

    def run(self) -> None:
        while not self._ended.wait(POLL_SECONDS):
            if status(self._sandbox.backend_port, "/health") != http.client.OK:
                self.healthy_since = None
            elif self.healthy_since is None and status(self._sandbox.edge_port, "/api/health") not in (0, 502, 503, 504):
                self.healthy_since = time.monotonic()

    def end(self) -> None:
        self._ended.set()
        self.join()


def timed(command: t.Sequence[str], expected: str = "") -> Ran:
    """Run a command to its end; one that fails, or does not print what is expected, has not been measured."""
    environment = {**os.environ, "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
    before, began = os.times(), time.monotonic()
    try:
        done = subprocess.run(
            command,
            cwd=CHECKOUT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        raise NotMeasured(f"`{' '.join(command)}` was not done after {COMMAND_SECONDS:.0f} s; try it by hand") from None
    seconds, after = time.monotonic() - began, os.times()
    if done.returncode or expected not in done.stdout:
        said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-5:])
        raise NotMeasured(f"`{' '.join(command)}` did not do what it should; its last words:\n{said}")
    processor = sum(after[2:4]) - sum(before[2:4])
    return Ran(seconds, processor)


def wait_for(condition: t.Callable[[], bool], seconds: float, what: str) -> None:
    """Wait for a condition, so long at most."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise NotMeasured(f"{what} within {seconds:.0f} s; look with `docker ps -a`, or make the stack anew with `make stack`")
        time.sleep(POLL_SECONDS)


def healthy(sandbox: Sandbox) -> bool:
    return status(sandbox.backend_port, "/health") == http.client.OK


def start_of_backend(sandbox: Sandbox) -> str:
    """When the backend's container was started, as Docker says it, and whether it runs."""
    command = ["docker", "inspect", "--format", "{{.State.StartedAt}} {{.State.Running}}", sandbox.backend]
    return subprocess.run(command, capture_output=True, text=True, timeout=PROBE_SECONDS * 10, check=False).stdout.strip()


def settle(sandbox: Sandbox) -> None:
    """Wait until the backend is healthy, and has run without a restart for so long that its back-off is forgotten."""
    wait_for(lambda: healthy(sandbox), HEALTH_SECONDS, "the sandbox was not healthy")
    seen, since = start_of_backend(sandbox), time.monotonic()

    def steady() -> bool:
        nonlocal seen, since
        now = start_of_backend(sandbox)
        if now != seen or not healthy(sandbox):
            seen, since = now, time.monotonic()
        return time.monotonic() - since >= STEADY_SECONDS

    wait_for(steady, STEADY_WITHIN, "the backend did not run for a while without a restart")


def restarts_of_backend(sandbox: Sandbox) -> tuple[int, str]:
    """How often Docker itself has restarted the backend, and its state."""
    command = ["docker", "inspect", "--format", "{{.RestartCount}} {{.State.Status}}", sandbox.backend]
    said = subprocess.run(command, capture_output=True, text=True, timeout=PROBE_SECONDS * 10, check=True).stdout.split()
    return int(said[0]), said[1]


def outage(sandbox: Sandbox, way: t.Sequence[str], expected: str, restarts: int) -> Ran:
    """Stop PostgreSQL, let the backend crash for a while, then time one way to bring the service back."""
    settle(sandbox)
    before, _state = restarts_of_backend(sandbox)
    timed([sys.executable, str(STACK / "fault.py"), "inject", "postgres_stopped"])

    def waits() -> bool:
        count, state = restarts_of_backend(sandbox)
        return count - before >= restarts and state == "restarting"

    # Nobody acts at once. How long Docker makes the backend wait depends on how often it has failed: the same for every run.
    wait_for(waits, COMMAND_SECONDS, f"the backend did not crash {restarts} times")
    watch = Watch(sandbox)
    watch.start()
    try:
        began = time.monotonic()
        ran = timed(way, expected)
        wait_for(lambda: watch.healthy_since is not None, HEALTH_SECONDS, "the service was not healthy again")
        return ran._replace(seconds=t.cast(float, watch.healthy_since) - began)
    finally:
        watch.end()


def in_turns(ways: t.Mapping[str, t.Callable[[], Ran]], times: int) -> dict[str, list[Ran]]:
    """Measure each way so many times, by turns that begin with another one each time."""
    names = list(ways)
    runs: dict[str, list[Ran]] = {name: [] for name in names}
    for turn in range(times):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            runs[name].append(ways[name]())
            print(f"  bench: {name}, {turn + 1} of {times}: {runs[name][-1].seconds:.2f} s", file=sys.stderr, flush=True)
    return runs


def measure(sandbox: Sandbox, cheap: int, faults: int, restarts: int) -> list[Row]:
    """All rows of the table."""
    with tempfile.TemporaryDirectory(prefix="circuit-sage-bench-") as records:
        ansible = [str(PROGRAMS / "ansible-playbook"), "-i", str(CHECKOUT / "inventories" / "sandbox")]
        empty = [*ansible, str(CHECKOUT / "bench" / "empty.yml")]
        playbook = [*ansible, str(CHECKOUT / "playbooks" / "db_failure.yml"), "--extra-vars", f"incident_record_dir={records}"]
        wait_for(lambda: healthy(sandbox), PROBE_SECONDS, "the sandbox is not healthy")
        quick = in_turns({"floor": lambda: timed(empty), "diagnosis": lambda: timed(playbook, " healthy ")}, cheap)
        restart = [*sandbox.compose, "restart"]
        repairs = in_turns(
            {
                "oracle": lambda: outage(sandbox, ["docker", "start", sandbox.postgres], "", restarts),
                "playbook": lambda: outage(sandbox, playbook, " resolved ", restarts),
                "guide": lambda: outage(sandbox, restart, "", restarts),
            },
            faults,
        )
    floor = Row("floor: a play without tasks", quick["floor"])
    oracle = Row("oracle: `docker start`", repairs["oracle"])
    guide = Row("guide: `docker compose restart`", repairs["guide"])
    return [
        floor,
        Row("diagnosis of the healthy stack", quick["diagnosis"], ("floor", floor.median, DIAGNOSIS_ABOVE_FLOOR)),
        oracle,
        guide,
        Row("`postgres_stopped` mended", repairs["playbook"], ("oracle", oracle.median, REPAIR_ABOVE_ORACLE)),
        Row("`postgres_stopped` mended", repairs["playbook"], ("guide", guide.median, 0.0)),
    ]


def tables(rows: t.Sequence[Row]) -> tuple[str, str]:
    """The table for the terminal, and as Markdown."""
    head = ["what", "runs", "median s", "range s", "CPU s", "ratio", "bar s", "result"]
    lines = [head, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    plain = "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines)
    rule = ["---"] * len(head)
    return plain, "\n".join(f"| {' | '.join(line)} |" for line in (head, rule, *lines[1:]))


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cheap", type=int, default=5, help="repetitions of the floor and of the diagnosis (default %(default)s)")
    parser.add_argument("--faults", type=int, default=3, help="repetitions of each way out of the outage (default %(default)s)")
    parser.add_argument("--restarts", type=int, default=4, help="how often the backend crashes before the command (default %(default)s)")
    parser.add_argument("--markdown", type=Path, default=CHECKOUT / ".cache" / "bench" / "speed.md", help="file for the table as Markdown")
    options = parser.parse_args()
    sandbox = Sandbox()
    load = os.getloadavg()[0]
    try:
        rows = measure(sandbox, options.cheap, options.faults, options.restarts)
    except NotMeasured as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    finally:
        # Whatever broke off, the sandbox is left with its database.
        subprocess.run(["docker", "start", sandbox.postgres], capture_output=True, timeout=COMMAND_SECONDS, check=False)
    note = (
        f"Medians of one run on {os.cpu_count()} cores, load {load:.1f} at its start and {os.getloadavg()[0]:.1f} at its end. CPU is the "
        "processor time of the command and what it started, without the Docker engine's; an outage is timed to health through the edge."
    )
    plain, markdown = tables(rows)
    print(f"{plain}\n{note}")
    options.markdown.parent.mkdir(parents=True, exist_ok=True)
    options.markdown.write_text(f"{markdown}\n\n{note}\n", encoding="utf-8")
    print(f"As Markdown: {options.markdown}")
    missed = [f"{row.name} ({row.cells()[6]})" for row in rows if not row.passed]
    if missed:
        print(f"bench: missed: {'; '.join(missed)}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
