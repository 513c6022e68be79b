# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What operators' commands do and do not do, tried on the frontend: the backend is left alone.

The same holds for each service, since Docker and Compose know no difference between them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from circuit_sage import CircuitSage, eventually, stays

VARIABLE = "NEXT_PUBLIC_API_URL"


@pytest.fixture(autouse=True, scope="module")
def put_back(system: CircuitSage) -> Iterator[None]:
    """The frontend as the env file says, running, and answering through nginx."""
    yield
    system.up("frontend")
    eventually(lambda: system.status(f"{system.settings.edge_url}/") == 200, 20, "the pages come through nginx")


def wait_running(system: CircuitSage) -> None:
    """Until the frontend answers."""
    eventually(lambda: system.status(system.settings.frontend_url) == 200, 20, "the frontend answers")


def test_without_the_env_file_up_would_blank_the_secrets(system: CircuitSage) -> None:
    """`ps` only warns; what `up -d` would create has empty secrets."""
    done = system.compose("ps", "--format", "json", options=[])
    assert done.returncode == 0
    assert "variable is not set" in done.stderr
    done = system.compose("config", "--format", "json", options=[])
    backend = json.loads(done.stdout)["services"]["backend"]["environment"]
    assert {backend[name] for name in ("DB_PASSWORD", "JWT_SECRET", "ENCRYPTION_KEY")} == {""}


def test_under_another_project_name_nothing_happens(system: CircuitSage) -> None:
    """`ps` shows nothing and `restart` restarts nothing, both without an error."""
    before = system.started_at("frontend")
    listed = system.compose("ps", "-a", "-q", project="conformance-other")
    restarted = system.compose("restart", "frontend", project="conformance-other")
    assert (listed.returncode, listed.stdout) == (0, "")
    assert restarted.returncode == 0
    assert system.started_at("frontend") == before


class TestKilled:
    """After `docker kill` of the frontend."""

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def killed(cls, system: CircuitSage) -> None:
        """Kill it; the tests of this class come in the order of the story."""
        system.docker.api.kill(system.settings.containers["frontend"])
        eventually(lambda: system.state("frontend") == "exited", 10, "the frontend is dead")

    def test_is_not_restarted(self, system: CircuitSage) -> None:
        """It counts as a manual stop, whatever the restart policy."""
        assert system.inspect("frontend")["State"]["ExitCode"] == 137
        stays(lambda: system.state("frontend") == "exited", 2, "the killed container stays dead")

    def test_pages_are_502(self, system: CircuitSage) -> None:
        """nginx says so at once."""
        assert system.edge("GET", "/").status == 502

    def test_ps_hides_it(self, system: CircuitSage) -> None:
        """Without `-a` it is not there at all."""
        name = system.settings.containers["frontend"]
        assert name not in system.compose("ps", "--format", "{{.Name}}").stdout.split()
        assert name in system.compose("ps", "-a", "--format", "{{.Name}}").stdout.split()

    def test_restart_starts_it(self, system: CircuitSage) -> None:
        """`docker compose restart` also starts what is stopped."""
        assert system.compose("restart", "frontend").returncode == 0
        assert system.state("frontend") == "running"
        wait_running(system)


class TestCrashed:
    """After the process in the frontend's container got a real SIGKILL, as the OOM killer sends it."""

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def crashed(cls, system: CircuitSage) -> None:
        """Kill it from the host's process table."""
        before = system.started_at("frontend")
        pid = str(system.inspect("frontend")["State"]["Pid"])
        killed = system.on_network("kill", "-9", pid, network="none", options=["--pid=host"])
        assert killed.returncode == 0, killed.stderr
        eventually(lambda: system.started_at("frontend") != before, 10, "Docker starts it again")

    def test_is_restarted_and_counted(self, system: CircuitSage) -> None:
        """By the restart policy."""
        eventually(lambda: system.state("frontend") == "running", 10, "the frontend runs again")
        assert system.restarts("frontend") == 1

    def test_restart_resets_the_count(self, system: CircuitSage) -> None:
        """And so hides earlier crash loops."""
        assert system.compose("restart", "frontend").returncode == 0
        assert system.restarts("frontend") == 0


class TestChangedEnvFile:
    """With a value of the frontend changed in the env file."""

    @pytest.fixture(scope="class")
    @classmethod
    def changed(cls, system: CircuitSage, tmp_path_factory: pytest.TempPathFactory) -> Path:
        """The env file, with another value, in another place: the real one stays as it is."""
        path = tmp_path_factory.mktemp("changed") / "env"
        lines = system.settings.env_file.read_text(encoding="utf-8").splitlines()
        kept = [line for line in lines if not line.startswith(f"{VARIABLE}=")]
        path.write_text("\n".join([*kept, f"{VARIABLE}=http://changed.test/api"]) + "\n", encoding="utf-8")
        return path

    def test_restart_ignores_it(self, system: CircuitSage, changed: Path) -> None:
        """The container keeps what it was created with."""
        before = system.started_at("frontend")
        assert system.compose("restart", "frontend", env_file=changed).returncode == 0
        assert system.started_at("frontend") != before
        assert system.container_env("frontend")[VARIABLE] == system.env[VARIABLE]

    def test_up_recreates_and_destroys_the_log(self, system: CircuitSage, changed: Path) -> None:
        """`up -d` applies it in a new container; the old one's log is gone."""
        wait_running(system)
        marker = "conformance-marker"
        container = system.docker.containers.get(system.settings.containers["frontend"])
        assert container.exec_run(["sh", "-c", f"echo {marker} >/proc/1/fd/1"]).exit_code == 0
        eventually(lambda: marker in system.log("frontend"), 10, "the marker is in the log")
        before = system.inspect("frontend")["Id"]
        system.up("frontend", env_file=changed)
        assert system.inspect("frontend")["Id"] != before
        assert system.container_env("frontend")[VARIABLE] == "http://changed.test/api"
        assert marker not in system.log("frontend")
