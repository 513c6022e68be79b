# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One rotation of a made system in a process of its own, which a test can kill: the steps of the role, in its order.

A file stands for the backend: the values of the env file at the moment when it was made anew.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import psycopg2

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import rotation_journal as journals
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.atomic_file import write_private
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.credential_change import change
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.rotation import Rotation
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.square_credentials import CredentialKey

_STORE = """
UPDATE companies SET settings = jsonb_set(settings, '{integrations,payment,credentials,accessToken}', to_jsonb(%s::text))
WHERE id = (SELECT id FROM companies WHERE settings #> '{integrations,payment,credentials}' IS NOT NULL ORDER BY id LIMIT 1)
"""


class Made(Rotation):
    """A rotation whose backend is a file."""

    def __init__(self, options: dict[str, Any]) -> None:
        super().__init__(options)
        self.backend_file = Path(options["project_src"]) / "backend.json"
        self.fails, self.stores = options["fails"], options["stores"]

    def recreate(self) -> None:
        """Make the backend anew, which takes a moment in which a test can kill."""
        time.sleep(0.02)
        if self.stores:
            self._store()
        write_private(self.backend_file, json.dumps(self.variables).encode(), self._path)
        time.sleep(0.02)

    def _store(self) -> None:
        """What the backend that ends now does until its end: somebody connects a company, under the key that it was made with."""
        key = CredentialKey(json.loads(self.backend_file.read_text(encoding="utf-8"))["ENCRYPTION_KEY"])
        server, env = self._server, self.variables
        connection = psycopg2.connect(
            host=server.host, port=server.port, dbname=server.database, user=env["POSTGRES_USER"], password=env["POSTGRES_PASSWORD"]
        )
        with connection, connection.cursor() as cursor:
            cursor.execute(_STORE, (key.seal(self.stores.encode()),))
        connection.close()

    def _prove_service(self) -> None:
        self._prove_environment()
        if self.fails and self.journal.direction == journals.FORWARD:
            raise IncidentError("the test lets the proof fail")
        backend = json.loads(self.backend_file.read_text(encoding="utf-8"))
        self.database.prove_write(backend["POSTGRES_USER"], backend["POSTGRES_PASSWORD"])

    def _prove_environment(self) -> None:
        if json.loads(self.backend_file.read_text(encoding="utf-8")) != self.variables:
            raise IncidentError("the backend has other values")


def forward(options: dict[str, Any], state: Made) -> None:
    """Set and test."""
    state.set_role()
    if "ENCRYPTION_KEY" in state.journal.variables:
        change(options, check_mode=False)
    state = Made(options)
    state.write_file()
    if not state.journal.has(journals.RECREATED):
        state.recreate()
        state.recreated()
    if "ENCRYPTION_KEY" in state.journal.variables:
        change(options, check_mode=False)
    Made(options).prove()


def back(options: dict[str, Any]) -> None:
    """Put the old secrets back."""
    state = Made(options)
    state.turn_back()
    state.restore_file()
    if "ENCRYPTION_KEY" in state.journal.variables:
        change(options, check_mode=False)
    state = Made(options)
    if state.needs_recreation:
        state.recreate()
        state.recreated_again()
    if "ENCRYPTION_KEY" in state.journal.variables:
        change(options, check_mode=False)
    Made(options).prove_back()


def rotate(options: dict[str, Any]) -> None:
    """One rotation, or the rest of one that is open."""
    state = Made(options)
    state.create(check_mode=False)
    if state.journal.direction == journals.FORWARD:
        try:
            forward(options, state)
        except IncidentError as error:
            print(f"going back: {error}", file=sys.stderr)
            back(options)
            return
        state = Made(options)
        state.published()
        state.finish()
    else:
        back(options)


if __name__ == "__main__":
    rotate(json.load(sys.stdin))
