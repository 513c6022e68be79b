# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose turn it is, and the SQL of a turn. That the SQL does what it says is proven on the stack's server."""

from __future__ import annotations

import json

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import rotation_role
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.rotation_journal import Role


@pytest.mark.parametrize(
    ("user", "roles", "turn"),
    [
        ("app", {"app": []}, Role("app", "app_a", "app")),
        ("app", {"app": [], "app_a": ["app"]}, Role("app", "app_a", "app")),
        ("app_a", {"app": [], "app_a": ["app"]}, Role("app_a", "app_b", "app")),
        ("app_b", {"app": [], "app_b": ["app"], "app_a": ["app"]}, Role("app_b", "app_a", "app")),
        # The name alone makes no turn: this role owns the tables.
        ("app_a", {"app_a": []}, Role("app_a", "app_a_a", "app_a")),
        ("app_a", {"app": [], "app_a": []}, Role("app_a", "app_a_a", "app_a")),
    ],
)
def test_the_other_one_is_next(user: str, roles: dict[str, list[str]], turn: Role) -> None:
    assert set(roles) <= set(rotation_role.names(user))
    assert rotation_role.next_role(user, json.dumps(roles)) == turn


@pytest.mark.parametrize(
    ("user", "roles", "words"),
    [
        ("app", {}, "no role app"),
        ("app", {"app": [], "app_a": []}, "somebody else's"),
        ("x" * 62, {"x" * 62: []}, "too long a name"),
    ],
)
def test_what_cannot_be_is_refused(user: str, roles: dict[str, list[str]], words: str) -> None:
    with pytest.raises(IncidentError, match=words):
        rotation_role.next_role(user, json.dumps(roles))


def test_names_are_quoted_whatever_is_in_them() -> None:
    role = Role('o"ne', "t'wo", "th\\ree")
    statement = rotation_role.set_statement(role, "SCRAM-SHA-256$x")
    assert "E't\\'\\'wo'" in statement or "E't''wo'" in statement
    assert 'ALTER ROLE "t\'wo" LOGIN PASSWORD' in statement
    assert '"o""ne"' in rotation_role.password_statement('o"ne', "x")
    assert '"o""ne" NOLOGIN PASSWORD NULL' in rotation_role.retire_statement('o"ne')
    assert "backend_start < E'2026-11-29'" in rotation_role.end_statement("one", "2026-11-29")
    assert "app_a" in rotation_role.question("app")


def test_sessions_that_stay_are_told() -> None:
    assert rotation_role.ended('{"ended": 2, "left": 0, "clients": ["172.18.0.1"]}', "app")["ended"] == 2
    with pytest.raises(IncidentError, match="1 sessions of the role app did not end"):
        rotation_role.ended('{"ended": 0, "left": 1, "clients": []}', "app")
