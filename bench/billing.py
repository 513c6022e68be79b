#!/usr/bin/env python3
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast the billing audit and recalculation are at scale, beside what cannot be undercut and what the application does.

Fails when a bar is missed. The rows are made anew by their numbers (billing_data.sql), in databases of the sandbox's server that are
dropped at the end. What is compared takes turns. The statements written by hand run in psql inside the database's container and are timed
by it, so that its start does not count.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import re
import subprocess
import sys
import time
import typing as t
from pathlib import Path

import psycopg2
from outcome import conclude
from stack import CHECKOUT, RESULTS, STACK, NotMeasured, Stack, end_as_by_ctrl_c, tell
from table import Bar, Ran, Row, in_turns

sys.path.insert(0, str(CHECKOUT / ".ansible" / "collections"))

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import billing_recalculation, row_undo
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.billing_discrepancy import MENDED_KINDS
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.billing_guards import Guards
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.billing_terms import terms_of
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.password_login import Server

BENCH = Path(__file__).resolve().parent
# The bars.
AUDIT_TIMES_BARE = 1.3
RECALCULATE_TIMES_UPDATE = 1.5
FASTER_THAN_APPLICATION = 50
# Twice the rows in twice the time, and a fifth for chance.
DOUBLING = 2.4
MEMORY_KILOBYTES = 150 * 1024

OPTIONS = {
    "company_ids": None,
    "price_per_location": None,
    "first_location_free": True,
    "as_of": None,
    "limit": 1000,
    "statement_timeout": 600,
}
INCIDENT = "bench"
SECONDS = 900.0


class Books:
    """One database with so many companies."""

    def __init__(self, stack: Stack, companies: int) -> None:
        variables = dict(line.split("=", 1) for line in (STACK / ".env.production").read_text(encoding="utf-8").splitlines() if "=" in line)
        self.name, self.companies = f"bench_billing_{companies}", companies
        self._container, self._user = stack.container("postgres"), variables["POSTGRES_USER"]
        self.password = variables["POSTGRES_PASSWORD"]
        port = int(os.environ.get("SANDBOX_POSTGRES_PORT", "15432"))
        self.login = Server("127.0.0.1", port, self._user, self.name, 10)

    def psql(self, sql: str, database: str | None = None, **variables: int) -> float:
        """Run SQL in the container; give the seconds that psql counted."""
        command = [
            "docker",
            "exec",
            "-i",
            self._container,
            "psql",
            "-Xq",
            "-v",
            "ON_ERROR_STOP=1",
            "-U",
            self._user,
            "-d",
            database or self.name,
        ]
        for name, value in variables.items():
            command += ["-v", f"{name}={value}"]
        text = f"SET timezone = 'UTC';\n\\o /dev/null\n\\timing on\n{sql}"
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=SECONDS, check=False)
        if done.returncode:
            raise NotMeasured(f"psql failed: {done.stderr.strip()}; look whether the sandbox runs (`make stack`)")
        return sum(float(found) for found in re.findall(r"^Time: ([0-9.]+) ms", done.stdout, re.MULTILINE)) / 1000

    def make(self) -> None:
        """Make the database anew, and fill it."""
        self.drop()
        self.psql(f"CREATE DATABASE {self.name};", "postgres")
        for path in sorted((STACK / "backend" / "migrations").glob("*.sql")):
            extension = "CREATE EXTENSION IF NOT EXISTS pgcrypto;\n"
            self.psql(extension + path.read_text(encoding="utf-8"))
        seconds = self.psql((BENCH / "billing_data.sql").read_text(encoding="utf-8"), companies=self.companies)
        self.psql("CREATE TABLE stored AS SELECT * FROM subscriptions;")
        tell(f"{self.companies} companies and {self.companies * 10} locations made in {seconds:.0f} s")

    def drop(self) -> None:
        """Leave nothing behind."""
        self.psql(f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE);", "postgres")

    def hand_written(self, name: str) -> Ran:
        """A statement written by hand."""
        return Ran(self.psql((BENCH / name).read_text(encoding="utf-8")), 0.0)

    def audit(self, peaks: list[int]) -> Ran:
        """An audit in its process, whose peak of memory in kilobytes is noted."""
        told = json.dumps({"login": dataclasses.asdict(self.login), "password": self.password})
        command = [sys.executable, str(BENCH / "audit_process.py")]
        environment = {**os.environ, "PYTHONPATH": str(CHECKOUT / ".ansible" / "collections")}
        done = subprocess.run(command, input=told, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False)
        if done.returncode:
            raise NotMeasured(f"the audit failed: {done.stderr.strip()}")
        answer = json.loads(done.stdout)
        if answer["wrong"] != self.companies * 3 // 100:
            raise NotMeasured(f"the audit found {answer['wrong']} wrong subscriptions, and {self.companies * 3 // 100} were made")
        peaks.append(answer["kilobytes"])
        return Ran(answer["seconds"], answer["processor"])

    def update(self) -> Ran:
        """The update written by hand, and everything as it was before."""
        ran = self.hand_written("billing_update.sql")
        self.psql(
            "UPDATE subscriptions s SET monthly_amount = o.monthly_amount, updated_at = o.updated_at FROM stored o "
            "WHERE o.id = s.id AND o.monthly_amount <> s.monthly_amount; VACUUM ANALYZE subscriptions;"
        )
        return ran

    def recalculate(self) -> Ran:
        """The recalculation, and everything as it was before."""
        guards = Guards(self.companies, 1.0, 10**15, 10**15, 60)
        order = billing_recalculation.Order(INCIDENT, frozenset(MENDED_KINDS), frozenset(), guards, 1000, 100, 600, 5)
        started, processor = time.monotonic(), time.process_time()
        done = billing_recalculation.recalculate(self.login, self.password, terms_of(OPTIONS, {}), order, check_mode=False)
        ran = Ran(time.monotonic() - started, time.process_time() - processor)
        changed = sum(total["count"] for total in done["totals"].values())
        undone = row_undo.undo(
            self.login, self.password, INCIDENT, limit=1, diff_limit=0, statement_timeout=600, lock_timeout=5, check_mode=False
        )
        if changed != self.companies * 3 // 100 or undone["undone_count"] != changed:
            raise NotMeasured(f"{changed} subscriptions were changed and {undone['undone_count']} taken back; look at the data")
        self.psql("DROP SCHEMA circuit_sage_ops CASCADE; VACUUM ANALYZE subscriptions;")
        return ran

    def application(self, sample: int) -> Ran:
        """What the application does, company by company over one connection, for so many and scaled to all."""
        connection = psycopg2.connect(
            host=self.login.host, port=self.login.port, user=self.login.user, password=self.password, dbname=self.name, connect_timeout=10
        )
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT company_id FROM subscriptions ORDER BY id LIMIT %s", (sample,))
            companies = [company for (company,) in cursor]
            started, processor = time.monotonic(), time.process_time()
            for company in companies:
                cursor.execute(
                    "SELECT count(*) AS billable FROM locations WHERE company_id = %s AND is_free = false AND deleted_at IS NULL",
                    (company,),
                )
                amount = f"{cursor.fetchone()[0] * 50}.00"
                cursor.execute("UPDATE subscriptions SET monthly_amount = %s, updated_at = now() WHERE company_id = %s", (amount, company))
            taken, used = time.monotonic() - started, time.process_time() - processor
        connection.close()
        scale = self.companies / len(companies)
        return Ran(taken * scale, used * scale)


