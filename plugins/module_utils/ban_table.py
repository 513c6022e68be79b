# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The nftables table of the bans: what it looks like for a ledger, and the statements that lead there. Pure, but for the calls of `nft`.

Packets are dropped before the connection tracking and so before Docker's DNAT: what is published by a container is reached by no blocked
address, nor are connections that were open already. No other table is read or touched.

There are two pairs of sets. `blocked` is what is confirmed, `trial` what a run put in that has to prove first that it still reaches the
host. A verdict with a timeout of the kernel's leads to the second pair: when nobody confirms, it goes, whatever became of the run.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import struct
import subprocess
import typing as t
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from . import ban_netlink
from .ban_ledger import Ledger, seconds_until
from .errors import IncidentError
from .ip_networks import disjoint, text_of

Pieces = dict[tuple[int, int], str]

TABLE = "circuit_sage_block"
# The sets, by what they hold and the version of their addresses.
SETS = {("blocked", 4): "blocked_ipv4", ("blocked", 6): "blocked_ipv6", ("trial", 4): "trial_ipv4", ("trial", 6): "trial_ipv6"}
_TYPES = {4: "ipv4_addr", 6: "ipv6_addr"}
_FAMILY = {4: "ip", 6: "ip6"}
ENDLESS = -1
NFT_SECONDS = 300
# An element that is about to run out by itself is not worth a statement, and may be gone when it is read.
_SLACK_SECONDS = 2
# NFPROTO_IPV4 and NFPROTO_IPV6, which the way to the sets on trial is asked for.
_PROTOCOLS = {"ipv4": 2, "ipv6": 10}
_ON_TRIAL, _TRIAL_CHAIN, _FIRST_CHAIN = "on_trial", "trial", "prerouting"
# `raw` is where the connection tracking has not seen the packet yet: -300.
_HOOK = {"type": "filter", "hook": "prerouting", "prio": -310, "policy": "accept"}


@dataclass
class Layout:
    """What is to be in the sets, and for how many seconds from now the trial lasts; `ENDLESS` once it is confirmed."""

    sets: dict[str, Pieces] = field(default_factory=lambda: {name: {} for name in SETS.values()})
    trial_seconds: int = 0


def layout_of(ledger: Ledger, now: str) -> Layout:
    """What the kernel should hold for a ledger."""
    layout = Layout()
    for kind, bans in (("blocked", ledger.active(now)), ("trial", ledger.on_trial(now))):
        for version, pieces in disjoint(bans).items():
            layout.sets[SETS[kind, version]] = pieces
    if ledger.trial and ledger.trial["confirmed"]:
        layout.trial_seconds = ENDLESS
    elif ledger.trial and ledger.trial["deadline"] > now:
        layout.trial_seconds = seconds_until(ledger.trial["deadline"], now)
    return layout


def _elements(pieces: t.Iterable[tuple[int, int]], version: int) -> Iterator[str]:
    for first, last in pieces:
        yield text_of(version, first) if first == last else f"{text_of(version, first)}-{text_of(version, last)}"


def _timed(pieces: Pieces, version: int, now: str) -> Iterator[str]:
    seconds: dict[str, int] = {}
    for element, until in zip(_elements(pieces, version), pieces.values(), strict=True):
        if until not in seconds:
            seconds[until] = max(1, seconds_until(until, now))
        yield f"{element} timeout {seconds[until]}s"


def _skeleton(table: str) -> Iterator[str]:
    """The table without any ban."""
    yield f"add table inet {table}"
    for (_kind, version), name in SETS.items():
        yield f"add set inet {table} {name} {{ type {_TYPES[version]}; flags interval, timeout; }}"
    yield f"add chain inet {table} {_TRIAL_CHAIN}"
    yield f"add map inet {table} {_ON_TRIAL} {{ typeof meta nfproto : verdict; flags timeout; }}"
    yield (
        f"add chain inet {table} {_FIRST_CHAIN} "
        f"{{ type {_HOOK['type']} hook {_HOOK['hook']} priority {_HOOK['prio']}; policy {_HOOK['policy']}; }}"
    )
    for version, family in _FAMILY.items():
        yield f"add rule inet {table} {_FIRST_CHAIN} {family} saddr @{SETS['blocked', version]} drop"
        yield f"add rule inet {table} {_TRIAL_CHAIN} {family} saddr @{SETS['trial', version]} drop"
    yield f"add rule inet {table} {_FIRST_CHAIN} meta nfproto vmap @{_ON_TRIAL}"


