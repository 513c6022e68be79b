# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups and restores against a server that is none: what is kept, refused, cleaned up and renamed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from engine_server import EngineServer
from fake_database import DUMP, FakeServer, digest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import backup_creation, backup_restoration, database_copy
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.backup_store import Store
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.modules import backup_create, backup_info, backup_restore


@pytest.fixture
def server(engine: EngineServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeServer:
    made = FakeServer(engine, tmp_path)
    monkeypatch.setattr(database_copy, "connect", made.connect)
    return made


def create(server: FakeServer, **given: Any) -> dict[str, Any]:
    return backup_creation.create(server.options(**given), False)


def restore(server: FakeServer, state: str, check_mode: bool = False, **given: Any) -> dict[str, Any]:
    return backup_restoration.restore(server.options(state=state, **given), check_mode)


def test_a_backup_is_written_proven_and_named_at_the_end(server: FakeServer) -> None:
    made = create(server)["backup"]
    assert Path(made["path"]).read_bytes() == DUMP
    assert (made["bytes"], made["sha256"], made["rows"], made["last_migration"]) == (len(DUMP), digest(DUMP), 2, "003.sql")
    assert made["verified_at"]
    assert [path.name for path in Path(server.options()["folder"]).iterdir()] == [made["id"]]
    assert server.databases == {"postgres": "", "sage": ""}
    assert Path(made["path"]).stat().st_mode & 0o777 == 0o600


def test_the_dump_has_the_snapshot_whose_rows_are_counted_and_no_password(server: FakeServer, engine: EngineServer) -> None:
    create(server)
    (dumped,) = [ran for ran in engine.ran if "pg_dump" in ran.wanted["Cmd"]]
    assert "--snapshot=00000003-1" in dumped.wanted["Cmd"]
    assert "secret" not in json.dumps([ran.wanted for ran in engine.ran])


def test_a_backup_that_is_not_what_the_database_was_is_thrown_away(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    found = {
        "objects": {"tables": 1, "indexes": 0},
        "unvalidated": [],
        "invalid_indexes": [],
        "tables": {"public.users": {"rows": 1, "digest": "1"}},
    }
    monkeypatch.setattr(database_copy.DatabaseServer, "load", lambda *_given, **_how: found)
    with pytest.raises(IncidentError, match=r"public\.users has 1 rows, not 2; there are 0 indexes, not 1; it was thrown away"):
        create(server)
    assert list(Path(server.options()["folder"]).iterdir()) == []


@pytest.mark.parametrize(
    ("program", "words"), [("pg_dump", r"pg_dump failed \(pg_dump: error: no\)"), ("pg_restore", r"pg_restore failed \(out of room\)")]
)
def test_a_program_that_fails_is_told_and_leaves_nothing(server: FakeServer, program: str, words: str) -> None:
    server.status[program] = 1
    with pytest.raises(IncidentError, match=words):
        create(server)
    assert list(Path(server.options()["folder"]).iterdir()) == []
    assert server.databases == {"postgres": "", "sage": ""}


def test_check_mode_makes_nothing(server: FakeServer) -> None:
    planned = backup_creation.create(server.options(), True)
    assert (planned["backup"], planned["expected_bytes"], planned["changed"]) == (None, 8_000_000, True)
    assert not Path(server.options()["folder"]).exists()


def test_old_ones_are_removed(server: FakeServer) -> None:
    first = create(server)["backup"]["id"]
    assert create(server, keep=1, keep_days=36_500)["removed"] == [first]
    assert len(Store(server.options()["folder"]).backups()) == 1


def test_what_a_killed_run_left_is_removed(server: FakeServer) -> None:
    folder = Path(server.options()["folder"])
    (folder / ".passing-1").mkdir(parents=True)
    (folder / ".passing-1" / "database.dump").write_bytes(b"half")
    server.databases |= dict.fromkeys(("sage_backup_check", "sage_restore"), database_copy.COMMENT)
    server.databases["sage_circuit_sage_unfinished"] = ""
    made = create(server)["backup"]["id"]
    assert [path.name for path in folder.iterdir()] == [made]
    assert set(server.databases) == {"postgres", "sage"}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"folder": "backups"}, "set circuit_sage_backup_dir to an absolute path"),
        ({"keep": 0}, "backup_keep is 0; write 1 or a number above it"),
        ({"keep_free_mb": 10**9}, "the disk of .*backups has"),
        ({"database": "other"}, "the server has no database other; it has postgres, sage"),
        ({"database": "sage", "recipient": "nobody"}, "correct circuit_sage_backup_recipient"),
    ],
)
def test_bad_input_of_a_backup_is_refused(server: FakeServer, given: dict[str, Any], words: str) -> None:
    with pytest.raises(IncidentError, match=words):
        create(server, **given)


