# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What became of a fault, and how many each way recovers."""

from __future__ import annotations

import pytest
from verdicts import (
    BY_ITSELF,
    GUIDE,
    LEFT,
    NO_REMEDY,
    NOT_MEASURED,
    OURS,
    RECOVERED,
    STAYS,
    WATCHER,
    WAYS,
    count_lines,
    counts,
    fault_lines,
    judge,
    missed,
)

VERDICTS = {
    "postgres_stopped": {OURS: RECOVERED, GUIDE: RECOVERED, WATCHER: STAYS},
    "lock_blocker": {OURS: RECOVERED, GUIDE: STAYS, WATCHER: STAYS},
    "port_taken": {OURS: LEFT, GUIDE: STAYS, WATCHER: STAYS},
    "backend_killed_child": {OURS: RECOVERED, GUIDE: RECOVERED, WATCHER: BY_ITSELF},
    "page_cache": dict.fromkeys(WAYS, NO_REMEDY),
}


@pytest.mark.parametrize(
    ("well", "acted", "expected", "outcome", "verdict"),
    [
        (True, True, "resolved", "resolved", RECOVERED),
        (True, True, "resolved", None, RECOVERED),
        # Nobody is praised for what went without help.
        (True, False, "resolved", None, BY_ITSELF),
        (True, False, "resolved", "healthy", BY_ITSELF),
        # Its own word is no proof.
        (False, True, "resolved", "resolved", STAYS),
        (False, False, "escalated", "escalated", LEFT),
        # Left by design is another thing than not mended, and than not seen.
        (False, False, "resolved", "escalated", STAYS),
        (False, False, "escalated", "healthy", STAYS),
        (False, True, "escalated", None, STAYS),
    ],
)
def test_what_the_probes_say_decides(well: bool, acted: bool, expected: str, outcome: str | None, verdict: str) -> None:
    assert judge(well, acted, expected, outcome) == verdict


def test_counts_leave_out_what_needs_no_remedy() -> None:
    assert counts(VERDICTS)[OURS] == {RECOVERED: 3, LEFT: 1, STAYS: 0, BY_ITSELF: 0, NOT_MEASURED: 0}
    assert counts(VERDICTS)[WATCHER] == {RECOVERED: 0, LEFT: 0, STAYS: 3, BY_ITSELF: 1, NOT_MEASURED: 0}
    lines = count_lines(VERDICTS)
    assert lines[0][0] == "of 4 faults that need a remedy"
    assert lines[2] == [WAYS[GUIDE], "2", "0", "2", "0", "0"]


def test_every_fault_is_shown() -> None:
    lines = fault_lines(VERDICTS)
    assert lines[0] == ["fault", *WAYS.values()]
    assert lines[-1] == ["page_cache", NO_REMEDY, NO_REMEDY, NO_REMEDY]


def test_what_the_playbook_leaves_by_design_is_not_missed() -> None:
    assert missed(VERDICTS) == []
    assert missed({"lock_blocker": {OURS: STAYS, GUIDE: STAYS, WATCHER: NOT_MEASURED}}) == [
        f"lock_blocker: {OURS} {STAYS}",
        f"lock_blocker: {WATCHER} {NOT_MEASURED}",
    ]
