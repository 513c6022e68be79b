# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action items of a review as issues at GitHub. An issue is known again by a mark in its text, so that none is made twice."""

from __future__ import annotations

import json
import re
import typing as t
from collections.abc import Callable
from urllib.error import URLError
from urllib.parse import urlsplit

from .errors import IncidentError
from .notify_settings import is_loopback
from .outbox_channels import Http
from .report import clock

Mapping = dict[str, t.Any]

# The most that GitHub gives for one page, and how many pages are looked at: nobody has more issues than that since one incident.
PER_PAGE = 100
PAGES = 100
# The letters that one page of issues may have.
PAGE_BYTES = 32 * 1024 * 1024
_REPOSITORY = re.compile(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+")
_MARK = re.compile(r"<!-- incident-review: (?P<item>[^\s>]+) -->")


def check(token: str, repository: str, url: str) -> None:
    """Raise for settings that cannot be right; no sentence repeats the token."""
    if bool(token) != bool(repository):
        raise IncidentError("incident_review_github_token and incident_review_github_repository go together; set both or none")
    if repository and not _REPOSITORY.fullmatch(repository):
        raise IncidentError(f"incident_review_github_repository is {repository}; write it as OWNER/NAME")
    try:
        address = urlsplit(url)
        whole = address.hostname and not address.username
        safe = address.scheme == "https" or (address.scheme == "http" and is_loopback(address.hostname or ""))
    except ValueError:
        whole = safe = False
    if not whole or not safe:
        raise IncidentError("incident_review_github_url has to be a whole address that begins with https:// and holds no user")


def mark(incident: str, item: str) -> str:
    """What an issue is known by."""
    return f"<!-- incident-review: {incident}/{item} -->"


def title(item: Mapping) -> str:
    """The title of an item's issue, on one line."""
    return " ".join(f"[{item['severity']}] {item['text']}".split())[:250]


def body(review: Mapping, item: Mapping) -> str:
    """The text of an item's issue. What a log has put into it calls nobody and is no mark: ours is the last line."""
    told = item["text"].replace("@", "@\u200b")
    facts = f"- Incident: `{review['id']}`, {review['title']}\n- Severity: {item['severity']}\n- Owner: {item['owner'] or 'nobody yet'}"
    return f"{told}\n\n{facts}\n- Due: {clock(item['due'])}\n\n{mark(review['id'], item['id'])}"


class Issues:
    """The issues of one repository."""

    def __init__(self, http: Http, url: str, repository: str, token: str) -> None:
        self._http = http
        self._url = f"{url.rstrip('/')}/repos/{repository}/issues"
        self._headers = {"Authorization": f"Bearer {token}", "Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}

    def _ask(self, method: str, more: str, content: t.Any = None) -> t.Any:
        try:
            answer = self._http(method, self._url + more, self._headers, content)
        except (URLError, OSError) as error:
            reason = getattr(error, "reason", None) or error
            raise IncidentError(f"GitHub could not be asked ({reason}); the review is written, run it again for the issues") from None
        if not 200 <= answer.status < 300:
            raise IncidentError(
                f"GitHub answered {answer.status} to {method} of issues; look at incident_review_github_token and "
                "incident_review_github_repository, the review is written"
            )
        try:
            return json.loads(answer.body)
        except ValueError:
            raise IncidentError(
                "GitHub answered something that is no JSON; look at incident_review_github_url, the review is written"
            ) from None

    def known(self, since: str) -> dict[str, Mapping]:
        """The issues that an earlier run made, by what they are marked with; the oldest of those with one mark."""
        found: dict[str, Mapping] = {}
        for number in range(1, PAGES + 1):
            there = self._ask("GET", f"?state=all&sort=created&direction=asc&since={since[:19]}Z&per_page={PER_PAGE}&page={number}")
            for issue in there:
                marks = _MARK.findall(issue.get("body") or "")
                if marks:
                    found.setdefault(marks[-1], issue)
            if len(there) < PER_PAGE:
                return found
        raise IncidentError(f"the repository has more than {PAGES * PER_PAGE} issues since then; open the missing ones by hand")

    def create(self, review: Mapping, item: Mapping) -> Mapping:
        """Make an item's issue."""
        return t.cast(Mapping, self._ask("POST", "", {"title": title(item), "body": body(review, item)}))

    def turn(self, number: int, state: str) -> Mapping:
        """Close an issue, or open it again."""
        return t.cast(Mapping, self._ask("PATCH", f"/{number}", {"state": state}))


def bring_in_step(issues: Issues, review: Mapping, now: str, save: Callable[[], None]) -> tuple[int, int]:
    """Make what is missing, close what is done, and take as done what somebody has closed there: how many were made, and turned.

    Each step is kept before the next, so that a broken run goes on where it was.
    """
    known = issues.known(review["opened_at"])
    created = turned = 0
    for item in review["items"]:
        issue = known.get(f"{review['id']}/{item['id']}")
        if issue is None:
            if item["done_at"]:
                continue
            issue = issues.create(review, item)
            created += 1
        elif issue["state"] == "closed" and not item["done_at"] and (item["issue"] or {}).get("state") != "closed":
            item["done_at"] = issue.get("closed_at") or now
        wanted = "closed" if item["done_at"] else "open"
        if issue["state"] != wanted:
            issue = issues.turn(issue["number"], wanted)
            turned += 1
        item["issue"] = {"number": issue["number"], "url": issue["html_url"], "state": issue["state"]}
        save()
    return created, turned
