# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of an incident: private, written at once, never overwritten, without secrets."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from pathlib import Path

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import record as module
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.record import Record, write_private


@pytest.fixture
def record(tmp_path: Path) -> Record:
    return Record.create(str(tmp_path / "incidents"), "db_failure", "Database connection failure", "sandbox", "P1")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_where_the_records_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "checkout" / "playbooks").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    playbooks = str(tmp_path / "checkout" / "playbooks")
    assert module.record_base("", playbooks) == str(tmp_path / "incidents")
    (tmp_path / "checkout" / "galaxy.yml").touch()
    assert module.record_base("", playbooks) == str(tmp_path / "checkout" / "incidents")
    assert module.record_base("/somewhere", playbooks) == "/somewhere"


def test_folders_and_files_are_private(record: Record) -> None:
    record.keep_evidence({"postgres.log": "text"})
    assert [mode(folder) for folder in (record.folder.parent, record.folder, record.folder / "evidence")] == [0o700] * 3
    assert {mode(file) for file in record.folder.rglob("*") if file.is_file()} == {0o600}


def test_latest_names_the_newest_incident(record: Record) -> None:
    base = record.folder.parent
    assert (base / "latest").resolve() == record.folder
    newer = Record.create(str(base), "db_failure", "again", "sandbox", "P1")
    assert (base / "latest").resolve() == newer.folder


def test_incidents_of_one_second_never_share_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "utc_now", lambda: "2026-11-23T07:56:07.000+00:00")
    ends = iter(["aaaa", "aaaa", "aaaa", "bbbb"])
    monkeypatch.setattr(module.secrets, "token_hex", lambda _bytes: next(ends))
    made = [Record.create(str(tmp_path), "db_failure", "again", host, "P1") for host in ("one", "two")]
    assert [record.folder.name[-4:] for record in made] == ["aaaa", "bbbb"]
    assert [Record.load(str(record.folder)).content["host"] for record in made] == ["one", "two"]


def test_every_event_is_on_the_disk_at_once(record: Record) -> None:
    record.event("seen", "postgres exited")
    again = Record.load(str(record.folder))
    assert [entry["event"] for entry in again.content["timeline"]] == ["seen"]
    assert again.content["timeline"][0]["at"].endswith("+00:00")
    assert again.content["outcome"] is None


