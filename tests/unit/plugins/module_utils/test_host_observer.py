# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host in one pass, read from a folder that stands for the kernel's files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import host_observer
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.docker_engine import DockerEngine
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import EngineUnreachable, IncidentError

OPTIONS = {"docker_host": "unix:///run/docker.sock", "docker_timeout": 5, "project_name": "circuit-sage", "project_src": "/"}
BACKEND, STOPPED = "b" * 64, "c" * 64
PAGE = 4096
BOOT = 1795432293
STATUS = "Name:\tpython3\nNSpid:\t{pid}\t7\nRssAnon:\t{kib} kB\n"


class Kernel:
    """/proc and /sys/fs/cgroup of a small host."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.write("proc/meminfo", "MemTotal: 4000000 kB\nMemAvailable: 3000000 kB\nCached: 5 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n")
        self.write("proc/pressure/memory", "some avg10=0.00 avg60=1.00 avg300=0.00 total=1\n")
        self.write("proc/loadavg", "0.50 0.25 0.10 1/200 99\n")
        self.write("proc/stat", f"cpu 1 2 3\nbtime {BOOT}\n")
        self.write("proc/uptime", "1000.00 900.00\n")
        self.write("proc/net/tcp", "head\n")

    def write(self, path: str, text: str) -> None:
        """A file of the kernel."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def process(
        self, pid: int, name: str, parent: int = 1, session: int = 0, pages: int = 100, container: str | None = None, command: str = ""
    ) -> None:
        """A process; its control group is of version 2."""
        fields = ["S", str(parent), "1", str(session or pid), *["0"] * 7, "50", "10", *["0"] * 6, "90000", "1", str(pages)]
        self.write(f"proc/{pid}/stat", f"{pid} ({name}) {' '.join(fields)} 0 0")
        self.write(f"proc/{pid}/status", STATUS.format(pid=pid, kib=pages * 4))
        self.write(f"proc/{pid}/cmdline", (command or name).replace(" ", "\0") + "\0")
        self.write(f"proc/{pid}/cgroup", f"0::/system.slice/docker-{container}.scope\n" if container else "0::/system.slice\n")
        self.write(f"proc/{pid}/limits", "Max open files            64                64                files\n")
        (self.root / f"proc/{pid}/fd").mkdir()

    def group(self, container: str, current: int, most: str = "max") -> None:
        """The control group of a container."""
        folder = f"sys/fs/cgroup/system.slice/docker-{container}.scope"
        self.write(f"{folder}/memory.current", f"{current}\n")
        self.write(f"{folder}/memory.max", f"{most}\n")
        self.write(f"{folder}/memory.stat", f"anon 1000\nactive_file 0\ninactive_file {current - 1000}\n")
        self.write(f"{folder}/memory.events", "oom_kill 3\n")

    def listens(self, port: int, socket: int, pid: int | None) -> None:
        """A socket at the loopback address, and who has it."""
        self.write("proc/net/tcp", f"head\n 0: 0100007F:{port:04X} 00000000:0000 0A 0:0 0:0 0 0 0 {socket} 1\n")
        if pid:
            (self.root / f"proc/{pid}/fd/3").symlink_to(f"socket:[{socket}]")


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kernel:
    made = Kernel(tmp_path)
    monkeypatch.setattr(host_observer, "SAMPLE_SECONDS", 0.0)
    listed = [
        {
            "Id": identity,
            "Names": [f"/{name}"],
            "Created": 1,
            "Labels": {"com.docker.compose.project": "circuit-sage", "com.docker.compose.service": service},
        }
        for identity, name, service in ((BACKEND, "circuit-sage-api", "backend"), (STOPPED, "circuit-sage-frontend", "frontend"))
    ]
    monkeypatch.setattr(DockerEngine, "containers", lambda _self: listed)
    monkeypatch.setattr(DockerEngine, "information", lambda _self: {"DockerRootDir": "/"})
    monkeypatch.setattr(DockerEngine, "inspect", lambda _self, identity: inspected(identity))
    monkeypatch.setattr(DockerEngine, "statistics", lambda _self, _identity: {"memory_stats": {"usage": 7}})
    return made


