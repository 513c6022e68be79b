# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a drill's measurements are held to: the bars, and which of them were met. Pure.

A fault that was skipped is counted as skipped: it enters no percentage, passes nothing and fails nothing. A drill in which every fault was
skipped has proven nothing and does not pass.
"""

from __future__ import annotations

import statistics
import typing as t
from collections.abc import Sequence

Mapping = dict[str, t.Any]

# The share of the faults whose right cause has to be named first, in percent.
NAMED_FIRST_PERCENT = 95
# What a run that names no cause says; of a fault that has to stay unknown this is the right answer.
UNKNOWN = "unknown"


def ran(run: Mapping) -> list[Mapping]:
    """The results of the faults that were not skipped."""
    return [result for result in run["results"] if result["status"] != "skipped"]


def counts(run: Mapping) -> dict[str, int]:
    """How many faults passed, failed and were skipped."""
    return {status: sum(result["status"] == status for result in run["results"]) for status in ("passed", "failed", "skipped")}


def named_first(result: Mapping) -> bool:
    """Whether the right cause was named, and before every other."""
    return bool(result["diagnosis"] == "first")


def recovered_alone(result: Mapping) -> bool:
    """Whether the run calls it resolved and the service was seen to answer again: its own word alone is no proof."""
    return result["outcome"] == "resolved" and result["seconds_to_recover"] is not None


def _row(name: str, wanted: str, seen: str, met: bool, results: Sequence[Mapping] = ()) -> Mapping:
    """One bar; *results* are those that kept it from being met."""
    return {"name": name, "bar": wanted, "seen": seen, "met": met, "faults": [result["id"] for result in results]}


def _share(name: str, percent: int, results: Sequence[Mapping], good: t.Callable[[Mapping], bool]) -> Mapping:
    """A bar on the share of the results that are good; nothing to look at is no fault of the system's."""
    wanted = f"≥ {percent} % of faults" if percent < 100 else "100 % of faults"
    bad = [result for result in results if not good(result)]
    number = len(results) - len(bad)
    if not results:
        return _row(name, wanted, "no fault asks for it", True)
    # Rounded down, so that 94.9 % never reads as 95 %.
    seen = f"{number} of {len(results)} ({number * 100 // len(results)} %)"
    return _row(name, wanted, seen, number * 100 >= percent * len(results), bad)


def _none(name: str, unit: str, results: Sequence[Mapping], key: str) -> Mapping:
    """A bar that allows none of what the lists under *key* hold."""
    bad = [result for result in results if result[key]]
    return _row(name, f"0 {unit}", str(sum(len(result[key]) for result in bad)), not bad, bad)


def _rows_lost(results: Sequence[Mapping]) -> Mapping:
    """Rows that nobody counted are not known to be there: such a fault does not meet the bar."""
    unknown = [result for result in results if result["bit"] and result["rows_lost"] is None]
    lost = [result for result in results if result["rows_lost"]]
    seen = str(sum(result["rows_lost"] for result in lost))
    if unknown:
        seen += f", not counted after {len(unknown)}"
    return _row("Data lost", "0 rows", seen, not lost and not unknown, [*lost, *unknown])


def _every_one_bit(run: Mapping) -> Mapping:
    results = ran(run)
    bad = [result for result in results if not result["bit"]]
    seen = f"{len(results) - len(bad)} of {len(results)}"
    skipped = counts(run)["skipped"]
    if skipped:
        seen += f", {skipped} skipped"
    return _row("Faults that ran and bit", "all, at least 1", seen, bool(results) and not bad, bad)


def _forgiven(result: Mapping) -> bool:
    """Whether the failure is a wrong first diagnosis alone, of which the first bar allows a few."""
    return (
        bool(result["expected"]["cause"])
        and not named_first(result)
        and result["outcome"] == result["expected"]["outcome"]
        and not result["drift_after"]
    )