def measure(stack: Stack, options: argparse.Namespace) -> tuple[list[Row], int]:
    """All rows of the table, and the greatest peak of memory in kilobytes."""
    half, whole = Books(stack, options.companies // 2), Books(stack, options.companies)
    peaks: list[int] = []
    try:
        for books in (half, whole):
            books.make()
        ways: dict[str, t.Callable[[], Ran]] = {
            "bare": lambda: whole.hand_written("billing_bare.sql"),
            "bare with payments": lambda: whole.hand_written("billing_bare_payments.sql"),
            "audit": lambda: whole.audit(peaks),
            "update": whole.update,
            "recalculate": whole.recalculate,
            "half": half.recalculate,
            "half audit": lambda: half.audit([]),
        }
        runs: dict[str, list[Ran]] = {name: [] for name in ways}
        for turn, name in in_turns(list(ways), options.turns):
            runs[name].append(ways[name]())
            tell(f"{name}, {turn + 1} of {options.turns}: {runs[name][-1].seconds:.2f} s")
        application = Row(f"application's way, of {options.sample} scaled", [whole.application(options.sample)])
    finally:
        for books in (half, whole):
            books.drop()
    bare, update = Row("bare aggregate by psql", runs["bare"]), Row("minimal UPDATE ... FROM by psql", runs["update"])
    # An audit that reads no payments would miss half of its kinds.
    with_payments = Row("the same with payments", runs["bare with payments"])
    half_audit, half_run = Row("audit of half the data", runs["half audit"]), Row("recalculate half the data", runs["half"])
    limit = application.median / FASTER_THAN_APPLICATION
    fiftieth = Bar("application", application.median, f"≤ 1/{FASTER_THAN_APPLICATION} of application", limit)
    rows = [
        bare,
        Row("audit", runs["audit"], Bar.times("bare", bare.median, AUDIT_TIMES_BARE)),
        with_payments,
        Row("audit", runs["audit"], Bar.times("bare with payments", with_payments.median, AUDIT_TIMES_BARE)),
        update,
        Row("recalculate", runs["recalculate"], Bar.times("UPDATE", update.median, RECALCULATE_TIMES_UPDATE)),
        application,
        Row("recalculate", runs["recalculate"], fiftieth),
        half_audit,
        Row("audit", runs["audit"], Bar.times("half", half_audit.median, DOUBLING)),
        half_run,
        Row("recalculate", runs["recalculate"], Bar.times("half", half_run.median, DOUBLING)),
    ]
    return rows, max(peaks)


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--companies", type=int, default=100_000, help="how many, with ten locations each (default %(default)s)")
    parser.add_argument("--turns", type=int, default=5, help="repetitions of each measurement (default %(default)s)")
    parser.add_argument("--sample", type=int, default=2000, help="companies that go the application's way (default %(default)s)")
    parser.add_argument("--markdown", type=Path, default=RESULTS / "billing.md", help="file for the table as Markdown")
    options = parser.parse_args()
    if options.companies < 200 or options.companies % 200 or options.turns < 1 or options.sample < 1:
        parser.error("give a multiple of 200 companies, and at least one turn and one company as sample")
    end_as_by_ctrl_c()
    load = os.getloadavg()[0]
    try:
        rows, peak = measure(Stack(), options)
    except NotMeasured as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("bench: ended early; the databases are dropped", file=sys.stderr)
        return 130
    note = (
        f"{options.companies} companies, {options.companies * 10} locations, 3 % of the subscriptions wrong; medians of one run on "
        f"{os.cpu_count()} cores, load {load:.1f} at its start and {os.getloadavg()[0]:.1f} at its end. psql has the server's settings. "
        f"Peak memory of the audit's process: {peak / 1024:.0f} MB (bar {MEMORY_KILOBYTES // 1024} MB)."
    )
    missed = []
    if peak > MEMORY_KILOBYTES:
        missed.append(f"memory ({peak / 1024:.0f} MB)")
    return conclude(rows, note, missed, options.markdown)


if __name__ == "__main__":
    sys.exit(main())
