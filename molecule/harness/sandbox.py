# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The disposable stack as the tests see it from outside: its names, what state everything is in, whether it serves, its faults."""

from __future__ import annotations

import functools
import hashlib
import hmac
import importlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import credential_format
import docker

CHECKOUT = Path(__file__).resolve().parents[2]
STACK = CHECKOUT / "molecule" / "stack"
sys.path.insert(0, str(STACK))
faults = importlib.import_module("fault")  # molecule/stack/fault.py

SECRETS = ("POSTGRES_PASSWORD", "JWT_SECRET", "ENCRYPTION_KEY", "SENDGRID_API_KEY", "SEED_PASSWORD")
POLL_SECONDS = 0.05
# The backend's port 4000 in the kernel's table, and the state in which a server waits for connections.
LISTENS = re.compile(r":0FA0 [0-9A-F:]+ 0A ")
# How many companies the seed makes.
COMPANIES = 40

# The seeded tables. `updated_at` is left out: a proof writes a location's own value back. So are stored credentials, which look different
# each time that they are encrypted; what they are in plain is compared beside it.
TABLES = ("companies", "users", "user_roles", "locations", "subscriptions", "subscription_payments", "invoices")
ROW = "(to_jsonb(t) - 'updated_at' #- '{settings,integrations}')"
ROWS = " UNION ALL ".join(
    f"SELECT '{table}', count(*), md5(string_agg({ROW}::text, ',' ORDER BY t.id)) FROM {table} t"  # noqa: S608
    for table in TABLES
)
INTEGRATIONS = "SELECT coalesce(json_object_agg(id, settings -> 'integrations' ORDER BY id), '{}') FROM companies"
# What a remedy or a fault of the login can change. The password only as a digest of its verifier.
DATABASE = """
SELECT 'role', rolname, rolcanlogin, rolsuper, rolconnlimit, rolvaliduntil, md5(rolpassword) FROM pg_authid WHERE rolname !~ '^pg_';
SELECT 'database', datname, datallowconn, datconnlimit FROM pg_database ORDER BY 1, 2;
SELECT 'setting', setdatabase, setrole, setconfig FROM pg_db_role_setting ORDER BY 2, 3;
SELECT 'guest', pid, backend_start FROM pg_stat_activity WHERE application_name IN ('report-export', 'migration-by-hand') ORDER BY 2;
"""


def eventually(look: Callable[[], Any], seconds: float, what: str) -> Any:
    """Poll until there is something to see, and give it; fail with `what` when the time is over."""
    deadline = time.monotonic() + seconds
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what} (last seen: {seen!r})")
        time.sleep(POLL_SECONDS)


def known_faults(incident: str) -> list[str]:
    """The ids of an incident's faults."""
    return [identity for identity in faults.known() if faults.load(identity)["incident"] == incident]


@dataclass(frozen=True)
class Container:
    """What tells one life of a container from another."""

    identity: str
    started_at: str
    restarts: int
    # In its back-off: the restart that is counted already is still to come.
    waits: bool
    paused: bool
    networks: tuple[str, ...]

    def touched_since(self, before: Container) -> bool:
        """Whether somebody did something to it. Docker's own restarts are counted by it, those of a person set the count back."""
        if (self.identity, self.paused, self.networks) != (before.identity, before.paused, before.networks):
            return True
        return self.started_at != before.started_at and self.restarts < before.restarts + (not before.waits)


@dataclass(frozen=True)
class Snapshot:
    """The state of everything that a run could change."""

    containers: dict[str, Container]
    files: dict[str, tuple[int, str]]
    database: str
    volumes: tuple[str, ...]

    def changes_since(self, before: Snapshot) -> dict[str, str]:
        """What is different, by component: services, `env_file`, `files`, `database`, `volumes`."""
        found = {}
        for name in before.containers.keys() | self.containers.keys():
            old, new = before.containers.get(name), self.containers.get(name)
            if old is None or new is None or new.touched_since(old):
                found[name] = f"{old} became {new}"
        for name in before.files.keys() | self.files.keys():
            if before.files.get(name) != self.files.get(name):
                found["env_file" if name.startswith(".env.production") else "files"] = f"{name} changed"
        if self.database != before.database:
            found["database"] = f"{before.database}\nbecame\n{self.database}"
        if self.volumes != before.volumes:
            found["volumes"] = f"{before.volumes} became {self.volumes}"
        return found


