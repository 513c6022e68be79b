#!/usr/bin/env python3
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast a backup and a restore of a database are, beside bare pg_dump and pg_restore, and how much memory they take.

Fails when a bar is missed. The database is made anew on the sandbox's server and dropped at the end. What is compared takes turns.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import typing as t
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2
from outcome import conclude
from stack import CHECKOUT, RESULTS, STACK, NotMeasured, Stack, end_as_by_ctrl_c, tell
from table import Bar, Ran, Row, in_turns

BENCH = Path(__file__).resolve().parent
# The bars.
TIMES_BARE = 1.2
# Four times the rows, and as much memory but for chance.
GROWTH = 1.1
SECONDS = 1800.0
DATABASE, BARE = "bench_backup", "bench_backup_bare"
# Rows of about a kilobyte: keys, numbers, and text of which a half can be pressed out, in tables with indexes and a reference.
FILL = """
CREATE TABLE places (id bigint PRIMARY KEY, name text NOT NULL, at timestamptz NOT NULL DEFAULT now());
CREATE TABLE entries (id bigint PRIMARY KEY, place bigint NOT NULL, amount numeric(10, 2), content text, noted jsonb);
INSERT INTO places SELECT n, md5(n::text) FROM generate_series(1, 1000) n;
INSERT INTO entries SELECT n, n %% 1000 + 1, n / 100.0, (SELECT string_agg(md5((n * 20 + m)::text), ' ') FROM generate_series(1, 22) m),
  jsonb_build_object('number', n, 'mark', md5(n::text)) FROM generate_series(1, %s * 1024) n;
CREATE INDEX ON entries (place);
ALTER TABLE entries ADD FOREIGN KEY (place) REFERENCES places (id);
"""


class Measured(t.NamedTuple):
    """One run, and the peak of its memory."""

    ran: Ran
    kilobytes: int


