# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stack's own secrets: as they were before the first rotation, and whether those of now are whole."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from credential_format import FORM, decrypt
from sandbox import STACK, Sandbox, eventually

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.container_psql import identifier, literal

JOURNAL = STACK / ".circuit-sage-rotation"
VARIABLES = ("POSTGRES_PASSWORD", "JWT_SECRET", "ENCRYPTION_KEY")
_SETTINGS = "SELECT coalesce(json_object_agg(id, settings), '{}') FROM companies WHERE settings <> '{}'"
_ADMINISTRATOR = {"email": "admin@company-01.example"}


class StackSecrets:
    """What they were, to be put back."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._text = sandbox.env_file.read_text(encoding="utf-8")
        self.first = sandbox.env
        self._database = sandbox.env["POSTGRES_DB"]
        role = literal(self.first["POSTGRES_USER"])
        self._verifier = sandbox.psql(f"SELECT rolpassword FROM pg_authid WHERE rolname = {role}")  # noqa: S608
        self._settings: dict[str, Any] = json.loads(sandbox.psql(_SETTINGS, self._database))
        self.plain = self.decrypted()

    def decrypted(self) -> dict[str, str]:
        """Every credential in plain, under the key of the env file; one that it does not open raises."""
        found: dict[str, Any] = json.loads(self._sandbox.psql(_SETTINGS, self._database))
        key = self._sandbox.env["ENCRYPTION_KEY"]
        return {
            f"{company} {kind} {name}": decrypt(value, key) if FORM.match(value) else value
            for company, settings in found.items()
            for kind, integration in settings.get("integrations", {}).items()
            for name, value in integration["credentials"].items()
        }

    def signs_in(self) -> bool:
        """Whether somebody can sign in through the edge, and the token that it gives is taken."""
        body = {**_ADMINISTRATOR, "password": self._sandbox.env["SEED_PASSWORD"]}
        status, answer = self._sandbox.ask(f"{self._sandbox.edge_url}/api/auth/login", "POST", body)
        return status == 200 and self.is_taken(str(answer["data"]["accessToken"]))

    def is_taken(self, token: str) -> bool:
        """Whether the API takes a token."""
        return self._sandbox.ask(f"{self._sandbox.edge_url}/api/locations", token=token)[0] == 200

    def assert_whole(self) -> None:
        """One set of secrets everywhere, and people can sign in."""
        assert self.decrypted() == self.plain
        assert self.signs_in()
        assert self._sandbox.is_healthy()
        assert self._sandbox.psql("SELECT rolname FROM pg_roles WHERE rolcanlogin") == self._sandbox.env["POSTGRES_USER"]

    def put_back(self) -> None:
        """As if nothing had been rotated."""
        first = identifier(self.first["POSTGRES_USER"])
        settings = literal(json.dumps(self._settings))
        said = self._sandbox.psql(
            # What was not rotated has no table to drop, and says so.
            f"SET client_min_messages = warning; ALTER ROLE {first} LOGIN PASSWORD {literal(self._verifier)};"  # noqa: S608
            "DROP TABLE IF EXISTS circuit_sage_ops.credential_key;"
            f"UPDATE companies c SET settings = s.value FROM jsonb_each({settings}) AS s WHERE s.key::uuid = c.id",
            self._database,
        )
        assert not said, said
        self._sandbox.env_file.write_text(self._text, encoding="utf-8")
        JOURNAL.unlink(missing_ok=True)
        recreate_backend(self._sandbox)
        eventually(self._sandbox.is_healthy, 60, "the stack is healthy with its first secrets")
        for turn in ("a", "b"):
            self._sandbox.psql(f"DROP ROLE IF EXISTS {identifier(self.first['POSTGRES_USER'] + '_' + turn)}")


def recreate_backend(sandbox: Sandbox) -> None:
    """Make the backend anew from the env file."""
    command = [
        "docker",
        "compose",
        "--project-directory",
        str(STACK),
        "--project-name",
        sandbox.project,
        "--env-file",
        str(sandbox.env_file),
    ]
    for file in ("docker-compose.prod.yml", "docker-compose.sandbox.yml"):
        command += ["--file", str(STACK / file)]
    subprocess.run([*command, "up", "--detach", "--no-deps", "--force-recreate", "backend"], capture_output=True, timeout=60, check=True)