def test_a_full_disk_of_the_database_is_told(server: FakeServer) -> None:
    server.says["df"] = "Filesystem\n/dev/a 1 1 100 1% /\n"
    with pytest.raises(IncidentError, match="the disk of the database has 0 MiB free"):
        create(server)
    server.says["df"] = "df: no"
    with pytest.raises(IncidentError, match="does not tell how much room"):
        create(server)


def test_two_at_once_are_kept_apart(server: FakeServer) -> None:
    server.locked = True
    with pytest.raises(IncidentError, match="another backup or restore is at work"):
        create(server)


def test_a_name_that_is_too_long_is_refused() -> None:
    with pytest.raises(IncidentError, match="longer than PostgreSQL lets a name be"):
        database_copy.copy_name("x" * 60, "restore")


def test_restored_exchanged_and_taken_back(server: FakeServer) -> None:
    made = create(server)["backup"]
    loaded = restore(server, "loaded")
    assert (loaded["beside"], loaded["rows"], loaded["roles_made"]) == ("sage_restore", 2, ["report"])
    done = "\n".join(server.asked)
    for statement in (
        'CREATE ROLE "report" NOLOGIN',
        'GRANT CONNECT ON DATABASE "sage_restore" TO PUBLIC',
        'ALTER DATABASE "sage_restore" SET "search_path" = a, b',
        'ALTER ROLE "report" IN DATABASE "sage_restore" SET "work_mem" = E\'8MB\'',
        "ANALYZE",
    ):
        assert statement in done
    assert restore(server, "swapped", check_mode=True)["changed"]
    swapped = restore(server, "swapped")
    assert swapped["before"] == "sage_before_20261130_020000_ab12"
    assert set(server.databases) == {"postgres", "sage", swapped["before"]}
    assert server.committed == 1
    assert restore(server, "swapped")["changed"] is False
    assert restore(server, "swapped_back", check_mode=True)["changed"]
    assert restore(server, "swapped_back")["changed"]
    assert set(server.databases) == {"postgres", "sage", swapped["undone"]}
    assert restore(server, "swapped_back")["changed"] is False
    assert restore(server, "loaded", check_mode=True)["backup"]["id"] == made["id"]


