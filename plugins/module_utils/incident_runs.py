# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The runs of one incident: the one that opened it, and those that joined it. Pure.

A run judges what it found itself. What that means for the incident is said here: a run that ends well does not end an incident in which an
earlier one found something that this one did not look for; and of an incident that is over, one that finds nothing changes no conclusion.
"""

from __future__ import annotations

import typing as t
from collections.abc import Sequence

Mapping = dict[str, t.Any]

_WELL = ("healthy", "resolved")
# What an incident that is over was concluded with.
_CONCLUSION = ("outcome", "resolved_at", "summary", "impact")
# What is observed only when it is asked for, by the role whose causes need it. Everything else each diagnosis looks at.
_ASKED_FOR = {"billing_errors": "billing", "payment_failure": "payments", "security_incident": "security"}


def begun(kind: str, title: str, at: str) -> Mapping:
    """A run that begins at a time."""
    return {"kind": kind, "title": title, "at": at, "outcome": None}


def join(content: Mapping, kind: str, title: str, at: str) -> None:
    """Write into the content of a record that a run joins: the incident is open again, and what was found is an earlier run's."""
    for finding in content["findings"]:
        finding["earlier"] = True
    content["runs"].append(begun(kind, title, at))
    if content["outcome"] in _WELL:
        content["concluded"] = {name: content.get(name) for name in _CONCLUSION}
    content["outcome"] = content["resolved_at"] = None


def found(content: Mapping) -> list[Mapping]:
    """The findings of the run that is under way."""
    return [finding for finding in content["findings"] if not finding.get("earlier")]


def end_beside(content: Mapping, outcome: str) -> bool:
    """End a run that has found nothing of its own in an incident that was over: that has its conclusion again. False for any other run."""
    concluded = content.pop("concluded", None)
    if not concluded or found(content) or outcome not in (*_WELL, "diagnosed"):
        return False
    content.update(concluded)
    content["runs"][-1]["outcome"] = outcome
    return True


def end(content: Mapping, outcome: str, at: str, observed: t.Mapping[str, t.Any] | None) -> list[str]:
    """Write into the content of a record how a run ended that saw *observed* first, and what became of the incident.

    Returns the causes that an earlier run found and that stay open, because this one did not look for them.
    """
    content["runs"][-1]["outcome"] = outcome
    if outcome not in _WELL:
        content["outcome"] = outcome
        return []
    left = []
    for finding in content["findings"]:
        # One of an older record may have no status.
        is_open = finding.get("earlier") and finding.get("status", "found") == "found"
        if is_open and not _looked_for(finding, content["runs"][-1]["kind"], observed):
            left.append(finding["id"])
        else:
            finding["status"] = "harmless" if finding.get("harmless") else "mended"
    content["outcome"] = _of_incident([run["outcome"] for run in content["runs"]], bool(left))
    content["resolved_at"] = None if left else at
    return left


def _looked_for(finding: Mapping, kind: str, observed: t.Mapping[str, t.Any] | None) -> bool:
    """Whether a run of that kind would have found this again."""
    if not finding.get("role"):
        # No cause of a role: only what found it looks for it.
        return bool(finding.get("found_by") == kind)
    asked_for = _ASKED_FOR.get(finding["role"])
    return bool(observed) and (asked_for is None or bool((observed or {}).get(asked_for)))


def _of_incident(outcomes: Sequence[str | None], left: bool) -> str | None:
    """The outcome of an incident whose last run ended well."""
    if left:
        return next((outcome for outcome in reversed(outcomes) if outcome not in _WELL), None)
    return "healthy" if all(outcome == "healthy" for outcome in outcomes) else "resolved"
