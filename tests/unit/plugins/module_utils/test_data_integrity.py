# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is looked for in the data, against a server that is none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from engine_server import EngineServer
from fake_database import FakeServer

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import backup_creation, data_integrity, database_copy
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.modules import integrity_info

KEY = ("fk", "public", "payments", "public", "subscriptions", ["subscription_id"], ["id"])


@pytest.fixture
def server(engine: EngineServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeServer:
    made = FakeServer(engine, tmp_path)
    monkeypatch.setattr(database_copy, "connect", made.connect)
    made.answers = [
        ("to_regclass('public.subscription_payments') IS NULL", [(False,)]),
        ("current_setting('data_checksums')", [("on",)]),
        ("extname = 'amcheck'", [(True,)]),
        ("a.attname = 'created_at'", [("public", "users")]),
        ("count(*) FILTER", [(2, "2026-11-30T01:00:00+00:00")]),
    ]
    return made


def look(server: FakeServer, **given: Any) -> dict[str, Any]:
    return data_integrity.observe(server.options(**given))


def test_a_whole_database(server: FakeServer) -> None:
    backup = backup_creation.create(server.options(), False)["backup"]["id"]
    seen = look(server)
    assert (seen["findings"], seen["not_checked"], seen["compared_with"]) == ([], [], backup)
    assert seen["recent"] == [{"table": "users", "rows": 2, "newest": "2026-11-30T01:00:00+00:00"}]
    assert seen["tables"] == {"public.users": 2}


def test_what_cannot_be_looked_at_is_told(server: FakeServer) -> None:
    server.answers[0:3] = [
        ("to_regclass('public.subscription_payments') IS NULL", [(True,)]),
        ("current_setting('data_checksums')", [("off",)]),
        ("extname = 'amcheck'", [(False,)]),
    ]
    told = " ".join(look(server)["not_checked"])
    assert [word for word in ("checksums are off", "no extension amcheck", "no verified backup") if word not in told] == []


def test_everything_that_is_not_whole(server: FakeServer) -> None:
    backup_creation.create(server.options(), False)
    server.tables["public.users"]["rows"] = 1
    server.says["pg_amcheck"] = 'btree index "a.b": page 1 is wrong\n    detail\n'
    server.status["pg_amcheck"] = 2
    server.answers += [
        ("'objects'", [({"objects": {}, "unvalidated": ["c of t"], "invalid_indexes": ["i"]},)]),
        ("FROM pg_constraint c\nJOIN pg_class f", [KEY]),
        ('SELECT count(*) FROM "public"."payments" f', [(7,)]),
        ("SELECT DISTINCT", [("k1",), ("k2",)]),
        ("c.relkind = 'S'", []),
        ("s.relkind = 'S'", [("public", "n_seq", "public", "n", "id")]),
        ("SELECT last_value", [(3,)]),
        ('SELECT max("id")', [(9,)]),
        ("GROUP BY subscription_id", [("s 2026-11",)]),
        ("GROUP BY square_payment_id", [("p",)]),
        ("checksum_failures > 0", [("sage", 1)]),
    ]
    found = {one["id"]: one["evidence"] for one in look(server)["findings"]}
    assert found["orphans"] == {"count": 7, "some": ["k1", "k2"], "constraint": "fk"}
    assert found["sequences_behind"]["some"] == ["public.n_seq is at 3, and n.id has 9"]
    assert found["rows_missing"]["some"] == ["public.users has 1, and had 2"]
    assert found["damaged_pages"]["some"] == ['btree index "a.b": page 1 is wrong']
    assert set(found) == {
        "constraints_not_validated",
        "invalid_indexes",
        "orphans",
        "duplicate_payments",
        "duplicate_square_payments",
        "sequences_behind",
        "checksum_failures",
        "damaged_pages",
        "rows_missing",
    }


def test_a_table_that_is_gone_and_a_sequence_that_is_ahead(server: FakeServer) -> None:
    backup_creation.create(server.options(), False)
    server.tables.clear()
    server.answers += [
        ("s.relkind = 'S'", [("public", "n_seq", "public", "n", "id")]),
        ("SELECT last_value", [(9,)]),
        ('SELECT max("id")', [(9,)]),
    ]
    (found,) = look(server)["findings"]
    assert found["evidence"]["some"] == ["public.users is gone, and had 2"]


def test_bad_input_and_a_program_that_cannot_be_run(server: FakeServer) -> None:
    with pytest.raises(IncidentError, match="integrity_recent_hours is 0"):
        look(server, recent_hours=0)
    server.status["pg_amcheck"] = 127
    with pytest.raises(IncidentError, match="pg_amcheck cannot be run"):
        look(server)
    assert callable(integrity_info.main)
