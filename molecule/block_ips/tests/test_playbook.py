# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks, from the attack to the lifted ban: attackers are found in nginx's own log of their real requests."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from clients import DOCKER_PORT, Client
from conftest import MORE, TABLE
from playbook import Player, Run, user_environment

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import ban_table
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.ban_ledger import Ledger
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.ip_block import Place

Play = Callable[..., Run]


@pytest.fixture
def play(tmp_path: Path, place: Place, access_log: Path, innocent: Client) -> Play:
    """Runs a playbook on this host as the edge, with the test's ledger, table and log."""
    host = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    inventory = tmp_path / "hosts.yml"
    inventory.write_text(yaml.safe_dump({"circuit_sage_edge": {"hosts": {"sandbox": host}}}), encoding="utf-8")
    settings = {
        "incident_lock_dir": str(tmp_path),
        "ip_block_ledger": str(place.ledger),
        "ip_block_table": TABLE,
        "ip_block_access_logs": [str(access_log)],
        "ip_block_allow": [innocent.addresses[4]],
    }
    player = Player(tmp_path / "records", "block_ips")

    def start(*arguments: str, playbook: str = "block_ips", **environment: str) -> Run:
        given = ["-i", str(inventory), "-e", json.dumps(settings), *arguments]
        return player.play(*given, playbook=f"playbooks/{playbook}.yml", env=user_environment(**environment))

    return start


def test_attackers_are_found_blocked_and_let_in_again(play: Play, place: Place, attacker: Client, innocent: Client) -> None:
    """A scanner, and a botnet in the network of an innocent one, who is allowed by name."""
    attacker.tries([f"/wp-{number}.php?token=geheim" for number in range(50)])
    attacker.tries(["/api/auth/login"] * 5, "POST", MORE)
    assert innocent.reaches(4, DOCKER_PORT)

    checked = play("--check", "--diff", "-v")
    assert (checked.status, checked.changed, checked.record.outcome) == (0, 0, "diagnosed"), checked.output
    assert checked.record.causes == ["credential_stuffing", "scanner"]
    assert checked.record.content["changes"] == []
    assert not place.ledger.exists() and ban_table.held(TABLE) is None
    assert attacker.reaches(4, DOCKER_PORT)

    done = play("-v")
    assert (done.status, done.record.outcome) == (0, "resolved"), done.output
    assert not attacker.reaches(4, DOCKER_PORT)
    assert [source for source in MORE if attacker.connects(4, DOCKER_PORT, source)] == []
    # The botnet is not taken together as its network, since that holds one who is allowed.
    assert innocent.reaches(4, DOCKER_PORT)
    assert done.record.content["changes"][0]["done"] is True
    assert done.record.wrong_modes() == []
    assert "bans.json" in done.record.evidence()
    assert "geheim" not in "".join(path.read_text() for path in done.record.folder.rglob("*") if path.is_file()) + done.output

    again = play("-v")
    assert (again.status, again.changed, again.record.outcome) == (0, 0, "healthy"), again.output

    incident = Path(done.record.folder).name
    lifted = play("-e", f"incident={incident}", playbook="unblock_ips")
    assert lifted.status == 0 and "26 bans are lifted, 0 stay" in lifted.said(), lifted.output
    assert attacker.reaches(4, DOCKER_PORT)


def test_who_names_addresses_blocks_these(play: Play, place: Place, attacker: Client) -> None:
    done = play("-e", f"ip_block_addresses={','.join(attacker.addresses.values())}", "-v")
    assert (done.status, done.record.outcome, done.changed) == (0, "resolved", 2), done.output
    assert not attacker.reaches(4, DOCKER_PORT) and not attacker.reaches(6, DOCKER_PORT)
    assert set(map(str, Ledger.read(place.ledger).bans)) == set(attacker.addresses.values())
    assert place.ledger.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("arguments", "connection", "words"),
    [
        ("ip_block_addresses=203.0.113.64/26", "203.0.113.77 50022 198.18.7.1 22", "the address that this run comes from"),
        ("ip_block_addresses=203.0.113.0/24", "", "an address of ip_block_allow"),
    ],
)
def test_refused_before_anything_is_touched(play: Play, place: Place, arguments: str, connection: str, words: str) -> None:
    """Also the run's own address, which SSH tells, and which a network would take with it."""
    done = play("-e", arguments, **({"SSH_CONNECTION": connection} if connection else {}))
    assert done.status == 2 and words in done.said(), done.output
    assert done.record.outcome == "escalated" and done.record.content["changes"] == []
    assert not place.ledger.exists() and ban_table.held(TABLE) is None


def test_nothing_to_lift_is_refused(play: Play) -> None:
    done = play(playbook="unblock_ips")
    assert done.status == 2 and "nothing says which bans to lift" in done.said(), done.output
