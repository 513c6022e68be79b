# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which messages a run puts into the outbox at which of its moments."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.outbox import Outbox
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.record import Record
from ansible_collections.circuit_sage.incident_response.plugins.plugin_utils import announcement

PATH = [{"name": "on call", "contacts": [{"name": "Ada", "email": "ada@example.com"}]}]
CHANNELS = {
    "notify_webhook_url": "https://example.com/secret-address",
    "notify_email_to": ["team@example.com"],
    "notify_email_from": "incidents@example.com",
    "notify_email_host": "mail.example.com",
    "notify_statuspage_page_id": "page1",
    "notify_statuspage_token": "secret-token",
    "notify_auto": True,
    "notify_escalation": PATH,
}
CAUSE = {"id": "postgres_stopped", "title": "PostgreSQL is stopped", "decision": "act", "remedy": "start_postgres", "risk": "disruptive"}
LEFT = {**CAUSE, "id": "odd", "decision": "leave", "reason": "a person has to decide"}


class Templar:
    """Gives back what it is given; what it cannot read is an error that repeats it."""

    def template(self, value: t.Any) -> t.Any:
        if value == "{{ broken secret }}":
            raise TypeError("broken secret")
        return value


@pytest.fixture(autouse=True)
def started(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Nothing is sent: the folders for which sending was started."""
    found: list[Path] = []

    def start(base: Path, _chosen: t.Any) -> t.Callable[[float], bool]:
        found.append(base)
        return lambda _seconds: True

    monkeypatch.setattr(announcement, "start_sending", start)
    return found


def opened(folder: Path, kind: str = "db_failure", severity: str = "P1") -> Record:
    return Record.create(str(folder / "records"), kind, "Database connection failure", "host1", severity)


def variables(act: bool = True, **more: t.Any) -> dict[str, t.Any]:
    return {**CHANNELS, "circuit_sage_incident": {"act": act}, **more}


def look(*findings: dict[str, t.Any], tried: t.Sequence[str] = (), symptoms: t.Sequence[str] = ()) -> dict[str, t.Any]:
    planned = [one for one in findings if one["decision"] == "act"]
    return {"findings": list(findings), "planned": planned, "symptoms": list(symptoms), "tried": list(tried)}


def names(record: Record) -> list[str]:
    return [one.name for one in Outbox(record.folder).messages()]


def test_a_run_from_the_first_look_to_the_end(tmp_path: Path, started: list[Path]) -> None:
    record = opened(tmp_path)
    announcement.of_diagnosis(record, variables(), Templar(), look(CAUSE, LEFT, symptoms=["postgres is exited"]))
    record.content["remedies"].append({"at": "", "remedy": "start_postgres"})
    announcement.of_diagnosis(
        record, variables(), Templar(), look(CAUSE, tried=["start_postgres"], symptoms=["the service does not answer"])
    )
    announcement.of_diagnosis(record, variables(), Templar(), look(tried=["start_postgres", "restart_backend"]))
    record.content["outcome"] = "resolved"
    told = announcement.of_end(record, variables(), Templar(), "resolved", "mended and proven")
    assert names(record) == [
        *("investigating", "investigating-public", "identified", "identified-public", "monitoring", "identified-1"),
        *("monitoring-public", "resolved", "resolved-public"),
    ]
    box = Outbox(record.folder)
    assert [one.contacts for one in box.messages()][:2] == [PATH[0]["contacts"], []]
    assert box.desk()["over"] is True
    assert "odd: PostgreSQL is stopped. a person has to decide" in box.text("identified").body
    assert len(started) == 4
    assert told.account[0]["text"] == "Resolved for email, webhook, statuspage"
    assert told.came_through(0)[0]["text"] == ("email 0 of 5 (on its way); webhook 0 of 5 (on its way); statuspage 0 of 4 (on its way)")


def test_a_run_that_joined_tells_of_itself(tmp_path: Path) -> None:
    record = opened(tmp_path)
    record.content["impact"] = []
    announcement.of_diagnosis(record, variables(), Templar(), look(LEFT))
    announcement.of_end(record, variables(), Templar(), "escalated", "a person is needed")
    record.content["outcome"] = "escalated"
    record = Record.joined(str(record.folder.parent), "latest", "db_failure", "Database connection failure", "host1")
    announcement.of_diagnosis(record, variables(), Templar(), look(CAUSE))
    told = [name for name in names(record) if not name.endswith("-public")]
    assert told == ["investigating", "identified", "escalated", "identified-run-2"]
    record.content["outcome"] = "escalated"
    announcement.of_end(record, variables(), Templar(), "resolved", "mended; open in this incident: another")
    assert [name for name in names(record) if "resolved" in name] == []
    record.content["outcome"] = "resolved"
    announcement.of_end(record, variables(), Templar(), "healthy", "nothing is broken")
    assert [name for name in names(record) if "resolved" in name] == ["resolved-run-2", "resolved-run-2-public"]
    # What breaks again after that is told of from the beginning.
    announcement.of_diagnosis(record, variables(), Templar(), look({**CAUSE, "id": "other"}))
    assert "investigating-run-2" in names(record)
    assert Outbox(record.folder).desk()["over"] is False


def test_what_nobody_hears_of(tmp_path: Path, started: list[Path]) -> None:
    record = opened(tmp_path)
    assert announcement.of_diagnosis(record, variables(), Templar(), look()).account == []
    assert announcement.of_diagnosis(record, variables(), Templar(), look({**CAUSE, "harmless": True})).account == []
    assert announcement.of_diagnosis(record, variables(act=False), Templar(), look(CAUSE)).account == []
    assert announcement.of_end(record, variables(), Templar(), "healthy", "nothing is broken").account == []
    assert announcement.of_end(record, variables(), Templar(), "resolved", "all rotated").account == []
    without: dict[str, t.Any] = {"circuit_sage_incident": {"act": True}}
    assert announcement.of_diagnosis(record, without, Templar(), look(CAUSE)).came_through(0) == []
    assert not Outbox(record.folder).path.exists()
    assert started == []


def test_of_a_security_incident_only_a_person_speaks(tmp_path: Path) -> None:
    record = opened(tmp_path, "security_incident")
    told = announcement.of_diagnosis(record, variables(), Templar(), look(CAUSE))
    assert [one.draft for one in Outbox(record.folder).messages()] == [False, True, False, True]
    assert "Investigating for email, webhook, a draft for the public" in told.account[0]["text"]


def test_a_break_in_that_another_playbook_finds(tmp_path: Path) -> None:
    record = opened(tmp_path, "triage")
    record.content["findings"] = [{**CAUSE, "role": "security_incident"}]
    record.content["affected"] = ["40 of 40 companies"]
    announcement.of_diagnosis(record, variables(), Templar(), look(CAUSE))
    assert {one.draft for one in Outbox(record.folder).messages() if one.audience == "external"} == {True}
    assert "40 of 40 companies" in Outbox(record.folder).text("investigating").body


def test_a_triage_tells_the_public_what_its_cause_is_of(tmp_path: Path) -> None:
    record = opened(tmp_path, "triage")
    record.merge_findings([{**CAUSE, "role": "db_failure"}])
    announcement.of_diagnosis(record, variables(notify_public_impact={"db_failure": "Signing in may fail."}), Templar(), look(CAUSE))
    assert "Signing in may fail." in Outbox(record.folder).text("investigating-public").body


def test_a_person_is_needed(tmp_path: Path) -> None:
    record = opened(tmp_path)
    record.content["impact"] = []
    announcement.of_end(record, variables(), Templar(), "escalated", "the run failed")
    assert names(record) == ["escalated"]
    assert Outbox(record.folder).messages()[0].contacts == PATH[0]["contacts"]


def test_the_public_gets_no_email_of_what_is_small(tmp_path: Path) -> None:
    record = opened(tmp_path, severity="P3")
    announcement.of_diagnosis(record, variables(notify_email_external_to=["all@example.com"]), Templar(), look(CAUSE))
    assert {tuple(one.channels) for one in Outbox(record.folder).messages() if one.audience == "external"} == {("statuspage",)}


def test_a_message_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    record = opened(tmp_path)
    (record.folder.parent / ".outbox").write_text("", encoding="utf-8")
    told = announcement.of_diagnosis(record, variables(), Templar(), look(CAUSE))
    assert told.account[0]["text"].startswith("nobody was told: ")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"notify_slack_webook_url": "https://hooks.slack.com/services/T1/B1/x"}, "did you mean notify_slack_webhook_url"),
        ({"notify_webhook_token": "{{ broken secret }}"}, "notify_webhook_token cannot be read"),
    ],
)
def test_settings_that_cannot_be_used(given: dict[str, t.Any], said: str) -> None:
    with pytest.raises(IncidentError, match=said) as caught:
        announcement.settings({**CHANNELS, **given}, Templar())
    assert "secret" not in str(caught.value)


def test_settings_are_checked_without_a_channel() -> None:
    with pytest.raises(IncidentError, match="Ada"):
        announcement.settings({"notify_escalation": [{"name": "on call", "contacts": [{"name": "Ada"}]}]}, Templar())
    with pytest.raises(IncidentError, match="P9"):
        announcement.settings({"notify_update_minutes": {"P9": 5}}, Templar())


def test_no_settings() -> None:
    assert announcement.settings({"other": 1}, Templar()) is None
    assert announcement.settings({"notify_auto": True}, Templar()) is None
    assert announcement.settings({"notify_email_to": []}, Templar()) is None


def test_what_waits_is_sent_beside_the_next_run(tmp_path: Path, started: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    record = opened(tmp_path)
    base = str(record.folder.parent)
    announcement.send_what_waits(base, CHANNELS)
    assert started == []
    announcement.of_diagnosis(record, variables(), Templar(), look(CAUSE))
    assert announcement.send_what_waits(base, CHANNELS) is None
    assert len(started) == 2

    def no_process(*_words: object) -> t.Any:
        raise OSError("no process left")

    monkeypatch.setattr(announcement, "start_sending", no_process)
    assert announcement.send_what_waits(base, CHANNELS) == "what waits is not sent: no process left"
