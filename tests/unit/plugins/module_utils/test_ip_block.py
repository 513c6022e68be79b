# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Blocking, confirming, lifting, reloading: what the ledger says and what the kernel is told. molecule/block_ips has the kernel itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import (
    ban_ledger,
    ban_reload,
    ban_table,
    block_story,
    ip_block,
    protected_networks,
)
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.ban_ledger import Ledger
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.ban_table import Layout, layout_of, statements
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.docker_engine import DockerEngine
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import EngineUnreachable, IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.ip_block import Place, Wanted
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.ip_networks import Protected, net_of

COLLECTIONS = Path(__file__).resolve().parents[4] / ".ansible" / "collections"
RUN = {"by": "anna", "why": "named", "incident": "incident-1"}


class Kernel:
    """Takes transactions as nft does, and holds what the last layout said."""

    def __init__(self) -> None:
        self.transactions: list[str] = []
        self.generation = 7
        self.intact = False
        self.refuses = 0

    def held(self, _table: str) -> dict[str, set[tuple[int, int]]] | None:
        return {} if self.transactions else None

    def lead(self, before: Layout | None, after: Layout, now: str, table: str) -> int:
        if self.refuses:
            self.refuses -= 1
            raise IncidentError("nftables refused the bans")
        self.transactions.append(statements(before, after, now, table))
        self.generation += 1
        self.intact = True
        return 1

    def is_as(self, _layout: Layout, _table: str) -> bool:
        return self.intact


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    found = Kernel()
    monkeypatch.setattr(ban_table, "lead", found.lead)
    monkeypatch.setattr(ban_table, "is_as", found.is_as)
    monkeypatch.setattr(ban_table, "held", found.held)
    monkeypatch.setattr(ban_table, "generation", lambda: found.generation)
    return found


