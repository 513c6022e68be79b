# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is banned in INPUT alone, by what iptables-save prints."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import input_bans
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError

PUBLISHED = "*nat\n-A DOCKER ! -i br-1 -p tcp -m tcp --dport 5432 -j DNAT --to-destination 172.18.0.2:5432\nCOMMIT\n"
LOOPBACK = "*nat\n-A DOCKER -d 127.0.0.1/32 ! -i br-1 -p tcp -m tcp --dport 5432 -j DNAT --to-destination 172.18.0.2:5432\n"
BANNED = "-A INPUT -s 203.0.113.9/32 -j DROP\n"


def bypassed(rules: str, nat: str = PUBLISHED) -> list[str]:
    return [str(net) for net in input_bans.bypassed_in(f"*filter\n{rules}COMMIT\n", nat)]


@pytest.mark.parametrize(
    "rules",
    [
        BANNED,
        "-A INPUT -s 203.0.113.9/32 -m comment --comment attack -j REJECT --reject-with icmp-port-unreachable\n",
        "-A INPUT -j ufw-user-input\n-A ufw-user-input -s 203.0.113.9/32 -j DROP\n",
        "-A INPUT -j a\n-A a -j b\n-A b -j a\n-A b -s 203.0.113.9 -j DROP\n",
    ],
)
def test_a_ban_of_everything_in_input_does_not_hold(rules: str) -> None:
    assert bypassed(rules) == ["203.0.113.9"]


@pytest.mark.parametrize(
    "rules",
    [
        "-A INPUT -s 203.0.113.9/32 -p tcp -m tcp --dport 22 -j DROP\n",
        "-A INPUT -p tcp -m multiport --dports 22 -j f2b-sshd\n-A f2b-sshd -s 203.0.113.9/32 -j REJECT\n",
        "-A INPUT ! -s 203.0.113.9/32 -j DROP\n",
        "-A INPUT -s 203.0.113.9/32 -j ACCEPT\n",
        "-A INPUT -j DROP\n",
        "-A INPUT -s nonsense -j DROP\n",
        BANNED + "-A FORWARD -j DOCKER-USER\n-A DOCKER-USER -s 203.0.113.9/32 -j DROP\n",
    ],
)
def test_a_near_miss_is_none(rules: str) -> None:
    assert bypassed(rules) == []


@pytest.mark.parametrize("nat", ["*nat\nCOMMIT\n", LOOPBACK])
def test_where_nothing_is_published_beyond_the_host_a_ban_in_input_holds(nat: str) -> None:
    assert bypassed(BANNED, nat) == []


def test_both_versions_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(command: list[str], **_options: Any) -> Any:
        address = "2001:db8::9/128" if "ip6" in command[0] else "203.0.113.9/32"
        return subprocess.CompletedProcess(command, 0, PUBLISHED if command[2] == "nat" else f"-A INPUT -s {address} -j DROP\n", "")

    monkeypatch.setattr(input_bans.shutil, "which", lambda name, path: f"/usr/sbin/{name}")
    monkeypatch.setattr(input_bans.subprocess, "run", run)
    assert [str(net) for net in input_bans.bypassed()] == ["203.0.113.9", "2001:db8::9"]


def test_a_host_without_iptables_or_rights_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(input_bans.shutil, "which", lambda _name, path: None)
    assert input_bans.bypassed() == []
    monkeypatch.setattr(input_bans.shutil, "which", lambda name, path: name)
    monkeypatch.setattr(input_bans.subprocess, "run", lambda *_given, **_more: subprocess.CompletedProcess([], 4, "", "you must be root"))
    assert input_bans.bypassed() == []


def test_one_that_does_not_end_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_given: Any, **_more: Any) -> Any:
        raise subprocess.TimeoutExpired("iptables-save", 30)

    monkeypatch.setattr(input_bans.shutil, "which", lambda name, path: name)
    monkeypatch.setattr(input_bans.subprocess, "run", run)
    with pytest.raises(IncidentError, match="iptables-save did not end within 30 s"):
        input_bans.bypassed()
