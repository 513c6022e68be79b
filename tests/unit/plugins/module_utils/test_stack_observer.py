# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pass over the stack, with an engine and a Compose that answer what was recorded."""

from __future__ import annotations

import copy
import errno
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from engine_server import EngineServer, framed

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import asked, compose, stack_observer
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import EngineForbidden, IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.stack_observer import Project, observe, project_of

RECORDED = Path(__file__).parents[2] / "recorded"
INSPECTED: dict[str, dict[str, Any]] = json.loads((RECORDED / "docker_inspect.json").read_text())
COMPOSE_FILE = """
services:
  postgres:
    environment:
      POSTGRES_PASSWORD: ${POSTGRES_PASSWORD}
  backend:
    environment:
      DB_PASSWORD: ${POSTGRES_PASSWORD}
      JWT_SECRET: ${JWT_SECRET}
      OPTIONAL: ${OPTIONAL:-}
"""
ENV_FILE = "POSTGRES_PASSWORD=first-password-123\nJWT_SECRET='jwt$secret-456'\n"
REFUSED = b'2026-11-23T11:34:58.611Z password authentication failed for user "u" with first-password-123\n'


class Engine:
    """An engine with what was recorded of a stack."""

    def __init__(self, server: EngineServer) -> None:
        self.server = server
        self.listed: list[dict[str, Any]] = json.loads((RECORDED / "docker_containers.json").read_text())
        self.inspected: dict[str, Any] = {}
        for one, recorded in (("backend", "running"), ("frontend", "restarting"), ("postgres", "healthy")):
            self.show(one, recorded)
        self.leftovers: list[dict[str, Any]] = []
        # The frames of a log, of so many lines.
        self.log: Callable[[int], list[bytes]] = lambda _tail: [REFUSED]
        server.answers["GET /containers/json"] = lambda _given, _body: (200, self.listed)
        server.answers["GET /networks"] = (200, [])
        server.answers["GET /volumes"] = lambda _given, _body: (200, {"Volumes": self.leftovers})
        server.answers["GET /images/json"] = (200, [{"Id": self.inspected[self.id_of("backend")]["Image"], "Created": 1_700_000_000}])
        server.answers["GET /version"] = (200, {"Version": "20.10.24", "ApiVersion": "1.41"})

    def id_of(self, service: str) -> str:
        labels = {"com.docker.compose.project": "circuit-sage", "com.docker.compose.service": service}
        return next(str(one["Id"]) for one in self.listed if labels.items() <= one["Labels"].items())

    def show(self, service: str, recorded: str) -> None:
        identity = self.id_of(service)
        # The list was recorded at another time than the descriptions.
        found = self.inspected[identity] = {**copy.deepcopy(INSPECTED[recorded]), "Id": identity}

        def logs(given: dict[str, str], _body: Any) -> tuple[int, bytes]:
            frames = self.log(int(given["tail"]))
            return 200, b"".join(frames) if found["Config"]["Tty"] else framed(*[(1, frame) for frame in frames])

        self.server.answers[f"GET /containers/{identity}/json"] = (200, found)
        self.server.answers[f"GET /containers/{identity}/logs"] = logs

    def remove(self, service: str) -> None:
        """The container is still listed, and no more when it is looked at."""
        del self.server.answers[f"GET /containers/{self.id_of(service)}/json"]

    def refuse_log(self, service: str, status: int, message: str) -> None:
        self.server.answers[f"GET /containers/{self.id_of(service)}/logs"] = (status, {"message": message})


@pytest.fixture(name="engine")
def recorded_engine(engine: EngineServer) -> Engine:
    return Engine(engine)


