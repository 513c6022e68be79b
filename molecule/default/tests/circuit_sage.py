# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The system under test as the conformance tests see it: its names, its containers, its API, its database. Nothing here asserts.

Every wait is a poll with an end (`eventually`, `stays`); every request has a timeout of its own.
"""

from __future__ import annotations

import functools
import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import docker
import psycopg2
import psycopg2.extras
import requests

POLL_SECONDS = 0.05
COLOUR = re.compile(r"\x1b\[\d+m")
STACK = Path(__file__).resolve().parents[2] / "stack"

T = TypeVar("T")
Connection = Any  # psycopg2 has no types
Row = dict[str, Any]


def eventually(look: Callable[[], T], seconds: float, what: str) -> T:
    """Poll until there is something to see, and give it; fail with `what` when the time is over."""
    deadline = time.monotonic() + seconds
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what} (last seen: {seen!r})")
        time.sleep(POLL_SECONDS)


def stays(look: Callable[[], object], seconds: float, what: str) -> None:
    """Poll for the whole time; fail as soon as it no longer holds. For what must not happen, such as a restart."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not look():
            raise AssertionError(f"did not stay so for {seconds:g} s: {what}")
        time.sleep(POLL_SECONDS)


def plain(text: str) -> str:
    """A log without its colour codes."""
    return COLOUR.sub("", text)


