# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a tally of the logs comes to: the attacks by rule, who took part, who is spared and why. Pure."""

from __future__ import annotations

import typing as t
from collections.abc import Sequence
from pathlib import Path

from .access_log import MAX_PATHS, Mapping, Seen, Tally, iso, network_of, text_of
from .access_rules import Rule
from .log_lines import Lines
from .redaction import redact

# How many attackers, networks and paths one attack is told with; the ban is for all attackers.
TOLD = 20


def _top(table: dict[bytes, int], most: int) -> list[str]:
    ranked = sorted(table, key=lambda name: (-table[name], name))
    return [redact(text_of(name)) for name in ranked[:most]]


def _share(one: Seen, number: int) -> float:
    """Which share of what the address asked for there failed."""
    return one.hits[number] / ((one.hits[number] + one.passed.get(number, 0)) or 1)


def _spared(rule: Rule, number: int, one: Seen) -> str | None:
    """Why an address that came often enough is no attacker."""
    if _share(one, number) < rule.failure_share:
        return f"{one.passed.get(number, 0)} of its requests there went well, as those of an office behind one address do"
    if rule.paths > 1 and len(one.paths) < rule.paths:
        return f"it asked for {len(one.paths)} different paths only"
    return None


def _told(one: Seen, number: int, most: int) -> Mapping:
    return {
        "address": one.name,
        "network": network_of(one.name),
        "requests": one.requests,
        "counted": one.hits[number],
        "most_in_window": most,
        "first": iso(one.first),
        "last": iso(one.last),
        "paths": _top(one.paths, 5),
        "user_agents": _top(one.agents, 3),
        "accounts": _top(one.accounts, 5),
        "success_after_failures": iso(one.after),
    }


def _networks(attackers: Sequence[Seen], number: int) -> list[Mapping]:
    """The networks of the attackers, those with the most of them first."""
    found: dict[str, Mapping] = {}
    for one in attackers:
        name = network_of(one.name)
        network = found.setdefault(name, {"network": name, "addresses": 0, "counted": 0})
        network["addresses"] += 1
        network["counted"] += one.hits[number]
    return sorted(found.values(), key=lambda network: (-network["addresses"], network["network"]))


def _attack(tally: Tally, number: int, rule: Rule, people: dict[str, Seen]) -> Mapping | None:
    """One rule's attack, or None where there was none."""
    attackers, spared = [], []
    for name, most in sorted(tally.attacks[number].items(), key=lambda item: (-item[1], item[0])):
        one = people.get(name)
        if one is None:
            continue
        why = _spared(rule, number, one)
        if why:
            spared.append({"address": name, "why": why})
        else:
            attackers.append((one, most))
    # Without those that are spared it may be no attack of many any more.
    if not attackers or (rule.per == "everyone" and len(attackers) < rule.addresses):
        return {"id": rule.id, "title": rule.title, "addresses": [], "spared": spared} if spared else None
    seen = [one for one, _most in attackers]
    networks = _networks(seen, number)
    accounts: dict[bytes, int] = {}
    for one in seen:
        for account in one.accounts:
            accounts[account] = accounts.get(account, 0) + 1
    return {
        "id": rule.id,
        "title": rule.title,
        "addresses": [one.name for one in seen],
        "counted": sum(one.hits[number] for one in seen),
        "first": iso(min(one.first for one in seen)),
        "last": iso(max(one.last for one in seen)),
        "networks": networks[:TOLD],
        "network_count": len(networks),
        "accounts": _top(accounts, MAX_PATHS),
        "success_after_failures": [one.name for one in seen if one.after is not None],
        "attackers": [_told(one, number, most) for one, most in attackers[:TOLD]],
        "spared": spared,
    }


def attacks(tally: Tally) -> list[Mapping]:
    """The attacks, in the order of the rules; one that only spared addresses has no addresses."""
    people = {one.name: one for one in tally.table.values()}
    found = (_attack(tally, number, rule, people) for number, rule in enumerate(tally.rules))
    return [one for one in found if one is not None]


def reasons(found: Sequence[Mapping]) -> dict[str, str]:
    """Each attacker, with the attacks that it took part in."""
    titles: dict[str, list[str]] = {}
    for attack in found:
        for name in attack["addresses"]:
            titles.setdefault(name, []).append(attack["id"])
    return {name: ", ".join(ids) for name, ids in titles.items()}


def judge(
    access_logs: Sequence[Path], error_logs: Sequence[Path], rules: Sequence[Rule], since: float, marks: Mapping
) -> tuple[Mapping, Mapping]:
    """Read the logs from the *marks* on, and judge them: what was found, and where the look ended."""
    tally, lines = Tally(rules, since), Lines(since)
    for logs, feed in ((access_logs, tally.feed), (error_logs, tally.feed_errors)):
        for path in logs:
            for piece in lines.of(path, marks.get(str(path))):
                feed(piece)
    tally.close()
    found = {**result(tally), "too_long": lines.longer, "files": lines.files, "broken_files": lines.broken}
    return found, lines.marks


def result(tally: Tally) -> dict[str, t.Any]:
    """All of it, as the module returns it."""
    found = attacks(tally)
    return {
        "lines": tally.lines,
        "older": tally.old,
        "malformed": tally.malformed,
        "forgotten": tally.dropped,
        "clients": len(tally.table),
        "first": iso(tally.first),
        "last": iso(tally.last),
        "attacks": [one for one in found if one["addresses"]],
        "spared": [{**one, "rule": attack["id"]} for attack in found for one in attack["spared"]],
        "reasons": reasons(found),
    }
