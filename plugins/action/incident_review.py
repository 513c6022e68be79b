# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make and keep the review of an incident on the controller: action items, what a person adds, issues at GitHub."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

from ansible.plugins.action import ActionBase

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import github_issues, report, review, run_settings
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.diagnosis import plain
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.outbox_channels import http_with
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.record import (
    Record,
    record_base,
    redacted,
    utc_now,
    write_private,
)
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.report_files import write_report

Mapping = dict[str, t.Any]

_TIMEOUT_SECONDS = 10.0
_LIST = {"type": "list", "elements": "str", "default": []}
_DICT = {"type": "dict", "default": {}}
_TEXT = {"type": "str", "default": ""}
_ITEM = {name: {"type": "str", "required": name == "text"} for name in ("text", "owner", "due", "severity")}
_CHECK = {"id": {"type": "str", "required": True}, "text": {"type": "str", "required": True}, "hours": {"type": "int", "required": True}}
SPEC: Mapping = {
    "incident": {"type": "str", "required": True},
    "checklists": {"type": "list", "elements": "dict", "required": True, "options": _CHECK},
    "owner": _TEXT,
    "owners": _DICT,
    "due": _DICT,
    "severities": _DICT,
    "items": {"type": "list", "elements": "dict", "default": [], "options": _ITEM},
    "done": _LIST,
    "not_done": _LIST,
    "root_cause": _TEXT,
    "prevention": _TEXT,
    "close": {"type": "bool", "default": False},
    "record_dir": _TEXT,
}


class ActionModule(ActionBase):
    """See the documentation of the module incident_review."""

    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: Mapping | None = None) -> Mapping:
        """Return the review; nothing on the managed host changes."""
        result: Mapping = super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(SPEC)
        options, told = redacted(plain(options)), dict(task_vars or {})
        try:
            run_settings.refuse_unknown(told)
            token, repository, url = self._github(told)
            if not options["incident"]:
                raise IncidentError("which incident is that? Say it with -e incident=ID, or -e incident=latest")
            record = Record.named(Path(record_base(options["record_dir"], str(told["playbook_dir"]))), options["incident"])
            before = record.review()
            made = review.made(record.content, before, options["checklists"], options, utc_now())
        except IncidentError as error:
            return {**result, "failed": True, "msg": str(error)}
        result.update(account=[], review=made, folder=str(record.folder))
        try:
            self._keep(record, made, before, options, (token, repository, url), result["account"])
        except IncidentError as error:
            # The account on the terminal has said the rest by now, and says this too.
            result["account"].append({"at": utc_now(), "event": "failed", "text": str(error)})
            result.update(failed=True, msg=str(error))
        result["changed"] = made != before
        return result

    def _github(self, told: Mapping) -> tuple[str, str, str]:
        """The settings of GitHub, from the variables by name: so the token stands in no task's arguments."""
        found = [
            str(self._templar.template(told.get(f"incident_review_github_{name}")) or "").strip() for name in ("token", "repository", "url")
        ]
        token, repository, url = found
        github_issues.check(token, repository, url)
        return token, repository, url

    def _keep(
        self, record: Record, made: Mapping, before: Mapping | None, options: Mapping, github: tuple[str, str, str], account: list[Mapping]
    ) -> None:
        """Write the review and the report, bring the issues in step, and close it last, when all is known that was done."""
        token, repository, url = github
        if self._task.check_mode:
            review.settle(made, options["close"], utc_now())
        else:
            # What was asked for is kept before anybody else is asked, and before closing may be refused.
            self._save(record, made, before)
            try:
                if token:
                    http = http_with(_TIMEOUT_SECONDS, github_issues.PAGE_BYTES)
                    self._issues(record, made, github_issues.Issues(http, url, repository, token), account)
                review.settle(made, options["close"], utc_now())
            finally:
                self._finish(record, made, before)
        self._tell(record, made, account)

    @staticmethod
    def _save(record: Record, made: Mapping, before: Mapping | None = None) -> None:
        if made != before:
            write_private(record.folder / "review.json", json.dumps(made, indent=2) + "\n")

    def _finish(self, record: Record, made: Mapping, before: Mapping | None) -> None:
        """Write what is made of the review, when that is new."""
        self._save(record, made, before)
        if made != before or not (record.folder / "review.md").exists():
            write_private(record.folder / "review.md", review.markdown(made))
            write_report(record)

    def _issues(self, record: Record, made: Mapping, issues: github_issues.Issues, account: list[Mapping]) -> None:
        created, turned = github_issues.bring_in_step(issues, made, utc_now(), lambda: self._save(record, made))
        account.append({"at": utc_now(), "event": "issues", "text": f"{created} made at GitHub, {turned} closed or opened again"})

    @staticmethod
    def _tell(record: Record, made: Mapping, account: list[Mapping]) -> None:
        now, todo = utc_now(), review.open_items(made)
        for item in sorted(todo, key=lambda item: item["due"]):
            late = ", overdue" if item["due"] < now else ""
            account.append({"at": now, "event": "to do", "text": f"{item['id']}: {item['text']} ({report.assigned(item)}{late})"})
        closed = f"; closed {report.clock(made['closed_at'])}" if made["closed_at"] else ""
        text = f"{record.folder.name}: {len(made['items']) - len(todo)} of {len(made['items'])} action items done{closed}"
        account.append({"at": now, "event": "review", "text": f"{text}: {record.folder}/review.md"})
