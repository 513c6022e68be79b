# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Putting the webhook's setting back to what Square has, and proving it by an event that it signs."""

from __future__ import annotations

import threading
import typing as t
from collections.abc import Iterator
from contextlib import nullcontext
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
from square_control import SquareControl, started
from square_simulator import merchant, token_of

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import square_setting, webhook_restore
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.payment_accounts import Firm
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.recorded_value import variables_of
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.webhook_setting import KEY, URL

ADDRESS, SECRET = "https://sage.example/api/payments/webhook/square", "signature-key-of-square"
FIRMS = [Firm(f"c{number}", f"Company {number}", token_of(number), None, True) for number in (1, 2)]


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SquareControl]:
    with started(tmp_path_factory.mktemp("square")) as control:
        control.accounts([merchant(1), merchant(2)])
        yield control


class Endpoint(BaseHTTPRequestHandler):
    """Refuses so many events, then takes them."""

    refusing = 0
    signatures: t.ClassVar[list[str]] = []

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        Endpoint.signatures.append(self.headers["x-square-hmacsha256-signature"])
        Endpoint.refusing -= 1
        self.send_response(403 if Endpoint.refusing >= 0 else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_words: t.Any) -> None:
        """Nothing."""


@pytest.fixture
def endpoint() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Endpoint)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Endpoint.refusing, Endpoint.signatures = 0, []
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture
def square(simulator: SquareControl, endpoint: str) -> Iterator[SquareControl]:
    """Its webhook is told under the token of the second company."""
    simulator.reset()
    simulator.webhook(endpoint, SECRET, ADDRESS, merchant_id="merchant-2")
    yield simulator
    simulator.webhook(None)


@pytest.fixture
def options(square: SquareControl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, t.Any]:
    """The env file has a slash too many; the companies come from no database."""
    (tmp_path / ".env").write_text(f"# kept\nA=1\n{URL}={ADDRESS}/ # by hand\n{KEY}='{SECRET}'\nB=2\n", encoding="utf-8")
    (tmp_path / ".env").chmod(0o600)

    def books_of(_options: dict[str, t.Any]) -> t.Any:
        return SimpleNamespace(variables=variables_of(tmp_path / ".env"), reading=nullcontext)

    monkeypatch.setattr(webhook_restore, "books_of", books_of)
    monkeypatch.setattr(webhook_restore, "firms_of", lambda _connection, _companies: FIRMS)
    return {"project_src": str(tmp_path), "env_file": ".env", "square_base_url": square.base_url, "backup_name": ".env.before", "wait": 5}


def text(options: dict[str, t.Any], name: str = ".env") -> str:
    return Path(options["project_src"], name).read_text(encoding="utf-8")


def test_the_address_alone_is_put_back(options: dict[str, t.Any]) -> None:
    """In place, with its comment, in one step; the copy is private, and the key is nowhere in the result."""
    before = text(options)
    done = webhook_restore.restore(options, check_mode=False)
    assert text(options) == before.replace(f"{ADDRESS}/", ADDRESS)
    assert text(options, ".env.before") == before
    assert all(Path(options["project_src"], name).stat().st_mode & 0o777 == 0o600 for name in (".env", ".env.before"))
    assert (done["changed"], done["variables"], done["subscription"]) == (True, [URL], "wbhk_simulated")
    assert done["diff"]["before"] == f"{URL}={ADDRESS}/\n"
    assert SECRET not in str(done)
    again = webhook_restore.restore(options, check_mode=False)
    assert (again["changed"], again["variables"], again["backup"]) == (False, [], None)


def test_the_key_alone_is_put_back(options: dict[str, t.Any]) -> None:
    path = Path(options["project_src"], ".env")
    path.write_text(f"{URL}={ADDRESS}\n{KEY}=wrong-signature-key\n", encoding="utf-8")
    done = webhook_restore.restore(options, check_mode=False)
    assert text(options) == f"{URL}={ADDRESS}\n{KEY}={SECRET}\n"
    assert done["variables"] == [KEY]
    assert SECRET not in str(done) and "wrong-signature-key" not in str(done)


def test_check_mode_writes_nothing(options: dict[str, t.Any]) -> None:
    before = text(options)
    assert webhook_restore.restore(options, check_mode=True)["changed"]
    assert text(options) == before
    assert not Path(options["project_src"], ".env.before").exists()


def test_a_copy_of_another_content_stays(options: dict[str, t.Any]) -> None:
    Path(options["project_src"], ".env.before").write_text("another", encoding="utf-8")
    before = text(options)
    with pytest.raises(IncidentError, match="exists with another content"):
        webhook_restore.restore(options, check_mode=False)
    assert text(options) == before


def test_a_copy_is_not_written_elsewhere(options: dict[str, t.Any]) -> None:
    with pytest.raises(IncidentError, match="not the name of a file beside the env file"):
        webhook_restore.restore({**options, "backup_name": "../env"}, check_mode=False)


def test_without_a_copy_it_is_put_back_all_the_same(options: dict[str, t.Any]) -> None:
    assert webhook_restore.restore({**options, "backup_name": None}, check_mode=False)["backup"] is None
    assert variables_of(Path(options["project_src"], ".env"))[URL] == ADDRESS


def test_without_a_subscription_nothing_is_written(options: dict[str, t.Any], square: SquareControl) -> None:
    square.webhook(None)
    with pytest.raises(IncidentError, match="Square has 0 webhook subscriptions that tell of payments"):
        webhook_restore.restore(options, check_mode=False)


def test_a_square_that_is_away_is_said(options: dict[str, t.Any], square: SquareControl) -> None:
    square.fault("square_down", rate=1)
    with pytest.raises(IncidentError, match=r"does not tell its webhook subscriptions: .*503.*; nothing was written"):
        webhook_restore.restore(options, check_mode=False)


def test_an_event_is_tried_until_it_is_accepted(options: dict[str, t.Any]) -> None:
    Endpoint.refusing = 2
    assert webhook_restore.prove(options) == {"changed": False, "subscription": "wbhk_simulated", "status": 200}
    assert len(Endpoint.signatures) == 3 and all(Endpoint.signatures)


def test_an_event_that_is_refused_is_no_proof(options: dict[str, t.Any]) -> None:
    Endpoint.refusing = 1000
    with pytest.raises(IncidentError, match=r"was answered with 403 at https://sage.example"):
        webhook_restore.prove({**options, "wait": 0})


def test_a_token_that_is_refused_by_some_is_no_reason_to_stop(square: SquareControl) -> None:
    foreign = Firm("c3", "Company 3", "a token of nobody", None, True)
    at_square = square_setting.ask([foreign, *FIRMS], {}, square.base_url)
    assert [(one.identity, one.url) for one in at_square.subscriptions] == [("wbhk_simulated", ADDRESS)]
    assert at_square.found["wbhk_simulated"][1].company_id == "c2"
    assert at_square.unknown is None
    assert "401" in str(square_setting.ask([foreign], {}, square.base_url).unknown)


def test_one_webhook_for_all_is_told_once(square: SquareControl, endpoint: str) -> None:
    square.webhook(endpoint, SECRET, ADDRESS, enabled=False)
    assert [one.is_enabled for one in square_setting.ask(FIRMS, {}, square.base_url).subscriptions] == [False]
