# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What looks like a cause of a security incident and is none, and in which order the remedies of several come."""

from __future__ import annotations

import typing as t

import pytest
from recorded_observations import CAUSES, found, recorded

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import diagnosis


def attack(name: str, **changes: t.Any) -> dict[str, t.Any]:
    """An attack as it was recorded, but for what is changed."""
    (seen,) = recorded(name)["security"]["attacks"]
    return {**seen, **changes}


def bans(name: str, **changes: t.Any) -> dict[str, t.Any]:
    return {**recorded(name)["security"]["bans"], **changes}


NEAR_MISSES = {
    "attackers who are blocked already are none": recorded("scanner", security__attacks=[attack("scanner", waiting=0)]),
    "so are many": recorded("credential_stuffing", security__attacks=[attack("credential_stuffing", waiting=0)]),
    "a rule of a user's own has no cause here": recorded("scanner", security__attacks=[attack("scanner", id="xmlrpc")]),
    "an edge that cannot be looked at tells nothing": recorded("scanner", security__attacks=None, security__bans=None),
    "bans that are in the kernel are not lost": recorded("bans_lost", security__bans=bans("bans_lost", lost=False)),
    "an edge that has no ledger yet has no damaged one": recorded("ban_ledger_unreadable", security__bans=None),
    "a ban that our table holds too is no bypassed one": recorded(
        "ban_bypassed_by_docker", security__bans=bans("ban_bypassed_by_docker", bypassed=[])
    ),
    "who attacks and may be blocked locks nobody out": recorded("self_lockout", security__bans=bans("self_lockout", refused=[])),
    "a rotation that ended is not open": recorded(
        "rotation_interrupted", security__rotation={**recorded("rotation_interrupted")["security"]["rotation"], "open": False}
    ),
    "a journal that cannot be read is no open rotation": recorded("rotation_interrupted", security__rotation=None),
    "credentials that cannot be counted are not mixed": recorded(
        "keys_mixed", security__credentials=None, security__rotation={"open": False}
    ),
    "values under the one key, and some that nobody can read, are not mixed": recorded(
        "keys_mixed",
        security__credentials={"companies": 9, "under_key": 9, "under_other_key": 0, "unreadable": 3, "plaintext": 2},
        security__rotation={"open": False},
    ),
}


@pytest.mark.parametrize("name", NEAR_MISSES)
def test_a_near_miss_is_not_taken_for_the_cause(name: str) -> None:
    assert found(NEAR_MISSES[name]) == [], name


def test_a_rotation_that_was_killed_between_the_credentials_and_the_env_file_is_no_mixture() -> None:
    """All of them are under the new key, as they should be then."""
    counts = {"companies": 9, "under_key": 0, "under_other_key": 9, "unreadable": 0, "plaintext": 0}
    assert found(recorded("keys_mixed", security__credentials=counts)) == ["rotation_interrupted"]
    assert found(recorded("keys_mixed", security__credentials=counts, security__rotation={"open": False})) == ["keys_mixed"]


def planned(observations: dict[str, t.Any], *approve: str) -> list[str]:
    plan = diagnosis.plan(diagnosis.diagnose(observations, CAUSES, "security_incident"), approve=approve)
    return [one["remedy"] for one in diagnosis.in_phases([one for one in plan if one["decision"] == "act"])]


def test_blocked_before_rotated_and_what_is_open_is_ended_first() -> None:
    observations = recorded(
        "scanner",
        security__rotation=recorded("rotation_interrupted")["security"]["rotation"],
        security__leaked=["JWT_SECRET", "POSTGRES_PASSWORD", "ENCRYPTION_KEY"],
    )
    assert planned(observations) == ["block_attackers", "finish_rotation"]
    assert planned(observations, "jwt_secret_leaked", "encryption_key_leaked", "database_password_leaked") == [
        "block_attackers",
        "finish_rotation",
        "rotate_database_password",
        "rotate_session_key",
        "rotate_encryption_key",
    ]


def test_several_attacks_are_one_ban() -> None:
    observations = recorded(
        "scanner", security__attacks=[attack("scanner"), attack("scanner", id="flood"), attack("scanner", id="brute_force")]
    )
    assert found(observations) == ["brute_force", "scanner", "flood"]
    assert planned(observations) == ["block_attackers"]
