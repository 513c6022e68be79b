# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The outbox of an incident, and the sending of what waits there, with channels that are made up."""

from __future__ import annotations

import json
import threading
import typing as t
from pathlib import Path

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import outbox, outbox_sender
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.notify_settings import check
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.outbox import Message, Outbox
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.outbox_channels import Parcel, Result
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.record import Record, utc_now
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.status_message import Text

SETTINGS = check(
    {
        "notify_webhook_url": "https://example.com/secret-address",
        "notify_slack_webhook_url": "https://hooks.slack.com/services/T1/B1/x",
        "notify_retry_seconds": 5,
    }
)


@pytest.fixture
def box(tmp_path: Path) -> Outbox:
    """The empty outbox of an incident."""
    return Outbox(Record.create(str(tmp_path / "records"), "db_failure", "Database", "host1", "P1").folder)


def message(name: str, *channels: str, draft: bool = False, at: str = "") -> Message:
    return Message(name, "Investigating", "P1", "internal", list(channels or ["webhook"]), at or utc_now(), draft)


class Channels:
    """Takes what is sent, after the results that were planned."""

    def __init__(self, *planned: Result) -> None:
        self.planned = list(planned)
        self.came: list[tuple[str, str, bool, str | None]] = []

    def __call__(self, channel: str, _settings: t.Mapping[str, t.Any], parcel: Parcel) -> Result:
        self.came.append((channel, parcel.message.name, parcel.doubtful, parcel.remote))
        return self.planned.pop(0) if self.planned else Result("sent", remote="remote-1")


def send(box: Outbox, channels: Channels, channel: str = "webhook") -> None:
    outbox_sender.ChannelSender(box.base, channel, SETTINGS, channels).run(lambda: None)


def test_a_message_is_taken_once_and_without_secrets(box: Outbox) -> None:
    assert box.add(message("investigating"), Text("a", "password=hunter2 and my-own-secret\n"), ["my-own-secret"])
    assert not box.add(message("investigating"), Text("b", "other\n"))
    assert [one.name for one in box.messages()] == ["investigating"]
    assert box.text("investigating") == Text("a", "password=******** and ********\n")
    assert [waiting.incident for waiting in Outbox.waiting(box.base)] == [box.incident]
    assert {oct(path.stat().st_mode & 0o777) for path in box.path.iterdir()} == {"0o600"}
    assert outbox.told_at(box, "external") == []


def test_a_message_that_cannot_be_read(box: Outbox) -> None:
    box.add(message("investigating"), Text("a", "b\n"))
    box.file_of("investigating").with_suffix(".json").write_text("{}", encoding="utf-8")
    with pytest.raises(IncidentError, match="mend it or move it away"):
        box.messages()


def test_the_desk_may_come_first(box: Outbox) -> None:
    box.note_on_desk(acknowledged={"by": "Ada"})
    assert box.desk() == {"levels": [], "acknowledged": {"by": "Ada"}, "over": False}
    assert box.messages() == []


def test_nothing_was_ever_told(tmp_path: Path) -> None:
    assert Outbox.waiting(tmp_path) == []


def test_all_is_sent_in_order_and_once(box: Outbox) -> None:
    for name in ("investigating", "identified"):
        box.add(message(name), Text("a", "b\n"))
    channels = Channels()
    send(box, channels)
    send(box, channels)
    assert channels.came == [("webhook", "investigating", False, None), ("webhook", "identified", False, "remote-1")]
    assert [one["state"] for one in outbox.states(box)] == ["sent", "sent"]


def test_what_may_pass_is_tried_again_before_what_came_later(box: Outbox) -> None:
    for name in ("investigating", "identified"):
        box.add(message(name), Text("a", "b\n"))
    channels = Channels(Result("later", "at https://example.com/secret-address it answered 503"))
    send(box, channels)
    assert [(name, doubtful) for _channel, name, doubtful, _remote in channels.came] == [
        ("investigating", False),
        ("investigating", True),
        ("identified", False),
    ]


def test_a_channel_that_asks_for_more_time_than_there_is_gets_it(box: Outbox) -> None:
    box.add(message("investigating"), Text("a", "b\n"))
    channels = Channels(Result("later", "at https://example.com/secret-address it answered 429", 600))
    send(box, channels)
    send(box, channels)
    assert len(channels.came) == 1
    assert outbox.states(box)[0]["detail"] == "at ******** it answered 429"