class Sandbox:
    """The running stack, wherever the SANDBOX_* variables put it."""

    def __init__(self) -> None:
        self.project = os.environ.get("SANDBOX_PROJECT", "circuit-sage-sandbox")
        self.env_file = STACK / ".env.production"
        self.hold_file = STACK / ".incident-hold"
        self.lock_file = Path(f"/run/lock/circuit-sage-incident-{self.project}.lock")
        self.edge_url = f"http://127.0.0.1:{os.environ.get('SANDBOX_EDGE_PORT', '18080')}"
        self.backend_url = f"http://127.0.0.1:{os.environ.get('SANDBOX_BACKEND_PORT', '14000')}"
        self.postgres_container = f"{self.project}-db"
        self.backend_container = f"{self.project}-api"
        self.one_shot = f"{self.project}-single-user"
        self.docker = docker.from_env(timeout=60)
        self._tokens: dict[str, str] = {}

    @property
    def env(self) -> dict[str, str]:
        """The env file's variables."""
        lines = self.env_file.read_text(encoding="utf-8").splitlines()
        return {name: value for name, found, value in (line.partition("=") for line in lines) if found and not name.startswith("#")}

    @functools.cached_property
    def square_tokens(self) -> dict[str, str]:
        """The access tokens of the seeded companies, made as the seed makes them."""

        def token(number: int) -> str:
            purpose = f"square access token/{number}"
            return "EAAA" + hmac.new(self.env["SEED_PASSWORD"].encode(), purpose.encode(), hashlib.sha256).hexdigest()

        return {f"the Square token of company {number}": token(number) for number in range(1, COMPANIES + 1)}

    # What is there

    def containers(self) -> dict[str, Container]:
        """Every container of the project by its service; one that belongs to none by its name."""
        found = {}
        for entry in self.docker.api.containers(all=True):
            label = entry["Labels"].get("com.docker.compose.project")
            name = entry["Names"][0].lstrip("/")
            if label != self.project and not (label is None and name.startswith(f"{self.project}-")):
                continue
            try:
                inspected = self.docker.api.inspect_container(entry["Id"])
            except docker.errors.NotFound:  # removed meanwhile
                continue
            found[entry["Labels"].get("com.docker.compose.service", name)] = Container(
                inspected["Id"],
                inspected["State"]["StartedAt"],
                inspected["RestartCount"],
                inspected["State"]["Restarting"],
                inspected["State"]["Paused"],
                tuple(sorted(inspected["NetworkSettings"]["Networks"])),
            )
        return found

    def psql(self, statements: str, database: str = "postgres") -> str:
        """What psql says over the container's local socket, its errors too."""
        done = self._psql(statements, database)
        return (done.stdout + done.stderr).strip()

    def _psql(self, statements: str, database: str) -> subprocess.CompletedProcess[str]:
        # A fault may give the role less time than a look takes.
        command = ["docker", "exec", "-i", "-e", "PGOPTIONS=-c statement_timeout=0", self.postgres_container]
        command += ["psql", "-XqAt", "-v", "ON_ERROR_STOP=1"]
        command += ["-U", self.env["POSTGRES_USER"], "-d", database]
        return subprocess.run(command, input=statements, capture_output=True, text=True, timeout=30, check=False)

    def on_edge(self, command: str) -> str:
        """What a shell says on nginx's host."""
        done = self.docker.containers.get(f"{self.project}-edge").exec_run(["sh", "-c", command])
        assert done.exit_code == 0, done.output
        return str(done.output.decode())

    def state(self, service: str) -> str:
        """The state in one word of a service's container, or of the container of that name; `missing` when there is none."""
        name = {"postgres": self.postgres_container, "backend": self.backend_container}.get(service, service)
        try:
            return str(self.docker.api.inspect_container(name)["State"]["Status"])
        except docker.errors.NotFound:
            return "missing"

    @staticmethod
    def digest(path: Path) -> tuple[int, str]:
        """Mode and content of a file."""
        return path.stat().st_mode, hashlib.sha256(path.read_bytes()).hexdigest()

    def database_state(self) -> str:
        """Roles, databases and settings."""
        done = self._psql(DATABASE, "postgres")
        # Who refuses, Docker or the server, depends on the moment while the server is started again and again.
        return done.stdout.strip() if done.returncode == 0 else "nobody is let in"

    def volumes(self) -> tuple[str, ...]:
        """The project's volumes."""
        return tuple(sorted(volume.name for volume in self.docker.volumes.list() if volume.name.startswith(f"{self.project}_")))

    def snapshot(self) -> Snapshot:
        """The state of everything."""
        files = {path.name: self.digest(path) for path in STACK.iterdir() if path.is_file()}
        return Snapshot(self.containers(), files, self.database_state(), self.volumes())

    def rows(self) -> str:
        """The number and a digest of the rows of every seeded table, and a digest of the credentials in plain."""
        integrations = self.psql(INTEGRATIONS, self.env["POSTGRES_DB"])
        plain_ones = hashlib.sha256(json.dumps(self._in_plain(json.loads(integrations))).encode()).hexdigest()
        return f"{self.psql(ROWS, self.env['POSTGRES_DB'])}\ncredentials {plain_ones}"

    def _in_plain(self, value: Any) -> Any:
        """Each encrypted text in it decrypted under the key of the env file."""
        if isinstance(value, dict):
            return {name: self._in_plain(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [self._in_plain(inner) for inner in value]
        if isinstance(value, str) and credential_format.FORM.match(value):
            return credential_format.decrypt(value, self.env["ENCRYPTION_KEY"])
        return value

    # Whether it serves

    def ask(self, url: str, method: str = "GET", body: Any = None, token: str | None = None) -> tuple[int, Any]:
        """Status and JSON of an answer; status 0 when there is none."""
        headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data=data, method=method, headers=headers)  # noqa: S310 - loopback
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 - loopback
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode("utf-8", "replace")
        except (OSError, ValueError) as error:
            return 0, str(error)

    def is_healthy(self) -> bool:
        """The backend says so itself; this path is no part of the API, whose calls are counted."""
        status, answer = self.ask(f"{self.backend_url}/health")
        return bool(status == 200 and answer["status"] == "ok" and answer["database"] == "connected")

    @property
    def token(self) -> str:
        """A sign-in that lasts as long as the secret that signs it."""
        secret = self.env["JWT_SECRET"]
        if secret not in self._tokens:
            self._tokens[secret] = self._sign_in()
        return self._tokens[secret]

    def _sign_in(self) -> str:
        body = {"email": "admin@company-01.example", "password": self.env["SEED_PASSWORD"]}
        status, answer = self.ask(f"{self.edge_url}/api/auth/login", "POST", body)
        assert status == 200, answer
        return str(answer["data"]["accessToken"])

    @functools.cached_property
    def place(self) -> str:
        """A location of the company that signs in."""
        return self.psql(
            "SELECT l.id || ' ' || l.phone FROM locations l JOIN users u USING (company_id) WHERE u.email = 'admin@company-01.example' "
            "AND l.deleted_at IS NULL ORDER BY l.created_at, l.id LIMIT 1",
            self.env["POSTGRES_DB"],
        )

    def prove_write(self) -> None:
        """Write a row through nginx, the backend and its pool, and find the write in the database. The row keeps its value."""
        location, _, phone = self.place.partition(" ")
        stamp = f"SELECT updated_at FROM locations WHERE id = '{location}'"  # noqa: S608
        before = self.psql(stamp, self.env["POSTGRES_DB"])
        status, answer = self.ask(f"{self.edge_url}/api/locations/{location}", "PUT", {"phone": phone}, self.token)
        assert status == 200, answer
        assert self.psql(stamp, self.env["POSTGRES_DB"]) != before

    # Faults

    def bites(self, identity: str) -> bool:
        """Whether the fault's symptom shows."""
        return bool(faults.shell(faults.load(identity)["symptom"], check=False).returncode == 0)

    def bites_within(self, identity: str, seconds: float) -> bool:
        """Whether the fault's symptom shows in that time: what shows in samples, or comes and goes, may be missed by one look."""
        deadline = time.monotonic() + seconds
        while not (bites := self.bites(identity)) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        return bites

    @contextmanager
    def fault(self, *identities: str) -> Iterator[None]:
        """Bring faults about; take them back afterwards, whatever happened, so that a failed test leaves none behind."""
        try:
            for identity in identities:
                faults.inject(identity)
            yield
        finally:
            for identity in reversed(identities):
                # Again and again: taking back the first may need the server that taking back the second has just started.
                eventually(functools.partial(self._taken_back, identity), 60, f"{identity} is taken back")
            self.restore()

    @staticmethod
    def _taken_back(identity: str) -> bool:
        return bool(faults.shell(faults.load(identity)["revert"], check=False).returncode == 0)

    @contextmanager
    def held_start(self) -> Iterator[int]:
        """The backend is started again, and its service stopped before it listens: it is on its way up as long as a test needs."""
        backend = self.docker.containers.get(self.backend_container)

        def service() -> int | None:
            found = backend.top()["Processes"] or []
            return next((int(line[1]) for line in found if "app.py" in line[-1]), None)

        def stopped() -> int | None:
            backend.restart(timeout=5)
            process = int(eventually(service, 10, "the backend's service is started"))
            os.kill(process, signal.SIGSTOP)
            if LISTENS.search(Path(f"/proc/{process}/net/tcp").read_text(encoding="ascii")):
                os.kill(process, signal.SIGCONT)
                return None
            return process

        pid = int(eventually(stopped, 60, "the backend's service is stopped before it listens"))
        try:
            yield pid
        finally:
            os.kill(pid, signal.SIGCONT)
            self.restore()

    def restore(self) -> None:
        """Wait until the stack serves again after a fault was taken back."""
        eventually(self.is_healthy, 60, "the stack is healthy again")


def plain(text: str) -> str:
    """Text without colour codes."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)
