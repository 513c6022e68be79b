# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What changed lately, newest first, within seven days."""

from __future__ import annotations

import typing as t

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.recent import lately, recent_changes

NOW = "2026-11-23T12:00:00.000+00:00"


def observations(**service: t.Any) -> dict[str, t.Any]:
    backend = {
        "present": True,
        "container": "cs-api",
        "created_at": "2026-11-23T11:58:20.000Z",
        "image": {"name": "cs/backend:2", "id": "sha256:1"},
        "image_created_at": "2026-11-20T12:00:00.000Z",
        **service,
    }
    return {
        "stack": {
            "env_file": {"path": "/opt/cs/.env.production", "mtime": "2026-11-23T10:00:00.000Z"},
            "files_changed_at": {"docker-compose.prod.yml": "2026-11-16T11:59:59.000Z"},
            "services": {"backend": backend, "frontend": {"present": False}},
        },
        "postgres": {"migrations": [{"filename": "042_orders.sql", "applied_at": "2026-11-23T11:59:58.123456Z"}]},
    }


def test_every_kind_of_change_is_told_newest_first_and_an_old_one_is_not() -> None:
    assert [change["what"] for change in recent_changes(observations(), NOW)] == [
        "migration 042_orders.sql applied",
        "container cs-api made",
        "env file /opt/cs/.env.production written",
        "image cs/backend:2 of backend built",
    ]


def test_what_is_not_known_is_left_out() -> None:
    seen = observations(image_created_at=None)
    seen["postgres"]["migrations"] = None
    assert [change["what"] for change in recent_changes(seen, NOW)] == ["container cs-api made", "env file /opt/cs/.env.production written"]
    seen["stack"]["services"] = None
    assert [change["what"] for change in recent_changes(seen, NOW)] == ["env file /opt/cs/.env.production written"]


def test_the_account_names_the_newest_with_their_ages() -> None:
    changes = recent_changes(observations(), NOW)
    assert lately(changes, NOW) == (
        "migration 042_orders.sql applied 1 s ago; container cs-api made 1 min ago; env file /opt/cs/.env.production written 2 h ago; "
        "1 more in the report"
    )
    assert lately(changes[3:], NOW) == "image cs/backend:2 of backend built 3 d ago"
    assert lately([], NOW) == ""