def test_what_is_being_done_may_end_before_its_sessions_are_ended(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    create(server)
    restore(server, "loaded")
    server.at_work = [2, 1]
    assert restore(server, "swapped")["due"]
    looks = [number for number, statement in enumerate(server.asked) if "backend_type" in statement]
    assert len(looks) == 3
    assert max(looks) < min(number for number, statement in enumerate(server.asked) if 'RENAME TO "sage"' in statement)
    # Somebody who never ends is not waited for.
    monkeypatch.setattr(backup_restoration, "FINISH_SECONDS", 0.1)
    server.at_work = [1] * 1000
    assert restore(server, "swapped_back")["due"]


def test_a_mode_that_cannot_be_read_stops_no_exchange(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is unreadable may be why it is restored; to the application it says that it is open."""
    create(server)
    restore(server, "loaded")
    kept: list[Any] = []

    def standing(_connection: Any) -> None:
        raise IncidentError("the server refused it")

    monkeypatch.setattr(backup_restoration.maintenance_row, "standing", standing)
    monkeypatch.setattr(backup_restoration.maintenance_row, "carry_over", lambda row, _connection: kept.append(row))
    assert restore(server, "swapped")["due"]
    assert kept == [None]


def test_nothing_to_exchange_or_to_take_back(server: FakeServer) -> None:
    with pytest.raises(IncidentError, match="the server has no database sage_restore; restore the backup into it first"):
        restore(server, "swapped")
    with pytest.raises(IncidentError, match="has restored nothing here"):
        restore(server, "swapped_back")


def test_a_database_that_somebody_else_made_is_left_alone(server: FakeServer) -> None:
    create(server)
    server.databases["sage_restore"] = "mine"
    with pytest.raises(IncidentError, match="the server has a database sage_restore that was not made here"):
        restore(server, "loaded")
    # A backup does not need the name.
    create(server)
    assert server.databases["sage_restore"] == "mine"


def test_rows_that_are_missing_are_told_and_the_copy_is_dropped(server: FakeServer) -> None:
    create(server)
    server.tables["public.users"]["rows"] = 1
    with pytest.raises(IncidentError, match=r"not what the backup says: public\.users has 1 rows, not 2; name another backup"):
        restore(server, "loaded")
    assert set(server.databases) == {"postgres", "sage"}


def altered(folder: Path, **values: Any) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **values}), encoding="utf-8")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"bytes": 10**6}, "is truncated"),
        ({"bytes": 1}, "is longer than it was"),
        ({"sha256": ""}, "has another checksum"),
        ({"file": "none"}, "cannot be read"),
        ({"system_identifier": "1"}, "is of another cluster"),
        ({"server_version_num": 160000, "server_version": "16.1"}, "is of PostgreSQL 16.1, which this server, 15.18, cannot read"),
        ({"database": "other"}, "is of the database other"),
        ({"format": 2}, "is of a later release"),
        ({"kind": "else"}, "is no manifest of a backup"),
        ({"encrypted": True}, "is encrypted; set restore_key_file"),
    ],
)
def test_what_is_not_to_be_restored(server: FakeServer, values: dict[str, Any], words: str) -> None:
    folder = Path(create(server)["backup"]["path"]).parent
    altered(folder, **values)
    with pytest.raises(IncidentError, match=words):
        backup_restoration.Restoration(server.options(backup=str(folder))).look()
    if values.get("system_identifier"):
        assert backup_restoration.Restoration(server.options(backup=str(folder), system_identifier="1")).look()["age_seconds"] > 0


def test_a_backup_that_is_not_there(server: FakeServer, tmp_path: Path) -> None:
    look = backup_restoration.Restoration(server.options(backup="20200101")).look
    with pytest.raises(IncidentError, match=r"there is no backup .*20200101; the newest ones in .* are: none"):
        look()
    with pytest.raises(IncidentError, match="has no verified backup of sage"):
        backup_restoration.Restoration(server.options()).look()
    (tmp_path / "other").mkdir()
    with pytest.raises(IncidentError, match=r"has no manifest\.json beside it"):
        backup_restoration.Restoration(server.options(backup=str(tmp_path / "other"))).look()


def test_text_that_is_no_dump(server: FakeServer) -> None:
    folder = Path(create(server)["backup"]["path"]).parent
    (folder / "database.dump").write_bytes(b"-- plain")
    altered(folder, bytes=8, sha256=digest(b"-- plain"))
    with pytest.raises(IncidentError, match="is no dump in PostgreSQL's custom format"):
        restore(server, "loaded")


def test_a_folder_that_cannot_be_made(server: FakeServer, tmp_path: Path) -> None:
    (tmp_path / "backups").write_text("a file", encoding="utf-8")
    with pytest.raises(IncidentError, match=r"cannot be written .*; set circuit_sage_backup_dir"):
        create(server)


def test_modules_have_their_main() -> None:
    assert all(callable(module.main) for module in (backup_create, backup_info, backup_restore))
