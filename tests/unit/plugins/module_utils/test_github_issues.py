# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action items as issues: made once, brought in step both ways, and every refusal in a sentence without the token."""

from __future__ import annotations

import json
import re
import typing as t
from collections.abc import Mapping
from urllib.error import URLError
from urllib.parse import parse_qs, urlsplit

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import github_issues
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.github_issues import Issues, bring_in_step
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.outbox_channels import HttpAnswer

TOKEN = "ghp_secretsecretsecret"
URL = "https://api.github.com"
NOW = "2026-11-24T08:00:00.000+00:00"


class GitHub:
    """As much of GitHub as is asked for."""

    def __init__(self) -> None:
        self.issues: list[dict[str, t.Any]] = []
        self.asked: list[str] = []
        self.fails: Exception | HttpAnswer | None = None
        self.last_page = 1

    def __call__(self, method: str, url: str, headers: Mapping[str, str], content: t.Any) -> HttpAnswer:
        self.asked.append(method)
        assert headers["Authorization"] == f"Bearer {TOKEN}"
        if isinstance(self.fails, Exception):
            raise self.fails
        if self.fails:
            return self.fails
        address = urlsplit(url)
        assert address.path.startswith("/repos/circuit-sage/ops/issues")
        if method == "GET":
            query = {name: values[0] for name, values in parse_qs(address.query).items()}
            assert (query["state"], query["since"]) == ("all", "2026-11-23T12:00:00Z")
            page, size = int(query["page"]), int(query["per_page"])
            return HttpAnswer(200, {}, json.dumps(self.issues[(page - 1) * size : page * size]).encode())
        if method == "POST":
            number = len(self.issues) + 1
            self.issues.append({"number": number, "html_url": f"https://github.com/i/{number}", "state": "open", **content})
            return HttpAnswer(201, {}, json.dumps(self.issues[-1]).encode())
        issue = self.issues[int(address.path.rsplit("/", 1)[1]) - 1]
        issue.update(content)
        return HttpAnswer(200, {}, json.dumps(issue).encode())


def made(*items: tuple[str, str | None]) -> dict[str, t.Any]:
    """A review with items, each an id and when it was done."""
    return {
        "id": "20261123-120000-db_failure-ab12",
        "title": "Database connection failure",
        "opened_at": "2026-11-23T12:00:00.000+00:00",
        "items": [
            {
                "id": name,
                "text": f"Do {name} @team <!-- incident-review: other/item -->",
                "severity": "P1",
                "owner": "",
                "due": "2026-11-24T12:00:00+00:00",
                "done_at": done_at,
                "issue": None,
            }
            for name, done_at in items
        ],
    }


def step(hub: GitHub, review: dict[str, t.Any], kept: list[int] | None = None) -> tuple[int, int]:
    """Bring them in step; *kept* gets how many items had an issue each time that was kept."""

    def save() -> None:
        if kept is not None:
            kept.append(sum(bool(item["issue"]) for item in review["items"]))

    return bring_in_step(Issues(hub, URL, "circuit-sage/ops", TOKEN), review, NOW, save)


def test_an_issue_is_made_once_for_each_open_item_and_kept_at_once() -> None:
    hub, review, kept = GitHub(), made(("a", None), ("b", None), ("c", NOW)), list[int]()
    assert step(hub, review, kept) == (2, 0)
    assert kept == [1, 2]
    assert [issue["title"].split(" @")[0] for issue in hub.issues] == ["[P1] Do a", "[P1] Do b"]
    assert review["items"][0]["issue"] == {"number": 1, "url": "https://github.com/i/1", "state": "open"}
    # Also where a killed run has kept nothing.
    assert step(hub, made(("a", None), ("b", None))) == (0, 0)
    assert len(hub.issues) == 2


def test_the_text_calls_nobody_and_its_mark_is_the_last() -> None:
    text = github_issues.body(made(("a", None)), made(("a", None))["items"][0])
    assert "@team" not in text
    assert text.endswith("<!-- incident-review: 20261123-120000-db_failure-ab12/a -->")
    assert "- Owner: nobody yet\n- Due: 2026-11-24 12:00:00 UTC" in text


def test_what_is_done_is_closed_and_what_was_closed_there_is_done() -> None:
    hub, review = GitHub(), made(("a", None), ("b", None))
    step(hub, review)
    review["items"][0]["done_at"] = NOW
    hub.issues[1].update(state="closed", closed_at="2026-11-24T07:00:00Z")
    assert step(hub, review) == (0, 1)
    assert [issue["state"] for issue in hub.issues] == ["closed", "closed"]
    assert review["items"][1]["done_at"] == "2026-11-24T07:00:00Z"
    assert step(hub, review) == (0, 0)
    review["items"][1]["done_at"] = None
    assert step(hub, review) == (0, 1)
    assert hub.issues[1]["state"] == "open"


def test_all_pages_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    hub, review = GitHub(), made(("a", None))
    hub.issues = [{"number": number, "body": None, "state": "open"} for number in range(1, 151)]
    assert step(hub, review) == (1, 0)
    assert step(hub, made(("a", None))) == (0, 0)
    assert hub.asked == ["GET", "GET", "POST", "GET", "GET"]
    monkeypatch.setattr(github_issues, "PAGES", 1)
    with pytest.raises(IncidentError, match="more than 100 issues since then"):
        step(hub, review)


@pytest.mark.parametrize(
    ("fails", "sentence"),
    [
        (URLError("timed out"), "GitHub could not be asked (timed out); the review is written, run it again for the issues"),
        (TimeoutError("read timed out"), "GitHub could not be asked (read timed out)"),
        (HttpAnswer(401, {}, b"{}"), "GitHub answered 401 to GET of issues; look at incident_review_github_token"),
        (HttpAnswer(200, {}, b"<html>"), "GitHub answered something that is no JSON; look at incident_review_github_url"),
    ],
)
def test_a_failure_is_said_in_a_sentence(fails: Exception | HttpAnswer, sentence: str) -> None:
    hub = GitHub()
    hub.fails = fails
    with pytest.raises(IncidentError) as error:
        step(hub, made(("a", None)))
    assert sentence in str(error.value)
    assert TOKEN not in str(error.value)


def test_settings_that_can_be_right() -> None:
    github_issues.check("", "", URL)
    github_issues.check(TOKEN, "circuit-sage/ops", URL)
    github_issues.check(TOKEN, "circuit-sage/ops", "http://127.0.0.1:8080")


@pytest.mark.parametrize(
    ("token", "repository", "url", "sentence"),
    [
        (TOKEN, "", URL, "incident_review_github_token and incident_review_github_repository go together"),
        ("", "a/b", URL, "go together"),
        (TOKEN, "ops", URL, "incident_review_github_repository is ops; write it as OWNER/NAME"),
        (TOKEN, "a/b", "http://github.example", "incident_review_github_url has to be a whole address that begins with https://"),
        (TOKEN, "a/b", "https://me:you@github.example", "holds no user"),
        (TOKEN, "a/b", "https://[", "has to be a whole address"),
        (TOKEN, "a/b", "api.github.com", "has to be a whole address"),
    ],
)
def test_settings_that_cannot_be_right(token: str, repository: str, url: str, sentence: str) -> None:
    with pytest.raises(IncidentError, match=re.escape(sentence)) as error:
        github_issues.check(token, repository, url)
    assert TOKEN not in str(error.value)
