# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The refunds that are proposed for the charges of an incident."""

from __future__ import annotations

import typing as t
from types import SimpleNamespace

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import payment_undo

CHARGED = ("c1", "Oak", "p1", "2026-11", 5000, "USD", "sq1")


class Cursor:
    """Gives the answers to one question after the other."""

    def __init__(self, *answers: list[t.Any]) -> None:
        self._answers = list(answers)
        self._rows: list[t.Any] = []

    def __call__(self) -> Cursor:
        return self

    def __enter__(self) -> Cursor:
        return self

    def __exit__(self, *_error: object) -> None:
        return None

    def execute(self, _statement: str, _values: t.Any = None) -> None:
        self._rows = self._answers.pop(0)

    def fetchone(self) -> t.Any:
        return self._rows[0]

    def __iter__(self) -> t.Iterator[t.Any]:
        return iter(self._rows)


def session(*answers: list[t.Any]) -> t.Any:
    return SimpleNamespace(cursor=Cursor(*answers))


def test_each_charge_has_its_proposal() -> None:
    (refund,) = payment_undo.refunds_of(session([(True,)], [CHARGED]), "I")
    assert (refund["company"], refund["amount"], refund["square_payment_id"], refund["approval"]) == ("Oak", "50.00", "sq1", "required")


def test_where_nobody_ever_charged_there_is_none() -> None:
    assert payment_undo.refunds_of(session([(False,)]), "I") == []
    assert payment_undo.is_known(session([(False,)]), "I") is False
    assert payment_undo.is_known(session([(True,)], [(True,)]), "I") is True
