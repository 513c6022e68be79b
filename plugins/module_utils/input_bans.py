# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bans in the chain INPUT, which do not hold for a port that Docker publishes: its packets go through FORWARD."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Sequence

from .errors import IncidentError
from .ip_networks import Net, net_of

_SECONDS = 30
_BANS = ("DROP", "REJECT")
_PROGRAMS = ("iptables-save", "ip6tables-save")
_PATH = "/usr/sbin:/sbin:/usr/bin:/bin:/usr/local/sbin"

Rule = dict[str, str]


def _options(words: Sequence[str]) -> tuple[Rule, bool]:
    """What a rule asks for by option, and whether it asks for anything but the sender of a packet."""
    rule: Rule = {}
    narrow = "!" in words
    name = ""
    for word in words:
        if word.startswith("-"):
            name = word
            rule[name] = ""
        else:
            rule[name] = f"{rule.get(name, '')} {word}".strip()
    known = {"-s", "-j", "-g", "--reject-with", "--comment", "-m"}
    narrow = narrow or any(option not in known for option in rule) or rule.get("-m", "comment") != "comment"
    return rule, narrow


def _rules(saved: str) -> dict[str, list[tuple[Rule, bool]]]:
    """The rules by chain, as iptables-save prints them."""
    chains: dict[str, list[tuple[Rule, bool]]] = {}
    for line in saved.splitlines():
        words = line.split()
        if words[:1] == ["-A"]:
            chains.setdefault(words[1], []).append(_options(words[2:]))
    return chains


def _dropped(chains: dict[str, list[tuple[Rule, bool]]], chain: str, seen: frozenset[str] = frozenset()) -> set[Net]:
    """The senders from which a chain takes nothing at all, itself or in a chain that it goes to with every packet."""
    found: set[Net] = set()
    for rule, narrow in chains.get(chain, []):
        target = rule.get("-j") or rule.get("-g") or ""
        if narrow:
            continue
        if target in _BANS and rule.get("-s"):
            with contextlib.suppress(IncidentError):
                found.add(net_of(rule["-s"]))
        elif "-s" not in rule and target in chains and target not in seen:
            found |= _dropped(chains, target, seen | {chain})
    return found


def _is_published(chains: dict[str, list[tuple[Rule, bool]]]) -> bool:
    """Whether something is redirected that is not for this host's loopback address alone."""
    return any(
        rule.get("-j") == "DNAT" and not rule.get("-d", "").startswith(("127.", "::1"))
        for rules in chains.values()
        for rule, _narrow in rules
    )


def bypassed_in(filter_table: str, nat_table: str) -> list[Net]:
    """Who is banned in INPUT alone, on a host that redirects what comes in: by the tables as iptables-save prints them."""
    chains = _rules(filter_table)
    if not _is_published(_rules(nat_table)):
        return []
    return sorted(_dropped(chains, "INPUT") - _dropped(chains, "FORWARD"), key=str)


def _saved(program: str, table: str) -> str:
    path = shutil.which(program, path=_PATH)
    if path is None:
        return ""
    try:
        done = subprocess.run([path, "-t", table], capture_output=True, text=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise IncidentError(f"{program} did not end within {_SECONDS} s; look at the load of the host and run again") from None
    return done.stdout if done.returncode == 0 else ""


def bypassed() -> list[Net]:
    """Those of this host, IPv4 and IPv6; none where it has no iptables, or does not let this user look."""
    found: list[Net] = []
    for program in _PROGRAMS:
        nat = _saved(program, "nat")
        found += bypassed_in(_saved(program, "filter"), nat) if "DNAT" in nat else []
    return found
