# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules as Ansible runs them: bad input is refused in one sentence before any call, and no token is to be seen."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from books import Books, module
from charges import INCIDENT, fill, retry
from square_control import SquareControl

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError

NOBODY = "579c5d00-a784-57f9-b262-b2b0f1cec847"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"company_ids": [NOBODY]}, f"there is no company {NOBODY}"),
        ({"square_base_url": "http://square.example.com"}, "without TLS"),
        ({"square_base_url": "https://connect.squareupsandbox.com", "square_environment": "production"}, "where no money moves"),
        ({"square_base_url": "https://connect.squareup.com"}, "Square's production, where real cards are charged"),
        ({"square_environment": "production"}, "this host itself, where no money moves"),
        ({"schedule_days": [7, 3]}, "goes backwards"),
        ({"max_in_flight": 0}, "max_in_flight is 0"),
        ({"currency": "EUR"}, "takes USD, and currency is EUR; correct currency"),
        ({"max_total": "10.00"}, "the guard max_total (10.00) stopped the run"),
    ],
)
def test_bad_input_is_refused_before_any_charge(books: Books, square: SquareControl, given: dict[str, Any], words: str) -> None:
    fill(books, square, 1)
    before = books.digest()
    with pytest.raises(IncidentError, match=re.escape(words)) as refused:
        retry(books, square, **given)
    assert "\n" not in str(refused.value)
    assert [call for call in square.calls() if call.startswith("POST")] == []
    assert books.digest() == before


def test_the_module_refuses_in_one_sentence(books: Books, square: SquareControl) -> None:
    """Also where nothing is due."""
    told = module(books, "payment_retry", incident=INCIDENT, square_base_url=square.base_url, square_environment="sandbox", max_in_flight=0)
    assert told["msg"] == "max_in_flight is 0; write 1 or a number above it"
    assert square.calls() == []


def test_a_wrong_encryption_key_is_called_that(books: Books, square: SquareControl) -> None:
    fill(books, square, 1)
    # Encrypted, but not under the key of the env file.
    path = "{integrations,payment,credentials,accessToken}"
    books.ask(f"UPDATE companies SET settings = jsonb_set(settings, '{path}', to_jsonb(%s::text))", ":".join(["00" * 16] * 3))
    with pytest.raises(IncidentError, match="does not decrypt with ENCRYPTION_KEY of the env file"):
        retry(books, square)
    assert square.calls() == []


def test_the_modules_at_work_show_no_token(books: Books, square: SquareControl) -> None:
    fill(books, square, 2)
    sandbox = {"square_base_url": square.base_url, "square_environment": "sandbox"}
    told = [
        module(books, "payment_audit_info", "-vvv", **sandbox),
        module(books, "payment_retry", "-vvv", "--check", incident=INCIDENT, **sandbox),
        module(books, "payment_retry", "-vvv", incident=INCIDENT, **sandbox),
        module(books, "payment_reconcile", "-vvv", "--diff", incident=INCIDENT, **sandbox),
    ]
    assert "EAAA" not in json.dumps(told)
    audit, planned, done, reconciled = told
    assert audit["verdicts"] == {"due": 2}
    assert (planned["counts"]["would_charge"], done["counts"]["charged"], reconciled["changed"]) == (2, 2, False)
