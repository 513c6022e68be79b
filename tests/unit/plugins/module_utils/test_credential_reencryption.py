# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Re-encryption page by page over a table in memory: what is written, what is refused, which keys a run takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import credential_change, credential_reencryption
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.credential_change import change
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.credential_reencryption import reencrypt
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.credential_walk import ENCRYPT, Keys, credentials
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.rotation_journal import Journal, JournalFile
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.square_credentials import CredentialKey

OLD, NEW, OTHER = (CredentialKey(name) for name in ("old", "new", "other"))


class Table:
    """The companies' settings, and a connection to them that knows the statements of the module."""

    def __init__(self, *stored: dict[str, Any]) -> None:
        self.rows = {f"{number:08}-0000-0000-0000-000000000000": json.dumps(one) for number, one in enumerate(stored, 1)}
        self.ran: list[str] = []
        self._answer: list[Any] = []
        self._cursor: list[Any] = []
        self.stores_otherwise = False
        self.fails: list[Exception] = []

    def cursor(self) -> Table:
        return self

    __enter__ = cursor

    def __exit__(self, *_error: object) -> None:
        return None

    def set_session(self, **_settings: object) -> None:
        return None

    def close(self) -> None:
        self.ran.append("closed")

    description = True

    def execute(self, sql: str, given: Any = ()) -> None:
        for error in self.fails:
            raise error
        self.ran.append(sql.split()[0])
        self._answer = []
        if "jsonb_path_query_array" in sql:
            rows = sorted(self.rows.items())
            self._cursor = [(one, text, json.dumps([value for _path, value in credentials(text)])) for one, text in rows]
        elif sql.startswith("FETCH"):
            most = int(sql.split()[1])
            self._answer, self._cursor = self._cursor[:most], self._cursor[most:]
        elif "count(*) FILTER (WHERE is_same)" in sql:
            page = {one: json.dumps(settings) for one, settings in json.loads(given[0])}
            self.rows.update(page)
            self._answer = [(len(page) - self.stores_otherwise,)]
        elif "to_jsonb" in sql:
            path, sealed, identity, *_same = given
            settings = json.loads(self.rows[identity])
            place = settings
            for name in path[1:-1]:
                place = place[name]
            place[path[-1]] = sealed
            self.rows[identity] = json.dumps(settings)
            self._answer = [(True,)]

    def fetchall(self) -> list[Any]:
        return self._answer

    def plain(self, key: CredentialKey) -> list[bytes | None]:
        return [key.open(value) for text in self.rows.values() for _path, value in credentials(text)]


def integrations(*values: str) -> dict[str, Any]:
    return {"payment": {"credentials": {str(number): value for number, value in enumerate(values)}, 'quo"ted': "back\\slash"}}


def test_all_pages_come_under_the_new_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credential_reencryption, "_PAGE", "FETCH 2 FROM")
    table = Table(*(integrations(OLD.seal(str(number).encode())) for number in range(7)), integrations())
    found = reencrypt(table, Keys(OLD, NEW), "incident", check_mode=False)
    assert (found["under_old_key"], found["companies"], found["changed"]) == (7, 8, True)
    assert sorted(filter(None, table.plain(NEW))) == [str(number).encode() for number in range(7)]
    assert all("back\\\\slash" in text for text in table.rows.values())
    assert table.ran[0] == "LOCK"
    assert table.ran[-1] == "INSERT"
    again = reencrypt(table, Keys(OLD, NEW), "incident", check_mode=False)
    assert (again["under_new_key"], again["changed"]) == (7, False)


def test_a_change_that_broke_off_is_resumed_and_plaintext_encrypted() -> None:
    table = Table(integrations(NEW.seal(b"1"), "plain"), integrations(OLD.seal(b"2")), integrations("also plain"))
    found = reencrypt(table, Keys(OLD, NEW, ENCRYPT), "incident", check_mode=False)
    assert (found["under_old_key"], found["under_new_key"], found["plaintext"]) == (1, 1, 2)
    assert table.plain(NEW) == [b"1", b"plain", b"2", b"also plain"]


def test_what_neither_key_opens_stops_it_and_is_named() -> None:
    table = Table(*(integrations(OTHER.seal(b"1"), OLD.seal(b"2")) for _company in range(5)))
    before = dict(table.rows)
    with pytest.raises(
        IncidentError, match=r"5 credentials decrypt under neither key: payment.credentials.0 of company 0+1-.* and 2 more"
    ) as told:
        reencrypt(table, Keys(OLD, NEW), "incident", check_mode=False)
    assert table.rows == before
    assert table.plain(OTHER)[0] is not None
    assert str(table.rows) not in str(told.value)


