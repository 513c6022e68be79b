# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mistyped settings of the roles."""

from __future__ import annotations

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.cause_catalog import ROLES
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.role_settings import refuse_mistyped, settings_of


def test_settings_are_those_of_the_argument_specification() -> None:
    assert "rotation_emergency" in settings_of("secret_rotation")
    assert settings_of("a_role_of_another_collection") == []


@pytest.mark.parametrize(
    ("role", "mistyped", "meant"),
    [
        ("secret_rotation", "rotation_emergancy", "rotation_emergency"),
        ("ip_block", "ip_block_addreses", "ip_block_addresses"),
        ("security_incident", "security_incident_leeked", "security_incident_leaked"),
        ("payment_failure", "company_ids", "company_id"),
        ("billing_errors", "companyid", "company_id"),
    ],
)
def test_a_mistyped_setting_is_refused(role: str, mistyped: str, meant: str) -> None:
    with pytest.raises(IncidentError, match=f"{mistyped} is not a setting of the role {role}; did you mean {meant}\\?"):
        refuse_mistyped([mistyped, meant], role, settings_of(role))


def test_a_variable_of_a_users_task_file_is_none_of_ours() -> None:
    refuse_mistyped(["rotation_vault_mount", "inventory_hostname", "emergency"], "secret_rotation", settings_of("secret_rotation"))
    refuse_mistyped(["company", "company_name", "company_url"], "payment_failure", settings_of("payment_failure"))
    refuse_mistyped(["company_ids"], "db_failure", settings_of("db_failure"))


@pytest.mark.parametrize("role", sorted(path.name for path in ROLES.iterdir() if path.is_dir()))
def test_no_role_refuses_the_settings_of_any(role: str) -> None:
    every = [name for path in ROLES.iterdir() for name in settings_of(path.name)]
    refuse_mistyped(every, role, settings_of(role))
