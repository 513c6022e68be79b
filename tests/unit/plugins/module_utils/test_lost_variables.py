# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a lost value can still be found, and what must not be taken for it: an example, another system's file, an empty value."""

from __future__ import annotations

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import lost_variables

OWN = {"POSTGRES_PASSWORD": "right", "ENCRYPTION_KEY": "key", "DOMAIN_NAME": "shop.example"}
GOOD = {**OWN, "JWT_SECRET": "secret", "DOMAIN_NAME": "old.example"}
LOST = ["JWT_SECRET"]


def test_a_container_that_was_made_with_it_goes_before_a_copy() -> None:
    found = lost_variables.sources(LOST, OWN, {"frontend": {}, "backend": {"JWT_SECRET": "secret"}}, {".env.production.bak": GOOD})
    assert found == [{"variable": "JWT_SECRET", "source": "container:backend"}]


def test_the_backend_has_some_under_another_name() -> None:
    found = lost_variables.sources(["POSTGRES_PASSWORD"], {}, {"backend": {"DB_PASSWORD": "right"}}, {})
    assert found == [{"variable": "POSTGRES_PASSWORD", "source": "container:backend"}]


def test_the_newest_copy_of_this_system_is_taken() -> None:
    copies = {
        ".env.production.example": {"JWT_SECRET": "change-me", "POSTGRES_PASSWORD": "change-me"},
        ".env.production.other": {**GOOD, "ENCRYPTION_KEY": "of another system"},
        ".env.production.short": {"JWT_SECRET": "nothing in common"},
        ".env.production.blank": {**GOOD, "JWT_SECRET": ""},
        ".env.production.new": GOOD,
        ".env.production.old": {**GOOD, "JWT_SECRET": "before the rotation"},
    }
    found = lost_variables.sources(LOST, OWN, {"backend": {"JWT_SECRET": ""}}, copies)
    assert found == [{"variable": "JWT_SECRET", "source": "copy:.env.production.new"}]


def test_what_nobody_has_is_left_out() -> None:
    assert lost_variables.sources(LOST, OWN, {"backend": {}}, {"copy": OWN}) == []
