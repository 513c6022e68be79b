# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings the schema up to date at every start of the backend: forward only, one transaction for each file."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import logs
from database_errors import from_session
from pool import Connection, Pool, run
from psycopg2 import Error as DriverError

MIGRATIONS = Path(__file__).parent / "migrations"

# The extension comes first even when it is there: so a read-only database refuses the very first statement of a start.
PREPARE = """
CREATE EXTENSION IF NOT EXISTS pgcrypto;
CREATE TABLE IF NOT EXISTS schema_migrations (
    filename varchar(255) NOT NULL UNIQUE,
    applied_at timestamptz NOT NULL DEFAULT now(),
    checksum varchar(64) NOT NULL,
    execution_time_ms integer
)
"""


def run_migrations(pool: Pool) -> None:
    """Apply what is not applied yet; every file is named in the log at every start, as in the real application."""
    with pool.connection() as connection:
        run(connection, PREPARE)
        applied = {row["filename"] for row in run(connection, "SELECT filename FROM schema_migrations")}
        for path in sorted(MIGRATIONS.glob("*.sql")):
            if path.name in applied:
                logs.info(f"Migration {path.name} already applied, skipping")
            else:
                _apply(connection, path)
    logs.info("All migrations completed")


def _apply(connection: Connection, path: Path) -> None:
    sql = path.read_text(encoding="utf-8")
    started = time.monotonic()
    connection.autocommit = False
    try:
        with connection:
            run(connection, sql)
            run(
                connection,
                "INSERT INTO schema_migrations (filename, checksum, execution_time_ms) VALUES (%s, %s, %s)",
                (path.name, hashlib.sha256(sql.encode()).hexdigest(), round((time.monotonic() - started) * 1000)),
            )
    except DriverError as failure:
        raise from_session(failure, closed=bool(connection.closed)) from failure
    finally:
        if not connection.closed:
            connection.autocommit = True
    logs.info(f"Migration {path.name} applied")
