# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The investigation's tables: what was looked at, what of it is wrong, and why something is not known."""

from __future__ import annotations

from typing import Any

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import security_tables

ROLE = {"name": "x", "superuser": True, "can_login": True, "sessions": 2}
SECURITY: dict[str, Any] = {
    "exposed_ports": [{"service": "postgres", "host_address": "", "host_port": 5432, "container_port": "5432/tcp"}],
    "rogue_administrators": [{"id": "1", "reason": "nobody knows it"}],
    "rogue_roles": [{"name": "x", "reason": "nobody knows it"}],
    "unknown": {"updates": "this host has no apt"},
    "facts": {
        "listeners": [{"address": "0.0.0.0", "port": 5432}, {"address": "0.0.0.0", "port": 22}],
        "secret_files": [{"path": "/opt/.env", "mode": "0644", "owner": "root", "since": "2026-11-29", "secrets": ["JWT_SECRET"]}],
        "accounts": [{"id": "1", "email": "x@example.com", "role": "superuser", "created_at": "a", "updated_at": "b"}],
        "roles": [ROLE, {**ROLE, "name": "y"}],
        "reach": [{"role": "x", "tables": ["companies", "users"], "companies": 40, "with_payment_credentials": 29}],
        "updates": None,
    },
}


def tables(**more: Any) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in security_tables.observed({"security": SECURITY, **more})}


def test_nothing_where_nothing_was_looked_at() -> None:
    assert security_tables.observed({}) == []


def test_what_docker_publishes_stands_once() -> None:
    assert tables()["exposure"]["rows"] == [["postgres", "all", "5432", "5432/tcp"], ["host", "0.0.0.0", "22", ""]]


def test_a_role_with_what_it_could_read() -> None:
    rows = tables()["database_roles"]["rows"]
    assert rows[0] == ["x", "yes", "yes", "2", "companies, users", "40", "29", "nobody knows it"]
    assert rows[1] == ["y", "yes", "yes", "2", "", "", "", ""]


def test_files_and_accounts() -> None:
    assert tables()["secret_files"]["rows"] == [["/opt/.env", "0644", "root", "2026-11-29", "JWT_SECRET"]]
    assert tables()["administrators"]["summary"] == "1 superusers of the application, 1 of them should not be there"


def test_what_is_not_known_says_why() -> None:
    found = tables(unknown={"drift": "there is no baseline"})
    assert found["security_updates"]["summary"] == "not known: this host has no apt"
    assert found["drift"]["summary"] == "not known: there is no baseline"


def test_updates_and_drift() -> None:
    facts = {**SECURITY["facts"], "updates": [{"package": "openssl", "installed": "1", "update": "2"}]}
    items = [{"component": "postgres", "text": "server: superusers app → app, x"}]
    found = {one["name"]: one for one in security_tables.observed({"security": {**SECURITY, "facts": facts}, "drift": items})}
    assert found["security_updates"]["rows"] == [["openssl", "1", "2"]]
    assert found["drift"]["summary"] == "1 differences"
