# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What became of a fault under each way out, and how many each way recovers. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

OURS, GUIDE, WATCHER = "playbook", "guide", "watcher"
WAYS = {OURS: "the incident's playbook", GUIDE: "the guide's restart", WATCHER: "a watcher of container health"}

RECOVERED = "recovered"
STAYS = "stays"
LEFT = "left to a person"
BY_ITSELF = "gone by itself"
NO_REMEDY = "needs no remedy"
NOT_MEASURED = "not measured"
# In the order of the table of counts.
VERDICTS = (RECOVERED, LEFT, STAYS, BY_ITSELF, NOT_MEASURED)

# A fault's id and the verdict on each way.
Verdicts = Mapping[str, Mapping[str, str]]


def judge(well: bool, acted: bool, expected: str, outcome: str | None) -> str:
    """The verdict on one way: what the probes say decides, not what the way says of itself. `outcome` is that of a playbook."""
    if well:
        return RECOVERED if acted else BY_ITSELF
    return LEFT if outcome == expected == "escalated" else STAYS


def counts(verdicts: Verdicts) -> dict[str, dict[str, int]]:
    """How often each verdict was given on each way, over the faults that need a remedy."""
    counted = {way: Counter(of_fault[way] for of_fault in verdicts.values()) for way in WAYS}
    return {way: {verdict: counted[way][verdict] for verdict in VERDICTS} for way in WAYS}


def count_lines(verdicts: Verdicts) -> list[list[str]]:
    """The counts as a table."""
    spared = sum(NO_REMEDY in of_fault.values() for of_fault in verdicts.values())
    head = [f"of {len(verdicts) - spared} faults that need a remedy", *VERDICTS]
    return [head, *([WAYS[way], *(str(number) for number in of_way.values())] for way, of_way in counts(verdicts).items())]


def fault_lines(verdicts: Verdicts) -> list[list[str]]:
    """The verdicts as a table."""
    return [["fault", *WAYS.values()], *([identity, *(of_fault[way] for way in WAYS)] for identity, of_fault in verdicts.items())]


def missed(verdicts: Verdicts) -> Sequence[str]:
    """What the playbook did not do that it is there for, and what was not measured."""
    return [
        f"{identity}: {way} {verdict}"
        for identity, of_fault in verdicts.items()
        for way, verdict in of_fault.items()
        if verdict == NOT_MEASURED or (way == OURS and verdict in (STAYS, BY_ITSELF))
    ]