def inspected(identity: str) -> dict[str, Any]:
    backend = identity == BACKEND
    return {
        "Id": identity,
        "Name": "/circuit-sage-api" if backend else "/circuit-sage-frontend",
        "State": {"Pid": 20 if backend else 0},
        "HostConfig": {"PortBindings": {"4000/tcp": [{"HostIp": "127.0.0.1", "HostPort": "4000"}]} if backend else None},
        "NetworkSettings": {"Networks": {"net": {"IPAddress": "172.18.0.3"}}},
        "Config": {"Env": ["DB_PASSWORD=hunter2hunter2"]},
    }


def observe(kernel: Kernel) -> dict[str, Any]:
    return host_observer.HostObserver(OPTIONS, host_observer.Host(kernel.root)).finish()


def test_the_host(kernel: Kernel) -> None:
    kernel.process(5, "mysqld", pages=200_000, command="mysqld --password=geheim1234")
    found = observe(kernel)
    assert found["memory"]["available_share"] == 0.75
    assert found["memory"]["pressure"]["some_avg60"] == 1
    assert found["cpu"]["load"] == [0.5, 0.25, 0.1]
    assert found["cpu"]["load_per_core"] == pytest.approx(0.5 / found["cpu"]["cores"], abs=0.01)
    (disk,) = found["disks"]
    assert disk["holds"] == ["root", "docker", "project"]
    assert 0 <= disk["free_share"] <= 1
    (process,) = found["processes"]
    assert process["private_bytes"] == 200_000 * PAGE
    assert process["memory_share"] == 0.2
    assert process["container"] is None
    assert process["own"] is None
    assert process["age_seconds"] == 100
    assert process["started_at"].endswith("Z")
    assert "geheim1234" not in process["command"]


def test_a_container_and_who_in_it_is_not_its_own(kernel: Kernel) -> None:
    kernel.process(20, "start.sh", container=BACKEND)
    kernel.process(21, "python3", parent=20, session=20, pages=500, container=BACKEND, command="python3 app.py hunter2hunter2")
    kernel.process(30, "python3", parent=9, pages=9000, container=BACKEND, command="python3 -c \n grow()")
    kernel.group(BACKEND, 50_000_000, "100000000")
    container = observe(kernel)["containers"]["backend"]
    assert container["memory"]["limit_share"] == 0.5
    assert container["memory"]["cache_share"] == 1
    assert container["memory"]["oom_kills"] == 3
    assert container["own_private_bytes"] == 600 * PAGE
    assert container["pids"] == 3
    assert container["open_files_limit"] == 64
    assert {one["pid"]: one["own"] for one in container["processes"]} == {30: False, 21: True, 20: True}
    assert container["processes"][0]["command"] == "python3 -c grow()"
    assert container["processes"][0]["pid_in_container"] == 7
    assert "hunter2" not in container["processes"][1]["command"]


def test_what_a_process_uses_between_the_two_looks(kernel: Kernel) -> None:
    kernel.process(20, "python3", pages=100, container=BACKEND)
    observer = host_observer.HostObserver(OPTIONS, host_observer.Host(kernel.root))
    text = (kernel.root / "proc/20/stat").read_text(encoding="utf-8")
    kernel.write("proc/20/stat", text.replace(" 50 10 ", " 150 10 ").replace(" 1 100 0 0", " 1 300 0 0"))
    kernel.write("proc/40/stat", text.replace("20 (", "40 ("))
    observer._first = observer._first._replace(at=observer._first.at - 2)
    found = observer.finish()["containers"]["backend"]
    assert found["own_cores"] == pytest.approx(0.5, abs=0.05)
    assert found["own_growth_bytes_per_second"] == pytest.approx(100 * PAGE, rel=0.1)


def test_a_process_that_began_between_the_looks_has_no_use_yet(kernel: Kernel) -> None:
    observer = host_observer.HostObserver(OPTIONS, host_observer.Host(kernel.root))
    kernel.process(20, "python3", container=BACKEND)
    (process,) = observer.finish()["processes"]
    assert process["cores"] is None
    assert process["growth_bytes_per_second"] is None


def test_a_container_that_does_not_run_says_so(kernel: Kernel) -> None:
    kernel.process(20, "start.sh", container=BACKEND)
    found = observe(kernel)
    assert found["containers"]["frontend"] is None
    assert found["unknown"]["containers.frontend"] == "it does not run"


def test_an_engine_on_another_host_has_no_processes_here(kernel: Kernel) -> None:
    kernel.process(20, "sshd")
    assert "not to be seen" in observe(kernel)["unknown"]["containers.backend"]
    (kernel.root / "proc/20/stat").unlink()
    assert "not to be seen" in observe(kernel)["unknown"]["containers.backend"]


