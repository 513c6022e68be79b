#!/usr/bin/env python3
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast payments that are due are charged, beside one after the other and beside what cannot be undercut.

Fails when a bar is missed. Square is the simulator, as a process of its own that answers after a set time. The database is the sandbox's
server, with a database that is made for each run and dropped. Ideal is the latency of all calls divided by how many may be under way.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import itertools
import json
import os
import subprocess
import sys
import tempfile
import typing as t
from datetime import datetime
from pathlib import Path

import psycopg2
from outcome import conclude
from stack import CHECKOUT, RESULTS, STACK, NotMeasured, end_as_by_ctrl_c, tell
from table import Bar, Ran, Row, in_turns

sys.path.insert(0, str(STACK))
sys.path.insert(0, str(CHECKOUT / ".ansible" / "collections"))

from square_control import SquareControl, started

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.password_login import Server

BENCH = Path(__file__).resolve().parent
# The bars.
FASTER_THAN_ONE = 8
TIMES_IDEAL = 1.3
MEMORY_KILOBYTES = 150 * 1024
IN_FLIGHT = 16
LATENCY_SECONDS = 0.05
PACE = 50
# The account has to be asked for its locations, its cards, and its payments at each location.
LOOKS = 3
SECONDS = 600.0


class Measured(t.NamedTuple):
    """One run: its time, its peak of memory, how many calls Square had at once, and when the charges were asked for."""

    ran: Ran
    kilobytes: int
    in_flight: int
    moments: list[float]


