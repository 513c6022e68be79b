# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a run takes on the sandbox, beside what it is held against: `make bench`.

A machine's speed cancels out in the ratios, so that tables of different machines can be compared. Each number is the median of ROUNDS
rounds, and the rounds of all measurements take turns, so that a slow minute of the machine does not fall on one of them alone.

- floor: an empty playbook, what Ansible itself needs.
- diagnosis: db_failure.yml on the healthy stack. Held against the floor: at most 2.5 s more.
- mended: from the start of db_failure.yml, with PostgreSQL stopped, until the service answers through the edge. Held against the oracle,
  somebody who knows the answer beforehand (`docker start` of the right container): at most 4 s more; and against the whole project's
  restart, which the incident response guide recommends: not later.

Ends with status 1 when one of these does not hold.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
STACK = CHECKOUT / "molecule" / "stack"
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
HEALTH_SECONDS = 120  # a back-off of Docker lasts up to a minute


def command(*words: str) -> None:
    """Run to the end; its words are shown only when it fails."""
    done = subprocess.run(words, cwd=CHECKOUT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"bench: {' '.join(words)} failed with status {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def playbook(path: Path) -> None:
    """One run as a user starts it."""
    command(str(CHECKOUT / ".venv" / "bin" / "ansible-playbook"), str(path))


def seconds(action: Callable[[], object]) -> float:
    """How long it takes."""
    start = time.monotonic()
    action()
    return time.monotonic() - start


class Sandbox:
    """The stack that `make stack` made, by the names in its env file."""

    def __init__(self) -> None:
        lines = (STACK / ".env.production").read_text(encoding="utf-8").splitlines()
        values = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
        self.project = values["SANDBOX_PROJECT"]
        self.ports = [values[f"SANDBOX_{name}_PORT"] for name in ("EDGE", "EDGE_TLS", "BACKEND", "SQUARE")]

    def up(self) -> None:
        """Healthy, whatever was done to it; made anew rather than waiting for the end of a back-off."""
        command(str(STACK / "stack.sh"), "up")

    def wait_until_healthy(self) -> None:
        """Until the backend is healthy and answers through the edge."""
        command(sys.executable, str(STACK / "wait_healthy.py"), str(HEALTH_SECONDS), *self.ports)

    def stop_postgres(self) -> None:
        """The fault, once it bites. The pool of the backend is left to itself, as in a real outage."""
        command(sys.executable, str(STACK / "fault.py"), "inject", "postgres_stopped")

    def until_healthy(self, *words: str) -> float:
        """From the start of the command until the service answers, with PostgreSQL stopped beforehand; the command may still be at work."""
        self.up()
        self.stop_postgres()
        start = time.monotonic()
        with subprocess.Popen(words, cwd=CHECKOUT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
            self.wait_until_healthy()
            healthy_after = time.monotonic() - start
            _output, errors = process.communicate(timeout=HEALTH_SECONDS)
        if process.returncode:
            raise SystemExit(f"bench: {' '.join(words)} failed with status {process.returncode}:\n{errors.decode()[-2000:]}")
        return healthy_after


def main() -> int:
    """Measures, prints the table, judges."""
    sandbox = Sandbox()
    compose = ["docker", "compose", "--project-directory", str(STACK), "--project-name", sandbox.project]
    compose += ["--env-file", str(STACK / ".env.production"), "-f", str(STACK / "docker-compose.prod.yml")]
    compose += ["-f", str(STACK / "docker-compose.sandbox.yml")]
    db_failure = CHECKOUT / "playbooks" / "db_failure.yml"
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as empty:
        empty.write("---\n- name: Nothing\n  hosts: circuit_sage\n  gather_facts: false\n")
        empty.flush()
        measurements: dict[str, Callable[[], float]] = {
            "floor": lambda: seconds(lambda: playbook(Path(empty.name))),
            "diagnosis": lambda: seconds(lambda: playbook(db_failure)),
            "oracle": lambda: sandbox.until_healthy("docker", "start", f"{sandbox.project}-db"),
            "guide": lambda: sandbox.until_healthy(*compose, "restart"),
            "mended": lambda: sandbox.until_healthy(str(CHECKOUT / ".venv" / "bin" / "ansible-playbook"), str(db_failure)),
        }
        found: dict[str, list[float]] = {name: [] for name in measurements}
        for turn in range(1, ROUNDS + 1):
            for name, measure in measurements.items():
                if name in ("floor", "diagnosis"):
                    sandbox.up()
                print(f"  bench: round {turn} of {ROUNDS}, {name}", flush=True)
                found[name].append(measure())
    sandbox.up()
    median = {name: statistics.median(values) for name, values in found.items()}
    rows = [
        ("floor", "an empty playbook", ""),
        ("diagnosis", "db_failure.yml on the healthy stack", f"{median['diagnosis'] / median['floor']:.1f} x floor"),
        ("oracle", "docker start, until the service answers", ""),
        ("guide", "docker compose restart, until the service answers", f"{median['guide'] / median['oracle']:.1f} x oracle"),
        ("mended", "db_failure.yml, until the service answers", f"{median['mended'] / median['oracle']:.1f} x oracle"),
    ]
    print(f"\n{'':10} {'median':>8} {'least':>8} {'most':>8}  {'ratio':14} what")
    for name, meaning, ratio in rows:
        print(f"{name:10} {median[name]:6.1f} s {min(found[name]):6.1f} s {max(found[name]):6.1f} s  {ratio:14} {meaning}")
    promises = [
        ("the diagnosis needs at most 2.5 s more than the floor", median["diagnosis"] - median["floor"], 2.5),
        ("the database is mended at most 4 s after the oracle", median["mended"] - median["oracle"], 4.0),
        ("and not later than by the guide", median["mended"] - median["guide"], 0.0),
    ]
    print()
    for promise, difference, limit in promises:
        print(f"{'holds' if difference <= limit else 'BROKEN':7} {promise}: {difference:+.1f} s")
    return 0 if all(difference <= limit for _promise, difference, limit in promises) else 1


if __name__ == "__main__":
    sys.exit(main())
