# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Databases with the books of Circuit Sage, made and dropped on the stack's server, and the billing modules' functions on them."""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
import types
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg2
from playbook import user_environment
from sandbox import CHECKOUT, STACK, Sandbox

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import (
    billing_audit,
    billing_recalculation,
    row_undo,
    square_comparison,
    square_override,
    square_undo,
)
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.billing_discrepancy import APPROVED_KINDS, MENDED_KINDS
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.billing_guards import GUARD_OPTIONS, guards_of
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.billing_terms import Terms, terms_of
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.password_login import Server as Login

BACKEND = STACK / "backend"
TEMPLATE = f"books_template_{os.getpid()}"
TABLES = ("companies", "locations", "subscriptions", "subscription_payments")
INCIDENT = "20261123T093000Z-billing_errors"
ENCRYPTION_KEY = "k" * 32
# Every approval, and guards that let everything through.
OPEN = {"max_companies": 10**6, "max_companies_share": 1.0, "max_total_difference": "99999999", "max_single_difference": "99999999"}


def seed_rows() -> Any:
    """The module of the backend that makes the seeded rows. Nobody signs in here, so passwords need no real hash."""
    if str(BACKEND) not in sys.path:
        sys.path.append(str(BACKEND))
    hashing: Any = types.ModuleType("bcrypt")
    hashing.hashpw, hashing.gensalt, hashing.checkpw = lambda *_words: b"none", lambda _cost: b"", lambda *_words: True
    sys.modules.setdefault("bcrypt", hashing)
    return importlib.import_module("seed")


