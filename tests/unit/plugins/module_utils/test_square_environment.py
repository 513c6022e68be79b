# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the money goes, against what the system is, and what was paid in the wrong place."""

from __future__ import annotations

import typing as t
from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import square_environment, square_setting
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.container_log import LogTooLong
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.payment_accounts import Firm
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.square_account import PRODUCTION_URL, SANDBOX_URL
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.webhook_setting import Setting

REAL = Firm("c1", "Real", "token", None, False)
TRIAL = Firm("c2", "Trial", "token", None, True)
PAID = [("c2", "Trial", "p1", "2026-10", 15000, "sq1"), ("c2", "Trial", "p2", "2026-11", 15050, "sq2")]


class Cursor:
    """Answers every question alike, and keeps what was asked."""

    asked: t.ClassVar[list[dict[str, t.Any]]] = []

    def __enter__(self) -> Cursor:
        return self

    def __exit__(self, *_error: object) -> None:
        return None

    def execute(self, _statement: str, values: dict[str, t.Any]) -> None:
        self.asked.append(values)

    def fetchall(self) -> list[t.Any]:
        return PAID

    def __iter__(self) -> t.Iterator[Firm]:
        return iter([REAL, TRIAL])


CONNECTION = SimpleNamespace(cursor=Cursor)


def look(firms: list[Firm], setting: str, environment: str, limit: int = 10) -> dict[str, t.Any]:
    return square_environment.observed(CONNECTION, firms, setting, environment, limit)


@pytest.mark.parametrize(
    ("firms", "setting", "environment"),
    [
        ([REAL], "", "production"),
        ([REAL], PRODUCTION_URL, "production"),
        ([TRIAL], "", "sandbox"),
        ([TRIAL, REAL], SANDBOX_URL, "sandbox"),
        ([TRIAL], "http://127.0.0.1:14010", "sandbox"),
    ],
)
def test_right(firms: list[Firm], setting: str, environment: str) -> None:
    found = look(firms, setting, environment)
    assert (found["wrong"], found["companies"], found["affected"], found["affected_total"]) == ([], 0, [], "0.00")


@pytest.mark.parametrize(
    ("firms", "setting", "environment", "companies", "words"),
    [
        ([REAL, TRIAL], "", "production", ["Trial"], "would pay in Square's sandbox, where no money moves"),
        ([REAL, TRIAL], SANDBOX_URL, "production", ["Real", "Trial"], "leads to Square's sandbox"),
        ([REAL, TRIAL], "http://127.0.0.1:14010", "production", ["Real", "Trial"], "leads to this host itself"),
        ([REAL, TRIAL], "", "sandbox", ["Real"], "would pay with real cards"),
        ([REAL, TRIAL], PRODUCTION_URL, "sandbox", ["Real", "Trial"], "where real cards are charged"),
    ],
)
def test_wrong(firms: list[Firm], setting: str, environment: str, companies: list[str], words: str) -> None:
    found = look(firms, setting, environment)
    assert found["first_companies"] == companies
    assert len(found["wrong"]) == 1 and words in found["wrong"][0]
    assert (found["affected_count"], found["affected_total"]) == (2, "300.50")


def test_what_was_paid_there_is_listed_to_the_limit() -> None:
    found = look([TRIAL], "", "production", limit=1)
    assert found["affected"] == [
        {"company_id": "c2", "company": "Trial", "payment_id": "p1", "period": "2026-10", "amount": "150.00", "square_payment_id": "sq1"}
    ]
    assert found["affected_count"] == 2
    assert Cursor.asked[-1]["companies"] == ["c2"]


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("", "Square, by the mode of each company"),
        (PRODUCTION_URL, "Square"),
        (SANDBOX_URL, "Square's sandbox"),
        ("http://127.0.0.1:1", "this host itself"),
        ("https://proxy.example", "proxy.example"),
    ],
)
def test_where_an_address_leads(setting: str, words: str) -> None:
    assert square_environment.leads_to(setting) == words


OPTIONS = {**{name: option.get("default") for name, option in square_setting.SETTING_OPTIONS.items()}, "limit": 10}


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> None:
    """A database and a backend that answer without being there; Square is not to be asked."""
    books = SimpleNamespace(variables={}, reading=lambda: nullcontext(CONNECTION))
    monkeypatch.setattr(square_setting, "books_of", lambda _options: books)
    monkeypatch.setattr(square_setting, "Backend", lambda _options: SimpleNamespace(settings=lambda: [Setting("", "")], answers=dict))


@pytest.mark.usefixtures("system")
def test_no_token_is_sent_to_the_wrong_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(*_given: t.Any) -> t.Any:
        raise AssertionError("Square was asked")

    monkeypatch.setattr(square_setting, "ask", ask)
    found = square_setting.look({**OPTIONS, "square_environment": "production"})
    assert found["environment"]["first_companies"] == ["Trial"]
    assert found["unknown"] == found["environment"]["wrong"][0]
    assert found["webhook"]["company_id"] is None


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"company_ids": ["x"]}, "the company `x` is no UUID"),
        ({"schedule_days": [3, 1]}, "schedule_days goes backwards"),
        ({"currency": "Euro"}, "currency is `Euro`"),
        ({"max_in_flight": 0}, "max_in_flight is 0; write 1"),
        ({"max_in_flight": 65}, "write at most 64"),
        ({"max_per_second": -1.0}, "max_per_second is -1.0; write 0"),
        ({"max_payments": -1}, "max_payments is -1; write 0"),
        ({"max_total": "much"}, "max_total is `much`"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anybody_is_asked(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, t.Any], words: str
) -> None:
    monkeypatch.setattr(square_setting, "books_of", lambda _options: pytest.fail("the database was asked"))
    with pytest.raises(IncidentError, match=words):
        square_setting.look({**OPTIONS, **given})


def test_an_address_without_tls_is_refused() -> None:
    with pytest.raises(IncidentError, match="without TLS"):
        square_setting.books_of({"square_base_url": "http://square.example"})


class Engine:
    """A Docker engine with one backend, whose log is too long or not."""

    def __init__(self, _host: str, _seconds: float, lines: int = 1) -> None:
        self._lines = lines

    def containers(self, project: str) -> list[dict[str, t.Any]]:
        labels = {"com.docker.compose.project": project, "com.docker.compose.service": "backend"}
        return [{"Id": "b", "Created": 1, "Labels": labels}]

    def inspect(self, _identity: str) -> dict[str, t.Any]:
        return {"Id": "b", "Config": {"Tty": False, "Env": ["SQUARE_WEBHOOK_SIGNATURE_KEY=key"]}}

    def log(self, _identity: str, _terminal: bool, _tail: int) -> t.Iterator[bytes]:
        yield b'2026-11-23T07:56:07.5Z info: x - - "POST /api/payments/webhook/square HTTP/1.1" 401 5\n'


def test_the_backend_says_its_setting_and_its_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(square_setting, "DockerEngine", Engine)
    options = {"docker_host": "unix:///x", "docker_timeout": 1, "project_name": "sage", "backend_service": "backend"}
    backend = square_setting.Backend(options)
    assert backend.settings() == [Setting("", "key")]
    assert backend.answers()["401"]["count"] == 1
    none = square_setting.Backend({**options, "backend_service": "other"})
    assert (none.settings(), none.answers()) == ([], {})

    def too_long(*_given: t.Any) -> t.Any:
        raise LogTooLong("the log holds more")

    monkeypatch.setattr(square_setting, "bounded", too_long)
    assert backend.answers() == {}
