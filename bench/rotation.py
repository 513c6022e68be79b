#!/usr/bin/env python3
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast the credentials of companies are encrypted anew, beside the cipher's work alone.

Fails when a bar is missed. The rows are made anew, in a database of the sandbox's server that is dropped at the end; each run
takes them from one key to the other, back and forth. What is compared takes turns.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import typing as t
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2
import psycopg2.extras
from outcome import conclude
from stack import CHECKOUT, RESULTS, STACK, NotMeasured, end_as_by_ctrl_c
from table import Bar, Ran, Row, in_turns

sys.path.insert(0, str(CHECKOUT / ".ansible" / "collections"))

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.square_credentials import CredentialKey

BENCH = Path(__file__).resolve().parent
# The bars.
TIMES_CIPHER = 1.5
# Four times the values, and as much memory but for chance.
GROWTH = 1.1
EACH = ("accessToken", "applicationId", "locationId")
OLD, NEW = "bench-old-key", "bench-new-key"
SECONDS = 600.0


class Measured(t.NamedTuple):
    """One run, and the peak of its memory."""

    ran: Ran
    kilobytes: int


class Books:
    """A database with so many credentials, three for each company."""

    def __init__(self, login: dict[str, t.Any], values: int) -> None:
        self._login = login
        self.values = values
        self._keys = (OLD, NEW)

    def fill(self) -> None:
        """Make the rows, each value under an iv of its own as in the application."""
        key = CredentialKey(OLD)
        # The last company has what is left.
        names = [EACH[: self.values - 3 * n] for n in range(-(-self.values // 3))]
        rows = (
            json.dumps(_settings({name: key.seal(f"{name} {n}".ljust(64, "x").encode()) for name in each})) for n, each in enumerate(names)
        )
        connection = psycopg2.connect(**self._login)
        with connection, connection.cursor() as cursor:
            cursor.execute("CREATE TABLE companies (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), settings jsonb)")
            psycopg2.extras.execute_values(cursor, "INSERT INTO companies (settings) VALUES %s", ((row,) for row in rows), page_size=1000)
        connection.close()

    def run(self, alone: bool) -> Measured:
        """One run in a process of its own; a re-encryption leaves the values under the other key."""
        told = {"login": self._login, "alone": alone, "old_key": self._keys[0], "new_key": self._keys[1]}
        environment = {**os.environ, "PYTHONPATH": str(CHECKOUT / ".ansible" / "collections")}
        command = [sys.executable, str(BENCH / "rotation_process.py")]
        done = subprocess.run(
            command, input=json.dumps(told), env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
        )
        if done.returncode:
            raise NotMeasured(f"a run failed: {(done.stderr.strip().splitlines() or ['no words'])[-1]}")
        answer = json.loads(done.stdout)
        if answer["changed"] != self.values:
            raise NotMeasured(f"{answer['changed']} of {self.values} values were done")
        if not alone:
            self._keys = self._keys[::-1]
            self._vacuum()
        return Measured(Ran(answer["seconds"], answer["processor"]), answer["kilobytes"])

    def _vacuum(self) -> None:
        connection = psycopg2.connect(**self._login)
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE companies")
        connection.close()


def _settings(credentials: dict[str, str]) -> dict[str, t.Any]:
    return {
        "integrations": {"payment": {"provider": "square", "enabled": True, "credentials": credentials, "settings": {"testMode": True}}}
    }


@contextmanager
def books(values: int) -> Iterator[Books]:
    """A database of its own, dropped at the end."""
    variables = dict(line.split("=", 1) for line in (STACK / ".env.production").read_text(encoding="utf-8").splitlines() if "=" in line)
    name = f"bench_rotation_{values}"
    login = {
        "host": "127.0.0.1",
        "port": int(os.environ.get("SANDBOX_POSTGRES_PORT", "15432")),
        "user": variables["POSTGRES_USER"],
        "password": variables["POSTGRES_PASSWORD"],
    }
    server = psycopg2.connect(**login, dbname="postgres")
    server.autocommit = True
    try:
        with server.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            cursor.execute(f"CREATE DATABASE {name}")
        made = Books({**login, "dbname": name}, values)
        made.fill()
        yield made
    finally:
        with server.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        server.close()


def measure(options: argparse.Namespace) -> tuple[list[Row], int, int]:
    """The rows of the table, the peak of memory, and that with a quarter of the values."""
    with books(options.values // 4) as small:
        less = small.run(alone=False).kilobytes
    ran: dict[str, list[Measured]] = {"cipher": [], "reencryption": []}
    with books(options.values) as large:
        for _turn, name in in_turns(list(ran), options.turns):
            ran[name].append(large.run(alone=name == "cipher"))
    alone = Row("the cipher alone", [one.ran for one in ran["cipher"]])
    bar = Bar.times(alone.name, alone.median, TIMES_CIPHER)
    rows = [alone, Row(f"re-encryption of {options.values} values", [one.ran for one in ran["reencryption"]], bar)]
    return rows, max(one.kilobytes for one in ran["reencryption"]), less


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--values", type=int, default=100_000, help="how many credentials (default %(default)s)")
    parser.add_argument("--turns", type=int, default=5, help="repetitions of each measurement (default %(default)s)")
    parser.add_argument("--markdown", type=Path, default=RESULTS / "rotation.md", help="file for the table as Markdown")
    options = parser.parse_args()
    if options.values < 12 or options.turns < 1:
        parser.error("give at least twelve values and one turn")
    end_as_by_ctrl_c()
    load = os.getloadavg()[0]
    try:
        rows, peak, less = measure(options)
    except (NotMeasured, psycopg2.Error) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("bench: ended early; the databases are dropped", file=sys.stderr)
        return 130
    note = (
        f"Medians of one run on {os.cpu_count()} cores, load {load:.1f} at its start and {os.getloadavg()[0]:.1f} at its end. Peak memory: "
        f"{peak / 1024:.0f} MB, with a quarter of the values {less / 1024:.0f} MB (bar {GROWTH:g} times)."
    )
    missed = []
    if peak > less * GROWTH:
        missed.append(f"memory ({peak / 1024:.0f} MB)")
    return conclude(rows, note, missed, options.markdown)


if __name__ == "__main__":
    sys.exit(main())
