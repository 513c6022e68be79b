# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the bans share. They need root: the clients are network namespaces, and the bans are in this host's own table."""

from __future__ import annotations

import fcntl
import functools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

HERE = Path(__file__).resolve()
sys.path.insert(0, str(HERE.parent))
sys.path.insert(0, str(HERE.parents[2] / "harness"))
sys.path.insert(0, str(HERE.parents[3] / ".ansible" / "collections"))

# Else a failed assertion in one of these would not say what it compared.
pytest.register_assert_rewrite("clients", "playbook", "sandbox")

from clients import DOCKER_PORT, Client, client, command, local_service, published_nginx  # noqa: E402
from sandbox import eventually  # noqa: E402

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.ip_block import Place  # noqa: E402

LOCK = Path("/run/lock/circuit-sage-block-ips-test.lock")
LOCK_SECONDS = 300
TABLE = "circuit_sage_block_test"
MORE = [f"203.0.113.{number}" for number in range(100, 125)]


def _locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@pytest.fixture(scope="session", autouse=True)
def host_alone() -> Iterator[None]:
    """This host for these tests alone, without what killed ones left: addresses, ports and table are the same for all."""
    with LOCK.open("a", encoding="utf-8") as file:
        eventually(lambda: _locked(file), LOCK_SECONDS, f"other tests of block_ips have ended (they hold {LOCK})")
        command(str(HERE.parents[1] / "remove_left.sh"), "--locked")
        yield


@pytest.fixture(scope="session")
def attacker(innocent: Client) -> Iterator[Client]:
    """Has many addresses more, as a botnet has."""
    with client("attacker", {4: "203.0.113.9", 6: "2001:db8:bad::9"}, MORE) as found:
        yield found


@pytest.fixture(scope="session")
def innocent() -> Iterator[Client]:
    """Comes from the same network."""
    with client("innocent", {4: "203.0.113.20", 6: "2001:db8:900d::20"}) as found:
        yield found


@pytest.fixture(scope="session")
def access_log(tmp_path_factory: pytest.TempPathFactory, attacker: Client, innocent: Client) -> Iterator[Path]:
    """The log of the nginx that everybody reaches, before anybody is blocked."""
    with local_service(), published_nginx(tmp_path_factory.mktemp("edge")) as log:
        for one in (attacker, innocent):
            for version in (4, 6):
                eventually(functools.partial(one.reaches, version, DOCKER_PORT), 10, f"IPv{version} of {one.namespace}")
        yield log


@pytest.fixture
def place(tmp_path: Path, access_log: Path) -> Iterator[Place]:
    """A ledger and a table of the test, which are gone after it; no other table knows of the clients."""
    found = Place(tmp_path / "ledger.json", TABLE)
    yield found
    subprocess.run(["nft", "delete", "table", "inet", TABLE], capture_output=True, check=False)
    found.mark.unlink(missing_ok=True)
    assert "203.0.113." not in command("iptables-save")
    assert TABLE not in command("nft", "list", "tables")