def test_check_mode_counts_and_locks_nothing() -> None:
    table = Table(integrations(OLD.seal(b"1")))
    assert reencrypt(table, Keys(OLD, NEW), "incident", check_mode=True)["under_old_key"] == 1
    assert set(table.ran) == {"DECLARE", "FETCH"}


def test_settings_that_are_stored_otherwise_are_refused() -> None:
    table = Table(integrations(OLD.seal(b"1")))
    table.stores_otherwise = True
    with pytest.raises(IncidentError, match="look for a trigger"):
        reencrypt(table, Keys(OLD, NEW), "incident", check_mode=False)


def options(folder: Path, **given: Any) -> dict[str, Any]:
    (folder / ".env").write_text("POSTGRES_PASSWORD=x\nENCRYPTION_KEY=old\n", encoding="utf-8")
    return {
        "project_src": str(folder),
        "project_name": "circuit-sage",
        "env_file": ".env",
        "docker_host": "unix:///nowhere",
        "docker_timeout": 1,
        "login_host": "127.0.0.1",
        "login_port": 5432,
        "login_user": None,
        "login_db": None,
        "connect_timeout": 1,
        "journal": None,
        "vault_password_file": None,
        "incident": "incident",
        "secrets": ["ENCRYPTION_KEY"],
        "values": {},
        "database_method": "single",
        "old_key": None,
        "new_key": None,
        "plaintext": "keep",
        "lock_timeout": 1,
        "statement_timeout": 1,
        **given,
    }


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Table:
    made = Table(integrations(OLD.seal(b"1")))
    monkeypatch.setattr(credential_change, "connect", lambda _server, _password: made)
    return made


def test_both_keys_are_given_or_those_of_the_journal(table: Table, tmp_path: Path) -> None:
    assert change(options(tmp_path, old_key="old", new_key="new"), check_mode=False)["under_old_key"] == 1
    assert table.plain(NEW) == [b"1"]
    assert change(options(tmp_path, old_key="new", new_key="old"), check_mode=False)["under_old_key"] == 1
    assert change(options(tmp_path), check_mode=True)["under_old_key"] == 1
    rotating = credential_change.Rotation(options(tmp_path))
    rotating.create(check_mode=False)
    change(options(tmp_path), check_mode=False)
    rotating = credential_change.Rotation(options(tmp_path))
    assert rotating.journal.done[-1] == "credentials_set"
    assert table.plain(CredentialKey(rotating.keys()[1])) == [b"1"]
    rotating.turn_back()
    change(options(tmp_path), check_mode=False)
    assert table.plain(OLD) == [b"1"]
    assert credential_change.Rotation(options(tmp_path)).journal.done[-1] == "credentials_restored"


def test_values_of_the_key_before_are_brought_back(table: Table, tmp_path: Path) -> None:
    """The journal of the last rotation has it."""
    with pytest.raises(IncidentError, match="the journal knows no ENCRYPTION_KEY before the one of now; give old_key and new_key"):
        change(options(tmp_path, from_previous=True), check_mode=False)
    change(options(tmp_path, old_key="old", new_key="new"), check_mode=False)
    journal = Journal("incident", "2026-11-30T00:00:00+00:00", ended="finished", previous={"ENCRYPTION_KEY": "new"})
    JournalFile(tmp_path / ".circuit-sage-rotation", None, tmp_path / ".env").save(journal)
    assert change(options(tmp_path, from_previous=True), check_mode=False)["under_old_key"] == 1
    assert table.plain(OLD) == [b"1"]


def test_keys_that_cannot_be_are_refused(table: Table, tmp_path: Path) -> None:
    with pytest.raises(IncidentError, match="are the same"):
        change(options(tmp_path, old_key="old", new_key="old"), check_mode=False)
    given = options(tmp_path)
    (tmp_path / ".env").write_text("POSTGRES_PASSWORD=x\n", encoding="utf-8")
    with pytest.raises(IncidentError, match="has no ENCRYPTION_KEY"):
        change(given, check_mode=True)
    assert table.ran == []


def test_an_error_of_the_server_is_one_sentence(table: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table.fails = [psycopg2.OperationalError("ERROR:  something\nDETAIL: more")]
    with pytest.raises(IncidentError, match="answered: something"):
        change(options(tmp_path), check_mode=True)
    assert table.ran == ["closed"]
    monkeypatch.setattr(credential_change, "MISSING_DRIVER", "psycopg2 is missing")
    with pytest.raises(IncidentError, match="psycopg2 is missing"):
        change(options(tmp_path), check_mode=True)