class Change(t.NamedTuple):
    """What happens to one set: first everything goes or some pieces do, then others come."""

    name: str
    version: int
    is_flushed: bool
    gone: Pieces
    added: Pieces


def changes(before: Layout, after: Layout, now: str) -> Iterator[Change]:
    """What leads from one layout to another, by set."""
    for (kind, version), name in SETS.items():
        old, new = before.sets[name], after.sets[name]
        if old is new:
            continue
        # What was taken back may still be there, with no way that leads to it.
        is_flushed = kind == "trial" and (not before.trial_seconds or not after.trial_seconds)
        gone, added = {}, new
        if old:
            gone = {piece: until for piece, until in old.items() if new.get(piece) != until and seconds_until(until, now) > _SLACK_SECONDS}
            added = {piece: until for piece, until in new.items() if old.get(piece) != until}
        yield Change(name, version, is_flushed, {} if is_flushed else gone, added)


def statements(before: Layout | None, after: Layout, now: str, table: str = TABLE) -> str:
    """One transaction that leads from what the kernel holds to what it should; from None: the table is made anew, whatever is there."""
    lines: list[str] = []
    if before is None:
        lines += [f"add table inet {table}", f"delete table inet {table}", *_skeleton(table)]
        before = Layout()
    for change in changes(before, after, now):
        if change.is_flushed:
            lines.append(f"flush set inet {table} {change.name}")
        if change.gone:
            lines.append(f"delete element inet {table} {change.name} {{ {', '.join(_elements(change.gone, change.version))} }}")
        if change.added:
            lines.append(f"add element inet {table} {change.name} {{ {', '.join(_timed(change.added, change.version, now))} }}")
    if before.trial_seconds or after.trial_seconds:
        lines.append(f"flush map inet {table} {_ON_TRIAL}")
    if after.trial_seconds:
        timeout = "" if after.trial_seconds == ENDLESS else f" timeout {after.trial_seconds}s"
        both = ", ".join(f"{name}{timeout} : jump {_TRIAL_CHAIN}" for name in _PROTOCOLS)
        lines.append(f"add element inet {table} {_ON_TRIAL} {{ {both} }}")
    return "".join(f"{line}\n" for line in lines)


def messages(before: Layout, after: Layout, now: str, table: str = TABLE) -> Iterator[ban_netlink.Message]:
    """The same transaction as the kernel takes it; the table is there."""
    for change in changes(before, after, now):
        if change.is_flushed:
            yield ban_netlink.flushed(table, change.name)
        yield from ban_netlink.changed(table, change.name, change.version, ban_netlink.DELETE, dict.fromkeys(change.gone))
        lasting = {piece: max(1, seconds_until(until, now)) for piece, until in change.added.items()}
        yield from ban_netlink.changed(table, change.name, change.version, ban_netlink.ADD, lasting)
    if before.trial_seconds or after.trial_seconds:
        yield ban_netlink.flushed(table, _ON_TRIAL)
    if after.trial_seconds:
        seconds = None if after.trial_seconds == ENDLESS else after.trial_seconds
        yield ban_netlink.jumps(table, _ON_TRIAL, _TRIAL_CHAIN, _PROTOCOLS.values(), seconds)


def lead(before: Layout | None, after: Layout, now: str, table: str = TABLE) -> int:
    """Have the kernel hold what it should; gives in how many transactions. From None: the table is made anew, whatever is there."""
    if before is not None:
        ban_netlink.send(messages(before, after, now, table))
        return 1
    if f"table inet {table}\n" in _nft(["list", "tables", "inet"]).stdout:
        # What it has holds until the kernel takes all of the new one.
        apply(statements(None, after, now, table))
        return 1
    apply("".join(f"{line}\n" for line in _skeleton(table)))
    ban_netlink.send(messages(Layout(), after, now, table))
    return 2


