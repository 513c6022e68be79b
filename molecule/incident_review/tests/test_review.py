# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks incident_review and incident_history, as a user runs them, on records that were made up, with a GitHub on the loopback."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

CHECKOUT = Path(__file__).resolve().parents[3]
PLAYBOOK = str(Path(sys.executable).parent / "ansible-playbook")
SECONDS = 120
TOKEN = "ghp_0123456789abcdefghij"
ID = "20261123-120000-db_failure-ab12"
RECORD: dict[str, Any] = {
    "id": ID,
    "kind": "db_failure",
    "title": "Database connection failure",
    "host": "sandbox",
    "severity": "P2",
    "outcome": "resolved",
    "summary": "lock_blocker mended and proven",
    "opened_at": "2026-11-23T12:00:00.000+00:00",
    "resolved_at": "2026-11-23T12:00:20.000+00:00",
    "impact": [],
    "findings": [
        {
            "id": "lock_blocker",
            "title": "A session blocks others",
            "layer": "state",
            "evidence": {},
            "why_not_restart": "x",
            "decision": "act",
            "escalate": "find out <b>who</b>",
        }
    ],
    "changes": [],
    "timeline": [{"at": "2026-11-23T12:00:02.000+00:00", "event": "cause", "text": "lock_blocker"}],
}


class GitHub:
    """The issues of one repository."""

    def __init__(self) -> None:
        self.issues: list[dict[str, Any]] = []
        self.tokens: set[str | None] = set()
        self.url = ""

    def handler(hub) -> type[BaseHTTPRequestHandler]:
        """The class that answers."""

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                content = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"null")
                hub.tokens.add(self.headers.get("Authorization"))
                found: Any = hub.issues
                if self.command == "POST":
                    number = len(hub.issues) + 1
                    found = {"number": number, "state": "open", "html_url": f"{hub.url}/issues/{number}", **content}
                    hub.issues.append(found)
                elif self.command == "PATCH":
                    found = hub.issues[int(self.path.rsplit("/", 1)[1]) - 1]
                    found.update(content)
                body = json.dumps(found).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PATCH = _answer

            def log_message(self, *_words: object) -> None:
                """The tests look at what came."""

        return Handler


@pytest.fixture
def hub() -> Iterator[GitHub]:
    """GitHub."""
    found = GitHub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), found.handler())
    found.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield found
    server.shutdown()
    server.server_close()


@pytest.fixture
def records(tmp_path: Path) -> Path:
    """A folder with one record, and a damaged one."""
    base = tmp_path / "records"
    (base / ID).mkdir(parents=True)
    (base / ID / "incident.json").write_text(json.dumps(RECORD), encoding="utf-8")
    (base / "latest").symlink_to(ID)
    (base / "20260101-000000-broken-0000").mkdir()
    return base


def play(name: str, records: Path, *more: str, **asked: Any) -> tuple[int, str]:
    """Run a playbook: its exit status, and all that it says."""
    extra = json.dumps({"incident_record_dir": str(records), **asked})
    environment = {**os.environ, "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
    command = [PLAYBOOK, str(CHECKOUT / "playbooks" / f"{name}.yml"), *more, "-e", extra]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=SECONDS, check=False, env=environment, cwd=CHECKOUT, stdin=subprocess.DEVNULL
    )
    return done.returncode, done.stdout + done.stderr


