# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The drill on an application of the user's: its own compose file, beside whatever else runs, and nothing written to its folder."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
import yaml
from playbook import Player, user_environment
from sandbox import CHECKOUT, STACK, Sandbox

# As in production every name and port is fixed. The folder `uploads` and the env file are not in the checkout.
COMPOSE = """
services:
  postgres:
    image: circuit-sage-sandbox/postgres:15
    pull_policy: never
    container_name: circuit-sage-db
    restart: always
    env_file: .env.production
    environment:
      POSTGRES_USER: ${POSTGRES_USER:-circuit_sage_user}
      POSTGRES_PASSWORD: ${POSTGRES_PASSWORD:?}
      POSTGRES_DB: ${POSTGRES_DB:-circuit_sage_db}
    volumes: ["postgres_data:/var/lib/postgresql/data"]
    ports: ["127.0.0.1:5432:5432"]
    networks: [inside]
    healthcheck:
      test: ["CMD-SHELL", "pg_isready -U $${POSTGRES_USER} -d $${POSTGRES_DB}"]
      interval: 2s
      retries: 15
  backend:
    build: ./backend
    image: circuit-sage-api:latest
    container_name: circuit-sage-api
    restart: always
    depends_on: {postgres: {condition: service_healthy}}
    environment:
      DB_HOST: postgres
      DB_USER: ${POSTGRES_USER:-circuit_sage_user}
      DB_PASSWORD: ${POSTGRES_PASSWORD:?}
      DB_NAME: ${POSTGRES_DB:-circuit_sage_db}
      JWT_SECRET: ${JWT_SECRET}
      ENCRYPTION_KEY: ${ENCRYPTION_KEY}
      ALLOWED_ORIGINS: ${ALLOWED_ORIGINS}
      REPORTS_API_KEY: ${REPORTS_API_KEY:?}
    volumes: ["./uploads:/srv/uploads"]
    ports: ["127.0.0.1:4000:4000"]
    networks: [inside]
  frontend:
    image: circuit-sage-sandbox/frontend:1
    pull_policy: never
    container_name: circuit-sage-frontend
    restart: always
    depends_on: [backend]
    ports: ["127.0.0.1:3000:3000"]
    networks: [inside]
networks:
  inside: {name: circuit-sage-network, ipam: {config: [{subnet: 172.29.29.0/24}]}}
volumes:
  postgres_data: {name: circuit-sage-postgres-data}
"""
DOCKERFILE = """
FROM circuit-sage-sandbox/backend:1
COPY *.py /app/
COPY migrations /app/migrations
"""
PORTS = ("EDGE", "EDGE_TLS", "BACKEND", "FRONTEND", "POSTGRES", "SQUARE")


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """A checkout of an application, in which nothing can be written."""
    folder = tmp_path / "an application"
    shutil.copytree(STACK / "backend", folder / "backend", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "backend" / "Dockerfile").write_text(DOCKERFILE, encoding="utf-8")
    (folder / "docker-compose.prod.yml").write_text(COMPOSE, encoding="utf-8")
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    return folder


@pytest.fixture
def environment(sandbox: Sandbox) -> Iterator[dict[str, str]]:
    """Another project with a network and ports of its own beside the sandbox; what is made there is removed."""
    *head, third = os.environ.get("SANDBOX_NETWORK", "172.30.83").split(".")
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in PORTS]
    numbers = [str(listener.getsockname()[1]) for listener in listeners]
    for listener in listeners:
        listener.close()
    moved = {f"SANDBOX_{name}_PORT": number for name, number in zip(PORTS, numbers, strict=True)}
    project = f"app-beside-{sandbox.project}"
    # What the user's shell exports is not what the application gets.
    exported = {"POSTGRES_PASSWORD": "the-real-one"}
    network = ".".join([*head, str((int(third) + 100) % 256)])
    given = user_environment(SANDBOX_PROJECT=project, SANDBOX_NETWORK=network, **moved, **exported)
    yield given
    subprocess.run(["bash", str(STACK / "stack.sh"), "down"], env=given, check=True, timeout=120, capture_output=True)
    for image in sandbox.docker.images.list(filters={"label": f"com.docker.compose.project={project}"}):
        sandbox.docker.images.remove(image.id, force=True)
    shutil.rmtree(CHECKOUT / ".cache" / "app" / project, ignore_errors=True)


def files(folder: Path) -> dict[str, tuple[int, int, str]]:
    """Mode, time of change and content of everything below a folder."""
    return {
        str(path.relative_to(folder)): (
            path.stat().st_mode,
            path.stat().st_mtime_ns,
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "",
        )
        for path in [folder, *folder.rglob("*")]
    }


def names(client: docker.DockerClient) -> set[str]:
    """Everything with a name that the engine has."""
    found = {container.name for container in client.containers.list(all=True)}
    found |= {one.name for one in [*client.networks.list(), *client.volumes.list()]}
    return found | {tag for image in client.images.list() for tag in image.tags}


