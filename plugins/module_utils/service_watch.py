# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many requests fail, and for how long, while something is done to the service: a watch in the background, told to end by a file."""

from __future__ import annotations

import json
import time
import typing as t
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from . import maintenance
from .atomic_file import write_private
from .drill_probe import TIMEOUT_SECONDS, Look, Watch, serves
from .errors import IncidentError
from .http_probe import check_urls, probe_all

PER_SECOND = 20
POLL_SECONDS = 0.05
_SILENT = ("not_found", "maintenance")
# A look takes a second at most, and the watch ends after it.
END_SECONDS = 5


def summary(looks: Sequence[Look]) -> dict[str, t.Any]:
    """How many looks there were and how many failed, and how long the service was away: from the first bad look to the next good one."""
    away, longest = 0.0, 0.0
    since: float | None = None
    for look in looks:
        if not look.well and since is None:
            since = look.at
        elif look.well and since is not None:
            away, longest, since = away + look.at - since, max(longest, look.at - since), None
    if since is not None:
        away, longest = away + looks[-1].at - since, max(longest, looks[-1].at - since)
    return {
        "requests": len(looks),
        "failures": sum(1 for look in looks if not look.well),
        "away_seconds": round(away, 2),
        "longest_seconds": round(longest, 2),
        "watched_seconds": round(looks[-1].at - looks[0].at, 1) if looks else 0.0,
    }


def _end_file(report: Path) -> Path:
    return report.with_name(f"{report.name}.end")


def watch(report: Path, look: Callable[[], bool | None], most_seconds: float, run: Mapping[str, t.Any] | None = None) -> dict[str, t.Any]:
    """Look until the end file is there, and write the report; nobody reads one of a *run* that was killed."""
    watching = Watch(look, 1 / PER_SECOND)
    deadline = time.monotonic() + most_seconds
    watching.start()
    while not _end_file(report).exists() and time.monotonic() < deadline and not maintenance.run_ended(run):
        time.sleep(POLL_SECONDS)
    watching.end()
    found = summary(watching.looks)
    if not maintenance.run_ended(run):
        write_private(report, json.dumps(found).encode(), report.parent)
    return found


def watch_urls(report: Path, urls: Sequence[str], most_seconds: float, run: Mapping[str, t.Any] | None = None) -> dict[str, t.Any]:
    """Watch the health addresses; the first that exists decides."""
    check_urls(urls)
    # One that the first look finds to be none is not asked any more: through nginx and the API each request counts for its limits. Nor is
    # one that is closed on purpose, which says nothing of the service behind it.
    there = [probe["url"] for probe in probe_all(urls, TIMEOUT_SECONDS, True) if probe["class"] not in _SILENT] or list(urls)
    return watch(report, lambda: serves(probe_all(there, TIMEOUT_SECONDS, True)), most_seconds, run)


def end(report: Path) -> dict[str, t.Any]:
    """Tell the watch to end, and give its report; both files are removed."""
    try:
        _end_file(report).touch(mode=0o600)
        deadline = time.monotonic() + END_SECONDS
        while not report.exists() and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        if not report.exists():
            raise IncidentError(f"the watch that was to write {report} has left no report; look whether its process was killed")
        found: dict[str, t.Any] = json.loads(report.read_text(encoding="utf-8"))
        report.unlink()
        _end_file(report).unlink()
    except OSError as error:
        raise IncidentError(
            f"{report} cannot be used ({error.strerror}); set incident_lock_dir to a folder that this user may write"
        ) from None
    return found
