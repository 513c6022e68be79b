# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules by which an access log is judged: data, checked once, and asked of each different request once. Pure."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Sequence
from dataclasses import dataclass

from .errors import IncidentError

SCOPES = ("address", "network", "everyone")
_SUCCESS_BELOW = 400
# The options of one rule, as the module takes them.
RULE_OPTIONS: dict[str, dict[str, t.Any]] = {
    "id": {"type": "str", "required": True},
    "title": {"type": "str", "required": True},
    "count": {"type": "int", "required": True},
    "seconds": {"type": "int", "required": True},
    "per": {"type": "str", "choices": list(SCOPES), "default": "address"},
    "method": {"type": "str"},
    "path": {"type": "str"},
    "statuses": {"type": "list", "elements": "int"},
    "words": {"type": "str"},
    "addresses": {"type": "int"},
    "paths": {"type": "int"},
    "each": {"type": "int"},
    "failure_share": {"type": "float"},
}
# The options of the doc fragment `attacks` besides the rules.
ATTACK_OPTIONS: dict[str, dict[str, t.Any]] = {
    "access_logs": {"type": "list", "elements": "path", "default": []},
    "error_logs": {"type": "list", "elements": "path", "default": []},
    "since": {"type": "float", "default": 0},
}
_NUMBERS = ("count", "seconds", "addresses", "each", "paths")


@dataclass(frozen=True)
class Rule:
    """So many matching lines within so many seconds: of one address, of one network, or of everyone together."""

    id: str
    title: str
    count: int
    seconds: int
    per: str = "address"
    method: str = ""
    path: re.Pattern[str] | None = None
    statuses: frozenset[int] = frozenset()
    words: re.Pattern[str] | None = None
    # How many different addresses, and paths, have to be among them.
    addresses: int = 1
    paths: int = 1
    # From how many lines of its own an address is one of the attackers, where the rule is not about one address.
    each: int = 1
    # Which share of what an address asked for there has to have failed: an office behind one address signs in as well.
    failure_share: float = 0.0

    @property
    def is_narrow(self) -> bool:
        """Whether it is about some requests, or about more than one address: then what was asked for is worth keeping."""
        return bool(self.method or self.path or self.statuses) or self.per != "address"

    def asks(self, method: str, path: str) -> bool:
        """Whether the request is one of those that the rule is about."""
        return (not self.method or method == self.method) and (self.path is None or self.path.search(path) is not None)

    def verdict(self, method: str, path: str, status: int) -> bool | None:
        """Whether a request of the rule's counts (true), or went well (false); None for one that it is not about."""
        if self.words is not None or not self.asks(method, path):
            return None
        if not self.statuses or status in self.statuses:
            return True
        return False if self.path is not None and status < _SUCCESS_BELOW else None


def _pattern(text: str | None, rule: str, name: str) -> re.Pattern[str] | None:
    if not text:
        return None
    try:
        return re.compile(text)
    except re.error as error:
        raise IncidentError(f"the rule {rule} has a {name} that is no regular expression ({error}); correct it") from None


def rule_of(given: dict[str, t.Any]) -> Rule:
    """A rule from its data; raise for one that could never be right."""
    values = {key: value for key, value in given.items() if value is not None}
    name = values["id"]
    for key in _NUMBERS:
        if values.get(key, 1) < 1:
            raise IncidentError(f"the rule {name} has {key} {values[key]}; give a whole number from 1")
    if not 0 <= values.get("failure_share", 0) <= 1:
        raise IncidentError(f"the rule {name} has failure_share {values['failure_share']}; give a share from 0 to 1")
    return Rule(
        **{
            **values,
            "path": _pattern(values.get("path"), name, "path"),
            "words": _pattern(values.get("words"), name, "words"),
            "statuses": frozenset(int(status) for status in values.get("statuses", [])),
        }
    )


def rules_of(given: Sequence[dict[str, t.Any]]) -> tuple[Rule, ...]:
    """All rules; raise where two have one id."""
    rules = tuple(rule_of(one) for one in given)
    names = [rule.id for rule in rules]
    for name in names:
        if names.count(name) > 1:
            raise IncidentError(f"two rules are called {name}; give each an id of its own")
    return rules
