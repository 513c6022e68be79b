# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How bad it is, who is affected, and which playbook mends it: judged by rules that are data. Pure, no I/O.

A *rule* has a ``severity`` (P1 to P4, after the guide's *Severity Levels*), a ``reason``, a ``match`` (JMESPath over the observations with
``findings`` and ``symptoms`` beside them), ``features`` (what does not work, in a customer's words), and, where the observations tell it,
``companies`` (JMESPath: a number, or a list of ids), of which there have to be ``at_least`` so many.
"""

from __future__ import annotations

import typing as t
from collections.abc import Sequence

from .diagnosis import SEVERITIES
from .errors import IncidentError

# Not every Python has it; which one lacks it is told when it is needed, not when Ansible lists its plugins.
try:
    import jmespath
except ImportError:
    jmespath = None

Mapping = dict[str, t.Any]

REQUIRED_KEYS = ("severity", "reason", "match", "features")
OPTIONAL_KEYS = ("companies", "at_least")


def check_rules(rules: Sequence[Mapping]) -> None:
    """Raise IncidentError, in one sentence, for a rule that cannot be used."""
    if jmespath is None:
        raise IncidentError("the Python of ansible-playbook lacks jmespath; install it there: pip install jmespath")
    for number, rule in enumerate(rules, 1):
        name = f"severity rule {number} ({rule.get('reason', 'without a reason')})"
        missing = [key for key in REQUIRED_KEYS if not rule.get(key)]
        if missing:
            raise IncidentError(f"{name} lacks {', '.join(missing)}; add it")
        unknown = sorted(set(rule) - set(REQUIRED_KEYS) - set(OPTIONAL_KEYS))
        if unknown:
            raise IncidentError(
                f"{name} has unknown keys {', '.join(unknown)}; the known ones are {', '.join(REQUIRED_KEYS + OPTIONAL_KEYS)}"
            )
        if rule["severity"] not in SEVERITIES:
            raise IncidentError(f"{name} has the severity {rule['severity']}; use one of {', '.join(SEVERITIES)}")
        if rule.get("at_least") and not rule.get("companies"):
            raise IncidentError(f"{name} has at_least and no companies; say where the observations tell which they are")
        for key in ("match", "companies"):
            try:
                jmespath.compile(rule.get(key) or "@")
            except jmespath.exceptions.JMESPathError as error:
                raise IncidentError(f"{name}: {key} is not JMESPath ({str(error).splitlines()[0]})") from error


def assess(observations: Mapping, findings: Sequence[Mapping], symptoms: Sequence[str], rules: Sequence[Mapping]) -> Mapping:
    """Return ``severity`` and ``reason`` of the worst rule that matches, what is ``affected``, and the ``playbooks`` in causal order.

    Of two rules of one severity the first gives the reason. Where something is wrong that no rule knows, it is a P3: somebody has to look.
    A healthy system has no severity.
    """
    check_rules(rules)
    facts = {**observations, "findings": list(findings), "symptoms": list(symptoms)}
    matching = [rule for rule in rules if jmespath.search(rule["match"], facts) is True and _are_enough(rule, facts)]
    wrong = [finding for finding in findings if not finding.get("harmless")]
    playbooks = list(dict.fromkeys(str(finding["role"]) for finding in wrong if finding.get("role")))
    if not matching:
        if not wrong and not symptoms:
            return {"severity": None, "reason": None, "affected": [], "playbooks": []}
        matching = [{"severity": "P3", "reason": "no severity rule knows what is wrong", "features": []}]
    worst = min(matching, key=lambda rule: SEVERITIES.index(rule["severity"]))
    return {
        "severity": worst["severity"],
        "reason": worst["reason"],
        "affected": _affected(facts, [rule for rule in matching if rule["severity"] == worst["severity"]]),
        "playbooks": playbooks,
    }


def _are_enough(rule: Mapping, facts: Mapping) -> bool:
    """Whether the rule is about so many companies as it has to be."""
    needed = rule.get("at_least")
    return not needed or (_number(jmespath.search(rule["companies"], facts)) or 0) >= needed


def _affected(facts: Mapping, worst: Sequence[Mapping]) -> list[str]:
    """Who is affected by what the worst rules say, a sentence each: the features, the companies, and the requests that failed."""
    told = []
    features = list(dict.fromkeys(feature for rule in worst for feature in rule["features"]))
    if features:
        told.append(f"features: {', '.join(features)}")
    numbers = [_number(jmespath.search(rule["companies"], facts)) for rule in worst if rule.get("companies")]
    known = [number for number in numbers if number is not None]
    if known:
        told.append(f"companies: {max(known)}")
    elif numbers:
        told.append("companies: unknown, the database cannot be asked")
    traffic = facts.get("traffic")
    if traffic:
        told.append(requests_told(traffic))
    return told


def _number(found: t.Any) -> int | None:
    """How many companies a rule's expression found: a number as it is, of a list the different ones."""
    if isinstance(found, list):
        return len({one for one in found if one is not None})
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def requests_told(traffic: Mapping) -> str:
    """The share of requests that failed at the edge, in one line."""
    requests, failed, minutes = traffic["requests"], traffic["failed"], traffic["minutes"]
    if not requests:
        return f"requests: none in the last {minutes} minutes"
    where = ", ".join(f"{part['failed']} of {part['requests']} {name}" for name, part in traffic["features"].items() if part["failed"])
    share = f"requests: {failed} of {requests} in the last {minutes} minutes failed ({round(100 * failed / requests)} %)"
    return share + (f": {where}" if where else "")
