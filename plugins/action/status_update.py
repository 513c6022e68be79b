# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell of incidents after their runs, on the controller: what waits, what is due, what a person says, drafts, acknowledgements."""

from __future__ import annotations

import typing as t
from pathlib import Path

from ansible.plugins.action import ActionBase

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import status_message, update_due
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.outbox import Outbox, states, waiting_folder
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.record import Record, record_base, utc_now
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.report_files import write_report
from ansible_collections.circuit_sage.incident_response.plugins.plugin_utils import announcement

Mapping = dict[str, t.Any]

# What a person waits for beyond the limit of one attempt.
_GRACE_SECONDS = 2.0


class ActionModule(ActionBase):
    """See the documentation of the module status_update."""

    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: Mapping | None = None) -> Mapping:
        """Return what is due and what waits; nothing on the managed host changes."""
        result: Mapping = super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(
            {
                "incident": {"type": "str", "default": ""},
                "status": {"type": "str", "choices": ["", *status_message.STATUSES], "default": ""},
                "text": {"type": "str", "default": ""},
                "public_text": {"type": "str", "default": ""},
                "acknowledge": {"type": "str", "default": ""},
                "drafts": {"type": "str", "choices": ["show", "send", "discard"], "default": "show"},
                "record_dir": {"type": "str", "default": ""},
            }
        )
        result["account"] = []
        try:
            chosen = announcement.settings(task_vars or {}, self._templar)
            if not chosen:
                raise IncidentError(
                    "no channel is set up; set one of notify_slack_webhook_url, notify_email_to and so on, see the role notify"
                )
            base = Path(record_base(options["record_dir"], str((task_vars or {})["playbook_dir"])))
            found = [self._update(folder, chosen, options, result["account"]) for folder in self._folders(base, options)]
            if not self._task.check_mode:
                announcement.start_sending(base, chosen)(chosen["notify_timeout_seconds"] + _GRACE_SECONDS)
            for one in found:
                self._tell(one, chosen, result["account"])
        except IncidentError as error:
            return {**result, "failed": True, "msg": str(error)}
        if not found:
            result["account"].append({"at": utc_now(), "event": "told", "text": "no incident is open and nothing waits"})
        failed = waiting_folder(base) / ".failed"
        if failed.exists():
            text = f"an earlier sending broke off: {failed.read_text(encoding='utf-8').strip()}"
            result["account"].append({"at": utc_now(), "event": "failed", "text": text})
        return {**result, "changed": any(one["changed"] for one in found), "incidents": found}

    @staticmethod
    def _folders(base: Path, options: Mapping) -> list[Path]:
        """The incident that was named; otherwise those that are still told of."""
        name = options["incident"]
        if name:
            return [Record.named(base, name).folder]
        if any(options[given] for given in ("status", "text", "public_text", "acknowledge")):
            raise IncidentError("which incident is that? Say it with -e incident=ID, or -e incident=latest")
        return [box.path.parent for box in Outbox.waiting(base)]

    def _update(self, folder: Path, chosen: Mapping, options: Mapping, account: list[Mapping]) -> Mapping:
        """Put into the outbox what is to be told now of one incident."""
        record = Record.load(str(folder))
        announcer = announcement.Announcer(record, chosen)
        before = len(announcer.box.messages())
        if not self._task.check_mode:
            if options["acknowledge"]:
                self._acknowledge(record, announcer, options["acknowledge"], account)
            if options["status"] or options["text"] or options["public_text"]:
                self._by_hand(record, announcer, options, account)
            self._what_is_due(record, announcer, chosen, account)
        self._decide_on_drafts(announcer, options["drafts"], account, self._task.check_mode)
        return {"incident": folder.name, "folder": str(folder), "changed": len(announcer.box.messages()) > before}

    def _acknowledge(self, record: Record, announcer: announcement.Announcer, name: str, account: list[Mapping]) -> None:
        if announcer.box.desk()["acknowledged"]:
            return
        announcer.box.note_on_desk(acknowledged={"by": name, "at": utc_now()})
        announcer.tell_team("acknowledged", "Acknowledged", f"{name} has taken over.", record.content.get("impact") or [])
        self._note(record, "acknowledged", f"{name} has taken over", account)

    def _by_hand(self, record: Record, announcer: announcement.Announcer, options: Mapping, account: list[Mapping]) -> None:
        messages = announcer.box.messages()
        last = update_due.last_update(messages)
        # Of one that was escalated a person now says how it stands.
        known = last.status if last and last.status in status_message.STATUSES else "Investigating"
        status = options["status"] or known
        earlier = [one for one in messages if one.name.startswith("update-") and one.audience == "internal"]
        name = f"update-{len(earlier) + 1}"
        told = options["text"] or options["public_text"] or f"The status is {status}."
        announcer.tell_team(name, status, told, record.content.get("impact") or [])
        announcer.tell_public(name, status, options["public_text"])
        announcer.box.note_on_desk(over=status == "Resolved")
        self._note(record, "update", f"{status}: {told}", account)

    def _what_is_due(self, record: Record, announcer: announcement.Announcer, chosen: Mapping, account: list[Mapping]) -> None:
        box, severity, now = announcer.box, record.content["severity"], utc_now()
        messages = box.messages()
        reminder = update_due.reminder_name(messages, update_due.due_at(messages, chosen["notify_update_minutes"]), now)
        if reminder:
            announcer.tell_team(reminder, "Reminder", "An update of this incident is overdue.", record.content.get("impact") or [])
            self._note(record, "reminder", "an update is overdue", account)
        path = chosen["notify_escalation"]
        level = update_due.next_level(box.desk(), path, chosen["notify_acknowledge_minutes"][severity], now)
        if level:
            called = f"nobody has acknowledged, so level {level} is called: {path[level - 1]['name']}"
            announcer.tell_team(
                f"level-{level}", "Escalated", f"{called}.", record.content.get("impact") or [], announcer.call_level(level)
            )
            self._note(record, "escalated", called, account)

    @staticmethod
    def _decide_on_drafts(announcer: announcement.Announcer, decision: str, account: list[Mapping], check_mode: bool) -> None:
        for message in [one for one in announcer.box.messages() if one.draft]:
            if decision == "show":
                text = f"{announcer.box.file_of(message.name)}\n{status_message.as_file(announcer.box.text(message.name))}"
                account.append({"at": utc_now(), "event": "draft", "text": text})
            elif check_mode:
                account.append({"at": utc_now(), "event": "check", "text": f"would {decision} the draft {message.name}"})
            else:
                (announcer.box.release if decision == "send" else announcer.box.discard)(message.name)

    @staticmethod
    def _note(record: Record, event: str, text: str, account: list[Mapping]) -> None:
        """Write it into the record, unless a run has that open and would write over it: the outbox has it anyway."""
        if record.content["outcome"] is None:
            account.append({"at": utc_now(), "event": event, "text": text})
            return
        account.append(record.event(event, text))
        write_report(record)

    @staticmethod
    def _tell(one: Mapping, chosen: Mapping, account: list[Mapping]) -> None:
        """Say what has come through, and when the next update is due."""
        box = Outbox(Path(one["folder"]))
        messages = box.messages()
        one["due_at"] = update_due.due_at(messages, chosen["notify_update_minutes"])
        one["messages"] = [
            {**{name: told[name] for name in ("channel", "state", "detail", "attempts")}, "name": told["message"].name}
            for told in states(box)
        ]
        one["drafts"] = [str(box.file_of(message.name)) for message in messages if message.draft]
        due = f"; next update by {status_message.clock(one['due_at'])}" if one["due_at"] else ""
        account.append({"at": utc_now(), "event": "told", "text": f"{one['incident']}: {announcement.summary(states(box))}{due}"})