class Server:
    """The stack's PostgreSQL, as its superuser over TCP."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.env = sandbox.env
        self.project = sandbox.project
        self.at_square: list[dict[str, Any]] = []
        self.port = int(os.environ.get("SANDBOX_POSTGRES_PORT", "15432"))
        self._made = [TEMPLATE]

    def connect(self, database: str) -> Any:
        """A session in a database."""
        user, password = self.env["POSTGRES_USER"], self.env["POSTGRES_PASSWORD"]
        return psycopg2.connect(
            host="127.0.0.1", port=self.port, user=user, password=password, dbname=database, options="-c timezone=UTC", connect_timeout=5
        )

    def admin(self, statement: str) -> None:
        """A statement that no transaction may hold."""
        connection = self.connect("postgres")
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
        connection.close()

    def make_template(self) -> None:
        """The application's schema with the seeded rows."""
        self.admin(f"CREATE DATABASE {TEMPLATE}")
        connection = self.connect(TEMPLATE)
        with connection, connection.cursor() as cursor:
            cursor.execute("CREATE EXTENSION pgcrypto")
            for path in sorted((BACKEND / "migrations").glob("*.sql")):
                cursor.execute(path.read_text(encoding="utf-8"))
        rows = seed_rows()
        settings = types.SimpleNamespace(price_per_location=Decimal("50.00"), billing_day=1, encryption_key=ENCRYPTION_KEY)
        seed = rows.Seed(settings, "made-up", datetime.now(timezone.utc).date())
        self.at_square = seed.square.subscriptions
        rows.insert(connection, seed.build(), seed.hashed_password, "made-up")
        connection.close()

    @contextmanager
    def database(self) -> Iterator[Books]:
        """A copy of the template, dropped afterwards."""
        name = f"books_{os.getpid()}_{uuid.uuid4().hex[:8]}"
        self.admin(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        self._made.append(name)
        books = Books(self, name)
        try:
            yield books
        finally:
            books.close()
            self.admin(f"DROP DATABASE {name} WITH (FORCE)")
            self._made.remove(name)

    def drop_all(self) -> None:
        """Leave nothing behind."""
        for name in self._made:
            self.admin(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


class Books:
    """One database: what is in it, and what the modules do with it."""

    def __init__(self, server: Server, name: str) -> None:
        self.server, self.name = server, name
        self.connection = server.connect(name)
        self.connection.autocommit = True
        self.password = server.env["POSTGRES_PASSWORD"]
        self.login = Login("127.0.0.1", server.port, server.env["POSTGRES_USER"], name, 5)

    def close(self) -> None:
        self.connection.close()

    def ask(self, statement: str, *values: Any) -> list[Any]:
        """The rows of a statement, or none."""
        with self.connection.cursor() as cursor:
            cursor.execute(statement, values or None)
            return list(cursor.fetchall()) if cursor.description else []

    def digest(self) -> list[Any]:
        """A checksum of every byte of the application's rows."""
        parts = [f"SELECT '{table}', md5(coalesce(string_agg(t::text, ',' ORDER BY id), '')) FROM {table} t" for table in TABLES]
        return self.ask(" UNION ALL ".join(parts))

    def recorded(self) -> int:
        """How many changes are kept; -1 without the schema."""
        if not self.ask("SELECT to_regclass('circuit_sage_ops.row_change')")[0][0]:
            return -1
        return int(self.ask("SELECT count(*) FROM circuit_sage_ops.row_change")[0][0])

    def terms(self, **options: Any) -> Terms:
        defaults = {"company_ids": None, "price_per_location": None, "first_location_free": True, "as_of": None}
        return terms_of({**defaults, "limit": 1000, "statement_timeout": 60, **options}, {})

    def audit(self, limit: int = 1000, **options: Any) -> dict[str, Any]:
        """What billing_audit_info returns."""
        return billing_audit.audit(self.login, self.password, self.terms(**options), limit, 60)

    def found(self, **options: Any) -> list[tuple[str, str, int]]:
        """Kind, what may be done and difference of every discrepancy."""
        return [(one["kind"], one["mend"], one["difference_cents"]) for one in self.audit(**options)["discrepancies"]]

    def order(
        self, incident: str = INCIDENT, approve: tuple[str, ...] = APPROVED_KINDS, lock_timeout: int = 5, **guards: Any
    ) -> billing_recalculation.Order:
        defaults = {name: option["default"] for name, option in GUARD_OPTIONS.items()}
        limits = guards_of({**defaults, **OPEN, "billing_run_quiet_seconds": 0, **guards})
        return billing_recalculation.Order(incident, frozenset(MENDED_KINDS), frozenset(approve), limits, 1000, 100, 60, lock_timeout)

    def recalculate(self, order: Any = None, check_mode: bool = False, **options: Any) -> dict[str, Any]:
        """What billing_recalculate returns."""
        return billing_recalculation.recalculate(self.login, self.password, self.terms(**options), order or self.order(), check_mode)

    def undo(self, incident: str = INCIDENT, check_mode: bool = False) -> dict[str, Any]:
        """What row_undo returns."""
        return row_undo.undo(
            self.login,
            self.password,
            incident,
            limit=1000,
            diff_limit=100,
            statement_timeout=60,
            lock_timeout=5,
            check_mode=check_mode,
        )

    def compare(self, square: str, key: str = ENCRYPTION_KEY, **options: Any) -> square_comparison.Comparison:
        """What square_subscription_info found at an address of Square."""
        return square_comparison.look(self.login, self.password, self.terms(**options), {"ENCRYPTION_KEY": key}, square, 60)

    def _at_square(self, square: str) -> tuple[square_override.Books, square_override.Run]:
        books = square_override.Books(self.login, self.password, {"ENCRYPTION_KEY": ENCRYPTION_KEY})
        return books, square_override.Run(INCIDENT, square, 1000, 100, 60, 5)

    def override(self, square: str, check_mode: bool = False, guards: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
        """What square_subscription_price returns."""
        books, run = self._at_square(square)
        return square_override.override(books, self.terms(**options), run, self.order(**(guards or {})).guards, check_mode)

    def put_back(self, square: str, check_mode: bool = False) -> dict[str, Any]:
        """What square_price_undo returns."""
        books, run = self._at_square(square)
        return square_undo.put_back(books, run, check_mode)


def subscription(number: int) -> str:
    """The id of a seeded company's subscription."""
    return str(seed_rows().identity("subscription", number))


def company(number: int) -> str:
    """The id of a seeded company."""
    return str(seed_rows().identity("company", number))


def at_square(number: int) -> str:
    """The id of a seeded company's subscription at Square."""
    return str(seed_rows().square_id("subscription", number))


def location(number: int, position: int) -> str:
    """The id of a seeded company's location; the first one is free."""
    return str(seed_rows().identity("location", number, position))


def module(books: Books, name: str, *arguments: str, **options: Any) -> dict[str, Any]:
    """What the real module answers, run by Ansible as in a task."""
    given = {"project_src": str(STACK), "project_name": "any", "login_port": books.server.port, "login_db": books.name}
    command = [str(Path(sys.executable).parent / "ansible"), "localhost", "-i", "localhost,", "-c", "local"]
    command += ["-e", f"ansible_python_interpreter={sys.executable}", "-m", f"circuit_sage.incident_response.{name}"]
    command += ["-a", json.dumps({**given, **options}), *arguments]
    done = subprocess.run(
        command, cwd=CHECKOUT, env=user_environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
    )
    assert "Traceback" not in done.stdout + done.stderr, done.stdout + done.stderr
    assert books.password not in done.stdout + done.stderr
    answer = re.search(r"^localhost \| \S+ => ", done.stdout, re.MULTILINE)
    assert answer, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout[answer.end() :])
    return found
