# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One pass for what a break-in leaves, against an engine on a local socket and a folder that stands for the kernel's files."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from engine_server import EngineServer, Ran, framed

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import security_observer
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.host_observer import Host

BACKEND, DATABASE = "b" * 64, "d" * 64
POWERS = {"can_login": True, "create_role": False, "replication": False, "member_of": [], "sessions": 0}
ROLES = {"roles": [{"name": "app", "superuser": True, **POWERS}, {"name": "x", "superuser": True, **POWERS}]}
ACCOUNTS = {"accounts": [{"id": "1", "email": "x@example.com"}], "reach": [{"role": "app", "tables": ["users"]}]}


def container(image: str = "img:1") -> dict[str, Any]:
    return {
        "Image": "sha256:1",
        "Config": {"Image": image, "Env": ["TOKEN=hunter2hunter2"]},
        "State": {"Status": "running", "Pid": 5},
        "Mounts": [{"Destination": "/data", "RW": True}, {"Destination": "/etc/ro", "RW": False}],
    }


class Scene:
    """A project with a backend and a database."""

    def __init__(self, engine: EngineServer, folder: Path) -> None:
        self.engine, self.src, self.root = engine, folder / "src", folder / "root"
        self.src.mkdir()
        (self.src / ".env").write_text("POSTGRES_USER=app\nPOSTGRES_DB=db\nJWT_SECRET=hunter3hunter3\n", encoding="utf-8")
        (self.src / ".env").chmod(0o600)
        engine.containers(
            "circuit-sage",
            backend={**container(), "Id": BACKEND, "Name": "/circuit-sage-api"},
            postgres={**container(), "Id": DATABASE, "Name": "/circuit-sage-db"},
        )
        for identity in (BACKEND, DATABASE):
            engine.answers[f"GET /containers/{identity}/changes"] = (200, None)
        engine.answers["GET /images/img%3A1/json"] = (200, {"Id": "sha256:1", "RepoDigests": None})
        engine.answers["GET /networks"] = (200, [{"IPAM": {"Config": [{"Gateway": "172.30.0.1"}]}}])
        self.answers: list[Any] = [ROLES, ACCOUNTS]
        engine.prints = self.psql
        self.write(
            "proc/net/tcp", "head\n 0: 00000000:1538 00000000:0000 0A 0 0 0 0 0 77\n 1: 0100007F:1539 00000000:0000 0A 0 0 0 0 0 78\n"
        )
        self.process(5, "node /app/index.js", "/usr/bin/node")

    def psql(self, ran: Ran) -> bytes:
        assert b"hunter" not in ran.typed
        return framed((1, json.dumps(ROLES if b"pg_auth_members" in ran.typed else ACCOUNTS).encode()))

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def process(self, pid: int, command: str, executable: str | None) -> None:
        fields = ["S", "1", "1", "1", *["0"] * 7, "50", "10", *["0"] * 6, "90000", "1", "5"]
        self.write(f"proc/{pid}/stat", f"{pid} (x) {' '.join(fields)} 0 0")
        self.write(f"proc/{pid}/status", f"NSpid:\t{pid}\t7\n")
        self.write(f"proc/{pid}/cmdline", command.replace(" ", "\0") + "\0")
        self.write(f"proc/{pid}/cgroup", f"0::/system.slice/docker-{BACKEND}.scope\n")
        if executable:
            (self.root / f"proc/{pid}/exe").symlink_to(executable)

    def options(self, **more: Any) -> dict[str, Any]:
        usual: dict[str, Any] = {
            "login_user": None,
            "login_db": None,
            "expected_changes": {},
            "leaked": [],
            "isolate": [],
            "administrators": [],
            "suspected": True,
            "updates": False,
        }
        place = {"project_src": str(self.src), "project_name": "circuit-sage", "env_file": ".env"}
        return {
            **usual,
            **place,
            "docker_host": self.engine.address,
            "docker_timeout": 2,
            "observations": {"stack": {"services": {}}},
            **more,
        }

    def look(self, **more: Any) -> dict[str, Any]:
        return security_observer.SecurityObserver(self.options(**more), Host(self.root)).observe()


@pytest.fixture
def scene(engine: EngineServer, tmp_path: Path) -> Scene:
    return Scene(engine, tmp_path)


def test_a_quiet_system(scene: Scene) -> None:
    found = scene.look()
    assert (found["changes"], found["processes"]) == ([], [])
    assert found["gateways"] == ["172.30.0.1"]
    assert found["images"]["backend"] == {"name": "img:1", "id": "sha256:1", "digests": [], "moved": False}
    assert found["listeners"] == [{"address": "0.0.0.0", "port": 5432}]
    assert [one["name"] for one in found["roles"]] == ["app", "x"]
    assert found["accounts"] == ACCOUNTS["accounts"]
    assert found["reach"] == ACCOUNTS["reach"]
    (env,) = found["secret_files"]
    assert (env["mode"], env["closed"], env["secrets"]) == ("0600", "0600", ["JWT_SECRET"])
    assert found["unknown"] == {"updates": "it is looked up once, by a security incident that may act"}


