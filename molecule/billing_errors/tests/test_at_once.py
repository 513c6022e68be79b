# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Others at work at the same time, and `kill -9`: no update is lost, nothing is half written, and two runs make no change twice."""

from __future__ import annotations

import dataclasses
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from books import Books, company, subscription
from sandbox import CHECKOUT, eventually

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError

KILLS = 20
BREAK = "UPDATE subscriptions SET monthly_amount = monthly_amount + 0.37 WHERE status = 'active'"


class Beside(threading.Thread):
    """Something that runs meanwhile; `end` gives what it returned or raises what it raised."""

    def __init__(self, work: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self._work = work
        self.result: Any = None
        self.error: Exception | None = None
        self.start()

    def run(self) -> None:
        try:
            self.result = self._work()
        except Exception as error:
            self.error = error

    def end(self) -> Any:
        self.join(30)
        assert not self.is_alive()
        if self.error:
            raise self.error
        return self.result


def waits(books: Books) -> bool:
    """Whether somebody waits for a lock in this database."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'"
    return bool(books.ask(waiting, books.name)[0][0])


def test_a_location_that_is_added_meanwhile_is_not_lost(books: Books) -> None:
    """A writer that holds the subscription adds a location, and commits while the recalculation waits for the row."""
    books.ask("UPDATE subscriptions SET monthly_amount = 1 WHERE id = %s", subscription(1))
    writer = books.server.connect(books.name)
    cursor = writer.cursor()
    cursor.execute("UPDATE subscriptions SET square_card_id = 'new' WHERE id = %s", (subscription(1),))
    cursor.execute("INSERT INTO locations (company_id, name) VALUES (%s, 'Added meanwhile')", (company(1),))
    run = Beside(books.recalculate)
    eventually(lambda: waits(books), 10, "the recalculation waits for the row")
    writer.commit()
    writer.close()
    assert [one["after"] for one in run.end()["changes"]] == [{"monthly_amount": "200.00"}]
    row = books.ask("SELECT monthly_amount::text, square_card_id FROM subscriptions WHERE id = %s", subscription(1))
    assert row == [("200.00", "new")]
    assert books.found() == []


def test_what_somebody_mended_meanwhile_is_left_alone(books: Books) -> None:
    """Also when that was the only thing to do: then nothing is written."""
    books.ask("UPDATE subscriptions SET monthly_amount = 1 WHERE id = %s", subscription(1))
    writer = books.server.connect(books.name)
    with writer, writer.cursor() as cursor:
        cursor.execute("UPDATE subscriptions SET monthly_amount = 150 WHERE id = %s", (subscription(1),))
        run = Beside(books.recalculate)
        eventually(lambda: waits(books), 10, "the recalculation waits for the row")
    writer.close()
    assert not run.end()["changed"]
    assert books.recorded() == -1


def test_a_row_that_stays_locked_stops_the_run(books: Books) -> None:
    """The whole transaction is taken back, and one sentence says why."""
    books.ask("UPDATE subscriptions SET monthly_amount = 1 WHERE id IN (%s, %s)", subscription(1), subscription(2))
    before = books.digest()
    writer = books.server.connect(books.name)
    writer.cursor().execute("SELECT FROM subscriptions WHERE id = %s FOR UPDATE", (subscription(2),))
    with pytest.raises(IncidentError, match=r"locked by somebody else for longer than lock_timeout.*nothing was written"):
        books.recalculate(books.order(lock_timeout=1))
    writer.close()
    assert (books.digest(), books.recorded()) == (before, -1)


def test_a_second_run_names_the_first(books: Books) -> None:
    """It waits for lock_timeout, then says who is at work; so does an undo."""
    books.ask(BREAK)
    holder = books.server.connect(books.name)
    holder.cursor().execute("SELECT pg_advisory_xact_lock(%s, 1)", (0x43534F50,))
    pid = holder.info.backend_pid
    with pytest.raises(IncidentError, match=rf"another run is changing billing rows: .*process {pid}\) since 20") as caught:
        books.recalculate(books.order(lock_timeout=1))
    assert "\n" not in str(caught.value)
    holder.close()


def test_two_runs_at_once_change_everything_once(books: Books) -> None:
    """Together they leave one change of each row."""
    books.ask(BREAK)
    before = books.digest()
    wrong = len(books.found())
    runs = [Beside(books.recalculate) for _number in range(3)]
    changes = [len(run.end()["changes"]) for run in runs]
    assert sorted(changes) == [0, 0, wrong]
    assert (books.recorded(), books.found()) == (wrong, [])
    books.undo()
    assert books.digest() == before


@contextmanager
def load(books: Books) -> Iterator[None]:
    """Somebody who adds locations to one company and recalculates it, as the application does, without pause."""
    stop = threading.Event()

    def work() -> None:
        connection = books.server.connect(books.name)
        connection.autocommit = True
        with connection.cursor() as cursor:
            number = 0
            while not stop.is_set():
                number += 1
                cursor.execute("INSERT INTO locations (company_id, name) VALUES (%s, %s)", (company(2), f"Load {number}"))
                cursor.execute(
                    "UPDATE subscriptions SET updated_at = now(), monthly_amount = 50 * (SELECT count(*) FROM locations l "
                    "WHERE l.company_id = %s AND NOT is_free AND deleted_at IS NULL) WHERE company_id = %s",
                    (company(2), company(2)),
                )
                stop.wait(0.002)
        connection.close()

    thread = Beside(work)
    try:
        yield
    finally:
        stop.set()
        thread.end()


def is_alone(books: Books) -> bool:
    """Whether the session of a killed recalculation is gone."""
    sessions = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND application_name = 'circuit_sage billing'"
    return books.ask(sessions, books.name) == [(0,)]


def start(books: Books, incident: str) -> subprocess.Popen[str]:
    """A recalculation that has its modules and waits for the login."""
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT / ".ansible/collections")}
    command = [sys.executable, str(Path(__file__).with_name("recalculation_process.py"))]
    process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin and process.stdout
    assert process.stdout.readline() == "ready\n"
    told = {"login": dataclasses.asdict(books.login), "password": books.password, "incident": incident}
    process.stdin.write(json.dumps(told) + "\n")
    process.stdin.flush()
    return process


def rest(books: Books) -> str:
    """The books without the company under load."""
    statement = "SELECT md5(string_agg(s::text, ',' ORDER BY id)) FROM subscriptions s WHERE company_id <> %s"
    return str(books.ask(statement, company(2))[0][0])


def test_kill_9_leaves_nothing_half_done(books: Books) -> None:
    """At twenty points of a run, under load: all of it or nothing; the next run converges, and the undo takes it back."""
    choice = random.Random(4)  # noqa: S311 # the same points in every run
    books.ask(BREAK + " AND company_id <> %s", company(2))
    broken, wrong = rest(books), len(books.found())
    begun = time.monotonic()
    assert start(books, "whole").wait(timeout=30) == 0
    seconds = time.monotonic() - begun
    books.undo("whole")
    assert rest(books) == broken
    outcomes = set()
    with load(books):
        for number in range(KILLS):
            process = start(books, f"killed {number}")
            # Its end, or the point at which it is killed.
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=choice.uniform(0, seconds / 2))
            process.kill()
            process.wait(timeout=10)
            eventually(partial(is_alone, books), 10, "the server ended its session")
            done = rest(books) != broken
            outcomes.add(done)
            if done:
                kept = "SELECT count(*) FROM circuit_sage_ops.row_change WHERE incident = %s AND row_id <> %s"
                assert books.ask(kept, f"killed {number}", subscription(2)) == [(wrong,)]
                assert books.undo(f"killed {number}")["undone_count"] >= wrong
            assert rest(books) == broken
    assert False in outcomes
    assert len(books.recalculate()["changes"]) >= wrong
    assert [one for one in books.found() if one[1] == "set"] == []
    books.undo()
    assert rest(books) == broken