def test_a_folder_without_room_is_told(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = (record.folder / "incident.json").read_text(encoding="utf-8")
    temporary: list[str] = []

    def on_a_full_device(**given: str) -> tuple[int, str]:
        name = str(Path(given["dir"]) / "temporary")
        temporary.append(name)
        Path(name).touch()
        return os.open("/dev/full", os.O_WRONLY), name

    monkeypatch.setattr(module.tempfile, "mkstemp", lambda dir, prefix: on_a_full_device(dir=str(dir)))
    with pytest.raises(IncidentError, match=r"incident\.json cannot be written \(No space left on device\); make room there, or set"):
        record.event("act", "start it")
    assert (record.folder / "incident.json").read_text(encoding="utf-8") == kept
    assert not Path(temporary[0]).exists()


def test_texts_are_redacted(record: Record) -> None:
    record.event("seen", "postgresql://app:hunter2hunter2@db/x")
    record.merge_findings([{"id": "a", "evidence": {"query": ["ALTER ROLE a PASSWORD 'hunter2hunter2'"]}, "count": 3}])
    record.save()
    record.keep_evidence({"a.log": "POSTGRES_PASSWORD=hunter2hunter2"})
    assert not [file for file in record.folder.rglob("*") if file.is_file() and "hunter2" in file.read_text()]


def test_data_stays_json_when_it_is_redacted(record: Record) -> None:
    data = {"password_rejected": {"count": 1}, "password": "hunter2hunter2", "argv": ["--password=hunter2hunter2"]}
    [name] = record.keep_evidence({"observations.json": data})
    kept = json.loads((record.folder / "evidence" / name).read_text())
    assert kept == {"password_rejected": {"count": 1}, "password": "********", "argv": ["--password=********"]}


def test_findings_are_brought_up_to_date_by_id(record: Record) -> None:
    record.merge_findings([{"id": "a", "status": "found"}, {"id": "b", "status": "found"}])
    record.merge_findings([{"id": "a", "status": "mended"}])
    assert [(finding["id"], finding["status"]) for finding in record.content["findings"]] == [("a", "mended"), ("b", "found")]


def test_evidence_is_never_overwritten_and_has_checksums(record: Record) -> None:
    names = record.keep_evidence({"a.log": "1", "plain": "3"}) + record.keep_evidence({"a.log": "2", "plain": "4"})
    assert names == ["a.log", "plain", "a-2.log", "plain-2"]
    sums = (record.folder / "evidence" / "SHA256SUMS").read_text().splitlines()
    assert sums == [f"{hashlib.sha256(text.encode()).hexdigest()}  {name}" for name, text in sorted(zip(names, "1324", strict=True))]


def test_a_folder_that_cannot_be_written_is_said_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(IncidentError, match="set incident_record_dir"):
        Record.create(str(tmp_path / "file" / "incidents"), "db_failure", "t", "h", "P1")


def test_a_record_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(IncidentError, match="cannot be read"):
        Record.load(str(tmp_path))
    (tmp_path / "incident.json").write_text("{")
    with pytest.raises(IncidentError, match="cannot be read"):
        Record.load(str(tmp_path))


def test_a_failed_write_leaves_the_old_text_and_no_scraps(tmp_path: Path) -> None:
    path = tmp_path / "incident.json"
    write_private(path, json.dumps({}))
    with pytest.raises(UnicodeEncodeError):
        write_private(path, "\ud800")
    assert path.read_text() == "{}"
    assert list(tmp_path.iterdir()) == [path]


def test_without_an_open_incident_there_is_no_current_record(record: Record) -> None:
    assert Record.current({"circuit_sage_incident": {"folder": str(record.folder)}}).content == record.content
    with pytest.raises(IncidentError, match="no incident is open"):
        Record.current({})
    with pytest.raises(IncidentError, match="no incident is open"):
        Record.current(None)


def test_how_often_a_remedy_was_carried_out_on_this_host_lately(record: Record) -> None:
    base = str(record.folder.parent)
    record.remember_planned([{"decision": "act", "once": "restart"}, {"decision": "leave", "once": "other"}])
    record.save()
    other = Record.create(base, "db_failure", "t", "another", "P1")
    other.remember_planned([{"decision": "act", "once": "restart"}])
    other.save()
    again = Record.create(base, "high_memory", "t", "sandbox", "P1")
    again.remember_planned([{"decision": "act", "once": "restart"}])
    again.content["remedies"].append({"at": "2020-01-01T00:00:00.000+00:00", "remedy": "restart"})
    again.save()
    (record.folder.parent / f"{again.folder.name}x").mkdir()
    assert Record.done_lately(base, "sandbox") == {"restart": 2}
    assert Record.done_lately(base, "nowhere") == {}


CHANGE = {"component": "postgres", "action": "started it", "undo": "docker stop it"}


def done(record: Record) -> list[bool | None]:
    return [change["done"] for change in record.content["changes"]]


def test_a_change_is_known_to_be_done_when_the_incident_is_closed(record: Record) -> None:
    record.remember_planned([{"decision": "act", "once": "start"}])
    record.begin_change(CHANGE)
    record.begin_change(CHANGE)
    assert done(record) == [None, None]
    record.settle_changes(broke_off=False)
    assert done(record) == [True, True]


def test_of_a_run_that_broke_off_the_last_change_is_doubtful(record: Record) -> None:
    record.remember_planned([{"decision": "act", "once": "start"}])
    record.begin_change(CHANGE)
    record.begin_change(CHANGE)
    record.settle_changes(broke_off=True)
    assert done(record) == [True, None]


def test_a_run_that_broke_off_before_its_next_change_doubts_none_of_the_earlier_ones(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    record.remember_planned([{"decision": "act", "once": "start"}])
    record.begin_change(CHANGE)
    monkeypatch.setattr("ansible_collections.circuit_sage.incident_response.plugins.module_utils.record.utc_now", lambda: "9999")
    record.remember_planned([{"decision": "act", "once": "restart"}])
    record.settle_changes(broke_off=True)
    assert done(record) == [True]


def test_a_record_of_long_ago_is_not_even_opened(record: Record) -> None:
    record.remember_planned([{"decision": "act", "once": "restart"}])
    record.save()
    os.utime(record.folder / "incident.json", (0, 0))
    assert Record.done_lately(str(record.folder.parent), "sandbox") == {}


def test_without_a_folder_nothing_was_done(tmp_path: Path) -> None:
    assert Record.done_lately(str(tmp_path / "none"), "sandbox") == {}
