# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks: what is never blocked, what is taken together, and the ranges that the kernel gets."""

from __future__ import annotations

import ipaddress
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.ip_networks import (
    BITS,
    Net,
    Protected,
    covering,
    disjoint,
    gathered,
    net_of,
)


def nets(version: int = 4, longest: int = 8) -> st.SearchStrategy[Net]:
    """Networks of a small neighbourhood, so that they overlap often."""
    base = int(ipaddress.ip_address("203.0.112.0" if version == 4 else "2001:db8::"))

    def made(offset: int, bits: int) -> Net:
        return Net(version, base + (offset >> bits << bits), BITS[version] - bits)

    return st.builds(made, st.integers(0, 2**longest - 1), st.integers(0, longest))


@pytest.mark.parametrize("text", ["203.0.113.9", "203.0.113.0/24", "2001:db8::1", "2001:db8::/64", "0.0.0.0/0"])
def test_what_is_read_is_written_alike(text: str) -> None:
    assert str(net_of(text)) == text


@pytest.mark.parametrize(
    ("text", "same"), [("::ffff:203.0.113.9", "203.0.113.9"), ("203.0.113.9/32", "203.0.113.9"), ("2001:DB8:0::1", "2001:db8::1")]
)
def test_another_way_to_write_the_same(text: str, same: str) -> None:
    assert str(net_of(text)) == same


@pytest.mark.parametrize(
    "text", ["", "203.0.113", "203.0.113.300", "2001::db8::1", "example.com", "203.0.113.0/33", "203.0.113.9; drop", "1.2.3.4 "]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(IncidentError, match="is no address and no network"):
        net_of(text)


def test_an_address_with_a_prefix_is_refused() -> None:
    with pytest.raises(IncidentError, match=r"203\.0\.113\.9/24 is an address of the network 203\.0\.113\.0/24; give the one or the other"):
        net_of("203.0.113.9/24")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("127.0.0.1", "loopback addresses (127.0.0.0/8)"),
        ("::1", "loopback addresses (::1)"),
        ("10.1.2.3", "private addresses (10.0.0.0/8)"),
        ("172.18.0.1", "private addresses"),
        ("192.168.0.0/24", "private addresses"),
        ("::ffff:172.18.0.1", "private addresses"),
        ("fd00::1", "private addresses"),
        ("169.254.169.254", "link-local addresses"),
        ("fe80::1", "link-local addresses"),
        ("224.0.0.1", "multicast addresses"),
        ("ff02::1", "multicast addresses"),
        ("255.255.255.255", "addresses that no client has"),
        ("0.0.0.0/0", "addresses that no client has"),
        ("::/0", "addresses that no client has"),
        ("203.0.0.0/15", "it is wider than /16; name it in ip_block_wide if it is meant"),
        ("2001:db8::/31", "it is wider than /32"),
        ("198.51.100.0/24", "the office (198.51.100.7)"),
        ("198.51.100.7", "the office (198.51.100.7)"),
    ],
)
def test_never_blocked(text: str, why: str) -> None:
    refusal = Protected([("198.51.100.7", "the office")]).refusal(net_of(text))
    assert refusal is not None and why in refusal and refusal.startswith(f"{net_of(text)} is never blocked, because ")


def test_what_is_named_may_be_wide_but_not_everything() -> None:
    protected = Protected(wide=["203.0.0.0/15", "0.0.0.0/0"])
    assert protected.refusal(net_of("203.0.0.0/15")) is None
    assert protected.refusal(net_of("0.0.0.0/0")) is not None
    assert protected.refusal(net_of("203.0.113.9")) is None


@given(st.lists(nets(), max_size=6), nets())
def test_no_network_is_blocked_that_shares_an_address_with_a_protected_one(held: list[Net], net: Net) -> None:
    protected = Protected([(str(one), "x") for one in held])
    overlaps = any(one.first <= net.last and net.first <= one.last for one in held)
    assert (protected.refusal(net) is not None) is overlaps


@given(st.lists(nets(longest=10), min_size=1, max_size=30), st.lists(nets(longest=10), max_size=3), st.integers(0, 6))
def test_taking_together_never_widens_into_a_protected_address(wanted: list[Net], held: list[Net], at_least: int) -> None:
    protected = Protected([(str(one), "x") for one in held])
    allowed = [net for net in wanted if protected.refusal(net) is None]
    for net, group in gathered(allowed, at_least, protected).items():
        assert group.first <= net.first and net.last <= group.last
        assert protected.refusal(group) is None
        if group != net:
            assert sum(group.first <= other.first and other.last <= group.last for other in allowed) >= at_least > 0


def test_neighbours_are_taken_together_from_so_many_on() -> None:
    few = [net_of(f"203.0.113.{number}") for number in range(3)]
    assert set(gathered(few, 4, Protected()).values()) == set(few)
    assert set(gathered([*few, net_of("203.0.113.200")], 4, Protected()).values()) == {net_of("203.0.113.0/24")}
    assert set(gathered([net_of("2001:db8::1"), net_of("2001:db8::2")], 2, Protected()).values()) == {net_of("2001:db8::/64")}


@given(st.dictionaries(nets(), st.sampled_from("abcdef"), max_size=12), st.integers(0, 255))
def test_ranges_do_not_overlap_and_each_address_has_its_latest_time(until: dict[Net, str], offset: int) -> None:
    pieces = disjoint(until)[4]
    ordered = sorted(pieces)
    assert all(first <= last for first, last in ordered)
    assert all(one[1] < other[0] for one, other in itertools.pairwise(ordered))
    address = int(ipaddress.ip_address("203.0.112.0")) + offset
    times = [time for net, time in until.items() if net.first <= address <= net.last]
    held = [time for (first, last), time in pieces.items() if first <= address <= last]
    assert held == ([max(times)] if times else [])


def test_ranges_of_ipv6_go_to_the_last_address() -> None:
    everything = Net(6, 0, 0)
    assert disjoint({everything: "a", net_of("2001:db8::1"): "b"})[6] == {
        (0, int(ipaddress.ip_address("2001:db8::"))): "a",
        (int(ipaddress.ip_address("2001:db8::1")),) * 2: "b",
        (int(ipaddress.ip_address("2001:db8::2")), 2**128 - 1): "a",
    }


@given(st.sets(nets(), max_size=8), nets())
def test_covering_finds_a_wider_one_exactly_where_there_is_one(among: set[Net], net: Net) -> None:
    found = covering(net, among, sorted({one.prefix for one in among}))
    wider = [one for one in among if one.prefix <= net.prefix and one.first <= net.first <= one.last]
    assert (found in wider) if wider else found is None
