# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook and its undo: all faults at once, one company alone, the guards, and input that cannot be used."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator

import pytest
from playbook import Player, Run
from sandbox import Sandbox, known_faults

UNDO = "playbooks/undo.yml"
# Whole rows, so that an undo has to bring back the same bytes.
BOOKS = " UNION ALL ".join(
    f"SELECT '{table}', count(*), md5(string_agg(to_jsonb(t)::text, ',' ORDER BY t.id)) FROM {table} t"
    for table in ("companies", "locations", "subscriptions", "subscription_payments")
)
DRIFTED = """
SELECT s.company_id FROM subscriptions s JOIN drill_saved.subscriptions saved USING (id)
WHERE s.monthly_amount <> saved.monthly_amount ORDER BY s.id
"""


def ask(sandbox: Sandbox, statement: str) -> str:
    return sandbox.psql(statement, sandbox.env["POSTGRES_DB"])


def undo(player: Player, incident: str) -> Run:
    run = player.play("-e", f"incident={incident}", playbook=UNDO, say_records=False)
    assert run.status == 0, run.output
    return run


def rows_of(run: Run, name: str) -> list[dict[str, str]]:
    rows = []
    # A second remedy of the same run has a file of its own.
    for path in (run.record.folder / "evidence").glob(f"{name}*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            rows += list(csv.DictReader(file))
    return rows


@pytest.fixture(scope="class")
def all_faults(sandbox: Sandbox) -> Iterator[None]:
    """Every fault of the table."""
    with sandbox.fault(*known_faults("billing_errors")):
        yield


@pytest.mark.usefixtures("all_faults")
class TestAllAtOnce:
    """In this order."""

    def test_check_leaves_every_row(self, sandbox: Sandbox, player: Player) -> None:
        before = ask(sandbox, BOOKS)
        run = player.play("--check")
        assert run.status == 0, run.output
        assert set(run.record.causes) == set(known_faults("billing_errors"))
        assert ask(sandbox, BOOKS) == before
        assert ask(sandbox, "SELECT to_regclass('circuit_sage_ops.row_change') IS NULL") == "t"

    def test_what_is_safe_is_mended_what_is_not_is_approved_and_both_are_undone(self, sandbox: Sandbox, player: Player) -> None:
        before = ask(sandbox, BOOKS)
        first = player.play()
        assert first.record.outcome == "escalated"
        waiting = {"billing_day_invalid", "subscription_orphaned", "subscription_missing", "square_amount_differs"}
        assert {found["id"] for found in first.record.content["findings"] if found["decision"] == "leave"} == waiting
        mended = {row["why"].partition(":")[0] for row in rows_of(first, "billing_changes")}
        assert mended == set(known_faults("billing_errors")) - waiting
        for row in rows_of(first, "billing_changes"):
            assert f"| {row['company']} | {row['what']} |" in first.record.report
        between = ask(sandbox, BOOKS)
        approved = {"billing_day_invalid", "subscription_orphaned"}
        second = player.play("-e", f"incident_approve={','.join(sorted(approved | {'square_amount_differs'}))}")
        assert [found["id"] for found in second.record.content["findings"] if found["decision"] == "leave"] == ["subscription_missing"]
        assert {row["why"].partition(":")[0] for row in rows_of(second, "billing_changes")} == approved
        assert len(rows_of(second, "square_prices")) == 2
        assert "2 rows restored; 2 prices at Square put back" in undo(player, second.record.content["id"]).stdout
        assert ask(sandbox, BOOKS) == between
        undo(player, first.record.content["id"])
        assert ask(sandbox, BOOKS) == before
        assert "0 rows restored" in undo(player, first.record.content["id"]).stdout


def test_one_company_alone(sandbox: Sandbox, player: Player) -> None:
    """As in the guide; what is wrong with another one stays."""
    with sandbox.fault("amount_drift"):
        one, other = ask(sandbox, DRIFTED).split()
        run = player.play("-e", f"company_id={one}")
        assert run.status == 0, run.output
        assert run.record.outcome == "resolved"
        assert ask(sandbox, DRIFTED) == other


@pytest.mark.parametrize(
    ("setting", "guard"),
    [
        ({"billing_errors_max_companies": 1}, "max_companies"),
        ({"billing_errors_max_companies_share": 0.01}, "max_companies_share"),
        ({"billing_errors_max_total_difference": "20.00"}, "max_total_difference"),
        ({"billing_errors_max_single_difference": "14.01"}, "max_single_difference"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_guard_stops_everything(sandbox: Sandbox, player: Player, setting: dict[str, object], guard: str) -> None:
    with sandbox.fault("amount_drift"):
        before = ask(sandbox, BOOKS)
        run = player.play("-e", json.dumps(setting))
        assert run.status == 2
        assert run.record.outcome == "escalated"
        assert guard in run.record.content["summary"]
        assert "(the run broke off here: look whether it was done)" in run.record.report
        assert ask(sandbox, BOOKS) == before


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("company_id=nonsense", "nonsense"),
        ("company_id=00000000-0000-4000-8000-00000000dead", "there is no company"),
        ("billing_errors_price_per_location=abc", "abc"),
        ("billing_errors_price_per_location=-5", "-5"),
        ("billing_errors_price_per_location=NaN", "NaN"),
        ("billing_errors_price_per_location=50.001", "50.001"),
        ("billing_errors_as_of=2569-11-23", "2569-11-23"),
    ],
)
def test_bad_input_is_told_in_one_sentence(sandbox: Sandbox, player: Player, setting: str, words: str) -> None:
    before = ask(sandbox, BOOKS)
    run = player.play("-e", setting)
    assert run.status == 2
    assert words in run.record.content["summary"]
    assert run.record.content["changes"] == []
    assert "Traceback" not in run.output
    assert ask(sandbox, BOOKS) == before