def test_where_the_group_cannot_be_read_the_engine_is_asked(kernel: Kernel) -> None:
    kernel.process(20, "start.sh", container=BACKEND)
    assert observe(kernel)["containers"]["backend"]["memory"]["usage_bytes"] == 7


def test_where_nobody_tells_the_reason_is_kept(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_given: Any) -> None:
        raise IncidentError("refused")

    monkeypatch.setattr(DockerEngine, "statistics", fails)
    kernel.process(20, "start.sh", container=BACKEND)
    found = observe(kernel)
    assert found["containers"]["backend"]["memory"]["usage_bytes"] is None
    assert found["unknown"]["containers.backend.memory"] == "refused"


def test_without_an_engine_the_host_is_observed_all_the_same(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(_self: DockerEngine) -> None:
        raise EngineUnreachable("nothing listens")

    monkeypatch.setattr(DockerEngine, "containers", down)
    kernel.process(20, "python3", container=BACKEND)
    found = observe(kernel)
    assert found["containers"] is None
    assert found["unknown"]["containers"] == "nothing listens"
    assert found["processes"][0]["container"] == BACKEND[:12]


def test_a_port_that_dockers_own_proxy_holds(kernel: Kernel) -> None:
    kernel.process(50, "docker-proxy", command="/usr/sbin/docker-proxy -host-port 4000 -container-ip 172.18.0.3")
    kernel.listens(4000, 77, None)
    (port,) = observe(kernel)["ports"]
    assert (port["listens"], port["docker"], port["holder"]) == (True, True, None)


def test_a_port_that_another_container_holds(kernel: Kernel) -> None:
    kernel.process(50, "docker-proxy", command="/usr/sbin/docker-proxy -host-port 4000 -container-ip 172.99.0.3")
    kernel.listens(4000, 77, None)
    (port,) = observe(kernel)["ports"]
    assert port["docker"] is False
    assert port["holder"]["pid"] == 50


def test_a_port_that_somebody_else_holds(kernel: Kernel) -> None:
    kernel.process(60, "python3", command="python3 -m http.server 4000")
    kernel.listens(4000, 77, 60)
    (port,) = observe(kernel)["ports"]
    assert port["docker"] is False
    assert port["holder"]["command"] == "python3 -m http.server 4000"


def test_a_holder_that_is_not_to_be_seen(kernel: Kernel) -> None:
    kernel.listens(4000, 77, None)
    found = observe(kernel)
    assert found["ports"][0]["holder"] is None
    assert "become" in found["unknown"]["ports.4000"]


def test_a_free_port_and_a_list_that_cannot_be_read(kernel: Kernel) -> None:
    assert observe(kernel)["ports"][0]["listens"] is False
    (kernel.root / "proc/net/tcp").unlink()
    found = observe(kernel)
    assert found["ports"] is None
    assert "ports" in found["unknown"]


def test_version_1_of_the_control_groups(kernel: Kernel) -> None:
    kernel.process(20, "start.sh", container=BACKEND)
    kernel.write("proc/20/cgroup", f"4:memory:/docker/{BACKEND}\n0::/\n")
    kernel.write(f"sys/fs/cgroup/memory/docker/{BACKEND}/memory.usage_in_bytes", "42\n")
    assert observe(kernel)["containers"]["backend"]["memory"]["usage_bytes"] == 42


def test_folders_on_several_file_systems(monkeypatch: pytest.MonkeyPatch) -> None:
    def disk(path: str, holds: str) -> dict[str, Any] | None:
        return None if path == "/gone" else {"device": len(path), "path": path, "holds": [holds]}

    monkeypatch.setattr(host_observer, "describe_disk", disk)
    found = host_observer.describe_disks({"root": "/", "docker": "/var", "project": "/opt", "backup": "/gone"}, (), "/none")
    assert found == [
        {"path": "/", "holds": ["root"], "ballast": []},
        {"path": "/var", "holds": ["docker", "project"], "ballast": []},
    ]


def test_a_folder_that_is_not_there_is_no_disk() -> None:
    assert host_observer.describe_disk("/no/such/folder", "root") is None


def test_the_real_host_is_observed_without_its_engine() -> None:
    found = host_observer.observe({**OPTIONS, "docker_host": "unix:///no/such/socket"})
    assert found["memory"]["total_bytes"] > 0
    assert found["processes"]
    assert "no Docker socket" in found["unknown"]["containers"]
