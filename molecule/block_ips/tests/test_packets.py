# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bans, proven by packets: whom they keep out and whom not, by which way, and for how long."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence

import pytest
from clients import DOCKER_PORT, HOST, LOCAL_PORT, MARK, Client, command
from conftest import TABLE
from sandbox import CHECKOUT, eventually

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import ip_block
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.ip_block import Place, Wanted
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.ip_networks import Protected
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.protected_networks import protected_networks

PORTS = (DOCKER_PORT, LOCAL_PORT)
DOCKER = "unix:///var/run/docker.sock"


def block(place: Place, addresses: Sequence[str], hours: float = 24, trial_seconds: int = 0) -> dict[str, object]:
    """Block as the module does."""
    wanted = Wanted(addresses, {}, {"by": "test", "why": "test", "incident": "test"}, hours)
    return ip_block.block(place, wanted, Protected(protected_networks(DOCKER, None, [])), trial_seconds)


def reached(client: Client) -> set[tuple[int, int]]:
    """What a client reaches with new connections, by version and port."""
    return {(version, port) for version in (4, 6) for port in PORTS if client.reaches(version, port)}


EVERYTHING = {(version, port) for version in (4, 6) for port in PORTS}


@contextlib.contextmanager
def banned_in_input_only(address: str) -> Iterator[None]:
    """What people do first."""
    rule = ["INPUT", "-s", address, "-m", "comment", "--comment", f"{MARK}input", "-j", "DROP"]
    command("iptables", "-I", *rule)
    try:
        yield
    finally:
        command("iptables", "-D", *rule)


def test_a_ban_in_input_does_not_hold_for_what_docker_publishes_and_ours_does(place: Place, attacker: Client) -> None:
    with banned_in_input_only(attacker.addresses[4]):
        assert not attacker.reaches(4, LOCAL_PORT)
        assert attacker.reaches(4, DOCKER_PORT)
        block(place, [attacker.addresses[4]])
        assert not attacker.reaches(4, DOCKER_PORT)


def test_blocked_everywhere_with_new_and_open_connections_and_nobody_else(place: Place, attacker: Client, innocent: Client) -> None:
    opened = {(version, port): attacker.connects(version, port) for version, port in EVERYTHING}
    assert all(connection is not None and connection.asks() == 200 for connection in opened.values())
    block(place, list(attacker.addresses.values()))
    assert [way for way, connection in opened.items() if connection is not None and connection.asks()] == []
    assert reached(attacker) == set()
    assert reached(innocent) == EVERYTHING
    for connection in opened.values():
        if connection is not None:
            connection.close()


def test_a_network_is_blocked_as_one_and_unblocked_as_one(place: Place, attacker: Client, innocent: Client) -> None:
    block(place, ["203.0.113.0/28", "2001:db8:bad::/64"])
    assert (reached(attacker), reached(innocent)) == (set(), EVERYTHING)
    with pytest.raises(IncidentError, match=r"is blocked as a part of 203\.0\.113\.0/28; unblock 203\.0\.113\.0/28"):
        ip_block.unblock(place, [attacker.addresses[4]], None, False)
    assert ip_block.unblock(place, ["203.0.113.0/28"], None, False)["changed"]
    assert reached(attacker) == {way for way in EVERYTHING if way[0] == 4}
    assert not ip_block.unblock(place, ["203.0.113.0/28"], None, False)["changed"]