class Clock:
    def __init__(self) -> None:
        self.hours = 0.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Hours that have passed for the ledger."""
    found, real = Clock(), ban_ledger.later_text
    monkeypatch.setattr(ban_ledger, "later_text", lambda seconds: real(seconds + found.hours * 3600))
    monkeypatch.setattr(ip_block, "now_text", lambda: ban_ledger.later_text(0))
    return found


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "lib" / "ledger.json", "bans", tmp_path)


def block(place: Place, *addresses: str, trial: int = 0, **options: t.Any) -> dict[str, t.Any]:
    given = {key: options.pop(key) for key in ("reasons", "hours", "gather_at") if key in options}
    wanted = Wanted(addresses, given.pop("reasons", {}), RUN, **given)
    return ip_block.block(place, wanted, Protected([("198.51.100.7", "the office")]), trial, **options)


def bans(place: Place) -> dict[str, t.Any]:
    return {str(net): ban for net, ban in Ledger.read(place.ledger).bans.items()}


def hours_of(ban: dict[str, t.Any]) -> float:
    return ban_ledger.seconds_until(ban["until"], ban["since"]) / 3600


def test_the_first_ban_makes_the_table(kernel: Kernel, place: Place) -> None:
    done = block(place, "203.0.113.9", "2001:db8::/64", reasons={"203.0.113.9": "scanner"})
    assert (done["changed"], done["blocked_count"], done["active_count"], done["restored"]) == (True, 2, 2, False)
    assert done["blocked"][0] | {"until": "", "since": ""} == {
        "address": "203.0.113.9",
        "until": "",
        "since": "",
        "times": 1,
        "why": "scanner",
        "by": "anna",
        "incident": "incident-1",
    }
    assert done["blocked"][1]["why"] == "named"
    text = kernel.transactions[0]
    assert text.startswith("add table inet bans\ndelete table inet bans\nadd table inet bans\n")
    assert "priority -310" in text and "203.0.113.9 timeout 86400s" in text
    assert "2001:db8::-2001:db8::ffff:ffff:ffff:ffff timeout 86400s" in text
    assert place.ledger.stat().st_mode & 0o777 == 0o600


def test_who_is_blocked_stays_as_he_is(kernel: Kernel, place: Place) -> None:
    block(place, "203.0.113.9", "198.51.101.0/24")
    before = place.ledger.read_bytes()
    done = block(place, "203.0.113.9", "198.51.101.77", "198.51.101.77")
    assert (done["changed"], done["blocked_count"], done["already_count"]) == (False, 0, 2)
    assert place.ledger.read_bytes() == before and len(kernel.transactions) == 1


def test_a_further_ban_is_added_to_what_is_there(kernel: Kernel, place: Place) -> None:
    block(place, "203.0.113.9")
    block(place, "203.0.113.10")
    assert "delete table" not in kernel.transactions[1] and "203.0.113.10 timeout" in kernel.transactions[1]


def test_check_mode_writes_nothing(kernel: Kernel, place: Place) -> None:
    done = block(place, "203.0.113.9", check=True)
    assert done["changed"] and done["blocked"][0]["address"] == "203.0.113.9"
    assert not place.ledger.exists() and kernel.transactions == []
    assert ip_block.diff_of(done)["after"].startswith("203.0.113.9 until 2")


def test_one_that_is_never_blocked_refuses_the_list_or_is_left(kernel: Kernel, place: Place) -> None:
    with pytest.raises(IncidentError, match=r"198\.51\.100\.7 is never blocked, because it has the office .* \(1 more are refused\)"):
        block(place, "203.0.113.9", "198.51.100.7", "10.0.0.1")
    assert not place.ledger.exists()
    done = block(place, "203.0.113.9", "198.51.100.7", strict=False)
    assert [one["address"] for one in done["refused"]] == ["198.51.100.7"] and list(bans(place)) == ["203.0.113.9"]


def test_neighbours_become_their_network(kernel: Kernel, place: Place) -> None:
    addresses = [f"203.0.113.{number}" for number in range(8)] + [f"198.51.100.{number}" for number in range(20, 30)]
    done = block(place, *addresses, gather_at=8, reasons={"203.0.113.3": "flood"})
    assert done["blocked_count"] == 11
    assert bans(place)["203.0.113.0/24"]["why"] == "flood" and "198.51.100.20" in bans(place)


def test_each_ban_of_one_address_is_twice_as_long_to_thirty_days(kernel: Kernel, place: Place, clock: Clock) -> None:
    for hours in (24, 48, 96, 192, 384, 720, 720):
        block(place, "203.0.113.9")
        assert hours_of(bans(place)["203.0.113.9"]) == pytest.approx(hours, abs=0.01)
        clock.hours += hours + 1
    clock.hours += 24 * 91
    Ledger.read(place.ledger)
    assert block(place, "203.0.113.9")["blocked"][0]["times"] == 8


def test_what_is_on_trial_waits_for_its_confirmation(kernel: Kernel, place: Place) -> None:
    done = block(place, "203.0.113.9", trial=60)
    assert done["confirm_until"] and "ipv4 timeout 60s : jump trial" in kernel.transactions[0]
    assert ip_block.confirm(place, done["run"], True) == {"changed": True}
    assert ip_block.confirm(place, done["run"], False) == {"changed": True}
    assert kernel.transactions[1].splitlines() == [
        "flush map inet bans on_trial",
        "add element inet bans on_trial { ipv4 : jump trial, ipv6 : jump trial }",
    ]
    assert ip_block.confirm(place, done["run"], False) == {"changed": False}
    # The next run takes them over into the other sets.
    block(place, "203.0.113.10", trial=60)
    assert "add element inet bans blocked_ipv4 { 203.0.113.9 timeout" in kernel.transactions[2]
    assert "flush set inet bans trial_ipv4" not in kernel.transactions[2] and "trial_ipv4 { 203.0.113.10 timeout" in kernel.transactions[2]


def test_what_is_not_confirmed_is_as_it_was(kernel: Kernel, place: Place, clock: Clock) -> None:
    block(place, "203.0.113.9")
    clock.hours += 25
    done = block(place, "203.0.113.9", "203.0.113.10", trial=60)
    assert done["blocked"][0]["times"] == 2
    clock.hours += 1
    with pytest.raises(IncidentError, match="were taken back"):
        ip_block.confirm(place, done["run"], False)
    again = block(place, "203.0.113.9", trial=60)
    assert again["blocked"][0]["times"] == 2 and list(bans(place)) == ["203.0.113.9"]


def test_a_run_that_was_killed_is_taken_back_by_the_next(kernel: Kernel, place: Place) -> None:
    block(place, "203.0.113.9", trial=60)
    done = block(place, "203.0.113.9", "203.0.113.10", trial=60)
    assert done["blocked_count"] == 2 and {ban["times"] for ban in bans(place).values()} == {1}


def test_lifting(kernel: Kernel, place: Place) -> None:
    block(place, "203.0.113.9", "203.0.113.128/25")
    with pytest.raises(IncidentError, match=r"is blocked as a part of 203\.0\.113\.128/25"):
        ip_block.unblock(place, ["203.0.113.200"], None, False)
    assert ip_block.unblock(place, ["203.0.113.9"], None, True)["changed"]
    done = ip_block.unblock(place, ["203.0.113.9", "203.0.113.7"], None, False)
    assert (done["unblocked_count"], done["active_count"]) == (1, 1)
    assert ip_block.diff_of(done)["before"].startswith("203.0.113.9 until")
    assert "delete element inet bans blocked_ipv4 { 203.0.113.9 }" in kernel.transactions[-1] or "flush" in kernel.transactions[-1]
    assert not ip_block.unblock(place, ["203.0.113.9"], None, False)["changed"]
    assert ip_block.unblock(place, [], "incident-1", False)["unblocked_count"] == 1
    assert not ip_block.unblock(place, [], "incident-1", False)["changed"]
    with pytest.raises(IncidentError, match="no ban is of an incident latest; give its id"):
        ip_block.unblock(place, [], "latest", False)


def test_who_would_stay_blocked_is_not_told_to_be_free(kernel: Kernel, place: Place) -> None:
    block(place, "203.0.113.9", "203.0.113.10", "203.0.113.11", "203.0.113.12")
    with pytest.raises(
        IncidentError, match=r"203\.0\.113\.0/24 is not blocked as one, but 4 of it are; unblock these: 203\.0\.113\.9, .*, …$"
    ):
        ip_block.unblock(place, ["203.0.113.0/24"], None, False)
    block(place, "203.0.113.0/24")
    with pytest.raises(IncidentError, match=r"203\.0\.113\.9 is blocked as a part of 203\.0\.113\.0/24; unblock 203\.0\.113\.0/24"):
        ip_block.unblock(place, ["203.0.113.9"], None, False)
    assert ip_block.unblock(place, ["203.0.113.9", "203.0.113.0/24"], None, False)["unblocked_count"] == 2


def test_bans_that_only_the_kernel_knows_end_with_the_next_that_are_lifted(kernel: Kernel, place: Place) -> None:
    assert not ip_block.unblock(place, ["203.0.113.9"], None, False)["changed"]
    block(place, "203.0.113.9")
    place.ledger.unlink()
    kernel.intact = False
    assert ip_block.unblock(place, ["203.0.113.9"], None, True)["corrected"]
    assert len(kernel.transactions) == 1
    done = ip_block.unblock(place, ["203.0.113.9"], None, False)
    assert (done["changed"], done["corrected"], done["unblocked_count"]) == (True, True, 0)
    assert "delete table inet bans" in kernel.transactions[-1] and "203.0.113.9" not in kernel.transactions[-1]
    assert not ip_block.unblock(place, ["203.0.113.9"], None, False)["changed"]


def test_what_was_lost_is_put_back(kernel: Kernel, place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    assert not ip_block.reload(place)["changed"]
    block(place, "203.0.113.9", trial=60)
    ip_block.confirm(place, 1, False)
    assert not ip_block.reload(place)["changed"]
    kernel.intact, kernel.generation = False, 20
    assert ip_block.reload(place, check=True)["restored"]
    done = block(place, "203.0.113.9")
    assert (done["changed"], done["restored"], done["blocked_count"]) == (True, True, 0)
    kernel.intact, kernel.generation = False, 30
    place.mark.unlink()
    assert ip_block.reload(place)["restored"]
    assert "blocked_ipv4 { 203.0.113.9 timeout" in kernel.transactions[-1]
    assert ban_reload.main([str(place.ledger), "bans"]) == 0
    place.ledger.write_text("{", encoding="ascii")
    assert ban_reload.main([str(place.ledger), "bans"]) == 1
    assert "put a copy of it back" in capsys.readouterr().err


def test_the_program_of_the_host_says_what_it_did(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(ban_reload, "reload", lambda _place: {"restored": True, "active_count": 3})
    assert ban_reload.main(["/nowhere", "bans"]) == 0
    assert capsys.readouterr().out == "3 bans are in the kernel again\n"


def test_where_the_kernel_refuses_the_ledger_is_as_before(kernel: Kernel, place: Place) -> None:
    kernel.refuses = 1
    with pytest.raises(IncidentError, match="refused"):
        block(place, "203.0.113.9")
    assert not place.ledger.exists()
    block(place, "203.0.113.9")
    kernel.refuses = 1
    block(place, "203.0.113.10")
    assert kernel.transactions[-1].startswith("add table inet bans\ndelete table")
    before = bans(place)
    kernel.refuses = 2
    with pytest.raises(IncidentError):
        block(place, "203.0.113.11")
    assert bans(place) == before


def test_what_somebody_else_changed_meanwhile_is_looked_at_again(kernel: Kernel, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = iter(range(100, 200, 5))
    monkeypatch.setattr(ban_table, "generation", lambda: next(numbers))
    block(place, "203.0.113.9")
    assert not place.mark.exists()


@pytest.mark.parametrize("content", ["{", "[]", '{"format": 9}', '{"format": 2}'])
def test_a_ledger_that_cannot_be_used_is_told(place: Place, content: str) -> None:
    place.ledger.parent.mkdir()
    place.ledger.write_text(content, encoding="ascii")
    with pytest.raises(IncidentError, match="move it away to begin anew"):
        block(place, "203.0.113.9")


def test_a_ledger_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(IncidentError, match="cannot be written"):
        Ledger().write(tmp_path / "file" / "ledger.json")


def test_the_kernel_gets_no_ranges_that_overlap() -> None:
    ledger = Ledger()
    ledger.add([net_of("203.0.113.0/30")], {}, RUN, 24, 0)
    ledger.content["trial"] = None
    ledger.add([net_of("203.0.113.1")], {}, RUN, 48, 0)
    ledger.content["trial"] = None
    text = statements(None, layout_of(ledger, ban_ledger.now_text()), ban_ledger.now_text(), "bans")
    assert "203.0.113.0 timeout 86400s, 203.0.113.1 timeout 172800s, 203.0.113.2-203.0.113.3 timeout 86400s" in text


# As nft 1.0.6 tells of the table.
SLEEPING: dict[str, t.Any] = {"table": {"family": "inet", "name": "circuit_sage_block", "handle": 1, "flags": "dormant"}}
NFT: list[dict[str, t.Any]] = [
    {"table": {"family": "inet", "name": "circuit_sage_block", "handle": 1}},
    *({"set": {"name": name, "elem": []}} for name in list(ban_table.SETS.values())[1:]),
    {"set": {"name": "blocked_ipv4", "elem": [
        {"elem": {"val": "203.0.113.9", "timeout": 9}}, {"elem": {"val": {"prefix": {"addr": "198.51.100.0", "len": 24}}}},
        {"elem": {"val": {"range": ["203.0.113.1", "203.0.113.2"]}}}]}},
    {"map": {"name": "on_trial", "type": "nf_proto", "map": "verdict", "flags": ["timeout"]}},
    {"chain": {"name": "trial", "handle": 5}},
    {"chain": {"name": "prerouting", "handle": 7, "type": "filter", "hook": "prerouting", "prio": -310, "policy": "accept"}},
    *({"rule": {"chain": chain, "handle": 9, "expr": [
        {"match": {"op": "==", "left": {"payload": {"protocol": family, "field": "saddr"}}, "right": f"@{name}"}}, {"drop": None}]}}
      for chain, family, name in (("trial", "ip", "trial_ipv4"), ("trial", "ip6", "trial_ipv6"),
                                  ("prerouting", "ip", "blocked_ipv4"), ("prerouting", "ip6", "blocked_ipv6"))),
    {"rule": {"chain": "prerouting", "handle": 12, "expr": [{"vmap": {"key": {"meta": {"key": "nfproto"}}, "data": "@on_trial"}}]}},
]  # fmt: skip


def said(monkeypatch: pytest.MonkeyPatch, status: int, output: str = "", error: str = "") -> None:
    monkeypatch.setattr(ban_table.shutil, "which", lambda *_words, **_more: "/usr/sbin/nft")
    monkeypatch.setattr(ban_table.subprocess, "run", lambda words, **_more: subprocess.CompletedProcess(words, status, output, error))


def test_what_the_kernel_holds_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    said(monkeypatch, 0, json.dumps({"nftables": [{"metainfo": {}}, *NFT]}))
    ranges = {(net_of(first).first, net_of(last).first) for first, last in
              (("203.0.113.9", "203.0.113.9"), ("198.51.100.0", "198.51.100.255"), ("203.0.113.1", "203.0.113.2"))}  # fmt: skip
    held = ban_table.held()
    assert held is not None and held["blocked_ipv4"] == ranges and held["on_trial"] == set()
    layout = Layout()
    assert not ban_table.is_as(layout)
    layout.sets["blocked_ipv4"] = dict.fromkeys(ranges, "")
    assert ban_table.is_as(layout)
    layout.trial_seconds = 5
    assert not ban_table.is_as(layout)


def test_a_table_that_is_not_there_or_not_whole_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    said(monkeypatch, 1)
    assert ban_table.held() is None and not ban_table.is_as(Layout())
    for entries in (NFT[:-1], [SLEEPING, *NFT[1:]], [one for one in NFT if one.get("chain", {}).get("name") != "prerouting"]):
        said(monkeypatch, 0, json.dumps({"nftables": entries}))
        assert ban_table.held() is None


def test_the_words_of_nft_are_told_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    said(monkeypatch, 1, error="/dev/stdin:1:1-3: Error: Could not process rule: Operation not permitted\nadd table\n")
    with pytest.raises(IncidentError, match=r"refused the bans \(Could not process rule: Operation not permitted\)"):
        ban_table.apply("x")
    said(monkeypatch, 0)
    ban_table.apply("x")

    def slow(*_words: t.Any, **_more: t.Any) -> None:
        raise subprocess.TimeoutExpired("nft", 1)

    monkeypatch.setattr(ban_table.subprocess, "run", slow)
    with pytest.raises(IncidentError, match="nft did not end within"):
        ban_table.apply("x")
    monkeypatch.setattr(ban_table.shutil, "which", lambda *_words, **_more: None)
    with pytest.raises(IncidentError, match="install the package nftables"):
        ban_table.apply("x")


def test_the_generation_is_a_number_or_unknown() -> None:
    assert ban_table.generation() is None or isinstance(ban_table.generation(), int)


# What must never be blocked of a host

LINKS = [
    {"ifname": "lo", "addr_info": [{"local": "127.0.0.1", "prefixlen": 8}]},
    {"ifname": "eth0", "addr_info": [{"local": "198.51.100.4", "prefixlen": 24}]},
]


def test_own_addresses_are_never_blocked(monkeypatch: pytest.MonkeyPatch) -> None:
    said(monkeypatch, 0, json.dumps(LINKS))
    monkeypatch.setattr(protected_networks.Path, "exists", lambda self: "eth0" in str(self))
    assert list(protected_networks.own_addresses()) == [
        ("127.0.0.1", "an own address of the host"),
        ("198.51.100.4", "an own address of the host"),
        ("198.51.100.0/24", "the network of eth0"),
    ]
    said(monkeypatch, 0, "no json")
    with pytest.raises(IncidentError, match="install the package iproute2"):
        list(protected_networks.own_addresses())


def test_dockers_networks_are_never_blocked(monkeypatch: pytest.MonkeyPatch) -> None:
    networks = [{"Name": "host", "IPAM": {"Config": None}}, {"Name": "shop", "IPAM": {"Config": [{"Subnet": "198.51.100.0/24"}, {}]}}]
    monkeypatch.setattr(DockerEngine, "networks", lambda _self: networks)
    assert list(protected_networks.docker_networks("unix:///x")) == [("198.51.100.0/24", "the Docker network shop")]

    def down(_self: t.Any) -> None:
        raise EngineUnreachable("down")

    monkeypatch.setattr(DockerEngine, "networks", down)
    assert list(protected_networks.docker_networks("unix:///x")) == []


def test_whoever_the_run_comes_from_is_never_blocked() -> None:
    """Also where sudo has taken the variable away: the ancestors have it."""
    code = f"from {protected_networks.__name__} import responders; print(list(responders('203.0.113.8%eth0')))"
    words = ["env", "-u", "SSH_CONNECTION", sys.executable, "-c", code]
    environment = os.environ | {"SSH_CONNECTION": "2001:db8::8 50022 2001:db8::1 22", "PYTHONPATH": str(COLLECTIONS)}
    # A shell that stays, as sshd's does.
    done = subprocess.run(["sh", "-c", '"$@"; true', "sh", *words], env=environment, capture_output=True, text=True, check=True)
    for address in ("203.0.113.8", "2001:db8::8"):
        assert f"('{address}', 'the address that this run comes from')" in done.stdout


def test_a_connection_that_is_none_of_the_network_has_no_address() -> None:
    code = f"from {protected_networks.__name__} import responders; print(list(responders(None)))"
    environment = os.environ | {"SSH_CONNECTION": "UNKNOWN 65535 UNKNOWN 65535", "PYTHONPATH": str(COLLECTIONS)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert "UNKNOWN" not in done.stdout


def test_all_that_is_protected_together(monkeypatch: pytest.MonkeyPatch) -> None:
    said(monkeypatch, 0, "[]")
    monkeypatch.setattr(DockerEngine, "networks", lambda _self: [])
    found = list(protected_networks.protected_networks("unix:///x", "203.0.113.8", ["198.51.100.0/24"]))
    assert ("198.51.100.0/24", "an address of ip_block_allow") in found and len(found) >= 2


# What the run tells

PLANNED = {"refused": [], "blocked_count": 2, "already_count": 0, "restored": False}
ATTACK = {
    "id": "scanner",
    "title": "Scanner",
    "addresses": ["203.0.113.9", "10.0.0.1"],
    "counted": 9,
    "first": "a",
    "last": "b",
    "networks": [{"network": "203.0.113.0/24", "addresses": 1}],
    "success_after_failures": [],
    "attackers": [{"paths": ["/x"]}],
}
FOUND = {
    "attacks": [ATTACK],
    "files": ["a"],
    "lines": 10,
    "clients": 3,
    "reasons": {"x": "scanner"},
    "malformed": 1,
    "too_long": 1,
    "spared": [1],
}


def test_an_attack_is_a_finding() -> None:
    told = block_story.findings(FOUND, PLANNED)[0]
    assert (told["id"], told["decision"], told["severity"], told["escalate"]) == ("scanner", "act", "P2", None)
    refused = PLANNED | {"refused": [{"address": "10.0.0.1", "why": "it is private"}]}
    inside = {"attacks": [ATTACK | {"success_after_failures": ["203.0.113.9"]}]}
    told = block_story.findings(inside, refused)[0]
    assert (told["decision"], told["reason"], told["severity"]) == ("leave", "1 of them are never blocked: it is private", "P1")
    assert told["escalate"].startswith("203.0.113.9 got in after failures")


def test_one_line_of_what_was_seen() -> None:
    assert block_story.seen(FOUND, PLANNED) == "10 lines of 3 clients; 1 of them attack; 2 lines cannot be read; 1 are spared"
    told = block_story.seen({}, PLANNED | {"already_count": 7, "restored": True})
    assert told == "9 addresses and networks were named; 7 are blocked already; bans were lost from the kernel"


def test_how_a_run_ends() -> None:
    done = {"blocked_count": 2, "restored": False, "blocked": [{"until": "then"}]}
    refused = [{"address": "a", "why": "a is private"}, {"address": "b", "why": "b is"}]
    assert block_story.judgement(FOUND, PLANNED, {}, False)["outcome"] == "diagnosed"
    assert block_story.judgement(FOUND, PLANNED, done, True)["text"] == "2 addresses and networks are blocked, the first until then"
    end = block_story.judgement(FOUND, PLANNED | {"refused": refused}, done | {"restored": True}, True)
    assert end["outcome"] == "escalated" and "left alone: a is private; 1 more. A person is needed" in end["text"]
    nothing = PLANNED | {"blocked_count": 0}
    assert block_story.judgement({}, nothing, {}, True) == {
        "outcome": "healthy",
        "text": "nobody attacks, nothing was changed",
        "impact": [],
    }
    assert block_story.judgement({}, nothing | {"already_count": 3}, {}, False)["text"].startswith("all of them are blocked already")
    lost = block_story.judgement({}, nothing | {"restored": True}, None, False)
    assert lost["text"].endswith("bans that were lost would be put back; nothing was changed")
    assert block_story.judgement({}, nothing, done | {"blocked_count": 0, "restored": True}, True)["outcome"] == "resolved"