def test_changed_files_and_a_process_of_one_of_them(scene: Scene) -> None:
    changes = [{"Path": "/tmp/x", "Kind": 1}, {"Path": "/opt/shell", "Kind": 1}]
    scene.engine.answers[f"GET /containers/{BACKEND}/changes"] = (200, changes)
    scene.process(8, "/opt/shell --token=hunter2hunter2", "/opt/shell")
    found = scene.look(expected_changes={"all": ["/tmp/*"]})
    assert [one["path"] for one in found["changes"]] == ["/opt/shell"]
    (process,) = found["processes"]
    assert (process["pid"], process["pid_in_container"], process["service"]) == (8, 7, "backend")
    assert "hunter2" not in process["command"]


def test_where_every_change_is_expected_the_engine_does_not_compare(scene: Scene) -> None:
    assert scene.look(expected_changes={"backend": ["*"]})["changes"] == []
    asked = [question for question, _parameters in scene.engine.asked if question.endswith("/changes")]
    assert asked == [f"GET /containers/{DATABASE}/changes"]


def test_without_a_suspicion_a_service_that_nobody_named_is_not_compared(scene: Scene) -> None:
    changes = [{"Path": "/opt/shell", "Kind": 1}]
    scene.engine.answers[f"GET /containers/{BACKEND}/changes"] = (200, changes)
    scene.engine.answers[f"GET /containers/{DATABASE}/changes"] = (200, changes)
    named = {"all": ["/tmp/*"], "backend": ["/app/logs/*"]}
    assert [one["service"] for one in scene.look(expected_changes=named, suspected=False)["changes"]] == ["backend"]
    assert [one["service"] for one in scene.look(expected_changes=named)["changes"]] == ["backend", "postgres"]


def test_what_only_root_may_see_is_told(scene: Scene) -> None:
    scene.process(9, "hidden", None)
    assert "let the run become root" in scene.look()["unknown"]["processes.executable"]


def test_a_database_that_does_not_run_is_told(scene: Scene) -> None:
    stopped = {**container(), "Id": DATABASE, "Name": "/circuit-sage-db", "State": {"Status": "exited", "Pid": 0}}
    scene.engine.answers["GET /containers/postgres/json"] = (200, stopped)
    found = scene.look()
    assert (found["roles"], found["accounts"], found["reach"]) == (None, None, None)
    assert found["unknown"]["roles"] == "PostgreSQL does not run"


def test_an_image_whose_name_moved(scene: Scene) -> None:
    scene.engine.answers["GET /images/img%3A1/json"] = (200, {"Id": "sha256:2", "RepoDigests": ["img@sha256:2"]})
    assert scene.look()["images"]["backend"]["moved"]


def test_the_copies_of_the_env_file_count(tmp_path: Path) -> None:
    for name, text in ((".env.production", "A=1\n"), (".env.production.bak", "API_TOKEN=x\n"), (".env.old", "\x00=broken\n'")):
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / ".env.d").mkdir()
    found = security_observer.secret_files(tmp_path, ".env.production")
    assert [Path(one["path"]).name for one in found] == [".env.old", ".env.production", ".env.production.bak"]
    assert found[2]["secrets"] == ["API_TOKEN"]
    assert security_observer.described(tmp_path, [])["closed"] == "0700"


APT = """Listing...
openssl/oldstable-security 3.0.17-1 amd64 [upgradable from: 3.0.14-1]
nano/oldstable 7.2-2 amd64 [upgradable from: 7.2-1]
"""


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (subprocess.CompletedProcess([], 0, APT, ""), [{"package": "openssl", "installed": "3.0.14-1", "update": "3.0.17-1"}]),
        (subprocess.CompletedProcess([], 100, "", ""), "apt ended with 100"),
        (FileNotFoundError(), "this host has no apt"),
        (subprocess.TimeoutExpired("apt", 20), "apt did not answer within 20 s"),
    ],
)
def test_known_security_updates(scene: Scene, monkeypatch: pytest.MonkeyPatch, answer: Any, found: Any) -> None:
    def run(*_command: Any, **_options: Any) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(security_observer.subprocess, "run", run)
    looked = scene.look(updates=True)
    assert (looked["updates"] or looked["unknown"]["updates"]) == found


def test_without_the_kernels_list_there_are_no_listeners(tmp_path: Path) -> None:
    with pytest.raises(IncidentError, match="cannot be read"):
        security_observer.listeners(Host(tmp_path))


def test_what_a_person_tells_has_to_be_there(scene: Scene) -> None:
    with pytest.raises(IncidentError, match="`JWT_SECRT` in security_incident_leaked is no variable"):
        security_observer.observe(scene.options(leaked=["JWT_SECRT"]))
    services = {"stack": {"services": {"backend": {"ports": [], "container": "x", "networks": []}}}}
    with pytest.raises(IncidentError, match="nginx in security_incident_isolate is no service of the compose files; use one of backend"):
        security_observer.observe(scene.options(isolate=["nginx"], observations=services))
    found = security_observer.observe(scene.options(leaked=["JWT_SECRET"], observations=services))
    assert (found["changed"], found["leaked"]) == (False, ["JWT_SECRET"])
