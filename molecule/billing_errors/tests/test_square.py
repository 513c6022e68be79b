# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook and Square: set with approval and put back, Square absent or refusing, and what is told of it."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from books import Books, module
from leaks import Arguments, files_of, leaks
from playbook import Player, Run, user_environment
from sandbox import SECRETS, STACK, Sandbox, eventually
from square_control import SquareControl

UNDO = "playbooks/undo.yml"
FAULT = "square_amount_differs"
APPROVED = ("-e", f"incident_approve={FAULT}")


@pytest.fixture
def square(sandbox: Sandbox) -> Iterator[SquareControl]:
    """The simulator of the stack, as it was seeded before and after."""
    control = SquareControl(f"http://127.0.0.1:{os.environ.get('SANDBOX_SQUARE_PORT', '14010')}")
    control.reset()
    yield control
    control.reset()


def rows_of(run: Run, name: str) -> list[dict[str, str]]:
    with (run.record.folder / "evidence" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def undo(player: Player, incident: str, *arguments: str) -> Run:
    run = player.play("-e", f"incident={incident}", *arguments, playbook=UNDO, say_records=False)
    assert run.status == 0, run.output
    return run


def test_the_stacks_simulator_knows_the_subscriptions_after_its_restart(sandbox: Sandbox, square: SquareControl) -> None:
    before = square.prices()
    assert len(before) == 30
    sandbox.docker.containers.get(f"{sandbox.project}-square").restart(timeout=5)
    eventually(lambda: answers(square), 20, "the simulator answers again")
    assert square.prices() == before


def answers(square: SquareControl) -> bool:
    try:
        square.subscriptions()
    except OSError:
        return False
    return True


def test_prices_are_set_with_approval_and_put_back(sandbox: Sandbox, square: SquareControl, player: Player) -> None:
    """Under the versions, proven by asking Square again, without a secret at any verbosity; --check and a second run change nothing."""
    with sandbox.fault(FAULT), Arguments() as arguments:
        broken = square.prices()
        changed = sorted(identity for identity, (version, _cents) in broken.items() if version > 1)
        checked = player.play("--check", "--diff", "-vvvv", *APPROVED)
        assert checked.record.events("plan") == ["override_square_price (destructive)"]
        assert square.prices() == broken
        run = player.play("--diff", "-vvvv", *APPROVED)
        assert run.record.outcome == "resolved", run.output
        after = square.prices()
        assert sorted(identity for identity in after if after[identity] != broken[identity]) == changed
        assert {after[identity][0] for identity in changed} == {3}
        for name in ("square_differences", "square_prices"):
            assert sorted(row["subscription at Square"] for row in rows_of(run, name)) == changed
        assert "## Prices Set At Square" in run.record.report
        assert run.record.content["changes"][0]["undo"].endswith(f"-e incident={run.record.content['id']}")
        again = player.play(*APPROVED)
        assert (again.record.outcome, square.prices()) == ("healthy", after)
        taken_back = undo(player, run.record.content["id"], "--diff", "-vvvv")
        assert "2 prices at Square put back" in taken_back.stdout
        assert {identity: cents for identity, (_version, cents) in square.prices().items()} == {
            identity: cents for identity, (_version, cents) in broken.items()
        }
        before_second = square.prices()
        assert "prices at Square" not in undo(player, run.record.content["id"]).stdout
        assert square.prices() == before_second
        places = {"check": checked.output, "run": run.output, "undo": taken_back.output, "arguments": arguments.text}
    secrets = {name: sandbox.env[name] for name in SECRETS} | sandbox.square_tokens
    assert leaks(places | files_of(player.records), secrets) == []


def test_a_price_that_somebody_changed_since_is_kept_and_named(sandbox: Sandbox, square: SquareControl, player: Player) -> None:
    with sandbox.fault(FAULT):
        before = square.prices()
        run = player.play(*APPROVED)
        after = square.prices()
        one = next(identity for identity in after if after[identity] != before[identity])
        square.set_price(one, 7700)
        told = undo(player, run.record.content["id"]).stdout
        assert "1 prices at Square put back; 1 prices at Square stay" in told
        assert "it charges 77.00 under version 4" in told
        assert square.prices()[one] == (4, 7700)


def test_an_amount_that_is_mended_is_taken_to_square_in_the_same_run(sandbox: Sandbox, square: SquareControl, player: Player) -> None:
    """Square goes on with the old amount, which shows when the stored one is right; the undo takes both back."""
    database = sandbox.env["POSTGRES_DB"]
    with sandbox.fault("location_change_missed"):
        back_at_square = "FROM drill_saved.subscriptions saved WHERE saved.id = s.id AND s.square_subscription_id IS NULL"
        told = sandbox.psql(
            f"UPDATE subscriptions s SET square_subscription_id = saved.square_subscription_id {back_at_square} "
            "AND saved.square_subscription_id IS NOT NULL RETURNING s.id, s.square_subscription_id",
            database,
        )
        subscription, identity = told.splitlines()[0].split("|")
        amount = f"SELECT (monthly_amount * 100)::int FROM subscriptions WHERE id = '{subscription}'"
        before, priced = sandbox.psql(amount, database), square.prices()[identity]
        run = player.play(*APPROVED)
        assert run.record.outcome == "resolved", run.output
        assert run.record.events("plan") == ["recalculate_billing (safe)", "override_square_price (destructive)"]
        after = sandbox.psql(amount, database)
        assert after != before
        assert square.prices()[identity] == (2, int(after))
        assert "1 rows restored; 1 prices at Square put back" in undo(player, run.record.content["id"]).stdout
        assert sandbox.psql(amount, database) == before
        assert square.prices()[identity] == (3, priced[1])


def test_without_square_the_rest_is_done(sandbox: Sandbox, square: SquareControl, player: Player) -> None:
    """Stopped: the amounts are mended all the same, and the account says that nobody asked Square."""
    container = sandbox.docker.containers.get(f"{sandbox.project}-square")
    with sandbox.fault("amount_drift"):
        container.stop(timeout=5)
        try:
            run = player.play()
        finally:
            container.start()
            eventually(lambda: answers(square), 20, "the simulator answers again")
    assert run.record.outcome == "resolved", run.output
    assert "Square: 29 of 30 subscriptions could not be compared: Square does not answer at" in run.stdout


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("square_down", "has a failure of its own (503 SERVICE_UNAVAILABLE)"),
        ("token_expired", "29 of them because: Square does not take the access token (401 ACCESS_TOKEN_EXPIRED)"),
    ],
)
def test_a_square_that_refuses_is_told_and_changes_nothing(square: SquareControl, player: Player, kind: str, words: str) -> None:
    square.fault(kind)
    run = player.play(*APPROVED)
    assert run.record.outcome == "healthy", run.output
    assert words in run.stdout
    # One question for each company at most, and few where Square itself is the trouble.
    assert len(square.calls()) <= (29 if words.startswith("29") else 8)


