# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The texts of the kernel, recorded, and the numbers in them."""

from __future__ import annotations

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import proc

CONTAINER = "99de8aaf7c68b8e4d09df72685789b502a218568735f94fb6022e67bf355df97"
STAT = (
    "14073 (python3) S 13988 13988 13988 0 -1 4194560 6905 0 1 0 27 4 0 0 20 0 4 0 1377375 357027840 10473 18446744073709551615 4321280 "
    "7154137 140730620208896 0 0 0 0 16781316 16386 0 0 0 17 1 0 0 0 0 0 9727432 11029816 1029963776 140730620214300 0 0 0 0"
)
# Of Docker with the driver cgroupfs and version 1, of the driver systemd and version 2, and of the driver cgroupfs and version 2.
CGROUPS = [
    f"9:name=systemd:/docker/{CONTAINER}\n4:memory:/docker/{CONTAINER}\n2:cpu,cpuacct:/docker/{CONTAINER}\n0::/docker/{CONTAINER}\n",
    f"0::/system.slice/docker-{CONTAINER}.scope\n",
    f"0::/docker/{CONTAINER}\n",
    f"0::/system.slice/docker-{CONTAINER}.scope/init\n",
]
V1 = {
    "memory.usage_in_bytes": "458059776\n",
    "memory.limit_in_bytes": "9223372036854771712\n",
    "memory.stat": "cache 1\nrss 2\ntotal_cache 419516416\ntotal_rss 26345472\ntotal_inactive_file 419487744\ntotal_active_file 24576\n"
    "total_swap 0\n",
    "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n",
}
V2 = {
    "memory.current": "120586240\n",
    "memory.max": "max\n",
    "memory.stat": "anon 26345472\nfile 90000000\nactive_file 40000000\ninactive_file 50000000\n",
    "memory.events": "low 0\nhigh 0\nmax 12\noom 2\noom_kill 2\n",
    "memory.swap.current": "0\n",
}
SOCKETS = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:84D0 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 3786192 1 00000000dfc7b82a 100 0 0 10 0
   1: 0100007F:84D0 0100007F:E5A2 01 00000000:00000000 00:00000000 00000000     0        0 3786999 1 00000000dfc7b82a 100 0 0 10 0
"""
SOCKETS6 = """  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when
   0: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 41 1 0
   1: 0000000000000000FFFF00000100007F:1F91 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 42 1 0