def test_a_review_from_the_first_item_to_its_end(records: Path, hub: GitHub, tmp_path: Path) -> None:
    secrets = tmp_path / "secrets.yml"
    secrets.write_text(f"incident_review_github_token: {TOKEN}\n", encoding="utf-8")
    github = {"incident_review_github_repository": "circuit-sage/ops", "incident_review_github_url": hub.url}
    folder = records / ID

    def review() -> dict[str, Any]:
        return dict(json.loads((folder / "review.json").read_text(encoding="utf-8")))

    status, said = play("incident_review", records, "-e", f"@{secrets}", "-vvvv", incident=ID, incident_review_owner="Ada", **github)
    assert status == 0, said
    assert hub.tokens == {f"Bearer {TOKEN}"}
    assert len(hub.issues) == len(review()["items"]) == 17
    assert {item["owner"] for item in review()["items"]} == {"Ada"}
    assert hub.issues[0]["title"] == "[P2] lock_blocker: find out <b>who</b>"
    assert TOKEN not in said + "".join(path.read_text(encoding="utf-8") for path in folder.iterdir())
    assert {path.name for path in folder.iterdir()} == {"incident.json", "report.html", "report.md", "review.json", "review.md"}
    assert {stat.S_IMODE((folder / name).stat().st_mode) for name in ("report.html", "report.md", "review.json", "review.md")} == {0o600}
    assert "find out &lt;b&gt;who&lt;/b&gt;<small> P2, Ada, due 2026-11-30 12:00:20 UTC" in (folder / "report.html").read_text(
        encoding="utf-8"
    )

    # Somebody closes an issue there, and all but one item is done here; that one is made urgent, so that nothing can be closed.
    hub.issues[0]["state"] = "closed"
    names = [item["id"] for item in review()["items"]][2:]
    asked: dict[str, Any] = {"incident_review_done": names, "incident_review_severities": {"timeline": "P1"}, "incident_review_close": True}
    status, said = play("incident_review", records, "-e", f"@{secrets}", incident="latest", **asked, **github)
    assert status != 0
    assert f"{ID} cannot be closed: 1 P1 action item is open (timeline); do them" in said
    assert [item["id"] for item in review()["items"] if not item["done_at"]] == ["timeline"]
    assert [issue["number"] for issue in hub.issues if issue["state"] == "open"] == [2]

    asked = {
        "incident_review_done": ["timeline"],
        "incident_review_prevention": "A limit for idle sessions.",
        "incident_review_close": True,
    }
    status, said = play("incident_review", records, "-e", f"@{secrets}", incident=ID, **asked, **github)
    assert status == 0, said
    assert "17 of 17 action items done; closed" in said
    assert {issue["state"] for issue in hub.issues} == {"closed"}
    assert "A limit for idle sessions." in (folder / "report.md").read_text(encoding="utf-8")
    kept = {path.name: path.read_bytes() for path in folder.iterdir()}
    status, said = play("incident_review", records, "-e", f"@{secrets}", incident=ID, **github)
    assert status == 0, said
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == kept


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"incident": "20260101-000000-nobody-0000"}, "there is no incident 20260101-000000-nobody-0000 in "),
        ({"incident": ID, "incident_review_severities": {"timeline": "P9"}}, "gives timeline P9; there are P1, P2, P3, P4"),
    ],
    ids=["unknown", "P9"],
)
def test_bad_input_is_one_sentence_and_nothing_is_written(records: Path, asked: dict[str, Any], sentence: str) -> None:
    status, said = play("incident_review", records, **asked)
    assert status != 0
    assert sentence in said
    assert "Traceback" not in said
    assert [path.name for path in (records / ID).iterdir()] == ["incident.json"]


def test_check_mode_writes_nothing(records: Path) -> None:
    status, said = play("incident_review", records, str(CHECKOUT / "playbooks" / "incident_history.yml"), "--check", incident=ID)
    assert status == 0, said
    assert "0 of 17 action items done" in said
    assert "1 incident from 2026-11-23 12:00:00 UTC" in said
    assert [path.name for path in (records / ID).iterdir()] == ["incident.json"]
    assert not (records / "history").exists()


def test_the_history_of_all(records: Path, tmp_path: Path) -> None:
    metrics = tmp_path / "incidents.prom"
    status, said = play("incident_history", records, incident_history_prometheus_file=str(metrics))
    assert status == 0, said
    assert "1 incident from 2026-11-23 12:00:00 UTC" in said
    assert "1 folder: 20260101-000000-broken-0000 (it has no incident.json)" in said
    assert sorted(path.name for path in (records / "history").iterdir()) == ["history.html", "history.json", "history.md"]
    assert 'circuit_sage_incidents{kind="db_failure",severity="P2",outcome="resolved"} 1' in metrics.read_text(encoding="utf-8")
    assert stat.S_IMODE(metrics.stat().st_mode) == 0o644
    status, said = play("incident_history", tmp_path / "nothing")
    assert status != 0
    assert "cannot be read (No such file or directory); set incident_record_dir" in said