def refused(app: Path, environment: dict[str, str]) -> str:
    """What setup/drill.sh, which `make drill` runs, says of an application that it refuses."""
    command = ["bash", str(CHECKOUT / "setup" / "drill.sh")]
    done = subprocess.run(command, env={**environment, "APP": str(app)}, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode != 0, done.stdout
    return done.stderr


def test_an_application_is_drilled_beside_the_sandbox(
    sandbox: Sandbox, player: Player, app: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    """One fault is mended, one that needs the sandbox's backend is skipped, which alone is no success; folder and names are left alone."""
    as_it_was, there, running = files(app), names(sandbox.docker), sandbox.snapshot()
    project = environment["SANDBOX_PROJECT"]
    settings = {"drill_app_dir": str(app), "drill_faults": "lock_blocker,memory_leak", "drill_dir": str(tmp_path / "drills")}
    run = player.start("-e", json.dumps(settings), env=environment, say_records=False)
    run.process.wait(timeout=300)
    assert run.status == 0, run.output
    (folder,) = (tmp_path / "drills").iterdir()
    content = json.loads((folder / "drill.json").read_text(encoding="utf-8"))
    mended, skipped = content["results"]
    assert content["passed"] is True
    assert (mended["id"], mended["status"], mended["outcome"]) == ("lock_blocker", "passed", "resolved")
    assert (skipped["id"], skipped["status"]) == ("memory_leak", "skipped")
    assert skipped["reasons"] == [
        f"it needs sandbox_backend, a switch or a program of the sandbox's own backend, and this backend is {project}-backend"
    ]
    suite = ET.parse(folder / "junit.xml").getroot()  # noqa: S314 - our own file
    assert [case.get("name") for case in suite.iter("testcase") if case.find("skipped") is not None] == ["memory_leak"]
    assert "1 of 2 faults passed, 1 skipped" in run.said()
    for report in ("drill.md", "drill.html"):
        assert "1 of 2 faults passed, 1 skipped" in (folder / report).read_text(encoding="utf-8")

    everything = {**settings, "drill_faults": "memory_leak", "drill_dir": str(tmp_path / "skipped")}
    run = player.start("-e", json.dumps(everything), env=environment, say_records=False)
    run.process.wait(timeout=120)
    assert run.status == 2, run.output
    assert "Drill failed: 0 of 1 fault passed, 1 skipped" in run.said()

    assert files(app) == as_it_was
    made = {name for name in names(sandbox.docker) - there if not name.startswith((f"{project}-", f"{project}_"))}
    assert made == set()
    assert sandbox.snapshot().changes_since(running) == {}
    env_file = CHECKOUT / ".cache" / "app" / project / ".env.production"
    assert env_file.stat().st_mode & 0o777 == 0o600
    secrets = [
        line.partition("=")[2] for line in env_file.read_text(encoding="utf-8").splitlines() if "PASSWORD=" in line or "KEY=" in line
    ]
    assert "the-real-one" not in secrets
    assert not [secret for secret in secrets if secret in run.output]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"postgres": None}, "its docker-compose.prod.yml lacks the service postgres; give a checkout of Circuit Sage"),
        ({"postgres": None, "frontend": None}, "lacks the service postgres, frontend; give"),
        ({"backend": {"image": "${"}}, "docker-compose.prod.yml cannot be used: `docker compose` failed: "),
    ],
)
def test_a_compose_file_of_something_else_is_refused(
    sandbox: Sandbox, environment: dict[str, str], tmp_path: Path, change: dict[str, object], words: str
) -> None:
    """One sentence, and nothing is made."""
    content = yaml.safe_load(COMPOSE)
    services = {**content["services"], **change}
    content["services"] = {name: {**service, "depends_on": []} for name, service in services.items() if service}
    (tmp_path / "docker-compose.prod.yml").write_text(yaml.safe_dump(content), encoding="utf-8")
    there = names(sandbox.docker)
    said = refused(tmp_path, environment)
    assert words in said
    assert len(said.splitlines()) == 1
    assert names(sandbox.docker) == there


def test_what_is_no_checkout_is_refused(environment: dict[str, str], tmp_path: Path) -> None:
    """No folder, a folder without the compose file, a file that is no YAML."""
    assert (
        refused(tmp_path / "absent", environment)
        == f"stack: {tmp_path}/absent is no folder; give the folder of a checkout of Circuit Sage.\n"
    )
    assert "has no docker-compose.prod.yml; give the folder of a checkout of Circuit Sage.\n" in refused(tmp_path, environment)
    (tmp_path / "docker-compose.prod.yml").write_text("services: [", encoding="utf-8")
    assert "docker-compose.prod.yml is not YAML (line 1); " in refused(tmp_path, environment)


def test_a_port_that_is_taken_is_told(sandbox: Sandbox, app: Path, environment: dict[str, str]) -> None:
    """By whom, and which variable moves it; nothing is made."""
    there = names(sandbox.docker)
    with socket.create_server(("127.0.0.1", int(environment["SANDBOX_POSTGRES_PORT"]))):
        said = refused(app, environment)
    assert f"port {environment['SANDBOX_POSTGRES_PORT']} is taken by process {os.getpid()}" in said
    assert "set SANDBOX_POSTGRES_PORT to a free port" in said
    assert names(sandbox.docker) == there


def test_a_schema_that_lacks_a_table_is_told(sandbox: Sandbox, seeded_rows: str) -> None:
    """The seed waits for the migrations, then says what is not there, and fills nothing."""
    seed = ["python3", "-c", "import seed; seed.SCHEMA_SECONDS = 0; seed.main()"]
    command = ["docker", "exec", "-e", "PGOPTIONS=-c search_path=pg_temp", sandbox.backend_container, *seed]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("seed: the schema lacks companies, locations, users, ")
    assert done.stderr.endswith("which the seed fills; seed a release of Circuit Sage that has it\n")
    assert sandbox.rows() == seeded_rows
