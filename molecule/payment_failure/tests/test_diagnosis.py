# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every fault is named alone, and what the remedy of its cause does to the payments mends it, without a playbook."""

from __future__ import annotations

import threading

import pytest
from sandbox import Sandbox, eventually, faults, known_faults
from stack_payments import StackPayments
from test_causes import FAULTS

# A remedy that does something to the env file and to a container, which takes the playbook.
NEEDS_PLAYBOOK = ("restore_webhook",)
# What is mended by a charge.
CHARGED = ("insufficient_funds", "timeout_before_charge", "rate_limited")
# Until Square lets in again, and shows what was charged.
LONGEST_SECONDS = 90


@pytest.mark.parametrize("fault", [fault for fault in known_faults("payment_failure") if fault not in FAULTS])
def test_it_is_named_and_mended(sandbox: Sandbox, payments: StackPayments, fault: str) -> None:
    with sandbox.fault(fault):
        expected = faults.load(fault)["expect"]
        found = payments.findings()
        assert [one["id"] for one in found] == [expected["cause"]]
        before = len(payments.square.charges())
        if expected["outcome"] == "escalated":
            assert found[0]["decision"] == "leave"
            assert found[0]["reason"]
        else:
            assert found[0]["decision"] == "act"
            if fault == "rate_limited":
                # While the run waits, for as long as Square has asked it to; the fault itself would last longer than is worth waiting for.
                threading.Timer(1, payments.square.fault, [None]).start()
            eventually(lambda: _mended(payments, found[0]["remedy"]), LONGEST_SECONDS, f"{fault} is mended")
            assert payments.carry_out(found[0]["remedy"])["changed"] is False
        assert payments.complaints() == []
        if fault in ("timeout_before_charge", "worker_killed"):
            # Under the key that the attempt had, and no other.
            assert [charge["idempotency_key"] for charge in payments.square.charges()] == [
                f"drill-{payments.square.charges()[0]['reference_id']}"
            ]
        assert len(payments.square.charges()) == before + (fault in CHARGED)


def _mended(payments: StackPayments, remedy: str) -> bool:
    """Whether nothing is left to find. A remedy may be carried out again: that charges nobody twice."""
    assert remedy not in NEEDS_PLAYBOOK
    payments.carry_out(remedy)
    return payments.findings() == []


def test_nothing_is_found_where_nothing_is_wrong(payments: StackPayments) -> None:
    assert payments.findings() == []
    assert payments.observed()["unknown"].keys() & {"payments", "payments_square", "webhook"} == set()
