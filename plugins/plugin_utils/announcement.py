# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run tells by itself: the messages of its moments, put into the outbox by the actions that open, diagnose and close an incident.

The settings are read from the variables by name and are no option of a task, so that Ansible shows them at no verbosity. Where none of them
switches a channel on, all of this is one look at the names of the variables. No failure in here stops a remedy.
"""

from __future__ import annotations

import typing as t
from collections.abc import Mapping, Sequence
from pathlib import Path

from ansible.errors import AnsibleError

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import notify_settings, status_message
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.diagnosis import plain
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.outbox import Message, Outbox, states, told_at
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.record import Record, utc_now
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.role_settings import refuse_mistyped, settings_of

# For whom a channel is. E-mail is for both, each with recipients of its own.
INTERNAL = ("slack", "email", "pagerduty", "webhook")
EXTERNAL = ("statuspage", "email")
# The public gets e-mails of what the guide wants it to get e-mails of.
_MAILED = ("P1", "P2")


def settings(task_vars: Mapping[str, t.Any], templar: t.Any) -> dict[str, t.Any] | None:
    """The settings, checked; None where no channel is switched on. Raises for what cannot be right."""
    named = [name for name in task_vars if name.startswith("notify_")]
    if not named:
        return None
    refuse_mistyped(named, "notify", settings_of("notify"))
    # Also without a channel: who is called by a run tomorrow has to be right today.
    known = [name for name in notify_settings.defaults() if name in task_vars]
    given = {}
    for name in known:
        try:
            given[name] = plain(templar.template(task_vars[name]))
        except (AnsibleError, TypeError) as error:
            # The error may repeat the value.
            raise IncidentError(f"{name} cannot be read ({type(error).__name__}); mend its expression, or what it looks up") from None
    found = notify_settings.check(given)
    return found if found["channels"] else None


class Told(t.NamedTuple):
    """What was put into the outbox, for the account, and the sending of it that goes on beside the run."""

    account: list[dict[str, t.Any]]
    box: Outbox | None = None
    wait: t.Callable[[float], bool] | None = None

    def came_through(self, seconds: float) -> list[dict[str, t.Any]]:
        """What has come through after so many seconds at most, for the account: nothing is delayed by a channel but this line."""
        if not self.box or not self.wait:
            return []
        self.wait(seconds)
        return [{"at": utc_now(), "event": "told", "text": summary(states(self.box))}]


def summary(found: Sequence[Mapping[str, t.Any]]) -> str:
    """What became of messages, channel by channel, in one line."""
    parts = []
    for channel in dict.fromkeys(one["channel"] for one in found):
        of_channel = [one for one in found if one["channel"] == channel and not one["message"].draft]
        sent = sum(one["state"] == "sent" for one in of_channel)
        # The first one that has not come through says why; those behind it wait for it.
        held = next((one["detail"] or "on its way" for one in of_channel if one["state"] != "sent"), None)
        if of_channel:
            parts.append(f"{channel} {sent} of {len(of_channel)}" + (f" ({held})" if held else ""))
    drafts = len({one["message"].name for one in found if one["message"].draft})
    return "; ".join([*parts, *([f"{drafts} {'draft' if drafts == 1 else 'drafts'} for the public"] if drafts else [])]) or "nothing"


class Announcer:
    """Puts messages of one incident into its outbox."""

    def __init__(self, record: Record, chosen: Mapping[str, t.Any]) -> None:
        self._record = record
        self._settings = chosen
        self.box = Outbox(record.folder)
        self.queued: dict[str, list[str]] = {}
        # A message is told once by its name, and a run that joined has its own to tell.
        number = len(record.content["runs"])
        self._of_run = f"-run-{number}" if number > 1 else ""

    def due(self, status: str, severity: str) -> str | None:
        """When the next update is due after one of now; None when the incident is over."""
        if status == "Resolved":
            return None
        return status_message.shifted(utc_now(), self._settings["notify_update_minutes"][severity])

    def tell_team(self, name: str, status: str, summary: str, impact: Sequence[str], contacts: Sequence[Mapping[str, str]] = ()) -> None:
        """A message for the team, as soon as its channels take it."""
        channels = [channel for channel in self._settings["channels"] if channel in INTERNAL]
        if "email" in channels and not self._settings["notify_email_to"] and not any(contact.get("email") for contact in contacts):
            channels.remove("email")
        content, page = self._record.content, self._settings["notify_status_page"]
        text = status_message.internal(content, status, summary, list(impact), self.due(status, content["severity"]), page)
        self._add(Message(name, status, content["severity"], "internal", channels, utc_now(), contacts=contacts), text)

    def tell_public(self, name: str, status: str, summary: str = "") -> None:
        """A message for the public: a draft, unless it is wanted at once and of a kind of which a run may speak."""
        content = self._record.content
        severity, kind = content["severity"], content["kind"]
        channels = [channel for channel in self._settings["channels"] if channel in EXTERNAL]
        if "email" in channels and (not self._settings["notify_email_external_to"] or severity not in _MAILED):
            channels.remove("email")
        at = utc_now()
        told = [*told_at(self.box, "external"), (at, status)]
        settings_ = self._settings
        # A triage is of the kind of what it found.
        impact = settings_["notify_public_impact"]
        of = next((one for one in (kind, *(found.get("role") for found in content["findings"])) if one in impact), kind)
        text = status_message.external(of, status, impact, told, self.due(status, severity), settings_["notify_status_page"], summary)
        # Whichever playbook found it.
        break_in = any(one.get("role") == "security_incident" for one in content["findings"])
        draft = not settings_["notify_auto"] or break_in or kind in status_message.NEVER_PUBLIC_BY_ITSELF
        self._add(Message(f"{name}-public", status, severity, "external", channels, at, draft), text)

    def _add(self, message: Message, text: status_message.Text) -> None:
        if message.channels and self.box.add(message, text, notify_settings.secret_values(self._settings)):
            self.queued.setdefault(message.status, []).append("a draft for the public" if message.draft else ", ".join(message.channels))

    def call_level(self, number: int) -> list[dict[str, str]]:
        """Note that a level of the escalation path is called now: its contacts."""
        levels = self.box.desk()["levels"]
        self.box.note_on_desk(levels=[*levels, {"level": number, "at": utc_now()}])
        return list(self._settings["notify_escalation"][number - 1]["contacts"])

    def first_level(self) -> list[dict[str, str]]:
        """Call the first level of the escalation path, once."""
        return self.call_level(1) if self._settings["notify_escalation"] and not self.box.desk()["levels"] else []

    def of_run(self, name: str) -> str:
        """The name of a message that each run has to tell."""
        return f"{name}{self._of_run}"

    def is_first_word(self) -> bool:
        """Whether nobody has heard of the incident, or was told that it is over."""
        return not self.box.path.is_dir() or bool(self.box.desk()["over"])

    def told(self) -> str:
        """What was put into the outbox, in one line."""
        return "; ".join(f"{status} for {', '.join(whom)}" for status, whom in self.queued.items())

    def send(self) -> t.Callable[[float], bool]:
        """Start sending, beside the run."""
        return start_sending(self._record.folder.parent, self._settings)


def start_sending(base: Path, chosen: Mapping[str, t.Any]) -> t.Callable[[float], bool]:
    """Send what waits, beside the run. The answer waits for so many seconds at most, and says whether all had its first chance."""
    # Imported only where something is sent: mail and TLS take their time to load.
    from . import outbox_process

    return outbox_process.start(base, chosen)


def send_what_waits(base: str, chosen: Mapping[str, t.Any]) -> str | None:
    """What an earlier run could not send is sent beside this one: why it is not, where that cannot be done."""
    try:
        if Outbox.waiting(Path(base)):
            start_sending(Path(base), chosen)(0)
    except (IncidentError, OSError) as error:
        return f"what waits is not sent: {error}"
    return None


def of_diagnosis(record: Record, task_vars: Mapping[str, t.Any], templar: t.Any, found: Mapping[str, t.Any]) -> Told:
    """What is told after a look: that there is an incident, its cause and the plan; and once something was done, that it is watched."""

    def tell(announcer: Announcer) -> None:
        symptoms = found["symptoms"]
        # A cause that is harmless is none to call people for.
        findings = [one for one in found["findings"] if not one.get("harmless")]
        if not found["tried"]:
            if (symptoms or findings) and announcer.is_first_word():
                first = "; ".join(symptoms) or findings[0]["title"]
                impact = [*symptoms, *record.content.get("affected", [])]
                announcer.tell_team(announcer.of_run("investigating"), "Investigating", first, impact, announcer.first_level())
                announcer.tell_public(announcer.of_run("investigating"), "Investigating")
                if announcer.box.desk()["over"]:
                    announcer.box.note_on_desk(over=False)
            if findings:
                announcer.tell_team(announcer.of_run("identified"), "Identified", _causes(findings), symptoms)
                announcer.tell_public(announcer.of_run("identified"), "Identified")
            return
        left = f" Still to see: {'; '.join(symptoms)}." if symptoms else " It answers again; this is being proven."
        done = f"Done: {', '.join(one['remedy'] for one in record.content['remedies'])}.{left}"
        announcer.tell_team(announcer.of_run("monitoring"), "Monitoring", done, symptoms or ["None is seen any more."])
        if not symptoms:
            announcer.tell_public(announcer.of_run("monitoring"), "Monitoring")
        if found["planned"]:
            announcer.tell_team(announcer.of_run(f"identified-{len(found['tried'])}"), "Identified", _causes(found["planned"]), symptoms)

    return _announce(record, task_vars, templar, tell)


def of_end(record: Record, task_vars: Mapping[str, t.Any], templar: t.Any, outcome: str, text: str) -> Told:
    """What is told when a run closes the incident. Of one that found nothing, or did what it was there for, nobody hears.

    An incident that an earlier run escalated is over when this one found the system well.
    """

    def tell(announcer: Announcer) -> None:
        if outcome == "escalated":
            announcer.tell_team(announcer.of_run("escalated"), "Escalated", text, record.content["impact"], announcer.first_level())
            if any(message.audience == "external" for message in announcer.box.messages()):
                announcer.tell_public(announcer.of_run("escalated"), "Escalated")
        elif record.content["outcome"] == "resolved" and not announcer.is_first_word():
            announcer.tell_team(announcer.of_run("resolved"), "Resolved", text, ["None any more."])
            announcer.tell_public(announcer.of_run("resolved"), "Resolved")
            announcer.box.note_on_desk(over=True)

    return _announce(record, task_vars, templar, tell)


def _causes(findings: Sequence[Mapping[str, t.Any]]) -> str:
    """The causes, each with what is done about it."""
    return "\n".join(
        f"{one['id']}: {one['title']}. " + (f"Plan: {one['remedy']} ({one['risk']})" if one["decision"] == "act" else one["reason"])
        for one in findings
    )


def _announce(record: Record, task_vars: Mapping[str, t.Any], templar: t.Any, tell: t.Callable[[Announcer], None]) -> Told:
    """Put messages into the outbox and start sending."""
    if not notify_settings.is_switched_on(task_vars) or not task_vars["circuit_sage_incident"]["act"]:
        return Told([])
    try:
        chosen = settings(task_vars, templar)
        if not chosen:
            return Told([])
        announcer = Announcer(record, chosen)
        tell(announcer)
        if not announcer.queued:
            return Told([])
        account = [record.event("told", announcer.told())]
        return Told(account, announcer.box, announcer.send())
    except (IncidentError, OSError) as error:
        # What is told must not stop what is done: the contract says so.
        return Told([record.event("told", f"nobody was told: {error}")])
