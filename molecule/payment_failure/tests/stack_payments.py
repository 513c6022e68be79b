# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The payments of the stack itself: what the modules of the playbook see and do there, without a playbook, and the oracle over all."""

from __future__ import annotations

import json
import os
from typing import Any

from sandbox import CHECKOUT, STACK, Sandbox
from square_control import SquareControl

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import (
    cause_catalog,
    diagnosis,
    payment_audit,
    payment_observation,
    payment_options,
    payment_reconciliation,
    payment_retry,
    square_setting,
)

INCIDENT = "20261123T093000Z-payment_failure"
HEALTHY = CHECKOUT / "tests" / "unit" / "recorded" / "observations" / "healthy.json"
# The rows that a charge is recorded in.
RECORDED = "SELECT count(*) FROM subscription_payments WHERE square_payment_id = '{}' AND status = 'succeeded'"


class StackPayments:
    """The stack's database, and its simulator of Square."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self.square = SquareControl(f"http://127.0.0.1:{os.environ.get('SANDBOX_SQUARE_PORT', '14010')}")

    def _options(self, spec: dict[str, dict[str, Any]], **given: Any) -> dict[str, Any]:
        place = {
            "project_src": str(STACK),
            "project_name": self._sandbox.project,
            "login_port": int(os.environ.get("SANDBOX_POSTGRES_PORT", "15432")),
            "square_base_url": self.square.base_url,
            "square_environment": self._sandbox.env.get("SANDBOX_SQUARE_ENVIRONMENT", "sandbox"),
            "lock_timeout": 5,
        }
        return {**{name: option.get("default") for name, option in spec.items()}, **place, **given}

    def observed(self) -> dict[str, Any]:
        """What the playbook would observe of the payments, beside a healthy rest."""
        settings = square_setting.look(self._options(square_setting.SETTING_OPTIONS))
        wrong = settings["environment"]["wrong"]
        audit: dict[str, Any] = {} if wrong else payment_audit.audit_as(self._options(payment_audit.AUDIT_OPTIONS))
        observations: dict[str, Any] = json.loads(HEALTHY.read_text(encoding="utf-8"))
        found = payment_observation.observation(settings, audit)
        return {**observations, "payments": found["payments"], "unknown": {**observations["unknown"], **found["unknown"]}}

    def findings(self) -> list[dict[str, Any]]:
        """The plan over what is seen now."""
        return diagnosis.plan(diagnosis.diagnose(self.observed(), cause_catalog.all_causes(), "payment_failure"))

    def carry_out(self, remedy: str) -> dict[str, Any]:
        """What a remedy of the role does to payments."""
        options = self._options({**payment_options.PAYMENT_OPTIONS, **payment_options.CHARGING_OPTIONS})
        if remedy == "reconcile_payments":
            run = payment_reconciliation.Run(INCIDENT, 45, 100)
            return payment_reconciliation.reconcile(payment_options.scope_of(options), run, check_mode=False)
        return payment_retry.retry(payment_options.scope_of(options), payment_options.pace_of(options), INCIDENT, check_mode=False)

    def complaints(self) -> list[str]:
        """What the ledger of real charges has against the database: a period that was charged twice, a charge that is not recorded."""
        charges = self.square.charges()
        # A charge that Square made by itself refers to nothing; one customer has one period here.
        whose = [charge["reference_id"] or charge["customer_id"] for charge in charges]
        twice = [f"{one} was charged {whose.count(one)} times" for one in sorted(set(whose)) if whose.count(one) > 1]
        lost = [
            f"{charge['payment_id']} is recorded {rows} times"
            for charge in charges
            if (rows := self._sandbox.psql(RECORDED.format(charge["payment_id"]), self._sandbox.env["POSTGRES_DB"])) != "1"
        ]
        return twice + lost
