# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook over payments: one customer, what finance gets, the undo, what it refuses."""

from __future__ import annotations

import csv
import json

import pytest
from playbook import Player, Run
from sandbox import Sandbox, faults
from stack_payments import StackPayments

UNDO = "playbooks/undo.yml"
NOBODY = "00000000-0000-4000-8000-00000000dead"
PAYMENTS = "SELECT md5(string_agg(t::text, ',' ORDER BY id)) FROM subscription_payments t"
SUBSCRIPTIONS = "SELECT md5(string_agg(t::text, ',' ORDER BY id)) FROM subscriptions t"


def value(name: str) -> str:
    """What a fault has kept of the payment that it took as not made last."""
    return str(faults.shell(f"unpaid_value {name}").stdout.strip())


def rows(sandbox: Sandbox) -> list[str]:
    return [sandbox.psql(statement, sandbox.env["POSTGRES_DB"]) for statement in (PAYMENTS, SUBSCRIPTIONS)]


def table(run: Run, name: str) -> list[dict[str, str]]:
    with (run.record.folder / "evidence" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_one_customer_alone_and_what_finance_gets(sandbox: Sandbox, payments: StackPayments, player: Player) -> None:
    """Who is not named is neither charged nor told of; what was charged has its refund proposed, and stays at an undo."""
    with sandbox.fault("hard_decline", "insufficient_funds"):
        # Whatever companies the inventory names.
        run = player.play("-e", json.dumps({"company_id": value("company"), "payment_failure_company_ids": [NOBODY]}))
        assert (run.status, run.record.outcome) == (0, "resolved"), run.output
        assert [charge["reference_id"] for charge in payments.square.charges()] == [value("row")]
        (charged,) = table(run, "payments_charged")
        (proposed,) = table(run, "refund_proposals")
        assert charged["payment at Square"] == proposed["payment at Square"] == payments.square.charges()[0]["payment_id"]
        assert proposed["approval"] == "required"
        assert charged["amount"] == f"{int(value('cents')) / 100:.2f}"
        undone = player.play("-e", f"incident={run.record.content['id']}", playbook=UNDO, say_records=False)
        assert f"1 charges stay; refund with approval: {charged['company']} {charged['amount']} USD" in undone.stdout, undone.output
        assert payments.square.refunds() == []
        everybody = player.play()
        assert (everybody.status, everybody.record.causes) == (2, ["hard_decline"]), everybody.output
        (customer,) = table(everybody, "customers_to_notify")
        assert customer["text"].startswith(f"{customer['company']}: the payment of {customer['amount']} USD for {customer['period']}")
        assert customer["text"] in everybody.record.report
        assert len(payments.square.charges()) == 1


def test_books_that_were_brought_in_line_are_undone(sandbox: Sandbox, player: Player) -> None:
    with sandbox.fault("status_stuck"):
        before = rows(sandbox)
        run = player.play()
        assert run.record.outcome == "resolved", run.output
        assert [row["kind"] for row in table(run, "payments_reconciled")] == ["payment_recorded", "subscription_active"]
        undone = player.play("-e", f"incident={run.record.content['id']}", playbook=UNDO, say_records=False)
        assert "2 rows restored" in undone.stdout, undone.output
        assert rows(sandbox) == before


def test_a_safe_run_charges_nobody(sandbox: Sandbox, payments: StackPayments, player: Player) -> None:
    with sandbox.fault("insufficient_funds"):
        run = player.play("-e", "incident_risk_limit=safe")
        assert run.record.outcome == "escalated"
        assert payments.square.charges() == []


def test_the_key_is_told_from_the_address(sandbox: Sandbox, player: Player) -> None:
    """The fault is the address; with the right one and another key the key is named, and put back."""
    with sandbox.fault("webhook_signature"):
        address = "https://circuit-sage.test/api/payments/webhook/square"
        faults.shell(f"sed -i '/^SQUARE_WEBHOOK_/d' \"$ENV_FILE\"; checked_webhook another-signature-key {address}")
        run = player.play("--diff")
        assert run.record.outcome == "resolved", run.output
        (finding,) = run.record.content["findings"]
        assert (finding["id"], finding["evidence"]["wrong"]) == ("webhook_signature", ["signature"])
        assert sandbox.env["SQUARE_WEBHOOK_SIGNATURE_KEY"] == "drill-signature-key"
        assert "drill-signature-key" not in run.output
        assert "an event that Square signed was answered with 200" in run.record.events("did")


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"company_id": NOBODY}, "there is no company"),
        ({"payment_failure_max_in_flight": 0}, "max_in_flight is 0"),
    ],
    ids=lambda given: "-".join(given) if isinstance(given, dict) else "",
)
def test_bad_input_is_told_in_one_sentence_also_where_nothing_is_due(
    payments: StackPayments, player: Player, setting: dict[str, object], words: str
) -> None:
    payments.square.reset()
    run = player.play("-e", json.dumps(setting))
    assert run.status == 2
    assert words in run.record.content["summary"]
    assert "Traceback" not in run.output
    assert payments.square.calls() == []


def test_a_run_that_would_charge_too_much_charges_nothing(sandbox: Sandbox, payments: StackPayments, player: Player) -> None:
    with sandbox.fault("insufficient_funds"):
        before = rows(sandbox)
        run = player.play("-e", json.dumps({"payment_failure_max_total": "0.01"}))
        assert (run.status, rows(sandbox), payments.square.charges()) == (2, before, [])
        assert "the guard max_total (0.01) stopped the run" in run.record.content["summary"]
