# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks as ranges of numbers, and those that may never be blocked. Pure.

The module `ipaddress` takes longer for a hundred thousand addresses than the kernel does, so what is written as one address is read by the
C library.
"""

from __future__ import annotations

import functools
import ipaddress
import itertools
import socket
import struct
import typing as t
from bisect import bisect_right
from collections.abc import Container, Iterable, Sequence

from .errors import IncidentError

BITS = {4: 32, 6: 128}
# A network with fewer bits of prefix is blocked only when it was allowed by name.
WIDEST = {4: 16, 6: 32}
# The neighbourhoods that many attackers are taken together as.
NEIGHBOURS = {4: 24, 6: 64}
_MAPPED = 0xFFFF << 32
_NEVER = (
    *((network, "loopback addresses") for network in ("127.0.0.0/8", "::1/128")),
    *((network, "private addresses") for network in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")),
    *((network, "link-local addresses") for network in ("169.254.0.0/16", "fe80::/10")),
    *((network, "multicast addresses") for network in ("224.0.0.0/4", "ff00::/8")),
    *((network, "addresses that no client has") for network in ("0.0.0.0/8", "240.0.0.0/4", "::/128", "::ffff:0:0/96")),
)


class Net(t.NamedTuple):
    """A network, or one address."""

    version: int
    first: int
    prefix: int

    @property
    def last(self) -> int:
        """Its last address."""
        return self.first | ((1 << (BITS[self.version] - self.prefix)) - 1)

    def __str__(self) -> str:
        address = text_of(self.version, self.first)
        return address if self.prefix == BITS[self.version] else f"{address}/{self.prefix}"


def nets_of(texts: Iterable[str]) -> list[Net]:
    """Networks from their texts; raise as `net_of` does. Many addresses of IPv4 alone are read at once, in a third of the time."""
    listed = list(texts)
    try:
        packed = b"".join([socket.inet_pton(socket.AF_INET, text) for text in listed])
    except OSError:
        return list(map(net_of, listed))
    return list(map(Net, itertools.repeat(4), struct.unpack(f">{len(listed)}I", packed), itertools.repeat(BITS[4])))


def texts_of(nets: Sequence[Net]) -> list[str]:
    """How networks are written, many addresses of IPv4 at once."""
    if not all(net[0] == 4 and net[2] == BITS[4] for net in nets):
        return list(map(str, nets))
    packed = struct.pack(f">{len(nets)}I", *[net[1] for net in nets])
    return [socket.inet_ntoa(packed[place : place + 4]) for place in range(0, len(packed), 4)]


def text_of(version: int, number: int) -> str:
    """An address as it is written."""
    family, size = (socket.AF_INET, 4) if version == 4 else (socket.AF_INET6, 16)
    return socket.inet_ntop(family, number.to_bytes(size, "big"))


@functools.lru_cache(maxsize=1 << 18)
def net_of(text: str) -> Net:
    """A network from its text; raise in one sentence for what is none."""
    try:
        if "/" in text:
            given = ipaddress.ip_network(text.strip(), strict=False)
            if str(given.network_address) != str(ipaddress.ip_address(text.strip().partition("/")[0])):
                raise IncidentError(f"{text} is an address of the network {given}; give the one or the other")
            return Net(given.version, int(given.network_address), given.prefixlen)
        family, version = (socket.AF_INET6, 6) if ":" in text else (socket.AF_INET, 4)
        number = int.from_bytes(socket.inet_pton(family, text), "big")
    except (ValueError, OSError):
        raise IncidentError(f"{text!r} is no address and no network; write it as 203.0.113.9, 203.0.113.0/24 or 2001:db8::/64") from None
    if version == 6 and number >> 32 == _MAPPED >> 32:
        # IPv4 as a program that listens on IPv6 writes it.
        return Net(4, number & 0xFFFFFFFF, 32)
    return Net(version, number, BITS[version])


class Protected:
    """What must not be blocked, and why; asked in logarithmic time."""

    def __init__(self, own: Iterable[tuple[str, str]] = (), wide: Sequence[str] = ()) -> None:
        self._wide = {net_of(text) for text in wide}
        self._ranges: dict[int, list[tuple[int, int, str]]] = {4: [], 6: []}
        for text, why in [*_NEVER, *own]:
            net = net_of(text)
            self._ranges[net.version].append((net.first, net.last, f"{why} ({net})"))
        self._firsts: dict[int, list[int]] = {}
        # The greatest end so far, so that one look to the left is enough to know that nothing reaches over.
        self._reach: dict[int, list[int]] = {}
        for version, ranges in self._ranges.items():
            ranges.sort()
            self._firsts[version] = [first for first, _last, _why in ranges]
            reach, ends = -1, []
            for _first, last, _why in ranges:
                reach = max(reach, last)
                ends.append(reach)
            self._reach[version] = ends
        # The /16 of IPv4 that have anything of it; what lies in another one need not be looked up.
        self._near = {block for first, last, _why in self._ranges[4] for block in range(first >> 16, (last >> 16) + 1)}

    def holds(self, net: Net) -> str | None:
        """What of the protected a network would take with it, or None."""
        place = bisect_right(self._firsts[net.version], net.last)
        if not place or self._reach[net.version][place - 1] < net.first:
            return None
        return next(why for first, last, why in self._ranges[net.version][:place] if last >= net.first)

    def refusals(self, nets: Iterable[Net]) -> dict[Net, str]:
        """Those that are not blocked, each with why."""
        near, found = self._near, {}
        for net in nets:
            if net[0] != 4 or net[2] < WIDEST[4] or net[1] >> 16 in near:
                why = self.refusal(net)
                if why is not None:
                    found[net] = why
        return found

    def refusal(self, net: Net) -> str | None:
        """Why a network is not blocked, in one sentence, or None."""
        held = self.holds(net)
        if held is not None:
            return f"{net} is never blocked, because it has {held}; leave it out, or block what is around it"
        if net.prefix < WIDEST[net.version] and net not in self._wide:
            return f"{net} is never blocked, because it is wider than /{WIDEST[net.version]}; name it in ip_block_wide if it is meant"
        return None


def gathered(nets: Sequence[Net], at_least: int, protected: Protected) -> dict[Net, Net]:
    """Each network with what is blocked for it: its neighbourhood where so many are from there and nothing protected is, else itself."""
    if not at_least:
        return {net: net for net in nets}
    members: dict[Net, int] = {}
    for net in nets:
        around = _around(net)
        members[around] = members.get(around, 0) + 1
    widened = {around for around, count in members.items() if count >= at_least and protected.refusal(around) is None}
    return {net: _around(net) if _around(net) in widened else net for net in nets}


def _around(net: Net) -> Net:
    prefix = min(net.prefix, NEIGHBOURS[net.version])
    size = BITS[net.version] - prefix
    return Net(net.version, net.first >> size << size, prefix)


def covering(net: Net, among: Container[Net], prefixes: Iterable[int]) -> Net | None:
    """The one of *among* that a network is in, where their prefixes are those given."""
    bits = BITS[net.version]
    for prefix in prefixes:
        if prefix <= net.prefix:
            wider = Net(net.version, net.first >> (bits - prefix) << (bits - prefix), prefix)
            if wider in among:
                return wider
    return None


def disjoint(until: dict[Net, str]) -> dict[int, dict[tuple[int, int], str]]:
    """Ranges that do not overlap, by version, each with the latest time of the networks that it is in: the kernel takes no others.

    Two networks are apart, or one is in the other, so a stack of those that are open is enough.
    """
    return {version: _disjoint({net: time for net, time in until.items() if net[0] == version}, version) for version in (4, 6)}


def _disjoint(until: dict[Net, str], version: int) -> dict[tuple[int, int], str]:
    pieces: dict[tuple[int, int], str] = {}
    # By their first addresses, and the wider one of two that begin alike first.
    nets, bits, end = sorted(until), BITS[version], -1
    for net in nets:
        _version, first, prefix = net
        if first <= end:
            return _parted(nets, until, bits)
        end = first if prefix == bits else net.last
        pieces[first, end] = until[net]
    return pieces


def _parted(nets: Sequence[Net], until: dict[Net, str], bits: int) -> dict[tuple[int, int], str]:
    """The same where some are in others."""
    pieces: dict[tuple[int, int], str] = {}
    stack: list[tuple[int, str]] = []
    place = 0
    for net in nets:
        time = until[net]
        place = _close(stack, pieces, place, net.first - 1)
        if stack and place < net.first:
            pieces[place, net.first - 1] = stack[-1][1]
        place = net.first
        stack.append((net.last, max(time, stack[-1][1]) if stack else time))
    _close(stack, pieces, place, 1 << bits)
    return pieces


def _close(stack: list[tuple[int, str]], pieces: dict[tuple[int, int], str], place: int, end: int) -> int:
    """End the networks that are over before *end*: the piece up to their ends. Where the next piece begins."""
    while stack and stack[-1][0] <= end:
        last, time = stack.pop()
        if place <= last:
            pieces[place, last] = time
            place = last + 1
    return place