def info(books: Books, square: SquareControl, **options: Any) -> dict[str, Any]:
    return module(books, "square_subscription_info", **{"square_base_url": square.base_url, **options})


def test_another_encryption_key_is_told_without_the_values(books: Books, square: SquareControl, tmp_path: Path) -> None:
    """The books of the test were seeded under a key that the stack's env file has not."""
    assert square.subscriptions()
    told = info(books, square)
    reasons = {one["reason"] for one in told["unreadable"]}
    assert "the access token does not decrypt with ENCRYPTION_KEY of the env file; restore the key under which it was stored" in reasons
    stored = books.ask("SELECT settings #>> '{integrations,payment,credentials,accessToken}' FROM companies")
    assert not [value for (value,) in stored if value and value in json.dumps(told)]
    lines = (STACK / ".env.production").read_text(encoding="utf-8").splitlines()
    without = tmp_path / "env"
    without.write_text("\n".join(line for line in lines if not line.startswith("ENCRYPTION_KEY=")), encoding="utf-8")
    reasons = {one["reason"] for one in info(books, square, env_file=str(without))["unreadable"]}
    assert any("the env file has no ENCRYPTION_KEY" in reason for reason in reasons)


@pytest.mark.parametrize("name", ["square_subscription_info", "square_subscription_price", "square_price_undo"])
@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://square.example.com", "leads to square.example.com without TLS"),
        ("https://someone:hidden-word@square.example.com", "is no address of an API"),
        ("nonsense", "is no address of an API"),
    ],
)
def test_a_bad_address_is_refused_in_one_sentence(books: Books, name: str, url: str, words: str) -> None:
    incident = {} if name.endswith("_info") else {"incident": "I"}
    told = module(books, name, square_base_url=url, **incident)
    assert words in told["msg"]
    assert "hidden-word" not in json.dumps(told["msg"])


def test_a_bad_address_stops_the_playbook_before_anything_is_touched(square: SquareControl, player: Player) -> None:
    run = player.play("-e", "circuit_sage_square_base_url=http://square.example.com")
    assert run.status == 2
    assert "without TLS" in run.record.content["summary"]
    assert run.record.content["changes"] == []
    assert square.calls() == []


def test_a_library_that_is_missing_is_told_and_the_rest_is_done(square: SquareControl, player: Player, tmp_path: Path) -> None:
    """As on a host where nobody installed squareup."""
    (tmp_path / "square").mkdir()
    (tmp_path / "square" / "__init__.py").write_text("raise ImportError('not here')\n", encoding="utf-8")
    run = player.play(env=user_environment(PYTHONPATH=str(tmp_path)))
    assert run.record.outcome == "healthy", run.output
    assert "Square: squareup is missing for this Python; install the package `squareup`" in run.stdout
    assert square.calls() == []
