# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who attacks, what a ban would come to, which bans do not hold: with a ledger in a folder and a kernel that is made up."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import ban_observer, ban_options, ban_table, block_story
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.ban_ledger import Ledger
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.ip_networks import net_of

RULE = {"id": "scanner", "title": "One address looks around", "count": 3, "seconds": 60, "statuses": [404]}


@pytest.fixture(autouse=True)
def kernel(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the kernel and the host answer."""
    answers: dict[str, Any] = {"intact": True, "bypassed": []}
    monkeypatch.setattr(ban_table, "is_as", lambda _layout, _table: answers["intact"])
    monkeypatch.setattr(ban_table, "generation", lambda: None)
    monkeypatch.setattr(ban_options, "protected_networks", lambda _docker, _responder, allow: [(text, "allowed") for text in allow])
    monkeypatch.setattr(ban_observer, "bypassed", lambda: [net_of(text) for text in answers["bypassed"]])
    return answers


class Edge:
    """A log and a ledger."""

    def __init__(self, folder: Path) -> None:
        self.log, self.ledger = folder / "access.log", folder / "ledger.json"

    def attacked_by(self, *addresses: str) -> None:
        stamp = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime())
        lines = [f'{address} - - [{stamp}] "GET /{number} HTTP/1.1" 404 1 "-" "x"\n' for address in addresses for number in range(3)]
        self.log.write_text("".join(lines), encoding="utf-8")

    def blocks(self, *addresses: str) -> None:
        ledger = Ledger.read(self.ledger)
        ledger.add([net_of(one) for one in addresses], {}, {"incident": "x"}, 24, 0)
        ledger.write(self.ledger)

    def look(self, **more: Any) -> dict[str, Any]:
        options = {name: option.get("default") for name, option in ban_observer.BAN_INFO_OPTIONS.items()}
        options |= {"access_logs": [str(self.log)], "rules": [RULE], "ledger": str(self.ledger), "strict": False, **more}
        return ban_observer.look(options)

    def seen(self, **more: Any) -> dict[str, Any]:
        return block_story.observation(self.look(**more))


@pytest.fixture
def edge(tmp_path: Path) -> Edge:
    found = Edge(tmp_path)
    found.attacked_by()
    return found


def test_a_quiet_edge(edge: Edge) -> None:
    assert edge.seen() == {"attacks": [], "bans": {"active": 0, "to_block": 0, "refused": [], "lost": False, "bypassed": []}}


def test_attackers_wait_until_they_are_blocked(edge: Edge) -> None:
    edge.attacked_by("203.0.113.9", "203.0.113.10", "203.0.113.11")
    edge.blocks("203.0.113.10/31")
    found = edge.seen()
    assert [(one["count"], one["waiting"], one["addresses"]) for one in found["attacks"]] == [(3, 1, "203.0.113.9")]
    assert (found["bans"]["to_block"], found["bans"]["active"]) == (1, 1)
    edge.blocks("203.0.113.9")
    found = edge.seen()
    assert (found["attacks"][0]["waiting"], found["bans"]["to_block"]) == (0, 0)


def test_what_is_never_blocked_does_not_wait(edge: Edge) -> None:
    edge.attacked_by("203.0.113.9", "192.168.7.7")
    found = edge.seen(allow=["203.0.113.0/24"])
    assert found["attacks"][0]["waiting"] == 0
    assert [one["address"] for one in found["bans"]["refused"]] == ["192.168.7.7", "203.0.113.9"]


def test_a_look_makes_no_folder(edge: Edge, tmp_path: Path) -> None:
    edge.attacked_by("203.0.113.9")
    assert edge.look(ledger=str(tmp_path / "none" / "ledger.json"))["planned"]["blocked_count"] == 1
    assert not (tmp_path / "none").exists()


def test_lost_bans_are_told(edge: Edge, kernel: dict[str, Any]) -> None:
    edge.blocks("203.0.113.9")
    assert not edge.seen()["bans"]["lost"]
    kernel["intact"] = False
    assert edge.seen()["bans"]["lost"]


def test_bans_in_input_alone(edge: Edge, kernel: dict[str, Any]) -> None:
    kernel["bypassed"] = ["203.0.113.9", "203.0.113.10", "192.168.7.7"]
    edge.blocks("203.0.113.10")
    assert edge.seen()["bans"]["bypassed"] == ["203.0.113.9"]


def test_the_requests_that_failed_are_counted_on_the_way(edge: Edge) -> None:
    edge.attacked_by("203.0.113.9")
    assert edge.look()["traffic"] is None
    traffic = edge.look(traffic_minutes=15)["traffic"]
    assert (traffic["requests"], traffic["failed"]) == (3, 0)
    assert edge.look(traffic_minutes=15, access_logs=[])["traffic"] is None


def test_who_names_addresses_asks_no_log(edge: Edge) -> None:
    edge.attacked_by("203.0.113.9")
    found = edge.look(addresses=["203.0.113.77"])
    assert (found["found"], found["planned"]["blocked_count"]) == ({}, 1)


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"hours": 0}, "ip_block_hours is 0"),
        ({"confirm_seconds": 5}, "ip_block_confirm_seconds is 5"),
        ({"table": "x y"}, "ip_block_table is 'x y'; give a name of small letters"),
        ({"allow": ["the office"]}, "ip_block_allow cannot be used: 'the office' is no address"),
        ({"wide": ["203.0.113.1/8"]}, "ip_block_wide cannot be used: 203.0.113.1/8 is an address of the network"),
    ],
)
def test_bad_options_are_told(edge: Edge, option: dict[str, Any], words: str) -> None:
    with pytest.raises(IncidentError, match=words):
        edge.look(**option)