def read_env_file(path: Path) -> dict[str, str]:
    """The variables of an env file whose values need no quoting."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return {
        name: value.strip("'\"") for name, found, value in (line.partition("=") for line in lines) if found and not name.startswith("#")
    }


@dataclass(frozen=True)
class Settings:
    """Where the system is. `conftest.py` has the table of the environment variables behind it."""

    project: str
    project_src: Path
    compose_files: tuple[str, ...]
    env_file: Path
    containers: Mapping[str, str]
    network: str
    volume: str
    edge_host: str
    edge_url: str
    edge_tls_url: str
    backend_url: str
    frontend_url: str
    postgres_host: str
    postgres_port: int
    access_log: str
    error_log: str
    edge_address: str
    client_image: str
    credentials_path: str
    api_health: bool

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> Settings:
        """CIRCUIT_SAGE_* first; without them the sandbox, wherever its own SANDBOX_* variables put it."""

        def sandbox(name: str, default: str) -> str:
            return env.get(f"SANDBOX_{name}") or default

        def value(name: str, default: str) -> str:
            return env.get(f"CIRCUIT_SAGE_{name}") or default

        project = value("PROJECT", sandbox("PROJECT", "circuit-sage-sandbox"))
        source = Path(value("PROJECT_SRC", str(STACK)))
        return cls(
            project=project,
            project_src=source,
            compose_files=tuple(value("COMPOSE_FILES", "docker-compose.prod.yml:docker-compose.sandbox.yml").split(":")),
            env_file=source / value("ENV_FILE", ".env.production"),
            containers={
                "postgres": value("POSTGRES_CONTAINER", f"{project}-db"),
                "backend": value("BACKEND_CONTAINER", f"{project}-api"),
                "frontend": value("FRONTEND_CONTAINER", f"{project}-frontend"),
            },
            network=value("NETWORK", f"{project}_circuit-sage-network"),
            volume=value("VOLUME", f"{project}_postgres_data"),
            edge_host=value("EDGE_HOST", f"docker://{project}-edge"),
            edge_url=value("EDGE_URL", f"http://127.0.0.1:{sandbox('EDGE_PORT', '18080')}"),
            edge_tls_url=value("EDGE_TLS_URL", f"https://127.0.0.1:{sandbox('EDGE_TLS_PORT', '18443')}"),
            backend_url=value("BACKEND_URL", f"http://127.0.0.1:{sandbox('BACKEND_PORT', '14000')}"),
            frontend_url=value("FRONTEND_URL", f"http://127.0.0.1:{sandbox('FRONTEND_PORT', '13000')}"),
            postgres_host=value("POSTGRES_HOST", "127.0.0.1"),
            postgres_port=int(value("POSTGRES_PORT", sandbox("POSTGRES_PORT", "15432"))),
            access_log=value("ACCESS_LOG", "/var/log/nginx/circuit-sage-access.log"),
            error_log=value("ERROR_LOG", "/var/log/nginx/circuit-sage-error.log"),
            edge_address=value("EDGE_ADDRESS", sandbox("NETWORK", "172.30.83") + ".40"),
            client_image=value("CLIENT_IMAGE", "circuit-sage-sandbox/edge:1"),
            credentials_path=value("CREDENTIALS_PATH", "/api/subscriptions"),
            api_health=value("API_HEALTH", sandbox("API_HEALTH", "false")) == "true",
        )


@dataclass(frozen=True)
class Reply:
    """One HTTP answer and how long it took."""

    status: int
    headers: Mapping[str, str]
    text: str
    seconds: float

    @property
    def json(self) -> Any:
        """The body, which has to be JSON."""
        return json.loads(self.text)


class CircuitSage:
    """One running Circuit Sage."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.env = read_env_file(settings.env_file)
        self.user = self.env.get("POSTGRES_USER") or "circuit_sage_user"
        self.database = self.env.get("POSTGRES_DB") or "circuit_sage_db"
        self.password = self.env["POSTGRES_PASSWORD"]
        self.docker = docker.from_env(timeout=30)
        self._threads = ThreadPoolExecutor(max_workers=64)

    # Containers

    def inspect(self, service: str) -> dict[str, Any]:
        """What Docker says about a service's container now."""
        found: dict[str, Any] = self.docker.api.inspect_container(self.settings.containers[service])
        return found

    def state(self, service: str) -> str:
        """The container's state in one word."""
        return str(self.inspect(service)["State"]["Status"])

    def started_at(self, service: str) -> str:
        """When the container's present life began; it tells a restart that the restart count does not."""
        return str(self.inspect(service)["State"]["StartedAt"])

    def restarts(self, service: str) -> int:
        """How often Docker's restart policy has started it again."""
        return int(self.inspect(service)["RestartCount"])

    def container_health(self, service: str) -> str:
        """Docker's word for the container's health."""
        return str(self.inspect(service)["State"]["Health"]["Status"])

    def container_env(self, service: str) -> dict[str, str]:
        """The environment the container was created with."""
        return dict(pair.split("=", 1) for pair in self.inspect(service)["Config"]["Env"])

    def address(self, service: str) -> str:
        """The container's address on the project's network."""
        return str(self.inspect(service)["NetworkSettings"]["Networks"][self.settings.network]["IPAddress"])

    def gateway(self) -> str:
        """The address under which the host is seen on the project's network."""
        return str(self.docker.api.inspect_network(self.settings.network)["IPAM"]["Config"][0]["Gateway"])

    def log(self, service: str, since: datetime | None = None) -> str:
        """The container's log as it was written, from a moment on."""
        found: bytes = self.docker.api.logs(self.settings.containers[service], since=since.timestamp() if since else None)
        return found.decode("utf-8", "replace")

    def compose(
        self, *words: str, env_file: Path | None = None, project: str | None = None, options: Sequence[str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """`docker compose` as an operator writes it in the application directory; the caller looks at the status."""
        files = [part for name in self.settings.compose_files for part in ("-f", name)]
        given = ["--env-file", str(env_file or self.settings.env_file)] if options is None else list(options)
        command = ["docker", "compose", "-p", project or self.settings.project, *given, *files, *words]
        clean = {name: value for name, value in os.environ.items() if name not in self.env}
        return subprocess.run(
            command,
            cwd=self.settings.project_src,
            env=clean,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )

    def up(self, *services: str, env_file: Path | None = None, alone: bool = True) -> None:
        """`up -d`: apply the env file to these services; alone, or waiting for the health of what they depend on."""
        done = self.compose("up", "-d", *(["--no-deps"] if alone else []), "--no-build", *services, env_file=env_file)
        if done.returncode:
            raise AssertionError(f"docker compose up failed: {done.stderr}")

    def on_network(self, *command: str, network: str | None = None, options: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
        """Run a command in a throw-away container with an address of its own on the project's network."""
        program, *words = command
        where = network or self.settings.network
        return subprocess.run(
            [
                "docker",
                "run",
                "--rm",
                "--pull",
                "never",
                "--network",
                where,
                *options,
                "--entrypoint",
                program,
                self.settings.client_image,
                *words,
            ],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    # HTTP

    def ask(
        self, method: str, url: str, *, token: str | None = None, body: dict[str, Any] | None = None, timeout: float = 10.0, **headers: str
    ) -> Reply:
        """One request in a connection of its own."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token:
            sent["Authorization"] = f"Bearer {token}"
        began = time.monotonic()
        # The sandbox's certificate is self-made.
        with requests.request(method, url, json=body, headers=sent, timeout=timeout, allow_redirects=False, verify=False) as answer:  # noqa: S501
            return Reply(answer.status_code, answer.headers, answer.text, time.monotonic() - began)

    def backend(self, method: str, path: str, **options: Any) -> Reply:
        """Ask the backend on its published port."""
        return self.ask(method, self.settings.backend_url + path, **options)

    def edge(self, method: str, path: str, **options: Any) -> Reply:
        """Ask nginx."""
        return self.ask(method, self.settings.edge_url + path, **options)

    def status(self, url: str, timeout: float = 3.0) -> int | None:
        """The status of a GET, or None when nothing answers."""
        try:
            return self.ask("GET", url, timeout=timeout).status
        except requests.RequestException:
            return None

    def health(self, timeout: float = 10.0) -> Reply:
        """The backend's health."""
        return self.backend("GET", "/health", timeout=timeout)

    def later(self, call: Callable[..., T], *words: Any, **options: Any) -> Future[T]:
        """Make a call in the background."""
        return self._threads.submit(functools.partial(call, *words, **options))

    def sign_in(self, email: str, password: str, **options: Any) -> Reply:
        """Ask for a token."""
        return self.backend("POST", "/api/auth/login", body={"email": email, "password": password}, **options)

    def prove_health(self, seconds: float = 60.0) -> None:
        """Wait until PostgreSQL and the backend are healthy, pages and API come through nginx, and the database takes a login."""
        eventually(lambda: self.container_health("postgres") == "healthy", seconds, "PostgreSQL is healthy")
        eventually(lambda: self.status(f"{self.settings.backend_url}/health") == 200, seconds, "the backend is healthy")
        eventually(lambda: self.status(f"{self.settings.edge_url}/") == 200, seconds, "the pages come through nginx")
        eventually(lambda: self.status(f"{self.settings.edge_url}/api/health") in (200, 404), seconds, "the API comes through nginx")
        self.connect().close()

    def restart_backend(self) -> None:
        """Restart the backend alone: empties its rate limits and its pool."""
        self.docker.api.restart(self.settings.containers["backend"], timeout=5)
        eventually(lambda: self.status(f"{self.settings.backend_url}/health") == 200, 30, "the backend is healthy after a restart")

    # Database

    def connect(self, **overrides: Any) -> Connection:
        """A new TCP session as the application logs in, through the published port; autocommit."""
        told = {
            "host": self.settings.postgres_host,
            "port": self.settings.postgres_port,
            "user": self.user,
            "password": self.password,
            "dbname": self.database,
            "connect_timeout": 10,
            **overrides,
        }
        connection = psycopg2.connect(**told)
        connection.autocommit = True
        return connection

    def sql(self, statement: str, *parameters: Any) -> list[Row]:
        """Run one statement in a session of its own."""
        connection = self.connect()
        try:
            return rows_of(connection, statement, *parameters)
        finally:
            connection.close()

    def application_sessions(self, *states: str, connection: Connection = None) -> list[Row]:
        """The backend's sessions in PostgreSQL, of these states or of any."""
        statement = "SELECT pid, state, wait_event_type FROM pg_stat_activity WHERE host(client_addr) = %s"
        address = self.address("backend")
        rows = rows_of(connection, statement, address) if connection else self.sql(statement, address)
        return [row for row in rows if not states or row["state"] in states]

    def maintenance_mode(self) -> str | None:
        """The row of maintenance mode as text, or None without one."""
        rows = self.sql("SELECT value::text AS value FROM system_settings WHERE key = 'maintenance_mode'")
        return rows[0]["value"] if rows else None

    def set_maintenance_mode(self, value: str | None) -> None:
        """Write the row as an operator does in SQL, without a user; None takes it out."""
        self.sql("DELETE FROM system_settings WHERE key = 'maintenance_mode'")
        if value is not None:
            self.sql("INSERT INTO system_settings (key, value, updated_by) VALUES ('maintenance_mode', %s::jsonb, NULL)", value)

    @contextmanager
    def row_locked(self, table: str, identity: str) -> Iterator[Connection]:
        """Hold one row, so that whoever writes to it hangs; nobody else notices."""
        holder = self.connect()
        holder.autocommit = False
        try:
            rows_of(holder, f"SELECT 1 FROM {table} WHERE id = %s FOR UPDATE", identity)  # noqa: S608 - the table is a name of ours
            yield holder
        finally:
            holder.close()  # which rolls back, also when the server has ended the session meanwhile


def rows_of(connection: Connection, statement: str, *parameters: Any) -> list[Row]:
    """Run a statement on a session and give its rows (none for a statement that returns nothing)."""
    with connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
        cursor.execute(statement, parameters or None)
        return [dict(row) for row in cursor.fetchall()] if cursor.description else []


def now() -> datetime:
    """The present moment, as the mark from which logs are read."""
    return datetime.now(UTC)
