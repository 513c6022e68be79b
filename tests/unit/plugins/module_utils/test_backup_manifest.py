# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What follows from what backups say of themselves: the latest, those that are kept, the room that the next one needs, what differs."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import backup_manifest, database_facts
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError

NOW = datetime(2026, 11, 30, tzinfo=timezone.utc)


def backup(days: float, good: bool = True, purpose: str = "routine", database: str = "sage", **more: Any) -> dict[str, Any]:
    at = (NOW - timedelta(days=days)).isoformat()
    return {"id": f"{days:g}", "database": database, "snapshot_at": at, "verified_at": at if good else None, "purpose": purpose, **more}


def test_the_latest_is_the_newest_good_one() -> None:
    known = [backup(3), backup(1, good=False), backup(2), backup(0, purpose="safety"), backup(0.5, database="other")]
    assert backup_manifest.latest(known, "sage") == known[2]
    assert backup_manifest.latest([known[1]], "sage") is None


@pytest.mark.parametrize(
    ("known", "keep", "days", "gone"),
    [
        ([backup(1), backup(2), backup(3)], 2, 30, ["3"]),
        ([backup(1), backup(2), backup(40)], 9, 30, ["40"]),
        # The newest good one stays, however old, and whatever newer ones are not good.
        ([backup(40), backup(50), backup(1, good=False)], 1, 30, ["50"]),
        ([backup(40, good=False), backup(1)], 9, 30, ["40"]),
        ([backup(40, purpose="safety"), backup(1, purpose="safety"), backup(2)], 1, 30, ["40"]),
        ([backup(40, database="other"), backup(1)], 1, 30, []),
        ([], 1, 30, []),
    ],
)
def test_what_is_not_kept(known: list[dict[str, Any]], keep: int, days: int, gone: list[str]) -> None:
    assert [one["id"] for one in backup_manifest.expired(known, "sage", NOW, keep, days)] == gone


def test_how_much_a_dump_may_have() -> None:
    last = backup(1, dump_bytes=100, database_bytes=1000)
    assert backup_manifest.expected_bytes([], "sage", 5000) == 5000
    assert backup_manifest.expected_bytes([last], "sage", 2000) == 240
    assert backup_manifest.expected_bytes([last], "sage", 500) == 120
    assert backup_manifest.expected_bytes([last], "sage", 50) == 50


def test_names_come_in_the_order_of_time() -> None:
    assert backup_manifest.identity("a/b c", NOW) == "20261130T000000000Z-a_b_c"


def test_what_is_no_manifest() -> None:
    for text in ("", "[]", "{}", '{"kind": "else"}'):
        with pytest.raises(IncidentError, match="is no manifest"):
            backup_manifest.parse(text, "a")


def test_differences() -> None:
    content = {"objects": {"tables": 2}, "unvalidated": ["known of a"], "invalid_indexes": []}
    said = {**content, "tables": {"a": {"rows": 1, "digest": "1"}, "b": {"rows": 2, "digest": "2"}}}
    assert backup_manifest.differences(said, said) == []
    counted = {**content, "tables": {"a": {"rows": 1, "digest": None}, "b": {"rows": 2, "digest": None}}}
    assert backup_manifest.differences(said, counted) == []
    found = {
        "objects": {"tables": 3},
        "unvalidated": ["known of a", "new of b"],
        "invalid_indexes": ["i"],
        "tables": {"a": {"rows": 1, "digest": "9"}, "c": {"rows": 0, "digest": "0"}},
    }
    assert backup_manifest.differences(said, found) == [
        "rows of a have another content",
        "the table b is missing",
        "the table c is not in the backup",
        "there are 3 tables, not 2",
        "the constraint new of b is not validated",
        "the index i is invalid",
    ]


def test_a_database_without_grants_of_its_own_keeps_those_that_it_has_by_nature() -> None:
    assert database_facts.properties_sql({"grants": None, "settings": []}, "d") == []
