# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A role's password is set only where that helps, and never in clear text."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.password_login import (
    FAILED,
    NOT_ASKED,
    REJECTED,
    Login,
    Server,
)
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.role_password import (
    Role,
    question,
    refuse_hopeless,
    refuse_other_failure,
    role_of,
    statement,
)
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.scram import verifier

SERVER = Server("127.0.0.1", 5432, "sage", "db", 2)
ANSWER = {"can_login": True, "expired": False, "valid_until": None, "stored": None}


def role(**other: Any) -> Role:
    return Role("sage", **{**ANSWER, **other})


def test_the_answer_is_one_line_of_json() -> None:
    assert role_of("sage", json.dumps(ANSWER) + "\n") == role()


def test_a_role_that_is_not_there_is_told() -> None:
    with pytest.raises(IncidentError, match="has no role sage"):
        role_of("sage", "\n")


def test_names_are_quoted_in_both_statements() -> None:
    assert "rolname = E'o''brien';" in question("o'brien")
    assert 'ALTER ROLE "o""brien" PASSWORD E' in statement('o"brien', verifier("s3cret"))


def test_the_statement_holds_no_password_and_keeps_the_end_of_its_life() -> None:
    sql = statement("sage", verifier("s3cret"))
    assert "s3cret" not in sql
    assert "VALID" not in sql
    assert sql.index("log_statement = 'none'") < sql.index("ALTER ROLE")


def test_a_role_that_a_new_password_helps_goes_through() -> None:
    refuse_hopeless(role(), SERVER, "s3cret")
    refuse_hopeless(role(stored=verifier("another"), valid_until="2099-01-01 00:00:00+00"), SERVER, "s3cret")
    refuse_hopeless(role(stored="md5" + "0" * 32), SERVER, "s3cret")


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"expired": True, "valid_until": "2020-01-01 00:00:00+00"}, "sage expired at 2020-01-01 00:00:00.00, so no new one helps"),
        ({"can_login": False}, "NOLOGIN"),
        ({"stored": verifier("s3cret")}, "already has this password .* 127.0.0.1:5432 rejects it"),
    ],
)
def test_a_role_that_a_new_password_does_not_help_is_refused(other: dict[str, Any], words: str) -> None:
    with pytest.raises(IncidentError, match=words):
        refuse_hopeless(role(**other), SERVER, "s3cret")


def test_only_a_rejected_password_is_set_anew() -> None:
    refuse_other_failure(Login(REJECTED, "password authentication failed"), SERVER)
    with pytest.raises(IncidentError, match=r"not for its password .Connection refused.; mend that first"):
        refuse_other_failure(Login(FAILED, "Connection refused"), SERVER)
    with pytest.raises(IncidentError, match=r"`trust` in pg_hba\.conf"):
        refuse_other_failure(Login(NOT_ASKED), SERVER)