class Books:
    """The sandbox's server, and databases on it with payments that are due."""

    def __init__(self) -> None:
        lines = (STACK / ".env.production").read_text(encoding="utf-8").splitlines()
        variables = dict(line.split("=", 1) for line in lines if "=" in line)
        self._port = int(os.environ.get("SANDBOX_POSTGRES_PORT", "15432"))
        self._user, self._password = variables["POSTGRES_USER"], variables["POSTGRES_PASSWORD"]
        self._numbers = itertools.count()

    def _run(self, database: str, *statements: tuple[str, dict[str, int] | None]) -> None:
        try:
            connection = psycopg2.connect(
                host="127.0.0.1", port=self._port, user=self._user, password=self._password, dbname=database, connect_timeout=10
            )
        except psycopg2.OperationalError:
            raise NotMeasured("the sandbox's database does not answer; start it with `make stack`") from None
        connection.autocommit = True
        with connection.cursor() as cursor:
            for statement, values in statements:
                cursor.execute(statement, values)
        connection.close()

    def retry(self, control: SquareControl, payments: int, shared: bool, **options: t.Any) -> Measured:
        """Charge so many payments, of companies that pay into one account or each into its own."""
        name = f"bench_payments_{os.getpid()}_{next(self._numbers)}"
        migrations = [(path.read_text(encoding="utf-8"), None) for path in sorted((STACK / "backend" / "migrations").glob("*.sql"))]
        each = payments if shared else 1
        data = (BENCH / "payments_data.sql").read_text(encoding="utf-8")
        control.reset()
        control.accounts([account(number, each) for number in range(payments // each)])
        control.fault("latency", seconds=LATENCY_SECONDS)
        self._run("postgres", (f"CREATE DATABASE {name}", None))
        try:
            self._run(name, ("CREATE EXTENSION pgcrypto", None), *migrations, (data, {"companies": payments, "periods": 1, "each": each}))
            return self._measured(name, control, payments, options)
        finally:
            self._run("postgres", (f"DROP DATABASE IF EXISTS {name} WITH (FORCE)", None))

    def _measured(self, name: str, control: SquareControl, payments: int, options: dict[str, t.Any]) -> Measured:
        login = dataclasses.asdict(Server("127.0.0.1", self._port, self._user, name, 10))
        square = {"square_base_url": control.base_url, "square_environment": "sandbox"}
        guards = {"max_payments": payments, "max_total": "99999999", "max_per_second": 0}
        told = {"login": login, "password": self._password, "options": {**square, **guards, **options}}
        environment = {**os.environ, "PYTHONPATH": str(CHECKOUT / ".ansible" / "collections")}
        command = [sys.executable, str(BENCH / "payments_process.py")]
        done = subprocess.run(
            command, input=json.dumps(told), env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
        )
        if done.returncode:
            raise NotMeasured(f"the run failed: {done.stderr.strip()}")
        answer = json.loads(done.stdout)
        requests = [one for one in control.ledger()["requests"] if (one["method"], one["path"]) == ("POST", "/v2/payments")]
        if answer["charged"] != payments or len(requests) != payments or len(control.charges()) != payments:
            raise NotMeasured(f"{answer['charged']} of {payments} payments were charged by {len(requests)} requests ({answer['stopped']})")
        moments = sorted(datetime.fromisoformat(one["at"].replace("Z", "+00:00")).timestamp() for one in requests)
        return Measured(Ran(answer["seconds"], answer["processor"]), answer["kilobytes"], control.in_flight_most(), moments)


def account(number: int, each: int) -> dict[str, t.Any]:
    """An account at Square with one location and the cards of the companies that pay into it, as payments_data.sql names them."""
    token = hashlib.sha256(f"EAAAtoken-{number}".encode()).hexdigest()
    place = {"id": f"L{number}", "name": "Shop", "currency": "USD", "main": True}
    companies = range(number * each + 1, (number + 1) * each + 1)
    return {
        "token_sha256": token,
        "merchant_id": f"merchant-{number}",
        "locations": [place],
        "customers": [{"id": f"customer-{one}"} for one in companies],
        "cards": [{"id": f"ccof:card-{one}", "customer_id": f"customer-{one}"} for one in companies],
    }


def fastest(moments: list[float]) -> int:
    """How many requests came within one second at most."""
    return max(sum(1 for other in moments[index:] if other < moment + 1) for index, moment in enumerate(moments))


def scaled(ran: Ran, factor: float) -> Ran:
    """For so many times as many payments."""
    return Ran(ran.seconds * factor, ran.processor * factor)


def measure(options: argparse.Namespace, control: SquareControl) -> tuple[list[Row], list[str], str]:
    """The table, what was missed beside its bars, and a note."""
    books, many, sample = Books(), options.payments, options.sample
    ways: dict[str, t.Callable[[], Measured]] = {
        "one": lambda: books.retry(control, sample, True, max_in_flight=1),
        "many": lambda: books.retry(control, many, True, max_in_flight=IN_FLIGHT),
        "own": lambda: books.retry(control, many, False, max_in_flight=IN_FLIGHT),
        "paced": lambda: books.retry(control, PACE * 3, True, max_in_flight=IN_FLIGHT, max_per_second=PACE),
    }
    runs: dict[str, list[Measured]] = {name: [] for name in ways}
    for turn, name in in_turns(list(ways), options.turns):
        runs[name].append(ways[name]())
        tell(f"{name}, {turn + 1} of {options.turns}: {runs[name][-1].ran.seconds:.2f} s")
    one = Row(f"one after the other, of {sample} scaled", [scaled(run.ran, many / sample) for run in runs["one"]])
    together, own = [run.ran for run in runs["many"]], [run.ran for run in runs["own"]]
    ideal = LATENCY_SECONDS * many / IN_FLIGHT
    own_ideal = ideal * (1 + LOOKS)
    eighth = Bar("one after the other", one.median, f"≤ 1/{FASTER_THAN_ONE} of one after the other", one.median / FASTER_THAN_ONE)
    rows = [
        one,
        Row(f"{IN_FLIGHT} in flight, one account", together, eighth),
        Row(f"{IN_FLIGHT} in flight, one account", together, Bar.times("ideal", ideal, TIMES_IDEAL)),
        Row(f"{IN_FLIGHT} in flight, {many} accounts", own, Bar.times("ideal", own_ideal, TIMES_IDEAL)),
    ]
    limited = [runs["many"], runs["own"], runs["paced"]]
    most = max(run.in_flight for found in limited for run in found)
    alone = max(run.in_flight for run in runs["one"])
    pace = max(fastest(run.moments) for run in runs["paced"])
    peak = max(run.kilobytes for found in runs.values() for run in found)
    missed = [f"in flight ({most}, {alone})"] if most > IN_FLIGHT or alone > 1 else []
    missed += [f"pace ({pace})"] if pace > PACE else []
    missed += [f"memory ({peak / 1024:.0f} MB)"] if peak > MEMORY_KILOBYTES else []
    note = (
        f"{many} payments, Square answers after {LATENCY_SECONDS * 1000:.0f} ms; an account of its own costs {LOOKS} calls more for "
        f"each payment, which its ideal counts. Under way at once at most: {most} (bar {IN_FLIGHT}), one after the other {alone}. Within "
        f"one second at most: {pace} charges (bar {PACE}). Peak memory: {peak / 1024:.0f} MB (bar {MEMORY_KILOBYTES // 1024} MB)."
    )
    return rows, missed, note


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--payments", type=int, default=1000, help="how many are due (default %(default)s)")
    parser.add_argument("--sample", type=int, default=200, help="how many are charged one after the other (default %(default)s)")
    parser.add_argument("--turns", type=int, default=3, help="repetitions of each measurement (default %(default)s)")
    parser.add_argument("--markdown", type=Path, default=RESULTS / "payments.md", help="file for the table as Markdown")
    options = parser.parse_args()
    if min(options.payments, options.sample, options.turns) < 1:
        parser.error("give at least one payment, one as sample and one turn")
    end_as_by_ctrl_c()
    load = os.getloadavg()[0]
    try:
        with tempfile.TemporaryDirectory() as home, started(Path(home)) as control:
            control.listing(0)
            rows, missed, note = measure(options, control)
    except NotMeasured as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("bench: ended early; the databases are dropped", file=sys.stderr)
        return 130
    note += f" Medians of one run on {os.cpu_count()} cores, load {load:.1f} at its start and {os.getloadavg()[0]:.1f} at its end."
    return conclude(rows, note, missed, options.markdown)


if __name__ == "__main__":
    sys.exit(main())
