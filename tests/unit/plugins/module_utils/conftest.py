# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measurements of drills that their reports are tested with."""

from __future__ import annotations

import typing as t

import pytest

Mapping = dict[str, t.Any]

# What a log may hold: markup, quotes, a table's and a link's characters, colours and other control characters, a turned direction, half a
# character, and letters of other scripts.
HOSTILE = "<script>alert('1')</script> \"x\" & a|b `c` [d](e) \x1b[31mred\x1b[0m \x07\x00 \u202eturned \ud800 größer 日本"


def mended(identity: str) -> Mapping:
    """A fault that passed."""
    return {
        "id": identity,
        "incident": "db_failure",
        "title": f"The title of {identity}",
        "expected": {"cause": identity, "outcome": "resolved"},
        "status": "passed",
        "reasons": [],
        "bit": True,
        "bite_seconds": 0.5,
        "diagnosis": "first",
        "findings": [identity],
        "outcome": "resolved",
        "seconds_to_diagnose": 2.0,
        "seconds_to_recover": 6.0,
        "playbook_seconds": 8.25,
        "requests": {"sent": 120, "failed": 60},
        "rows_lost": 0,
        "touched": ["postgres"],
        "wrong_touches": [],
        "check_changes": [],
        "drift_after": [],
        "timeline": [
            {"at": 0.0, "event": "injected", "text": f"The title of {identity}"},
            {"at": 0.5, "event": "bit", "text": "its symptom shows"},
            {"at": 1.0, "event": "started", "text": "db_failure.yml"},
            {"at": 9.25, "event": "ended", "text": "with status 0"},
            {"at": 7.0, "event": "recovered", "text": "it serves, and the symptom is gone"},
            {"at": 3.0, "event": "cause", "text": f"{identity}: The title of {identity}"},
            {"at": 3.25, "event": "act", "text": "start postgres"},
            {"at": 5.0, "event": "act", "text": "restart the backend"},
            {"at": 8.0, "event": "proof", "text": "service answers"},
            {"at": 9.5, "event": "reverted", "text": "the fault is taken back"},
        ],
        "probes": [[number / 10, not 5 <= number < 65] for number in range(-20, 100)],
    }


@pytest.fixture
def drill() -> Mapping:
    """A drill that met every bar."""
    return {
        "host": "sandbox",
        "started_at": "2026-11-23T14:02:11.250+00:00",
        "ended_at": "2026-11-23T14:15:48.500+00:00",
        "version": "1.2.3",
        "healthy_changes": [],
        "results": [mended(identity) for identity in ("postgres_stopped", "lock_blocker", "role_nologin")],
    }


@pytest.fixture
def failed_drill(drill: Mapping) -> Mapping:
    """A drill with faults that failed, were skipped, did not bite and have to stay unknown, and with hostile texts wherever one fits."""
    stopped, blocker, nologin = drill["results"]
    blocker.update(status="failed", reasons=["another was named first"], diagnosis="among", findings=["postgres_stopped", "lock_blocker"])
    nologin.update(status="failed", reasons=[f"reason {HOSTILE}\nsecond line"], diagnosis="wrong", findings=[HOSTILE])
    nologin.update(
        title=HOSTILE, wrong_touches=[HOSTILE], check_changes=["env_file"], drift_after=["role"], rows_lost=3, outcome="escalated"
    )
    nologin["timeline"][0]["text"] = HOSTILE
    unknown = {**mended("odd_disk"), "expected": {"cause": "unknown", "outcome": "escalated"}, "outcome": "escalated", "findings": []}
    unknown.update(seconds_to_recover=None, seconds_to_diagnose=None)
    nothing: Mapping = {
        **dict.fromkeys(
            ("bite_seconds", "diagnosis", "outcome", "seconds_to_diagnose", "seconds_to_recover", "playbook_seconds", "rows_lost")
        ),
        **{name: [] for name in ("findings", "touched", "wrong_touches", "check_changes", "drift_after", "timeline", "probes")},
        "bit": False,
        "requests": {"sent": 0, "failed": 0},
    }
    blunt = {**mended("blunt"), **nothing, "status": "failed", "reasons": ["it did not bite within 30 s"]}
    skipped = {**mended(f"skipped {HOSTILE}"), **nothing, "status": "skipped", "reasons": [f"needs {HOSTILE}"]}
    drill["results"] = [stopped, blocker, nologin, unknown, blunt, skipped]
    drill["healthy_changes"] = [f"db_failure: changed {HOSTILE}"]
    return drill
