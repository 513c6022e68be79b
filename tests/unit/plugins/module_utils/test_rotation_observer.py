# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which keys open the stored credentials, and what of that cannot be known."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import rotation_observer as observer
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.rotation_journal import Journal, Secret
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.square_credentials import CredentialKey

NOW, PENDING, LOST = "key of now", "pending key", "lost key"


def sealed(*keys: str) -> str:
    """A company's credentials, as PostgreSQL prints their array."""
    return json.dumps([CredentialKey(key).seal(b"secret") for key in keys])


def journal(**more: Any) -> Journal:
    return Journal("incident", "2026-11-30T00:00:00+00:00", **more)


def test_the_keys_of_the_journal() -> None:
    both = {"ENCRYPTION_KEY": Secret(NOW, PENDING), "JWT_SECRET": Secret("a", "b")}
    assert observer.other_keys(None, NOW) == []
    assert observer.other_keys(journal(variables=both), NOW) == [PENDING]
    assert observer.other_keys(journal(variables=both), PENDING) == [NOW]
    assert observer.other_keys(journal(variables={"JWT_SECRET": Secret("a", "b")}, previous={"ENCRYPTION_KEY": LOST}), NOW) == [LOST]
    assert observer.other_keys(journal(ended="finished", previous={"ENCRYPTION_KEY": LOST}), NOW) == [LOST]
    assert observer.other_keys(journal(ended="finished"), NOW) == []


def test_credentials_by_what_opens_them() -> None:
    rows = [sealed(NOW, PENDING), sealed(LOST), '["plain"]', "[]"]
    assert observer.count(rows, NOW, [PENDING]) == {
        "companies": 4,
        "under_key": 1,
        "under_other_key": 1,
        "unreadable": 1,
        "plaintext": 1,
    }


class Cursor:
    """A cursor of the server's."""

    itersize = 0

    def __enter__(self) -> Cursor:
        return self

    def __exit__(self, *_error: object) -> None:
        pass

    def execute(self, sql: str) -> None:
        assert "companies" in sql

    def __iter__(self) -> Iterator[tuple[str]]:
        return iter([(sealed(NOW),)])


class Session:
    """A session of psycopg2."""

    def cursor(self, name: str) -> Cursor:
        assert name
        return Cursor()


@pytest.fixture
def options(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / ".env").write_text(f"POSTGRES_PASSWORD=x\nENCRYPTION_KEY={NOW}\n", encoding="utf-8")
    given = {name: option.get("default") for name, option in observer.ROTATION_INFO_OPTIONS.items()}
    return {**given, "project_src": str(tmp_path), "project_name": "circuit-sage", "env_file": ".env"}


def test_one_look(options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    @contextlib.contextmanager
    def transaction(*_given: Any, **_more: Any) -> Iterator[Session]:
        yield Session()

    monkeypatch.setattr(observer, "transaction", transaction)
    found = observer.look(options)
    assert found["credentials"]["under_key"] == 1
    assert (found["rotation"]["open"], found["unknown"], found["changed"]) == (False, {}, False)


def test_what_cannot_be_known_is_told(options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def transaction(*_given: Any, **_more: Any) -> Any:
        raise IncidentError("the database does not answer")

    monkeypatch.setattr(observer, "transaction", transaction)
    found = observer.look(options)
    assert (found["credentials"], found["unknown"]) == (None, {"credentials": "the database does not answer"})
    (Path(options["project_src"]) / ".env").write_text("POSTGRES_PASSWORD=x\n", encoding="utf-8")
    assert observer.look(options)["unknown"] == {"credentials": "the env file has no ENCRYPTION_KEY"}
    (Path(options["project_src"]) / ".circuit-sage-rotation").write_text("nonsense", encoding="utf-8")
    found = observer.look(options)
    assert found["rotation"] is None
    assert "is none of this collection's" in found["unknown"]["rotation"]
