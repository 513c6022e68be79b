#!/usr/bin/env python3
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long the report of a long incident takes, and the history of many. Fails when a bar is missed.

The records are made by numbers, and no stack is needed. Python's start is in both times.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
import typing as t
from datetime import datetime, timedelta, timezone
from pathlib import Path

from outcome import conclude
from stack import ANSIBLE_PLAYBOOK, CHECKOUT, RESULTS, NotMeasured, end_as_by_ctrl_c, tell
from table import Bar, Ran, Row

# The bars.
REPORT_SECONDS, HISTORY_SECONDS = 2.0, 5.0
SECONDS = 300.0
# The years that the incidents are spread over.
DAYS = 3 * 365
BEGIN = datetime(2023, 11, 1, tzinfo=timezone.utc)
KINDS = ("service_outage", "db_failure", "high_memory", "payment_failure", "billing_errors")
CAUSES = tuple(f"cause_{number}" for number in range(100))
EVENTS = ("seen", "cause", "plan", "act", "did", "proof")
TEXT = "backend running, 2 restarts; postgres running; login ok, write ok; service answers; billing of 40 companies right"


def record(chance: random.Random, number: int, events: int) -> dict[str, t.Any]:
    """The record of an incident, as a run leaves it."""
    opened = BEGIN + timedelta(days=chance.random() * DAYS)
    stamps = [(opened + timedelta(seconds=turn * 3)).isoformat(timespec="milliseconds") for turn in range(events + 2)]
    cause = chance.choice(CAUSES)
    finding: dict[str, t.Any] = {
        "id": cause,
        "title": f"What {cause} is",
        "layer": "process",
        "evidence": {"exit_code": 137, "last_words": TEXT},
    }
    finding |= {"remedy": "start", "decision": "act", "reason": "", "status": "mended", "why_not_restart": TEXT, "escalate": None}
    return {
        "id": f"{opened:%Y%m%d-%H%M%S}-{number:06d}",
        "kind": chance.choice(KINDS),
        "title": "Service outage",
        "host": f"host-{number % 3}",
        "severity": chance.choice(("P1", "P2", "P2", "P3", "P4")),
        "outcome": "resolved",
        "opened_at": stamps[0],
        "resolved_at": stamps[-1],
        "summary": f"{cause} mended and proven",
        "impact": [TEXT],
        "findings": [finding],
        "changes": [{"component": "backend", "action": "started it", "undo": "docker stop backend", "done": True}],
        "remedies": [{"at": stamps[1], "remedy": "start"}],
        "tables": [],
        "timeline": [{"at": stamp, "event": EVENTS[turn % len(EVENTS)], "text": TEXT} for turn, stamp in enumerate(stamps[1:])],
    }


def keep(base: Path, made: dict[str, t.Any]) -> Path:
    """Write a record, and give its folder."""
    folder = base / str(made["id"])
    folder.mkdir()
    (folder / "incident.json").write_text(json.dumps(made, indent=2), encoding="utf-8")
    return folder


def measured(words: list[str]) -> Ran:
    """A command's time; it has to succeed."""
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT / ".ansible" / "collections"), "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg")}
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(words, capture_output=True, text=True, timeout=SECONDS, check=False, env=environment, cwd=CHECKOUT)
    seconds, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise NotMeasured(f"`{' '.join(words)}` failed: {(done.stderr or done.stdout).strip()[-500:]}")
    return Ran(seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def measure(options: argparse.Namespace) -> list[Row]:
    """The rows of the table."""
    work = [sys.executable, str(Path(__file__).with_name("review_process.py"))]
    with tempfile.TemporaryDirectory(prefix="bench-review-") as folder:
        base, chance = Path(folder), random.Random(7)  # noqa: S311 - no secret
        tell(f"writing {options.incidents} records")
        for number in range(options.incidents):
            keep(base, record(chance, number, len(EVENTS) * 3))
        away = base / ".long"
        away.mkdir()
        long = keep(away, record(chance, 0, options.events))
        turns = range(options.turns)
        report = [measured([*work, "report", str(long)]) for _turn in turns]
        history = [measured([*work, "history", str(base)]) for _turn in turns]
        play = [ANSIBLE_PLAYBOOK, "playbooks/incident_history.yml", "-e", f"incident_record_dir={base}"]
        whole = [measured(play) for _turn in turns]
    limits = {seconds: Bar("the limit", seconds, f"≤ {seconds:g} s", seconds) for seconds in (REPORT_SECONDS, HISTORY_SECONDS)}
    return [
        Row(f"report of {options.events} events", report, limits[REPORT_SECONDS]),
        Row(f"history of {options.incidents} incidents", history, limits[HISTORY_SECONDS]),
        Row("the same as a playbook", whole, limits[HISTORY_SECONDS]),
    ]


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--incidents", type=int, default=10_000, help="how many records the history is over (default %(default)s)")
    parser.add_argument("--events", type=int, default=10_000, help="how many events the report has (default %(default)s)")
    parser.add_argument("--turns", type=int, default=5, help="repetitions of each measurement (default %(default)s)")
    parser.add_argument("--markdown", type=Path, default=RESULTS / "review.md", help="file for the table as Markdown")
    options = parser.parse_args()
    if min(options.incidents, options.events, options.turns) < 1:
        parser.error("give at least one incident, one event and one turn")
    end_as_by_ctrl_c()
    load = os.getloadavg()[0]
    try:
        rows = measure(options)
    except NotMeasured as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("bench: ended early; the records are removed", file=sys.stderr)
        return 130
    note = f"On {os.cpu_count()} cores, load {load:.1f} at the start and {os.getloadavg()[0]:.1f} at the end."
    return conclude(rows, note, [], options.markdown)


if __name__ == "__main__":
    sys.exit(main())