def test_what_was_flushed_comes_back_from_the_ledger(place: Place, attacker: Client) -> None:
    block(place, list(attacker.addresses.values()))
    assert not ip_block.reload(place)["changed"]
    command("nft", "delete", "table", "inet", TABLE)
    assert reached(attacker) == EVERYTHING
    # As the unit of the host does it.
    names = "plugins.module_utils.ban_reload"
    program = [sys.executable, "-m", f"ansible_collections.circuit_sage.incident_response.{names}", str(place.ledger), TABLE]
    done = subprocess.run(program, cwd=CHECKOUT / ".ansible" / "collections", capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout == "2 bans are in the kernel again\n"
    assert reached(attacker) == set()
    command("nft", "flush", "set", "inet", TABLE, "blocked_ipv4")
    assert ip_block.reload(place)["restored"]
    assert reached(attacker) == set()


@pytest.mark.parametrize(
    "statement",
    [
        "add table inet {} {{ flags dormant; }}",
        "insert rule inet {} prerouting accept",
        "flush chain inet {0} prerouting; add rule inet {0} prerouting counter; add rule inet {0} prerouting counter; "
        "add rule inet {0} prerouting counter",
    ],
    ids=["asleep", "let_in_before", "other_rules"],
)
def test_a_table_that_somebody_has_made_ineffective_is_made_anew(place: Place, attacker: Client, statement: str) -> None:
    block(place, list(attacker.addresses.values()))
    command("nft", statement.format(TABLE))
    assert reached(attacker) == EVERYTHING
    assert ip_block.reload(place)["restored"]
    assert reached(attacker) == set()
    assert not ip_block.reload(place)["changed"]


def test_the_next_run_puts_back_what_was_lost_too(place: Place, attacker: Client) -> None:
    block(place, [attacker.addresses[4]])
    command("nft", "delete", "table", "inet", TABLE)
    done = block(place, [attacker.addresses[4]])
    assert (done["changed"], done["restored"], done["blocked_count"]) == (True, True, 0)
    assert not attacker.reaches(4, DOCKER_PORT)
    assert not block(place, [attacker.addresses[4]])["changed"]


def test_a_ban_ends_by_itself_and_the_next_one_is_twice_as_long(place: Place, attacker: Client) -> None:
    block(place, [attacker.addresses[4]], hours=3 / 3600)
    assert not attacker.reaches(4, DOCKER_PORT)
    eventually(lambda: attacker.reaches(4, DOCKER_PORT), 10, "the ban has ended")
    eventually(lambda: block(place, [attacker.addresses[4]], hours=3 / 3600)["blocked_count"], 3, "it has ended in the ledger too")
    began = time.monotonic()
    eventually(lambda: attacker.reaches(4, DOCKER_PORT), 15, "the second ban has ended")
    assert time.monotonic() - began > 4.0


def test_what_nobody_confirms_is_taken_back_by_the_kernel(place: Place, attacker: Client) -> None:
    script = (
        "import sys, time\nfrom pathlib import Path\n"
        "from ansible_collections.circuit_sage.incident_response.plugins.module_utils import ip_block, ip_networks\n"
        "place = ip_block.Place(Path(sys.argv[1]), sys.argv[2])\n"
        "wanted = ip_block.Wanted([sys.argv[3]], {}, {})\n"
        "print(ip_block.block(place, wanted, ip_networks.Protected(), 5)['run'], flush=True)\ntime.sleep(60)\n"
    )
    block(place, [attacker.addresses[6]])
    words = [sys.executable, "-c", script, str(place.ledger), TABLE, attacker.addresses[4]]
    with subprocess.Popen(words, cwd=CHECKOUT / ".ansible" / "collections", stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        number = int(run.stdout.readline())
        run.send_signal(signal.SIGKILL)
    assert not attacker.reaches(4, DOCKER_PORT)
    eventually(lambda: attacker.reaches(4, DOCKER_PORT), 15, "the ban is taken back")
    # What was confirmed before stays.
    assert not attacker.reaches(6, DOCKER_PORT)
    with pytest.raises(IncidentError, match="were taken back, because nobody confirmed in time"):
        ip_block.confirm(place, number, False)
    assert not ip_block.reload(place)["changed"]


def test_what_is_confirmed_stays(place: Place, attacker: Client) -> None:
    done = block(place, [attacker.addresses[4]], trial_seconds=4)
    assert ip_block.confirm(place, int(str(done["run"])), False)["changed"]
    assert not ip_block.confirm(place, int(str(done["run"])), False)["changed"]
    # The next run takes its bans over, and has a trial of its own.
    block(place, [attacker.addresses[6]], trial_seconds=3)
    eventually(lambda: attacker.reaches(6, DOCKER_PORT), 10, "the second run's ban is taken back")
    assert not attacker.reaches(4, DOCKER_PORT)


def test_docker_leaves_the_table_alone_when_it_writes_its_own_rules(place: Place, attacker: Client) -> None:
    block(place, [attacker.addresses[4]])
    before = command("nft", "list", "table", "inet", TABLE).partition("chain")[2]
    publish = f"--publish={HOST[4]}:{LOCAL_PORT + 1}:80"
    command("docker", "run", "--rm", "--entrypoint=true", publish, "circuit-sage-sandbox/edge:1")
    assert command("nft", "list", "table", "inet", TABLE).partition("chain")[2] == before
    assert not attacker.reaches(4, DOCKER_PORT)
    # The kernel's rules are others than before, ours are not: nothing is to be done.
    assert not block(place, [attacker.addresses[4]])["changed"]


def test_never_blocked(place: Place) -> None:
    """This host's own address and Docker's network, as they really are."""
    for text, why in ((HOST[4], "an own address of the host"), ("172.17.0.0/16", "private addresses"), (HOST[6], "an own address")):
        with pytest.raises(IncidentError, match=why):
            block(place, ["203.0.113.9", text])
    assert not place.ledger.exists()