class Server:
    """The sandbox's server with the database that is measured, and a folder for what is dumped."""

    def __init__(self, folder: Path) -> None:
        lines = (STACK / ".env.production").read_text(encoding="utf-8").splitlines()
        self._env = dict(line.split("=", 1) for line in lines if "=" in line)
        self._stack, self._folder = Stack(), folder
        self._port = int(os.environ.get("SANDBOX_POSTGRES_PORT", "15432"))

    def do(self, statement: str, database: str = "postgres", *values: t.Any) -> None:
        """A statement that no transaction may hold."""
        connection = psycopg2.connect(
            host="127.0.0.1", port=self._port, user=self._env["POSTGRES_USER"], password=self._env["POSTGRES_PASSWORD"], dbname=database
        )
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement, values or None)
        connection.close()

    @contextmanager
    def database(self, megabytes: int) -> Iterator[None]:
        """The database, dropped at the end."""
        try:
            self.drop()
            self.do(f"CREATE DATABASE {DATABASE}")
            tell(f"making a database of {megabytes} MB")
            self.do(FILL, DATABASE, megabytes)
            # Its workers would share more memory than a container has for that by itself, 64 MB.
            self.do("VACUUM (ANALYZE, PARALLEL 0)", DATABASE)
            yield
        finally:
            self.drop()

    def drop(self) -> None:
        """Leave nothing behind."""
        self.do(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        self.settle()

    def settle(self) -> None:
        """Drop what a measurement has made, and have it all on disk: neither its cleaning up nor its writing is any of the next one's."""
        for name in (BARE, f"{DATABASE}_restore", f"{DATABASE}_backup_check"):
            self.do(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        self.do("CHECKPOINT")

    def work(self, name: str, work: str, **given: t.Any) -> Measured:
        """One of the modules' works."""
        options = {
            "project_src": str(STACK),
            "project_name": self._stack.project,
            "files": [],
            "env_file": ".env.production",
            "docker_host": "unix:///var/run/docker.sock",
            "docker_timeout": 10,
            "login_host": "127.0.0.1",
            "login_port": self._port,
            "login_user": None,
            "login_db": None,
            "connect_timeout": 5,
            "folder": str(self._folder / "backups"),
            "database": DATABASE,
            "keep_free_mb": 1,
            "timeout": int(SECONDS),
            "incident": "bench",
            "purpose": "routine",
            "recipient": None,
            "keep": 1,
            "keep_days": 1,
            "backup": "latest",
            "system_identifier": None,
            "key_file": None,
            **given,
        }
        environment = {**os.environ, "PYTHONPATH": str(CHECKOUT / ".ansible" / "collections")}
        done = subprocess.run(
            [sys.executable, str(BENCH / "backup_process.py")],
            input=json.dumps({"work": work, "options": options}),
            env=environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        if done.returncode:
            raise NotMeasured(f"{name} failed: {(done.stderr.strip().splitlines() or ['no words'])[-1]}")
        answer = json.loads(done.stdout)
        return Measured(Ran(answer["seconds"], answer["processor"]), answer["kilobytes"])

    def bare(self, restore: bool) -> Measured:
        """What a person would type."""
        file = self._folder / "bare.dump"
        program = ["docker", "exec", "-i", self._stack.container("postgres")]
        started = time.monotonic()
        if restore:
            self.do(f"CREATE DATABASE {BARE} TEMPLATE template0")
            with file.open("rb") as source:
                command = [*program, "pg_restore", "--exit-on-error", "-U", self._env["POSTGRES_USER"], "-d", BARE]
                subprocess.run(command, stdin=source, check=True, timeout=SECONDS)
        else:
            with file.open("wb") as target:
                command = [*program, "pg_dump", "--format=custom", "-U", self._env["POSTGRES_USER"], "-d", DATABASE]
                subprocess.run(command, stdin=subprocess.DEVNULL, stdout=target, check=True, timeout=SECONDS)
        return Measured(Ran(time.monotonic() - started, 0.0), 0)


def measure(options: argparse.Namespace) -> tuple[list[Row], int, int]:
    """The rows of the table, the peak of memory, and that with a quarter of the rows."""
    works: dict[str, t.Callable[[Server], Measured]] = {
        "bare pg_dump": lambda server: server.bare(restore=False),
        "backup": lambda server: server.work("a backup", "backup", purpose="safety"),
        "bare pg_restore": lambda server: server.bare(restore=True),
        "restore beside": lambda server: server.work("a restore", "restore"),
        "backup, restored and every row compared": lambda server: server.work("a proven backup", "backup"),
    }
    with tempfile.TemporaryDirectory(prefix="bench-backup-", dir=options.folder) as folder:
        server = Server(Path(folder))
        with server.database(options.megabytes // 4):
            less = max(server.work("a backup", "backup").kilobytes, server.work("a restore", "restore").kilobytes)
        ran: dict[str, list[Measured]] = {name: [] for name in works}
        with server.database(options.megabytes):
            tell("making the backups that are restored")
            server.work("a proven backup", "backup")
            server.bare(restore=False)
            for turn, name in in_turns(list(works), options.turns):
                tell(f"turn {turn + 1}: {name}")
                server.settle()
                ran[name].append(works[name](server))
    rows = [Row(name, [one.ran for one in ran[name]]) for name in works]
    dump, restore = rows[0].median, rows[2].median
    rows[1] = rows[1]._replace(bar=Bar.times("bare pg_dump", dump, TIMES_BARE))
    rows[3] = rows[3]._replace(bar=Bar.times("bare pg_restore", restore, TIMES_BARE))
    # Whoever dumps a database, restores the dump and looks at nothing has only waited for both.
    rows[4] = rows[4]._replace(bar=Bar.times("both bare ones", dump + restore, TIMES_BARE))
    return rows, max(one.kilobytes for measured in ran.values() for one in measured), less


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=1024, help="size of the database (default %(default)s)")
    parser.add_argument("--turns", type=int, default=3, help="repetitions of each measurement (default %(default)s)")
    parser.add_argument("--folder", type=Path, help="where the dumps go, as long as it lasts (default: the folder for passing files)")
    parser.add_argument("--markdown", type=Path, default=RESULTS / "backup.md", help="file for the table as Markdown")
    options = parser.parse_args()
    if options.megabytes < 4 or options.turns < 1:
        parser.error("give at least four megabytes and one turn")
    end_as_by_ctrl_c()
    load = os.getloadavg()[0]
    try:
        rows, peak, less = measure(options)
    except (NotMeasured, psycopg2.Error, subprocess.SubprocessError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("bench: ended early; the databases are dropped", file=sys.stderr)
        return 130
    note = (
        f"A database of {options.megabytes} MB. Medians of one run on {os.cpu_count()} cores, load {load:.1f} at its start and "
        f"{os.getloadavg()[0]:.1f} at its end. Peak memory: {peak / 1024:.0f} MB, with a quarter of the rows {less / 1024:.0f} MB "
        f"(bar {GROWTH:g} times)."
    )
    missed = [f"memory ({peak / 1024:.0f} MB)"] if peak > less * GROWTH else []
    return conclude(rows, note, missed, options.markdown)


if __name__ == "__main__":
    sys.exit(main())
