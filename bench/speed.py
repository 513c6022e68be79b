#!/usr/bin/env python3
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast a diagnosis and a repair are on the running sandbox, beside what cannot be undercut. Fails when a bar is missed.

Everything is measured in one run and judged by medians, and what is compared takes turns, so that a machine that is busy or slow for a
while is so for both sides. Beside the time on the clock stands the processor time of the command, which suffers less from other work.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from faults import incident_of
from growth import write_inventory
from outages import OUTAGES, Outage, time_outage, timed
from stack import ANSIBLE_PLAYBOOK, CHECKOUT, HEALTH_SECONDS, RESULTS, STACK, NotMeasured, Stack, end_as_by_ctrl_c, tell, wait_for
from table import HEAD, Bar, Ran, Row, in_turns, markdown, plain

SANDBOX_INVENTORY = CHECKOUT / "inventories" / "sandbox"

# The bars, in seconds above what the row is compared with.
DIAGNOSIS_ABOVE_FLOOR = 2.5
REPAIR_ABOVE_ORACLE = 4.0
REPAIR_ABOVE_GUIDE = 2.0
# A triage looks at once at what each of these looks at by itself.
TIMES_SLOWEST_LOOK = 2.0
LOOKS = ("db_failure", "billing_errors", "payment_failure", "security_incident")
# How many hosts a diagnosis grows to. Ansible's own number of forks works at them, five.
HOSTS = (1, 10, 50)


def measure_in_turns(what: str, ways: Mapping[str, Callable[[], Ran]], turns: int) -> dict[str, list[Ran]]:
    """Measure each way so many times."""
    runs: dict[str, list[Ran]] = {name: [] for name in ways}
    for turn, name in in_turns(list(ways), turns):
        runs[name].append(ways[name]())
        tell(f"{what}, {name}, {turn + 1} of {turns}: {runs[name][-1].seconds:.2f} s")
    return runs