def _nft(arguments: list[str], given: str | None = None) -> subprocess.CompletedProcess[str]:
    program = shutil.which("nft", path="/usr/sbin:/sbin:/usr/bin:/bin:/usr/local/sbin")
    if program is None:
        raise IncidentError("nft is not installed on this host; install the package nftables")
    try:
        return subprocess.run([program, *arguments], input=given, capture_output=True, text=True, timeout=NFT_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise IncidentError(f"nft did not end within {NFT_SECONDS} s; look at the load of the host and run again") from None


def apply(transaction: str) -> None:
    """Have the kernel take all of it, or nothing."""
    done = _nft(["-f", "-"], transaction)
    if done.returncode:
        said = next((line for line in done.stderr.splitlines() if "Error:" in line), done.stderr.strip()[:200] or "no reason")
        said = said.partition("Error: ")[2] or said
        raise IncidentError(f"nftables refused the bans ({said[:200]}); nothing was changed; run as root on a kernel with nftables")


def generation() -> int | None:
    """The kernel's number of the present state of all rules: it grows with every change by anybody. None where it is not told."""
    with contextlib.suppress(OSError, struct.error):
        return ban_netlink.generation()
    return None


def _rules(entries: t.Iterable[t.Any]) -> dict[str, list[t.Any]]:
    """The rules of each chain, as nft's JSON has them."""
    found: dict[str, list[t.Any]] = {}
    for rule in (entry["rule"] for entry in entries if "rule" in entry):
        found.setdefault(rule["chain"], []).append(rule["expr"])
    return found


def _drop(family: str, name: str) -> list[t.Any]:
    source = {"payload": {"protocol": family, "field": "saddr"}}
    return [{"match": {"op": "==", "left": source, "right": f"@{name}"}}, {"drop": None}]


def _is_whole(entries: list[t.Any]) -> bool:
    """Whether all of the table but the elements is there as `_skeleton` makes it, and at work."""
    (table,) = (entry["table"] for entry in entries if "table" in entry)
    hooks = [entry["chain"] for entry in entries if entry.get("chain", {}).get("name") == _FIRST_CHAIN]
    hooked = {name: hooks[0].get(name) for name in _HOOK} if hooks else {}
    wanted = {
        chain: [_drop(family, SETS[kind, version]) for version, family in _FAMILY.items()]
        for chain, kind in ((_FIRST_CHAIN, "blocked"), (_TRIAL_CHAIN, "trial"))
    }
    wanted[_FIRST_CHAIN].append([{"vmap": {"key": {"meta": {"key": "nfproto"}}, "data": f"@{_ON_TRIAL}"}}])
    # A table has flags only where somebody has put it to sleep, or has taken it.
    return "flags" not in table and hooked == _HOOK and _rules(entries) == wanted


def held(table: str = TABLE) -> dict[str, set[tuple[int, int]]] | None:
    """What the kernel's sets hold, as ranges; None where there is no such table, or it is not as it was made."""
    done = _nft(["-j", "list", "table", "inet", table])
    if done.returncode:
        return None
    entries = json.loads(done.stdout)["nftables"]
    found = {entry["set"]["name"]: entry["set"].get("elem", []) for entry in entries if "set" in entry}
    ways = [entry["map"].get("elem", []) for entry in entries if "map" in entry]
    if set(found) != set(SETS.values()) or len(ways) != 1 or not _is_whole(entries):
        return None
    return {"on_trial": {(0, 0)} if ways[0] else set()} | {
        name: {_range(element) for element in elements} for name, elements in found.items()
    }


def _range(element: t.Any) -> tuple[int, int]:
    """A set's element, as nft's JSON has it, as a range."""
    value = element["elem"]["val"] if isinstance(element, dict) and "elem" in element else element
    if isinstance(value, dict) and "range" in value:
        first, last = value["range"]
        return _number(first), _number(last)
    if isinstance(value, dict):
        bits = 128 if ":" in value["prefix"]["addr"] else 32
        first_number = _number(value["prefix"]["addr"])
        return first_number, first_number | ((1 << (bits - value["prefix"]["len"])) - 1)
    return _number(value), _number(value)


def _number(text: str) -> int:
    return int.from_bytes(socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text), "big")


def is_as(layout: Layout, table: str = TABLE) -> bool:
    """Whether the kernel holds what it should."""
    now = held(table)
    if now is None or bool(now["on_trial"]) != bool(layout.trial_seconds):
        return False
    # To what was taken back no way leads any more, so it may be there.
    asked = [name for (kind, _version), name in SETS.items() if kind == "blocked" or layout.trial_seconds]
    return all(now[name] == set(layout.sets[name]) for name in asked)


def this_boot() -> str:
    """What tells this kernel and this network namespace from others."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{boot} {Path('/proc/self/ns/net').readlink()}"
