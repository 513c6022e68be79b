# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The messages of an incident, written into its record before anything is sent, and what became of each on each channel.

``outbox/NN-NAME.json`` says what a message is, ``NN-NAME.txt`` what it says (a person may edit that of a draft), ``CHANNEL.state`` what
became of all of them on one channel. ``.outbox/INCIDENT`` beside the records names the incidents that are still told of, so that the next
run finds what waits without looking into each record. The folder holds the lock of each channel, too: one process sends on it at a time.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import typing as t
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path

from .errors import IncidentError
from .record import utc_now, write_private
from .redaction import redact
from .status_message import Text, as_file, from_file

# After that nobody is helped by a message, and an incident that nobody has closed is told of no more.
LASTS = timedelta(hours=24)
# States that a message on a channel does not leave.
ENDED = ("sent", "refused")


class Message(t.NamedTuple):
    """A message of an incident: `name` tells it from the others of the incident, and is there once."""

    name: str
    status: str
    severity: str
    audience: str
    channels: Sequence[str]
    at: str
    draft: bool = False
    # Who is to be called, as the setting notify_escalation has them.
    contacts: Sequence[Mapping[str, str]] = ()


def waiting_folder(base: Path) -> Path:
    """Where the incidents that are still told of are named."""
    return base / ".outbox"


@contextlib.contextmanager
def locked(path: Path, wait: bool = True) -> Iterator[bool]:
    """Hold a lock file; without *wait* the answer is False where somebody else holds it. The kernel ends that of a killed process."""
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
            return
        yield True
    finally:
        os.close(descriptor)


class Outbox:
    """The messages in one incident's folder."""

    def __init__(self, folder: Path) -> None:
        self.incident = folder.name
        self.base = folder.parent
        self.path = folder / "outbox"

    @classmethod
    def waiting(cls, base: Path) -> list[Outbox]:
        """Those of the incidents that are still told of, the oldest first."""
        # The names of locks and of notes begin with a dot.
        folder = waiting_folder(base)
        names = sorted(path.name for path in folder.iterdir() if not path.name.startswith(".")) if folder.is_dir() else []
        return [cls(base / name) for name in names]

    @contextlib.contextmanager
    def _changing(self) -> Iterator[None]:
        folder = waiting_folder(self.base)
        folder.mkdir(mode=0o700, exist_ok=True)
        with locked(folder / ".lock"):
            yield

    def add(self, message: Message, text: Text, secrets: Sequence[str] = ()) -> bool:
        """Take in a message; one whose name is there already is not taken again."""
        with self._changing():
            self.path.mkdir(mode=0o700, exist_ok=True)
            there = sorted(self.path.glob("[0-9][0-9]-*.json"))
            if any(path.stem[3:] == message.name for path in there):
                return False
            stem = f"{len(there) + 1:02d}-{message.name}"
            clean = Text(redact(text.subject, secrets), redact(text.body, secrets))
            write_private(self.path / f"{stem}.txt", as_file(clean))
            write_private(self.path / f"{stem}.json", json.dumps(message._asdict(), indent=2) + "\n")
            (waiting_folder(self.base) / self.incident).touch(mode=0o600)
        return True

    def messages(self) -> list[Message]:
        """All of them, in their order."""
        return [self._read(path) for path in sorted(self.path.glob("[0-9][0-9]-*.json"))]

    @staticmethod
    def _read(path: Path) -> Message:
        try:
            return Message(**json.loads(path.read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            raise IncidentError(f"the message {path} cannot be read ({error}); mend it or move it away") from error

    def file_of(self, name: str) -> Path:
        """The text of a message."""
        return next(path for path in self.path.glob("[0-9][0-9]-*.txt") if path.stem[3:] == name)

    def text(self, name: str) -> Text:
        """What a message says now."""
        return from_file(self.file_of(name).read_text(encoding="utf-8"))

    def release(self, name: str) -> None:
        """A draft is to be sent as it is now."""
        with self._changing():
            path = self.file_of(name).with_suffix(".json")
            write_private(path, json.dumps({**self._read(path)._asdict(), "draft": False}, indent=2) + "\n")
            (waiting_folder(self.base) / self.incident).touch(mode=0o600)

    def discard(self, name: str) -> None:
        """A draft is not to be sent. Its text stays in the record; its number is not given again."""
        with self._changing():
            path = self.file_of(name).with_suffix(".json")
            write_private(path, json.dumps({**self._read(path)._asdict(), "draft": False, "channels": []}, indent=2) + "\n")

    def state(self, channel: str) -> dict[str, t.Any]:
        """What became of the messages on a channel: by name, and under `remote` what the other side calls the incident."""
        path = self.path / f"{channel}.state"
        return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}

    def note(self, channel: str, name: str, entry: Mapping[str, t.Any]) -> None:
        """Write what became of a message. Only for who holds the channel's lock."""
        write_private(self.path / f"{channel}.state", json.dumps({**self.state(channel), name: entry}, indent=2) + "\n")

    def unsent(self, channel: str) -> list[tuple[Message, dict[str, t.Any]]]:
        """What waits on a channel, in order, and what became of it so far. A draft waits for a person."""
        state, oldest = self.state(channel), (datetime.now(timezone.utc) - LASTS).isoformat(timespec="milliseconds")
        return [
            (message, state.get(message.name, {}))
            for message in self.messages()
            if channel in message.channels
            and not message.draft
            and message.at > oldest
            and state.get(message.name, {}).get("state") not in ENDED
        ]

    def desk(self) -> dict[str, t.Any]:
        """Who was called, who acknowledged, and whether the incident is over."""
        path = self.path / "desk.json"
        return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {"levels": [], "acknowledged": None, "over": False}

    def note_on_desk(self, **news: t.Any) -> None:
        """Bring the desk up to date."""
        with self._changing():
            self.path.mkdir(mode=0o700, exist_ok=True)
            write_private(self.path / "desk.json", json.dumps({**self.desk(), **news}, indent=2) + "\n")

    def forget_when_told(self, channels: Sequence[str]) -> None:
        """Take the incident off the list when it is over, or old, and nothing waits."""
        with self._changing():
            messages = self.messages() if self.path.is_dir() else []
            newest = max((message.at for message in messages), default="")
            oldest = (datetime.now(timezone.utc) - LASTS).isoformat(timespec="milliseconds")
            every = {*channels, *(channel for message in messages for channel in message.channels)}
            if newest <= oldest or (self.desk()["over"] and not any(self.unsent(channel) for channel in every)):
                (waiting_folder(self.base) / self.incident).unlink(missing_ok=True)


def told_at(outbox: Outbox, audience: str) -> list[tuple[str, str]]:
    """When an audience was told which status. What was discarded was not told."""
    return [(message.at, message.status) for message in outbox.messages() if message.audience == audience and message.channels]


def entry(state: str, attempts: int, detail: str = "", next_at: str | None = None) -> dict[str, t.Any]:
    """What became of a message."""
    return {"state": state, "at": utc_now(), "attempts": attempts, "detail": redact(detail), "next_at": next_at}


def states(outbox: Outbox) -> list[dict[str, t.Any]]:
    """What became of each message on each channel that it is for."""
    messages = outbox.messages()
    found = {channel: outbox.state(channel) for message in messages for channel in message.channels}
    return [
        {"state": "waiting", "detail": "", "attempts": 0, **found[channel].get(message.name, {}), "message": message, "channel": channel}
        for message in messages
        for channel in message.channels
    ]