class Speed:
    """The measurements of one run, which keep their records and inventories in one folder."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self._stack, self._folder = stack, folder

    def _play(self, playbook: str, *arguments: str, inventory: Path = SANDBOX_INVENTORY) -> list[str]:
        return [ANSIBLE_PLAYBOOK, "-i", str(inventory), str(CHECKOUT / playbook), *arguments]

    def _respond(self, incident: str, *arguments: str, inventory: Path = SANDBOX_INVENTORY) -> list[str]:
        records = f"incident_record_dir={self._folder / 'records'}"
        return self._play(f"playbooks/{incident}.yml", "--extra-vars", records, *arguments, inventory=inventory)

    def diagnosis(self, turns: int) -> list[Row]:
        """The diagnosis of the healthy stack by one role, beside an empty play."""
        ways = {
            "floor": lambda: timed(self._play("bench/empty.yml")),
            "diagnosis": lambda: timed(self._respond("db_failure"), " s  healthy "),
        }
        runs = measure_in_turns("healthy stack", ways, turns)
        floor = Row("floor: a play without tasks", runs["floor"])
        bar = Bar.above("floor", floor.median, DIAGNOSIS_ABOVE_FLOOR)
        return [floor, Row("diagnosis of the healthy stack", runs["diagnosis"], bar)]

    def triage(self, turns: int, floor: Row) -> list[Row]:
        """The triage of the healthy stack, beside the slowest of the looks that it takes, each without the floor of an empty play."""
        diagnose = ("--extra-vars", "incident_mode=diagnose")
        ways = {name: partial(timed, self._respond(name, *diagnose), " s  healthy ") for name in LOOKS}
        ways["triage"] = partial(timed, self._respond("triage"), " s  healthy ")
        runs = measure_in_turns("healthy stack", ways, turns)
        looks = [Row(f"diagnosis by {name}", runs[name]) for name in LOOKS]
        slowest = max(look.median for look in looks)
        limit = TIMES_SLOWEST_LOOK * (slowest - floor.median) + floor.median
        bar = Bar("the slowest of them", slowest, f"≤ {TIMES_SLOWEST_LOOK:g} times the slowest look + floor", limit)
        return [*looks, Row("triage of the healthy stack", runs["triage"], bar)]

    def growth(self, turns: int) -> list[Row]:
        """The diagnosis of the same stack under many names: what one host takes must not grow with their number."""

        def diagnose(number: int, inventory: Path) -> Ran:
            settings = ["--extra-vars", f"incident_mode=diagnose circuit_sage_project_src={STACK}"]
            return timed(self._respond("db_failure", *settings, inventory=inventory), " s  healthy ", number)

        ways = {}
        for number in HOSTS:
            inventory = write_inventory(SANDBOX_INVENTORY, self._folder / f"hosts-{number}", number)
            ways[str(number)] = partial(diagnose, number, inventory)
        runs = measure_in_turns("hosts", ways, turns)
        one = Row("diagnosis of 1 host", runs["1"])
        rows = [one]
        for number in HOSTS[1:]:
            row = Row("", runs[str(number)], Bar.times("1 host", one.median, number))
            rows.append(row._replace(name=f"diagnosis of {number} hosts, {row.median / number:.2f} s each"))
        return rows

    def repair(self, outage: Outage, turns: int) -> list[Row]:
        """An outage mended by its incident's playbook, beside the command of one who knows and beside the guide's."""
        oracle = ["docker", outage.command, self._stack.container(outage.service)]
        playbook = self._respond(incident_of(outage.fault))
        ways = {
            "oracle": lambda: time_outage(self._stack, outage, oracle),
            "playbook": lambda: time_outage(self._stack, outage, playbook, " s  resolved "),
            "guide": lambda: time_outage(self._stack, outage, self._stack.guide),
        }
        runs = measure_in_turns(outage.fault, ways, turns)
        known = Row(f"{outage.fault}, oracle: `docker {outage.command}` of {outage.service}", runs["oracle"])
        guide = Row(f"{outage.fault}, guide: `docker compose restart`", runs["guide"])
        name = f"{outage.fault} mended"
        return [
            known,
            guide,
            Row(name, runs["playbook"], Bar.above("oracle", known.median, REPAIR_ABOVE_ORACLE)),
            Row(name, runs["playbook"], Bar.above("guide", guide.median, REPAIR_ABOVE_GUIDE)),
        ]


def measure(stack: Stack, options: argparse.Namespace) -> list[Row]:
    """All rows of the table."""
    wait_for(stack.serves, HEALTH_SECONDS, "the sandbox was not healthy")
    with tempfile.TemporaryDirectory(prefix="circuit-sage-bench-") as folder:
        speed = Speed(stack, Path(folder))
        rows = speed.diagnosis(options.cheap)
        rows += speed.triage(options.repairs, rows[0]) + speed.growth(options.growth)
        for outage in OUTAGES:
            rows += speed.repair(outage, options.repairs)
    return rows


def report(rows: Sequence[Row], load: float, path: Path) -> None:
    """Show the table, and write it as Markdown."""
    note = (
        f"Medians of one run on {os.cpu_count()} cores, load {load:.1f} at its start and {os.getloadavg()[0]:.1f} at its end. CPU is the "
        "processor time of the command and what it started, without the Docker engine's; an outage is timed to health through the edge. "
        "The hosts are names of one stack, five at a time: the bar is that the time for each does not grow with their number."
    )
    lines = [HEAD, *(row.cells() for row in rows)]
    print(f"{plain(lines)}\n{note}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{markdown(lines)}\n\n{note}\n", encoding="utf-8")
    print(f"As Markdown: {path}")


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cheap", type=int, default=5, help="repetitions of the floor and of the diagnosis (default %(default)s)")
    parser.add_argument("--growth", type=int, default=1, help="repetitions of the diagnosis of many hosts (default %(default)s)")
    parser.add_argument(
        "--repairs", type=int, default=3, help="repetitions of the triage, and of each way out of each outage (default %(default)s)"
    )
    parser.add_argument("--markdown", type=Path, default=RESULTS / "speed.md", help="file for the table as Markdown")
    options = parser.parse_args()
    end_as_by_ctrl_c()
    load = os.getloadavg()[0]
    try:
        rows = measure(Stack(), options)
    except NotMeasured as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("bench: ended early; what was broken is taken back", file=sys.stderr)
        return 130
    report(rows, load, options.markdown)
    missed = [f"{row.name} ({row.cells()[6]})" for row in rows if not row.passed]
    if missed:
        print(f"bench: missed: {'; '.join(missed)}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
