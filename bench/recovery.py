#!/usr/bin/env python3
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many faults are recovered by the incident's playbook, by the guide's restart, and by a watcher that restarts unhealthy containers.

Each fault is brought about anew for each of them. A fault counts as recovered when the service is steadily healthy through the edge, the
application's login works and the fault's own symptom is gone, whatever the one who tried says. Fails when the playbook did not mend what
it should, or when something could not be measured.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import faults
import verdicts
from stack import (
    ANSIBLE_PLAYBOOK,
    CHECKOUT,
    HEALTH_SECONDS,
    RESULTS,
    STACK,
    NotMeasured,
    Stack,
    end_as_by_ctrl_c,
    last_words,
    run,
    succeed,
    tell,
    wait_for,
)
from table import markdown, plain
from watcher import Watcher

# Some faults race with the server, and on a busy machine one does not bite now and then.
ATTEMPTS = 2
# Making the stack anew may build its images.
STACK_SECONDS = 600.0
# Slower than the ten calls a second that the edge allows a client.
PERIOD_SECONDS = 0.5
# A crash loop shows its healthy face for a moment.
STEADY_SECONDS = 3.0
# When the symptom is looked at, in shares of the time allowed: some symptoms are failed sign-ins, and the backend allows five.
LOOKS = (0.0, 1 / 3, 1.0)


def begin_anew(stack: Stack) -> None:
    """A backend that has just started has counted no call, and holds nothing that an earlier fault left in it."""
    succeed(["docker", "restart", stack.container("backend")])
    wait_for(stack.serves, HEALTH_SECONDS, "the sandbox was not healthy")


class Trial:
    """The ways out of one fault that bites, each for so many seconds."""

    def __init__(self, stack: Stack, identity: str, seconds: float) -> None:
        self._stack, self._identity, self._seconds = stack, identity, seconds
        self._expected = faults.expected_outcome(identity)

    def of(self, way: str) -> str:
        """Let the way try, and give the verdict."""
        return {verdicts.OURS: self._playbook, verdicts.GUIDE: self._guide, verdicts.WATCHER: self._watcher}[way]()

    def _playbook(self) -> str:
        began = time.monotonic()
        playbook = CHECKOUT / "playbooks" / f"{faults.incident_of(self._identity)}.yml"
        with tempfile.TemporaryDirectory(prefix="circuit-sage-bench-") as records:
            done = run([ANSIBLE_PLAYBOOK, str(playbook), "--extra-vars", f"incident_record_dir={records}"])
            record = Path(records, "latest", "incident.json")
            if not record.exists():
                raise NotMeasured(f"{playbook.name} left no record: {done.stdout.strip().splitlines()[-1:]}")
            outcome = json.loads(record.read_text(encoding="utf-8"))["outcome"]
        return verdicts.judge(self.is_well(began), outcome == "resolved", self._expected, outcome)

    def _guide(self) -> str:
        began = time.monotonic()
        # What it says does not count, only what became of the service.
        run(self._stack.guide)
        return verdicts.judge(self.is_well(began), True, self._expected, None)

    def _watcher(self) -> str:
        watcher = Watcher(self._stack.project)
        watcher.start()
        try:
            well = self.is_well(time.monotonic())
        finally:
            watcher.end()
        return verdicts.judge(well, watcher.restarts > 0, self._expected, None)

    def is_well(self, began: float) -> bool:
        """Whether all is well before the time is over. Health that came in time is given the seconds to prove steady."""
        looks = [began + share * self._seconds for share in LOOKS]
        deadline = looks[-1]
        healthy_since: float | None = None
        while True:
            now = time.monotonic()
            if not (self._stack.serves() and self._stack.lets_through()):
                healthy_since = None
            elif healthy_since is None:
                healthy_since = now
            elif now - healthy_since >= STEADY_SECONDS and looks and now >= looks[0]:
                looks = [look for look in looks if look > now]
                if faults.well_inside() and not faults.shows(self._identity):
                    return True
            if now >= deadline and (healthy_since is None or not looks):
                return False
            time.sleep(PERIOD_SECONDS)


