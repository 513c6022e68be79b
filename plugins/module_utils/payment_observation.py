# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was seen of the payments, as one observation: the audit, and what Square and the system are told of each other. Pure."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping

from .payment_difference import RECORD
from .payment_schedule import DUE

Observed = dict[str, t.Any]

# Of the audit what causes and reports ask for; the rest is Ansible's own.
AUDITED = (
    *(
        "as_of",
        "since",
        "asked",
        "failed_payments",
        "stuck",
        "customers",
        "unknown_payments",
        "past_due",
        "cards_gone",
        "differences",
        "statuses",
    ),
    *("unreadable", "refused", "outage", "counts", "verdicts", "webhooks_missed", "truncated"),
)
_CLOSED = "the database does not let the application in"


def observation(settings: Mapping[str, t.Any], audit: Mapping[str, t.Any]) -> Observed:
    """What is added to the observations. The two are results of modules; one that was skipped has nothing."""
    if "environment" not in settings:
        return {"payments": None, "unknown": {"payments": _CLOSED}}
    payments: Observed = {"environment": settings["environment"], "webhook": settings["webhook"]}
    unknown: Observed = {}
    if settings["unknown"]:
        unknown["webhook"] = settings["unknown"]
    if "counts" not in audit:
        return {"payments": payments, "unknown": {**unknown, "payments": settings["environment"]["wrong"][0]}}
    payments.update({name: audit[name] for name in AUDITED})
    # What is paid at Square waits for the books, and a payment whose card is gone for its customer.
    paid = {one["payment_id"] for one in audit["differences"] if one["mend"] == RECORD}
    unpaid = [one for one in (*audit["failed_payments"], *audit["stuck"]) if one["payment_id"] not in paid]
    payments["due"] = [one for one in unpaid if one["verdict"] == DUE and not one["card_gone"]]
    unknown.update({f"payments_{name}": reason for name, reason in audit["unknown"].items()})
    return {"payments": payments, "unknown": unknown}


def symptoms(observations: Mapping[str, t.Any]) -> list[str]:
    """Return, one sentence each, what is broken about the payments."""
    payments = observations.get("payments") or {}
    found = [*(payments.get("environment") or {}).get("wrong", [])]
    if payments.get("outage"):
        found.append(payments["outage"]["reason"])
    found += [one["reason"] for one in payments.get("refused", [])[:1]]
    for name, words in (("due", "payments are due and not charged"), ("unknown_payments", "payments have an outcome that nobody knows")):
        if payments.get(name):
            found.append(f"{len(payments[name])} {words}")
    paid = [one for one in payments.get("differences", []) if one["mend"] == RECORD]
    if paid:
        found.append(f"{len(paid)} payments are paid at Square and not here")
    if (payments.get("webhook") or {}).get("wrong"):
        found.append("no signature of Square's webhook is right")
    return found


def seen(observations: Mapping[str, t.Any]) -> list[str]:
    """What was seen of the payments, for the line of the account."""
    payments = observations.get("payments") or {}
    unknown = observations.get("unknown") or {}
    told = []
    if "counts" in payments:
        counts = payments["counts"]
        told.append(
            f"payments of {payments['asked']} companies compared with Square: {len(payments['due'])} due, "
            f"{counts['unknown_payments']} without outcome, {counts['differences']} differ, {counts['customers']} customers must act"
        )
    told += [f"Square: {unknown[name]}" for name in ("payments", "payments_square") if name in unknown]
    return told
