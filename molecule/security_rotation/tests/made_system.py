# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A system that is made for one test: an env file with secrets, a role and a database on the stack's server, a file for the backend."""

from __future__ import annotations

import contextlib
import json
import secrets
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psycopg2
from books import ENCRYPTION_KEY, Books
from playbook import user_environment
from sandbox import CHECKOUT, eventually

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.credential_change import change
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.credential_walk import credentials
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.env_file import parse
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.rotation import JOURNAL_NAME
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.square_credentials import CredentialKey, is_encrypted

INCIDENT = "20261129T020000Z-security_rotation"
PROCESS = Path(__file__).with_name("rotation_process.py")
SECONDS = 60


class MadeSystem:
    """The parts, and what is known of them."""

    def __init__(self, books: Books, folder: Path) -> None:
        self._books, self.folder = books, folder
        self._port = books.server.port
        self.owner = f"rot_{secrets.token_hex(4)}"
        password = secrets.token_hex(12)
        books.ask(f"CREATE ROLE {self.owner} SUPERUSER LOGIN PASSWORD '{password}'")
        self.env_file = folder / ".env.production"
        self.env_file.write_text(
            f"# made for a test\nPOSTGRES_USER={self.owner}\nPOSTGRES_PASSWORD={password}\nPOSTGRES_DB={books.name}\n"
            f"JWT_SECRET={secrets.token_hex(12)}\nENCRYPTION_KEY={ENCRYPTION_KEY}\nSENDGRID_API_KEY='with # and space'\n",
            encoding="utf-8",
        )
        self.env_file.chmod(0o600)
        self.journal_file = folder / JOURNAL_NAME
        self._backend_file = folder / "backend.json"
        self._backend_file.write_text(json.dumps(self.env), encoding="utf-8")
        self.plain = self.decrypted(ENCRYPTION_KEY)

    @property
    def env(self) -> dict[str, str]:
        """The variables of the env file."""
        return parse(self.env_file.read_text(encoding="utf-8"))

    @property
    def journal(self) -> dict[str, Any]:
        """The journal; empty before the first rotation."""
        with contextlib.suppress(FileNotFoundError):
            return dict(json.loads(self.journal_file.read_text(encoding="utf-8")))
        return {}

    def options(self, **given: Any) -> dict[str, Any]:
        """What the modules are given."""
        return {
            "project_src": str(self.folder),
            "project_name": self._books.server.project,
            "files": [],
            "env_file": ".env.production",
            "docker_host": "unix:///var/run/docker.sock",
            "docker_timeout": 10,
            "login_host": "127.0.0.1",
            "login_port": self._port,
            "login_user": None,
            "login_db": None,
            "connect_timeout": 5,
            "journal": None,
            "vault_password_file": None,
            "incident": INCIDENT,
            "secrets": ["POSTGRES_PASSWORD", "JWT_SECRET", "ENCRYPTION_KEY"],
            "values": {},
            "database_method": "alternating",
            "urls": [],
            "settle_seconds": 5,
            "old_key": None,
            "new_key": None,
            "plaintext": "keep",
            "lock_timeout": 5,
            "statement_timeout": 60,
            "fails": False,
            "stores": "",
            **given,
        }

    def reencrypt(self, check_mode: bool = False, **given: Any) -> dict[str, Any]:
        """What credentials_reencrypt returns."""
        return change(self.options(**given), check_mode)

    def start(self, **given: Any) -> subprocess.Popen[str]:
        """A rotation in a process of its own."""
        environment = user_environment(PYTHONPATH=str(CHECKOUT / ".ansible" / "collections"))
        process = subprocess.Popen(
            [sys.executable, str(PROCESS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
            cwd=CHECKOUT,
        )
        assert process.stdin is not None
        process.stdin.write(json.dumps(self.options(**given)))
        process.stdin.close()
        return process

    def rotate(self, **given: Any) -> str:
        """Rotate to the end; what was said."""
        process = self.start(**given)
        assert process.stdout is not None
        said = process.stdout.read()
        assert process.wait(timeout=SECONDS) == 0, said
        return said

    def killed_at(self, step: str, **given: Any) -> bool:
        """Kill a rotation with -9 as soon as a step is in the journal; whether it came that far."""
        process = self.start(**given)
        while process.poll() is None:
            # Read once: of two looks the first may see the rotation before and the second this one.
            journal = self.journal
            if step in journal.get("done", []) and not journal.get("ended"):
                break
            time.sleep(0.001)
        came = process.poll() is None
        process.kill()
        process.wait(timeout=10)
        return came

    # What has to hold

    def lets_in(self, user: str, password: str) -> bool:
        """Whether the server takes a password."""
        try:
            psycopg2.connect(host="127.0.0.1", port=self._port, user=user, password=password, dbname=self._books.name).close()
        except psycopg2.OperationalError:
            return False
        return True

    def as_application(self, statement: str) -> str:
        """The one value that a statement answers, as the application asks it."""
        env = self.env
        connection = psycopg2.connect(
            host="127.0.0.1", port=self._port, user=env["POSTGRES_USER"], password=env["POSTGRES_PASSWORD"], dbname=self._books.name
        )
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
            ((value,),) = cursor.fetchall()
        connection.close()
        return str(value)

    def stored(self) -> dict[tuple[str, ...], str]:
        """Every credential as it is stored."""
        rows = self._books.ask("SELECT id::text, (settings -> 'integrations')::text FROM companies WHERE settings ? 'integrations'")
        return {(company, *path): value for company, text in rows for path, value in credentials(text)}

    def decrypted(self, *keys: str) -> dict[tuple[str, ...], str]:
        """Every credential in plain, by one of the keys; `LOST` where none opens it."""
        opening = [CredentialKey(key) for key in keys]

        def plain(value: str) -> str:
            opened = [key.open(value) for key in opening]
            return next((one.decode() for one in opened if one is not None), "LOST")

        return {place: plain(value) if is_encrypted(value) else value for place, value in self.stored().items()}

    def known(self, name: str) -> set[str]:
        """What the env file and the journal know of a variable."""
        secret = self.journal.get("variables", {}).get(name) or {}
        return {value for value in (self.env.get(name), secret.get("current"), secret.get("pending")) if value}

    def assert_nothing_is_unknown(self) -> None:
        """Whatever was killed: one of the known passwords lets in, and the known keys open every credential."""
        users, passwords = self.known("POSTGRES_USER"), self.known("POSTGRES_PASSWORD")
        # The psql that a killed run has started in the container ends by itself, and may change the password between two looks.
        eventually(lambda: any(self.lets_in(user, password) for user in users for password in passwords), 5, "a known password lets in")
        assert self.decrypted(*self.known("ENCRYPTION_KEY")) == self.plain
        backend = json.loads(self._backend_file.read_text(encoding="utf-8"))
        assert backend["JWT_SECRET"] in self.known("JWT_SECRET")

    def assert_whole(self) -> None:
        """One set of secrets everywhere: the env file's, with which the backend was made; no other role logs in; nothing is left behind."""
        env = self.env
        assert self.journal["ended"] in ("finished", "rolled back")
        assert json.loads(self._backend_file.read_text(encoding="utf-8")) == env
        assert self.lets_in(env["POSTGRES_USER"], env["POSTGRES_PASSWORD"])
        assert self.decrypted(env["ENCRYPTION_KEY"]) == self.plain
        able = self._books.ask("SELECT rolname FROM pg_roles WHERE rolname LIKE %s AND rolcanlogin", f"{self.owner}%")
        assert able == [(env["POSTGRES_USER"],)]
        left = {path.name for path in self.folder.iterdir() if path.is_file()}
        assert left == {".env.production", JOURNAL_NAME, "backend.json"}
        assert all(path.stat().st_mode & 0o777 == 0o600 for path in (self.env_file, self.journal_file))

    def drop(self) -> None:
        """Leave no role behind."""
        for role in (f"{self.owner}_a", f"{self.owner}_b", self.owner):
            if self._books.ask("SELECT 1 FROM pg_roles WHERE rolname = %s", role):
                self._books.ask(f"DROP OWNED BY {role}; DROP ROLE {role}")
