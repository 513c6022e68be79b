# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups in a folder of a test's own, and what the server has of databases meanwhile."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sandbox import STACK, Sandbox

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import backup_creation, backup_restoration, data_integrity
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.database_copy import DatabaseServer

INCIDENT = "20261130-020000-restore-ab12"


class Copies:
    """What the modules do."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self._sandbox, self.folder = sandbox, folder
        self.database = sandbox.env["POSTGRES_DB"]
        self.there = self.databases()

    def options(self, **given: Any) -> dict[str, Any]:
        """What the modules are given."""
        return {
            "project_src": str(STACK),
            "project_name": self._sandbox.project,
            "files": [],
            "env_file": ".env.production",
            "docker_host": "unix:///var/run/docker.sock",
            "docker_timeout": 10,
            "login_host": "127.0.0.1",
            "login_port": int(os.environ.get("SANDBOX_POSTGRES_PORT", "15432")),
            "login_user": None,
            "login_db": None,
            "connect_timeout": 5,
            "folder": str(self.folder),
            "database": None,
            "keep_free_mb": 1,
            "timeout": 60,
            "incident": INCIDENT,
            "purpose": "routine",
            "recipient": None,
            "keep": 30,
            "keep_days": 30,
            "backup": "latest",
            "system_identifier": None,
            "key_file": None,
            "recent_hours": 24,
            **given,
        }

    def create(self, **given: Any) -> dict[str, Any]:
        """What backup_create returns."""
        return backup_creation.create(self.options(**given), False)

    def take(self, proven: Path) -> Path:
        """Have a backup that was made already."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        return Path(shutil.copytree(proven, self.folder / proven.name))

    def look(self, **given: Any) -> dict[str, Any]:
        """What backup_info returns."""
        return backup_restoration.Restoration(self.options(**given)).look()

    def restore(self, state: str, **given: Any) -> dict[str, Any]:
        """What backup_restore returns."""
        return backup_restoration.restore(self.options(state=state, **given), False)

    def integrity(self, **given: Any) -> dict[str, Any]:
        """What integrity_info returns."""
        return data_integrity.observe(self.options(**given))

    def server(self) -> DatabaseServer:
        """The server, as the modules meet it."""
        return DatabaseServer(self.options())

    # What there is

    def databases(self) -> dict[str, str]:
        """Each database of the server, with its number."""
        lines = self._sandbox.psql("SELECT datname, oid FROM pg_database WHERE datname !~ '^books_'").splitlines()
        return dict(line.split("|") for line in lines)

    @contextmanager
    def names(self) -> Iterator[Callable[[], set[str]]]:
        """A look at the names of the databases by a session that is there already: what is looked for lasts a moment."""
        with self.server().session() as connection, connection.cursor() as cursor:

            def look() -> set[str]:
                cursor.execute("SELECT datname FROM pg_database")
                return {name for (name,) in cursor}

            yield look

    def in_folder(self) -> list[str]:
        """The names in the folder of the backups."""
        return sorted(path.name for path in self.folder.iterdir()) if self.folder.exists() else []

    def server_life(self) -> str:
        """When PostgreSQL began, which has to stay as it is, and how many of its sessions are ours."""
        return self._sandbox.psql("SELECT pg_postmaster_start_time(), pg_conf_load_time(), (SELECT stats_reset FROM pg_stat_bgwriter)")

    def programs(self) -> list[str]:
        """The programs of a copy that are at work in the container."""
        top = self._sandbox.docker.api.top(self._sandbox.postgres_container, "-eo pid,args")
        return [row[1] for row in top["Processes"] if "pg_dump" in row[1] or "pg_restore" in row[1]]

    def drop_all(self) -> None:
        """Leave no database behind."""
        for name in self.databases().keys() - self.there.keys():
            self._sandbox.psql(f'DROP DATABASE "{name}" WITH (FORCE)')