def _objectives(results: Sequence[Mapping]) -> list[Mapping]:
    """The objectives that a result brings with it, such as how much time or data a recovery may cost."""
    return [
        _row(one["name"], one["bar"], one["seen"], one["met"], [] if one["met"] else [result])
        for result in results
        for one in result.get("objectives", [])
    ]


def score(run: Mapping) -> list[Mapping]:
    """Return the bars as rows `name`, `bar`, `seen`, `met` and `faults`, the ids of those that missed it."""
    results = ran(run)
    with_cause = [result for result in results if result["expected"]["cause"]]
    to_resolve = [result for result in results if result["expected"]["outcome"] == "resolved"]
    healthy = len(run["healthy_changes"])
    first = _share("Right cause named first", NAMED_FIRST_PERCENT, with_cause, named_first)
    others = [
        _share("Recovered without a person", 100, to_resolve, recovered_alone),
        _none("Wrong disruptive acts", "acts", results, "wrong_touches"),
        _row("Changes to a healthy stack", "0 changes", str(healthy), healthy == 0),
        _none("Changes in check mode", "changes", results, "check_changes"),
        _rows_lost(results),
        _every_one_bit(run),
        *_objectives(results),
    ]
    # What no bar asks for, such as a wrong outcome or drift left behind, must not hide behind bars that are all met.
    told = {identity for row in others for identity in row["faults"]}
    rest = [result for result in results if result["status"] == "failed" and result["id"] not in told and not _forgiven(result)]
    return [first, *others, _row("Failed in another way", "0 faults", str(len(rest)), not rest, rest)]


def passed(run: Mapping) -> bool:
    """Whether every bar was met."""
    return all(row["met"] for row in score(run))


def first_named(result: Mapping) -> str:
    """The cause that the run named first."""
    return str(result["findings"][0]) if result["findings"] else UNKNOWN


def confusion(run: Mapping) -> dict[tuple[str, str], int]:
    """How often each pair of an expected cause and the one named first was seen, in the order of the faults."""
    pairs: dict[tuple[str, str], int] = {}
    for result in ran(run):
        # A fault that did not bite gave the run nothing to name.
        if result["expected"]["cause"] and result["bit"]:
            pair = (result["expected"]["cause"], first_named(result))
            pairs[pair] = pairs.get(pair, 0) + 1
    return pairs


def confused(run: Mapping) -> dict[tuple[str, str], int]:
    """The pairs off the diagonal."""
    return {pair: number for pair, number in confusion(run).items() if pair[0] != pair[1]}


def matrix(pairs: dict[tuple[str, str], int]) -> tuple[list[str], list[str]]:
    """The rows and the columns of a matrix of such pairs: first the expected causes in both, so that the diagonal is one."""
    rows = list(dict.fromkeys(pair[0] for pair in pairs))
    others = [name for name in dict.fromkeys(pair[1] for pair in pairs) if name not in rows]
    others.sort(key=lambda name: name == UNKNOWN)  # last, since it is no cause
    return rows, rows + others


def figures(run: Mapping) -> Mapping:
    """What the whole drill measured: medians and the worst of the seconds, and requests."""
    results = ran(run)
    diagnosed = [result["seconds_to_diagnose"] for result in results if result["seconds_to_diagnose"] is not None]
    recovered = [result for result in results if result["seconds_to_recover"] is not None]
    seconds = [result["seconds_to_recover"] for result in recovered]
    return {
        "median_to_diagnose": statistics.median(diagnosed) if diagnosed else None,
        "median_to_recover": statistics.median(seconds) if seconds else None,
        "worst_to_recover": max(seconds) if seconds else None,
        "worst_fault": max(recovered, key=lambda result: float(result["seconds_to_recover"]))["id"] if recovered else None,
        "sent": sum(result["requests"]["sent"] for result in results),
        "failed": sum(result["requests"]["failed"] for result in results),
    }