"""
TICKS = 100


def test_a_process() -> None:
    found = proc.stat(STAT)
    assert found == proc.Stat("python3", "S", 13988, 13988, 31, 1377375, 10473)


def test_a_name_may_hold_anything() -> None:
    assert proc.stat(STAT.replace("(python3)", "(a) (b c)")).name == "a) (b c"
    assert proc.stat(STAT.replace("(python3)", "(a) (b c)")).parent == 13988


def test_sizes_are_in_bytes_and_what_is_none_is_left_out() -> None:
    assert proc.kibibytes("MemTotal:       24684096 kB\nHugePages_Total:       0\nName:\tkB\n") == {"MemTotal": 24684096 * 1024}


def test_pressure() -> None:
    text = "some avg10=1.50 avg60=0.25 avg300=0.00 total=3076\nfull avg10=0.10 avg60=0.00 avg300=0.00 total=2556\n"
    assert proc.pressure(text)["some_avg10"] == 1.5
    assert proc.pressure(text)["full_avg300"] == 0


def test_the_number_inside_the_container_is_the_last() -> None:
    assert proc.inner_pid("Name:\tpython3\nNSpid:\t7775\t12\n") == 12
    assert proc.inner_pid("Name:\tpython3\n") is None


@pytest.mark.parametrize(("soft", "limit"), [("20000", 20000), ("unlimited", None)])
def test_the_limit_of_open_files(soft: str, limit: int | None) -> None:
    text = f"Limit                     Soft Limit           Hard Limit           Units\nMax open files            {soft}  20000  files\n"
    assert proc.open_files_limit(text) == limit
    assert proc.open_files_limit("") is None


@pytest.mark.parametrize("text", CGROUPS)
def test_the_container_of_a_process(text: str) -> None:
    assert proc.container_id(text) == CONTAINER


@pytest.mark.parametrize("text", ["", "4:memory:/user.slice\n0::/\n", "0::/system.slice/docker.service\n"])
def test_a_process_of_the_host_has_no_container(text: str) -> None:
    assert proc.container_id(text) is None


def test_controllers_that_share_a_path() -> None:
    assert proc.control_groups(CGROUPS[0])["cpuacct"] == f"/docker/{CONTAINER}"
    assert proc.control_groups(CGROUPS[1])[""].endswith(".scope")


def test_memory_of_version_1_counts_the_files_as_cache() -> None:
    assert proc.memory_v1(V1) == {
        "usage_bytes": 458059776,
        "anon_bytes": 26345472,
        "cache_bytes": 419512320,
        "swap_bytes": 0,
        "limit_bytes": 0,
        "oom_kills": 1,
    }
    assert proc.memory_v1({**V1, "memory.limit_in_bytes": "100663296\n"})["limit_bytes"] == 100663296


def test_memory_of_version_2() -> None:
    assert proc.memory_v2(V2) == {
        "usage_bytes": 120586240,
        "anon_bytes": 26345472,
        "cache_bytes": 90000000,
        "swap_bytes": 0,
        "limit_bytes": 0,
        "oom_kills": 2,
    }
    assert proc.memory_v2({**V2, "memory.max": "268435456\n"})["limit_bytes"] == 268435456


def test_memory_that_cannot_be_read_is_null() -> None:
    assert set(proc.memory_v1({}).values()) == {None, 0}
    assert set(proc.memory_v2({}).values()) == {None, 0}
    assert set(proc.memory_of_engine({}).values()) == {None}


@pytest.mark.parametrize(
    "details",
    [{"total_rss": 5, "total_active_file": 2, "total_inactive_file": 1}, {"anon": 5, "active_file": 2, "inactive_file": 1}],
)
def test_memory_as_the_engine_tells_it(details: dict[str, int]) -> None:
    found = proc.memory_of_engine({"memory_stats": {"usage": 9, "stats": details}})
    assert (found["usage_bytes"], found["anon_bytes"], found["cache_bytes"]) == (9, 5, 3)


def test_who_listens() -> None:
    assert proc.listeners(SOCKETS) == [proc.Listener("127.0.0.1", 34000, 3786192)]
    assert proc.listeners(SOCKETS6) == [proc.Listener("::", 8080, 41), proc.Listener("127.0.0.1", 8081, 42)]


@pytest.mark.parametrize(
    ("address", "wanted", "port", "blocks"),
    [
        ("127.0.0.1", "127.0.0.1", 4000, True),
        ("127.0.0.2", "127.0.0.1", 4000, False),
        ("0.0.0.0", "127.0.0.1", 4000, True),  # noqa: S104
        ("127.0.0.1", "0.0.0.0", 4000, True),  # noqa: S104
        ("127.0.0.1", "127.0.0.1", 4001, False),
    ],
)
def test_what_is_in_the_way(address: str, wanted: str, port: int, blocks: bool) -> None:
    assert proc.in_the_way(proc.Listener(address, 4000, 1), wanted, port) is blocks


def test_what_a_proxy_does() -> None:
    line = "/usr/sbin/docker-proxy -proto tcp -host-ip 127.0.0.1 -host-port 34000 -container-ip 172.30.85.20 -container-port 4000"
    words = line.split()
    assert proc.proxy(words) == proc.Proxy(34000, "172.30.85.20")
    assert proc.proxy(["python3", "-host-port", "34000"]) is None
    assert proc.proxy([]) is None


def process(name: str, parent: int, session: int, started: int = 0) -> proc.Stat:
    return proc.Stat(name, "S", parent, session, 0, started, 1)


# The shape of what was seen: an init as process 1 of the container (20), the service beneath it, and the runtime's shim (10) above both.
TREE = {1: process("init", 0, 1), 10: process("containerd-shim", 1, 10), 20: process("start.sh", 10, 20, 1000)}


@pytest.mark.parametrize(
    ("what", "one", "own"),
    [
        ("the service", process("python3", 20, 20, 1010), True),
        ("run from outside", process("python3", 10, 30, 5000), False),
        ("left behind by its shell", process("sleep", 20, 30, 5000), False),
        ("PostgreSQL's own, with a session each", process("start.sh", 20, 30, 5000), True),
        ("what a small init begins, in another session", process("node", 20, 30, 1010), True),
        ("a parent that has gone", process("python3", 999, 30, 5000), False),
    ],
)
def test_whose_process_it_is(what: str, one: proc.Stat, own: bool) -> None:
    assert proc.is_own(30, 20, {**TREE, 30: one}, TICKS) is own, what


def test_what_a_foreign_process_begins_is_foreign_and_what_an_own_one_begins_is_own() -> None:
    foreign = {**TREE, 30: process("sh", 10, 30, 5000), 31: process("python3", 30, 31, 5001)}
    assert not proc.is_own(31, 20, foreign, TICKS)
    own = {**TREE, 30: process("node", 20, 30, 1010), 31: process("node", 30, 30, 9000), 32: process("start.sh", 30, 32, 9000)}
    assert all(proc.is_own(pid, 20, own, TICKS) for pid in own if pid >= 20)


def test_shares() -> None:
    assert proc.share(1, 3) == 0.333
    assert proc.share(None, 3) is None
    assert proc.share(1, 0) is None