def test_what_somebody_has_to_put_right_waits_for_the_next_run(box: Outbox) -> None:
    for name in ("investigating", "identified"):
        box.add(message(name), Text("a", "b\n"))
    channels = Channels(Result("blocked", "it answered 403"))
    send(box, channels)
    assert len(channels.came) == 1
    send(box, channels)
    assert len(channels.came) == 3


def test_what_is_refused_for_good_holds_nothing_up(box: Outbox) -> None:
    for name in ("investigating", "identified"):
        box.add(message(name), Text("a", "b\n"))
    channels = Channels(Result("refused", "it answered 400"))
    send(box, channels)
    send(box, channels)
    assert [one[1] for one in channels.came] == ["investigating", "identified"]
    assert [one["state"] for one in outbox.states(box)] == ["refused", "sent"]


def test_a_draft_waits_for_a_person(box: Outbox) -> None:
    box.add(message("a-public", draft=True), Text("a", "b\n"))
    box.add(message("b-public", draft=True), Text("a", "b\n"))
    channels = Channels()
    send(box, channels)
    assert channels.came == []
    box.release("a-public")
    box.discard("b-public")
    send(box, channels)
    assert [one[1] for one in channels.came] == ["a-public"]


def test_an_old_message_helps_nobody(box: Outbox) -> None:
    box.add(message("investigating", at="2026-01-01T00:00:00.000+00:00"), Text("a", "b\n"))
    assert box.unsent("webhook") == []
    box.forget_when_told(["webhook"])
    assert Outbox.waiting(box.base) == []


def test_an_incident_is_told_of_until_it_is_over_and_nothing_waits(box: Outbox) -> None:
    box.add(message("investigating"), Text("a", "b\n"))
    box.forget_when_told(["webhook"])
    box.note_on_desk(over=True)
    box.forget_when_told(["webhook"])
    assert Outbox.waiting(box.base)
    send(box, Channels())
    box.forget_when_told(["webhook"])
    assert Outbox.waiting(box.base) == []
    assert box.desk() == {"levels": [], "acknowledged": None, "over": True}


def test_one_process_at_a_time_sends_on_a_channel(box: Outbox) -> None:
    box.add(message("investigating"), Text("a", "b\n"))
    channels = Channels()
    with outbox.locked(outbox.waiting_folder(box.base) / ".webhook.lock"):
        send(box, channels)
        assert channels.came == []
    send(box, channels)
    assert len(channels.came) == 1


def test_what_comes_while_the_last_one_is_sent(box: Outbox) -> None:
    """Who brought it found the lock taken, and went away."""
    box.add(message("investigating"), Text("a", "b\n"))

    class More(Channels):
        def __call__(self, channel: str, settings: t.Mapping[str, t.Any], parcel: Parcel) -> Result:
            box.add(message("identified"), Text("a", "b\n"))
            return super().__call__(channel, settings, parcel)

    channels = More()
    send(box, channels)
    assert [one[1] for one in channels.came] == ["investigating", "identified"]


def test_all_channels_at_once(box: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each message has its first chance on each channel, then it is said so, and what is over is forgotten."""
    box.add(message("investigating", "webhook", "slack"), Text("a", "b\n"))
    box.note_on_desk(over=True)
    both, told = threading.Barrier(2), []

    def run(self: outbox_sender.ChannelSender, tried: t.Callable[[], None]) -> None:
        both.wait(10)
        self._attempt = Channels()
        while self._send_due() == 0.0:
            pass
        tried()

    monkeypatch.setattr(outbox_sender.ChannelSender, "run", run)
    outbox_sender.send_all(box.base, SETTINGS, lambda: told.append(True))
    assert told == [True]
    assert {one["state"] for one in outbox.states(box)} == {"sent"}
    assert Outbox.waiting(box.base) == []


def test_the_pauses() -> None:
    assert [outbox_sender.pause_after(attempts, None) for attempts in (1, 2, 3, 99)] == [1.0, 2.0, 4.0, 60.0]
    assert outbox_sender.pause_after(1, 30.0) == 30.0


def test_a_killed_attempt_is_known_of(box: Outbox) -> None:
    box.add(message("investigating"), Text("a", "b\n"))
    box.note("webhook", "investigating", outbox.entry("sending", 1))
    channels = Channels()
    send(box, channels)
    assert channels.came == [("webhook", "investigating", True, None)]
    assert json.loads((box.path / "webhook.state").read_text(encoding="utf-8"))["investigating"]["attempts"] == 2
