# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal of a rotation: each new secret is in it before it is set anywhere, and each old one until the new one is proven.

Whenever a run is killed, every secret that is in use anywhere stands in the env file or here. The next run goes on from the last step.
"""

from __future__ import annotations

import json
import typing as t
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path

from . import vault_text
from .atomic_file import write_private
from .errors import IncidentError

FORMAT = 1
FORWARD, BACK = "forward", "back"
# The way forward, in order; a step is in the journal once it is done. `create` has made the journal itself.
CREATED, ROLE_SET, CREDENTIALS_SET, FILE_WRITTEN, RECREATED, PROVEN, PUBLISHED = (
    *("created", "role_set", "credentials_set", "file_written"),
    *("recreated", "proven", "published"),
)
STEPS = (CREATED, ROLE_SET, CREDENTIALS_SET, FILE_WRITTEN, RECREATED, PROVEN, PUBLISHED)
# The way back; it undoes whatever was set, whether its step came into the journal or not.
FILE_RESTORED, CREDENTIALS_RESTORED, RECREATED_AGAIN, PROVEN_AGAIN = (
    *("file_restored", "credentials_restored"),
    *("recreated_again", "proven_again"),
)
STEPS_BACK = (FILE_RESTORED, CREDENTIALS_RESTORED, RECREATED_AGAIN, PROVEN_AGAIN)
FINISHED, ROLLED_BACK = "finished", "rolled back"


@dataclass
class Secret:
    """One variable of the env file: what it was, and what it becomes."""

    current: str | None
    pending: str


@dataclass
class Role:
    """The role that the application logs in as, the one that it will log in as, and who owns the tables."""

    current: str
    pending: str
    owner: str


@dataclass
class Journal:
    """What is known of the rotation that is under way, or of the last one when none is."""

    incident: str
    began_at: str
    direction: str = FORWARD
    done: list[str] = field(default_factory=list)
    variables: dict[str, Secret] = field(default_factory=dict)
    role: Role | None = None
    # Of the last rotation: how and when it ended, and the key before, which old backups need.
    ended: str | None = None
    ended_at: str | None = None
    previous: dict[str, str] = field(default_factory=dict)

    @property
    def open(self) -> bool:
        """Whether the rotation has not come to its end."""
        return self.ended is None

    def has(self, step: str) -> bool:
        """Whether a step is done, or one after it."""
        steps = STEPS if step in STEPS else STEPS_BACK
        return any(done in steps and steps.index(done) >= steps.index(step) for done in self.done)

    def values(self, which: str) -> dict[str, str | None]:
        """The variables as they are to be now: `current` or `pending`."""
        return {name: getattr(secret, which) for name, secret in self.variables.items()}


def now() -> str:
    """The time now, UTC with its offset."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


class JournalFile:
    """The journal on disk: mode 0600, replaced in one step, in a vault where there is a password for one."""

    def __init__(self, path: Path, vault_password_file: Path | None, owner_of: Path) -> None:
        self.path = path
        self._password_file = vault_password_file
        # Whoever may read the env file may read the journal.
        self._owner_of = owner_of

    def _password(self) -> str:
        try:
            # All callers have looked whether there is one.
            password = t.cast(Path, self._password_file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            password = ""
        if not password:
            raise IncidentError(
                f"the vault password file {self._password_file} cannot be read or is empty; correct rotation_vault_password_file"
            )
        return password

    def check(self) -> None:
        """Raise where it could not be written in its vault."""
        if self._password_file is not None:
            self._password()

    def load(self) -> Journal | None:
        """The journal, or none where no rotation has begun yet."""
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise IncidentError(f"the journal {self.path} cannot be read ({error}); run as its owner or as root") from None
        if vault_text.is_vaulted(text):
            if self._password_file is None:
                raise IncidentError(
                    f"the journal {self.path} is in a vault; set rotation_vault_password_file to the file with its password"
                )
            try:
                text = vault_text.open_vault(text, self._password())
            except IncidentError as error:
                raise IncidentError(f"the journal {self.path} cannot be opened: {error}") from None
        return self._read(text)

    def _read(self, text: str) -> Journal:
        try:
            content = json.loads(text)
            if content.pop("format") != FORMAT:
                raise ValueError
            content["variables"] = {name: Secret(**secret) for name, secret in content["variables"].items()}
            content["role"] = Role(**content["role"]) if content["role"] else None
            return Journal(**content)
        except (ValueError, KeyError, TypeError, AttributeError):
            # Nothing of it is shown: it holds secrets.
            raise IncidentError(
                f"the journal {self.path} is none of this collection's; look at it, keep a copy, and move it away when no rotation is open"
            ) from None

    def save(self, journal: Journal) -> None:
        """Write it, and make it last before anything is done that it tells of."""
        text = json.dumps({"format": FORMAT, **asdict(journal)}, indent=1) + "\n"
        if self._password_file is not None:
            text = vault_text.seal(text, self._password())
        write_private(self.path, text.encode(), self._owner_of)

    def note(self, journal: Journal, step: str) -> None:
        """Write down that a step is done."""
        if step not in journal.done:
            journal.done.append(step)
        self.save(journal)


def plain_role(journal: Journal) -> dict[str, t.Any] | None:
    """The roles' names, which are no secrets."""
    return asdict(journal.role) if journal.role else None