class Results:
    """The verdicts so far, written after each fault: a run takes hours, and may be ended early."""

    def __init__(self, folder: Path, seconds: float) -> None:
        self._folder, self._seconds = folder, seconds
        self.verdicts: dict[str, dict[str, str]] = {}

    def keep(self, identity: str, of_fault: dict[str, str]) -> None:
        """Add a fault, and write what there is."""
        self.verdicts[identity] = of_fault
        self._folder.mkdir(parents=True, exist_ok=True)
        content = {"seconds": self._seconds, "counts": verdicts.counts(self.verdicts), "faults": self.verdicts}
        (self._folder / "recovery.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        tables = [markdown(lines(self.verdicts)) for lines in (verdicts.count_lines, verdicts.fault_lines)]
        (self._folder / "recovery.md").write_text("\n\n".join([*tables, self._note()]) + "\n", encoding="utf-8")

    def _note(self) -> str:
        return (
            f"Each way had {self._seconds:g} s for a fault that was brought about anew. Recovered: steadily healthy through the edge, the "
            "application's login works, and the fault's own symptom is gone. The restart is the guide's `docker compose restart`. "
            "Nothing is said of the cause: a restart that leaves it counts, though the fault comes back with the next load."
        )

    def show(self) -> None:
        """The tables on the terminal."""
        for lines in (verdicts.fault_lines, verdicts.count_lines):
            print(f"{plain(lines(self.verdicts))}\n")
        print(self._note())
        print(f"As Markdown and JSON: {self._folder / 'recovery.md'}, {self._folder / 'recovery.json'}")


def try_out(stack: Stack, identity: str, way: str, seconds: float) -> str:
    """The verdict on one way out of a fault. Where something went wrong, the stack is made whole for what follows."""
    verdict = ""
    for _attempt in range(ATTEMPTS):
        try:
            begin_anew(stack)
            with faults.injected(identity):
                verdict = Trial(stack, identity, seconds).of(way)
        except NotMeasured as error:
            tell(f"{identity}, {way}: {error}")
            done = run([str(STACK / "stack.sh"), "up"], STACK_SECONDS)
            if done.returncode:
                tell(last_words(done))
        if verdict:
            return verdict
    return verdicts.NOT_MEASURED


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("faults", nargs="*", metavar="FAULT", help=f"faults to try, by default all: {', '.join(faults.known())}")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long each way may take to recover a fault (default %(default)g)")
    parser.add_argument("--folder", type=Path, default=RESULTS, help="folder for recovery.md and recovery.json")
    options = parser.parse_args()
    chosen = options.faults or faults.known()
    unknown = sorted(set(chosen) - set(faults.known()))
    if unknown:
        parser.error(f"there is no fault {', '.join(unknown)}; the faults are {', '.join(faults.known())}")
    end_as_by_ctrl_c()
    stack, results = Stack(), Results(options.folder, options.seconds)
    status = 0
    try:
        for number, identity in enumerate(chosen, 1):
            spared = faults.expected_outcome(identity) == "healthy"
            of_fault = {}
            for way in verdicts.WAYS:
                of_fault[way] = verdicts.NO_REMEDY if spared else try_out(stack, identity, way, options.seconds)
                tell(f"{number} of {len(chosen)}, {identity}, {way}: {of_fault[way]}")
            results.keep(identity, of_fault)
    except KeyboardInterrupt:
        print("bench: ended early; what was broken is taken back", file=sys.stderr)
        status = 130
    if results.verdicts:
        results.show()
    missed = verdicts.missed(results.verdicts)
    if missed:
        print(f"bench: missed: {'; '.join(missed)}", file=sys.stderr)
    return status or (1 if missed else 0)


if __name__ == "__main__":
    sys.exit(main())
