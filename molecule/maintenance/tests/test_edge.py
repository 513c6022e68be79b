# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Maintenance mode at nginx while the database is down, where the application itself stays open."""

from __future__ import annotations

import email.utils
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import datetime, timezone

import pytest
from playbook import Player
from sandbox import Sandbox, eventually
from test_maintenance import CLOSED

SITE = "/etc/nginx/sites-available/circuit-sage"
FILE = "/etc/nginx/circuit-sage-maintenance.conf"
Shell = Callable[[str], str]


@pytest.fixture
def shell(sandbox: Sandbox) -> Iterator[Shell]:
    """A shell on nginx's host, whose site is the same afterwards."""
    container = sandbox.docker.containers.get(f"{sandbox.project}-edge")

    def run(command: str) -> str:
        done = container.exec_run(["sh", "-c", command])
        assert done.exit_code == 0, done.output
        return str(done.output.decode())

    before = run(f"cat {SITE}")
    yield run
    assert run(f"cat {SITE}") == before
    assert run(f"ls {FILE} 2>/dev/null || true") == ""


@pytest.fixture(scope="module", autouse=True)
def down(sandbox: Sandbox) -> Iterator[None]:
    """Without its database."""
    database, backend = (sandbox.docker.containers.get(name) for name in (sandbox.postgres_container, sandbox.backend_container))
    database.stop(timeout=5)
    yield
    database.start()
    eventually(lambda: sandbox.psql("SELECT 1") == "1", 30, "the database takes questions")
    # It crashed again and again meanwhile, and sits out its back-off.
    backend.restart(timeout=5)
    sandbox.restore()


def ask(url: str) -> tuple[int, str, str | None]:
    """Status, body and Retry-After."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - loopback
            return answer.status, answer.read().decode(), None
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(), error.headers["Retry-After"]


def test_closed_at_nginx_while_the_database_is_down(sandbox: Sandbox, player: Player, shell: Shell) -> None:
    done = player.play("-e", "maintenance=on", "-e", "maintenance_minutes=5", "-v")
    assert (done.status, done.record.outcome) == (0, "resolved"), done.output
    assert done.record.content["changes"][0]["component"] == "edge"
    status, body, retry_after = ask(f"{sandbox.edge_url}/api/subscriptions")
    assert (status, body) == (503, CLOSED)
    left = email.utils.parsedate_to_datetime(str(retry_after)) - datetime.now(timezone.utc)
    assert 200 < left.total_seconds() <= 300
    # What the application itself would go on to answer is not refused here: pages, its status, the sign-in.
    assert ask(f"{sandbox.edge_url}/")[0] == 200
    assert CLOSED not in [ask(f"{sandbox.edge_url}/api/{path}")[1] for path in ("system/maintenance", "auth/login", "newsletter")]
    assert json.loads(shell(f"sed -n 's/^# claim: //p' {FILE}"))["incident"] == done.record.content["id"]

    again = player.play("-e", "maintenance=on", "-e", "maintenance_minutes=5", "-v")
    assert (again.status, again.changed, again.record.outcome) == (0, 0, "healthy"), again.output

    # The database is the fault, not what nginx was told.
    looked = player.play("--check", "-v", playbook="playbooks/service_outage.yml")
    assert looked.record.causes[0] == "postgres_stopped" and "maintenance_owned" in looked.record.causes, looked.output
    assert not any(cause.startswith("edge_") or cause == "maintenance_stuck" for cause in looked.record.causes)

    off = player.play("-e", "maintenance=off", "-v")
    assert (off.status, off.record.outcome) == (0, "resolved"), off.output
    assert ask(f"{sandbox.edge_url}/api/subscriptions")[0] != 503


def test_nginx_ends_it_by_itself_and_undo_takes_away_what_is_left(sandbox: Sandbox, player: Player, shell: Shell) -> None:
    done = player.play("-e", "maintenance=on", "-e", "maintenance_minutes=1")
    assert ask(f"{sandbox.edge_url}/api/subscriptions")[0] == 503, done.output
    # An end that is over, in place of a minute of waiting.
    shell(rf"""sed -i -E 's/(msec !~ )"[^"]*"/\1"^1[0-6]"/' {FILE} && nginx -t -q && nginx -s reload""")
    eventually(lambda: ask(f"{sandbox.edge_url}/api/subscriptions")[0] != 503, 10, "nginx lets through")
    undone = player.play("-e", f"incident={done.record.content['id']}", playbook="playbooks/undo.yml", say_records=False)
    assert undone.status == 0 and "nginx is open again" in undone.said(), undone.output


def test_what_nginx_refuses_is_put_back(sandbox: Sandbox, player: Player, shell: Shell) -> None:
    """A site that has such a location already."""
    more = "    location = /circuit-sage-maintenance { return 204; }"
    shell(rf"cp -p {SITE} /root/site && sed -i 's,^    location /api ,{more}\n&,' {SITE} && nginx -t -q")
    before = shell(f"cat {SITE}")
    try:
        refused = player.play("-e", "maintenance=on")
        assert (refused.status, refused.record.outcome) == (2, "escalated"), refused.output
        assert "nginx refuses the configuration (duplicate location" in refused.said()
        assert shell(f"cat {SITE}") == before
        assert shell("nginx -t -q") == ""
        assert ask(f"{sandbox.edge_url}/")[0] == 200
    finally:
        shell(f"cp -p /root/site {SITE}")