@pytest.fixture(autouse=True)
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What Compose prints; an answer that is taken away is a failure."""
    printed = {
        "json": (RECORDED / "compose_config.json").read_text(),
        "*": (RECORDED / "compose_hashes.txt").read_text(),
        # Read from the configuration without dependencies.
        "alone": "backend e5225881bf8deeadb3f76dc01892991f0026ae52bc2af4b05d0a26702d36cad3\n",
        "--short": "2.26.1-4\n",
    }

    def run(command: list[str], _timeout: int, typed: str = "") -> str:
        asked = "alone" if typed else command[-1]
        if asked not in printed:
            raise compose.ComposeUnavailable(f"no {asked}")
        return printed[asked]

    monkeypatch.setattr(compose, "run", run)
    return printed


@pytest.fixture
def project(tmp_path: Path, engine: Engine) -> Project:
    (tmp_path / "docker-compose.prod.yml").write_text(COMPOSE_FILE)
    (tmp_path / ".env.production").write_text(ENV_FILE)
    (tmp_path / ".env.production").chmod(0o640)
    return Project(tmp_path, "circuit-sage", ["docker-compose.prod.yml"], ".env.production", engine.server.address, 5)


def look(project: Project, lines: int = 1000, required: bool = True) -> dict[str, Any]:
    return observe(project, lines, {}, required)


def test_healthy(engine: Engine, project: Project) -> None:
    (project.src / ".env.production.bak").touch()
    observed = look(project)
    assert observed["engine"] == {"own_service": False, "reachable": True, "version": "20.10.24", "api_version": "1.41", "error": None}
    assert observed["project"]["containers"] == 3
    assert observed["unknown"] == {}
    assert {name: service["state"] for name, service in observed["services"].items()} == {
        "backend": "running",
        "frontend": "restarting",
        "postgres": "running",
    }
    backend = observed["services"]["backend"]
    assert backend["environment"] == {"drift": [], "missing": [], "added": [], "checked": 3}
    assert backend["image_created_at"] == "2023-11-14T22:13:20.000Z"
    assert observed["asked"]["memory_limits"] == []
    assert (backend["compose_drift"], backend["networks_missing"], backend["aliases_missing"]) == (False, [], [])
    assert backend["log"]["patterns"]["password_rejected"]["this_life"] == 1
    assert observed["volumes"] == {"circuit-sage_postgres_data": {"used_by": ["circuit-sage-db"]}}
    described = observed["env_file"]
    assert (described["mode"], described["missing"], described["copies"]) == ("0640", [], [".env.production.bak"])
    assert described["variables"] == ["JWT_SECRET", "POSTGRES_PASSWORD"]


def test_no_secret_leaves(engine: Engine, project: Project) -> None:
    printed = json.dumps(look(project))
    assert "first-password-123" not in printed
    assert "secret-456" not in printed


def test_a_changed_env_file_is_drift(engine: Engine, project: Project, answers: dict[str, str]) -> None:
    answers["json"] = answers["json"].replace("first-password-123", "another-password-9")
    answers["*"] = "backend 00\nfrontend 00\npostgres 00\n"
    observed = look(project)
    backend = observed["services"]["backend"]
    assert [drift["name"] for drift in backend["environment"]["drift"]] == ["DB_PASSWORD"]
    assert backend["compose_drift"] is True
    drift = {name: service["environment"]["drift"] for name, service in observed["services"].items()}
    # The same value has the same fingerprint in one call.
    assert drift["backend"][0]["expected"] == drift["postgres"][0]["expected"]


def test_a_container_made_anew_alone_is_no_drift(engine: Engine, project: Project, answers: dict[str, str]) -> None:
    # Observed: `up --no-deps` gives the same container another hash.
    labels = engine.inspected[engine.id_of("backend")]["Config"]["Labels"]
    labels["com.docker.compose.config-hash"] = "e5225881bf8deeadb3f76dc01892991f0026ae52bc2af4b05d0a26702d36cad3"
    assert look(project)["services"]["backend"]["compose_drift"] is False
    labels["com.docker.compose.config-hash"] = "00"
    assert look(project)["services"]["backend"]["compose_drift"] is True


@pytest.mark.parametrize(
    ("version", "reason"),
    [("2.30.0", "made by Compose 2.26.1, and this is 2.30.0"), (None, "no --short")],
)
def test_another_compose_proves_no_drift(
    engine: Engine, project: Project, answers: dict[str, str], version: str | None, reason: str
) -> None:
    answers["*"] = "backend 00\n"
    answers.pop("--short")
    if version:
        answers["--short"] = version
    observed = look(project)
    assert observed["services"]["backend"]["compose_drift"] is None
    assert reason in observed["unknown"]["services.backend.compose_drift"]
    assert observed["unknown"]["services.frontend.compose_drift"] == stack_observer.NO_SUCH_SERVICE


def test_without_compose(engine: Engine, project: Project, answers: dict[str, str]) -> None:
    answers.clear()
    observed = look(project)
    assert set(observed["services"]) == {"backend", "frontend", "postgres"}
    backend = observed["services"]["backend"]
    assert (backend["environment"], backend["networks_missing"], backend["compose_drift"]) == (None, None, None)
    assert observed["unknown"]["services.backend.environment"] == "no json"
    assert observed["unknown"]["services.backend.compose_drift"] == "no *"
    assert backend["log"]["lines"] == 1


def test_a_service_that_compose_does_not_know(engine: Engine, project: Project, answers: dict[str, str]) -> None:
    config = json.loads(answers["json"])
    del config["services"]["frontend"]
    answers["json"] = json.dumps(config)
    observed = look(project)
    assert observed["services"]["frontend"]["environment"] is None
    assert observed["unknown"]["services.frontend.environment"] == stack_observer.NO_SUCH_SERVICE


def test_a_container_that_has_just_gone(engine: Engine, project: Project) -> None:
    engine.remove("backend")
    observed = look(project)
    backend = observed["services"]["backend"]
    assert (backend["state"], backend["present"], backend["log"]) == ("missing", False, None)
    assert backend["networks_expected"][0]["aliases"] == ["backend"]
    assert observed["unknown"]["services.backend.log"] == "the service has no container"


def test_all_containers_removed_but_the_volume_is_there(engine: Engine, project: Project) -> None:
    engine.listed = []
    engine.leftovers = [{"Name": "circuit-sage_postgres_data"}]
    observed = look(project)
    assert {service["state"] for service in observed["services"].values()} == {"missing"}
    assert observed["project"]["containers"] == 0


def test_the_override_of_an_earlier_incident_is_in_use(engine: Engine, project: Project) -> None:
    options = {
        "project_src": str(project.src),
        "project_name": project.name,
        "files": ["docker-compose.prod.yml"],
        "env_file": project.env_file,
        "docker_host": project.docker_host,
        "docker_timeout": project.docker_timeout,
    }
    assert project_of(options).files == ["docker-compose.prod.yml"]
    (project.src / asked.OVERRIDE).write_text("services: {}\n")
    assert project_of(options).files == ["docker-compose.prod.yml", asked.OVERRIDE]
    listed = {**options, "files": [asked.OVERRIDE, "docker-compose.prod.yml"]}
    assert project_of(listed).files == [asked.OVERRIDE, "docker-compose.prod.yml"]


def test_what_is_asked_for_is_unknown_where_compose_gives_no_model(
    engine: Engine, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_given: Any) -> str:
        raise compose.ComposeUnavailable("no Compose here")

    monkeypatch.setattr(compose, "run", refuse)
    observed = stack_observer.observe(project, 10, {}, True, asked.Wish({"backend": "1g"}))
    assert (observed["asked"], observed["unknown"]["asked"]) == (None, "no Compose here")


def test_an_unknown_project_is_refused(engine: Engine, project: Project) -> None:
    with pytest.raises(
        IncidentError,
        match=r"`typo`; set project_name to one that it has: circuit-sage \(started from /opt/circuit-sage\), .*; or, if that name",
    ):
        look(project._replace(name="typo"))


def test_a_stack_that_is_not_started_is_refused_with_the_command_that_starts_it(engine: Engine, project: Project) -> None:
    engine.listed = []
    with pytest.raises(IncidentError, match="`circuit-sage`; if that name is right and the stack is only not started, start it") as refused:
        look(project)
    src = project.src
    command = f"docker compose --project-directory {src} --project-name circuit-sage --env-file {src}/.env.production"
    assert f"`{command} --file {src}/docker-compose.prod.yml up -d` (the sandbox with `make stack`)" in str(refused.value)


def test_an_engine_that_is_down_is_an_observation(project: Project) -> None:
    observed = look(project._replace(docker_host="unix:///none"))
    down = "there is no Docker socket at unix:///none; start the service `docker`, or set docker_host"
    assert observed["engine"] == {"own_service": False, "reachable": False, "version": None, "api_version": None, "error": down}
    assert (observed["services"], observed["volumes"], observed["project"]["containers"]) == (None, None, None)
    assert observed["unknown"]["services"] == down


def test_an_engine_that_is_too_old_is_refused(engine: Engine, project: Project) -> None:
    engine.server.answers["GET /version"] = (200, {"Version": "19.03.15", "ApiVersion": "1.40"})
    with pytest.raises(IncidentError, match=r"is 19.03.15 \(API 1.40\), and 20.10 \(API 1.41\) or newer is needed; upgrade it"):
        look(project)
    engine.server.answers["GET /version"] = (200, {"Version": "29.0.0", "ApiVersion": "1.52"})
    assert look(project)["engine"]["reachable"]


def test_an_engine_that_hangs_is_an_observation(engine: Engine, project: Project) -> None:
    over = threading.Event()

    def hang(_given: dict[str, str], _body: Any) -> tuple[int, Any]:
        over.wait(5)
        return 200, {}

    engine.server.answers["GET /version"] = hang
    try:
        assert "does not answer in time" in look(project._replace(docker_timeout=1))["engine"]["error"]
    finally:
        over.set()


def test_an_engine_that_cannot_say_what_it_has_is_an_observation(engine: Engine, project: Project) -> None:
    engine.server.answers["GET /containers/json"] = (500, {"message": "layer does not exist"})
    assert "layer does not exist" in look(project)["engine"]["error"]


def test_no_right_to_use_the_engine_is_a_failure(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_given: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("http.client.HTTPConnection.request", forbidden)
    with pytest.raises(EngineForbidden, match="no right to use the Docker engine"):
        look(project)


def test_a_log_with_too_many_bytes_is_read_again_and_shorter(engine: Engine, project: Project) -> None:
    big = [b"2026-11-23T11:34:58.611Z " + b"x" * 16384] * 300
    engine.log = lambda tail: big if tail > 100 else [REFUSED]
    assert look(project)["services"]["backend"]["log"]["lines"] == 1


def test_a_log_that_stays_too_big_is_unknown(engine: Engine, project: Project) -> None:
    engine.log = lambda _tail: [b"x" * 500_000] * 10
    observed = look(project)
    assert observed["services"]["backend"]["log"] is None
    assert "could not be read: the log holds more than" in observed["unknown"]["services.backend.log"]


def test_a_log_driver_that_cannot_be_read(engine: Engine, project: Project) -> None:
    engine.refuse_log("backend", 500, "configured logging driver does not support reading")
    observed = look(project)
    assert observed["unknown"]["services.backend.log"] == "the log could not be read: configured logging driver does not support reading"


def test_a_log_whose_container_has_just_gone(engine: Engine, project: Project) -> None:
    engine.refuse_log("backend", 404, "No such container: backend")
    observed = look(project)
    assert observed["services"]["backend"]["state"] == "running"
    assert "could not be read: the container has just been removed" in observed["unknown"]["services.backend.log"]


def test_a_container_with_a_terminal(engine: Engine, project: Project) -> None:
    engine.inspected[engine.id_of("backend")]["Config"]["Tty"] = True
    # The chunks of a terminal end anywhere, also within a time stamp.
    engine.log = lambda _tail: [b"2026-11-23T11:34:58.611Z one\n2026-11", b"-23T11:34:58.612Z two\n"]
    assert look(project)["services"]["backend"]["log"]["tail"] == ["one", "two"]


def test_no_env_file_names_the_copies(project: Project) -> None:
    (project.src / ".env.production").rename(project.src / ".env.production.bak")
    with pytest.raises(IncidentError, match=r"there is no env file .*put a copy of it back.*beside it: \.env\.production\.bak"):
        look(project)
    with pytest.raises(IncidentError, match=r"there is no env file /none/x; create it or put a copy of it back, or set env_file$"):
        look(project._replace(env_file="/none/x"))


def test_a_variable_that_is_not_there(engine: Engine, project: Project) -> None:
    (project.src / ".env.production").write_text("JWT_SECRET=x\n")
    with pytest.raises(IncidentError, match="lacks what the compose file needs: POSTGRES_PASSWORD; add it"):
        look(project)
    assert look(project, required=False)["env_file"]["missing"] == ["POSTGRES_PASSWORD"]


def test_an_env_file_that_compose_would_refuse(project: Project) -> None:
    (project.src / ".env.production").write_text("A='x")
    with pytest.raises(IncidentError, match=r"env file .* cannot be used: line 1: a value that begins with '"):
        look(project)


def test_files_that_cannot_be_read(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    (project.src / ".env.production").write_bytes(b"\xff\xfe")
    with pytest.raises(IncidentError, match="cannot be read \\(UnicodeDecodeError\\)"):
        look(project)

    def forbidden(_path: Path, **_options: Any) -> str:
        raise PermissionError

    monkeypatch.setattr(Path, "read_text", forbidden)
    with pytest.raises(IncidentError, match="no right to read the compose file"):
        look(project)


def test_a_compose_file_elsewhere(project: Project) -> None:
    with pytest.raises(IncidentError, match=r"there is no compose file .*were started from /opt/circuit-sage\)"):
        look(project._replace(src=project.src / "other"))
    with pytest.raises(IncidentError, match=r"files to its name$"):
        look(project._replace(files=["compose.yml"], name="typo"))
    with pytest.raises(IncidentError, match=r"files to its name$"):
        look(project._replace(files=["compose.yml"], docker_host="unix:///none"))


def test_an_owner_without_a_name(engine: Engine, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(_uid: int) -> None:
        raise KeyError

    monkeypatch.setattr("pwd.getpwuid", nobody)
    assert look(project)["env_file"]["owner"] == str(os.getuid())


def test_the_hold_marker(engine: Engine, project: Project) -> None:
    marker = project.src / ".incident-hold"
    assert look(project)["hold"] == {"path": str(marker), "text": None, "everything": False}
    marker.write_text("ana: keeping it for the review password=hunter2\nmore\n")
    assert look(project)["hold"]["text"] == "ana: keeping it for the review password=********"
    marker.write_text("\n")
    assert look(project)["hold"]["text"] == "no reason given"
    marker.write_text("security incident x\nkeep everything\n", encoding="utf-8")
    assert look(project)["hold"]["everything"]
    marker.unlink()
    marker.mkdir()
    assert look(project)["hold"]["text"] == "its reason cannot be read: Is a directory"


def test_secrets_are_told_apart_under_a_lasting_key(engine: Engine, project: Project) -> None:
    assert "fingerprints" not in look(project)["services"]["backend"]
    one, again, other = (look(project._replace(fingerprint_key=key))["services"]["backend"]["fingerprints"] for key in ("a", "a", "b"))
    assert one == again
    assert one.keys() == other.keys()
    assert one
    assert all(one[name] != other[name] for name in one)
    assert all(len(value) == 12 for value in one.values())


def test_the_compose_files_are_told_by_their_checksum(engine: Engine, project: Project) -> None:
    before = look(project)["files"]
    path = project.src / "docker-compose.prod.yml"
    path.write_text(path.read_text() + "# changed\n")
    after = look(project)["files"]
    assert before.keys() == after.keys() == {"docker-compose.prod.yml"}
    assert before != after
