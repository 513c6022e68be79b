# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of a rotation: create, set, test, finish, and the way back. Each may be run again, and does nothing where it is done.

What a step finds in the world counts for more than what the journal says: a run may have been killed between the two.
"""

from __future__ import annotations

import secrets
import typing as t
from collections.abc import Callable, Mapping
from pathlib import Path

from . import compose, http_probe
from . import rotation_journal as journals
from .atomic_file import remove_leftovers, replace_content
from .env_file import parse
from .env_file_edit import with_value
from .errors import IncidentError
from .password_login import server_of
from .recorded_value import read_text, variables_of
from .rotation_database import BACKEND_SERVICE, Containers, RotationDatabase
from .rotation_journal import Journal, JournalFile, Secret
from .square_credentials import KEY_VARIABLE

USER, PASSWORD, JWT = "POSTGRES_USER", "POSTGRES_PASSWORD", "JWT_SECRET"
# The secrets that are made here, and how many random bytes each has. Hexadecimal: no `$`, `#` or quote is read otherwise anywhere.
OWN = {PASSWORD: 24, JWT: 32, KEY_VARIABLE: 32}
ALTERNATING, SINGLE = "alternating", "single"
JOURNAL_NAME = ".circuit-sage-rotation"
FILE_MODE = 0o600
HEALTH_SECONDS = 3

_AGAIN = "run security_rotation again"


def journal_file(options: Mapping[str, t.Any]) -> JournalFile:
    """The journal: beside the env file unless it is given."""
    path = Path(options["project_src"]) / options["env_file"]
    vault = options["vault_password_file"]
    return JournalFile(Path(options["journal"] or path.parent / JOURNAL_NAME), Path(vault) if vault else None, path)


class Rotation:
    """A rotation as its journal tells it, and the step that is wanted now."""

    def __init__(self, options: Mapping[str, t.Any]) -> None:
        self._options = options
        self._path = Path(options["project_src"]) / options["env_file"]
        self._file = journal_file(options)
        self._containers = Containers(options)
        self.variables = variables_of(self._path)
        self._server = server_of(options, self.variables)
        self.database = RotationDatabase(self._containers, self._server)
        self.found = self._file.load()

    @property
    def journal(self) -> Journal:
        """The open journal."""
        if self.found is None or not self.found.open:
            raise IncidentError("no rotation is open; begin one with the step create")
        return self.found

    # Create

    def create(self, check_mode: bool) -> bool:
        """Make the new secrets and write them down, unless a rotation is open already. Whether there was something to do."""
        if self.found is not None and self.found.open:
            return False
        wanted = list(dict.fromkeys(self._options["secrets"]))
        given: Mapping[str, str] = self._options["values"] or {}
        self._refuse(wanted, given)
        journal = Journal(self._options["incident"], journals.now(), done=[journals.CREATED])
        for name in wanted:
            pending = given.get(name) or secrets.token_hex(OWN[name])
            journal.variables[name] = Secret(self.variables.get(name), pending)
        if PASSWORD in wanted and self._options["database_method"] == ALTERNATING:
            journal.role = self.database.next_role(self._server.user)
            journal.variables[USER] = Secret(self.variables.get(USER), journal.role.pending)
        if self.found is not None:
            journal.previous = self.found.previous
        # A file that cannot be changed so that Compose reads the new values is told before anything is set.
        self._text({name: secret.pending for name, secret in journal.variables.items()})
        self._file.check()
        self.found = journal
        if not check_mode:
            self._file.save(journal)
        return True

    def _refuse(self, wanted: list[str], given: Mapping[str, str]) -> None:
        if not wanted:
            raise IncidentError("rotation_secrets is empty; name at least one variable")
        for name in wanted:
            if name not in OWN and not given.get(name):
                raise IncidentError(f"{name} is none of {', '.join(OWN)}, and no hook gives it a value; name one in rotation_hooks")
            if name in OWN and not self.variables.get(name):
                raise IncidentError(f"the env file {self._path} has no {name}; mend that first (service_outage), then run again")
            if given.get(name) is not None and given[name] == self.variables.get(name):
                raise IncidentError(f"the hook of {name} gave the value that it has already; let it make a new one")

    # Set

    def set_role(self) -> bool:
        """Let the new password in beside the old one. With one role this waits until the file is written."""
        journal = self.journal
        if self._has_one_role and self.variables.get(PASSWORD) == journal.variables[PASSWORD].pending:
            # A run was killed between the file and the role, and the steps that follow log in as the file says.
            self.database.set_password(self._server.user, journal.variables[PASSWORD].pending)
        if journal.role is None or journal.has(journals.ROLE_SET):
            return False
        password = journal.variables[PASSWORD].pending
        self.database.set_role(journal.role, password)
        self.database.prove(journal.role.pending, password)
        self._file.note(journal, journals.ROLE_SET)
        return True

    def credentials_set(self) -> None:
        """Write down that every credential is under the new key."""
        self._file.note(self.journal, journals.CREDENTIALS_SET)

    def write_file(self) -> bool:
        """Put the new values into the env file."""
        journal = self.journal
        if journal.has(journals.FILE_WRITTEN):
            return False
        self._put("pending")
        if self._has_one_role:
            self.database.set_password(self._server.user, journal.variables[PASSWORD].pending)
        self._file.note(journal, journals.FILE_WRITTEN)
        return True

    @property
    def _has_one_role(self) -> bool:
        return PASSWORD in self.journal.variables and self.journal.role is None

    def _put(self, which: str) -> None:
        """Write the current or the pending values. One that is neither was written by somebody else, and is never overwritten."""
        wanted = self.journal.values(which)
        for name, secret in self.journal.variables.items():
            # One that was not there is left empty on the way back, and a run that was killed then finds it so.
            if (self.variables.get(name) or None) not in (secret.current or None, secret.pending):
                raise IncidentError(
                    f"{name} of {self._path} was changed by somebody else while the rotation was under way; "
                    f"put back a copy of the file in which it is as it was, then {_AGAIN}"
                )
        if any(self.variables.get(name) != value for name, value in wanted.items()):
            replace_content(self._path, self._text(wanted).encode("utf-8", "surrogateescape"), FILE_MODE)
            self.variables = variables_of(self._path)

    def _text(self, wanted: Mapping[str, str | None]) -> str:
        """The env file with these values. A variable that was not there is left empty, which is the compose file's default too."""
        text = read_text(self._path)
        for name, value in wanted.items():
            text = with_value(text, name, value or "")
        if any((parse(text).get(name) or "") != (value or "") for name, value in wanted.items()):
            raise IncidentError(
                f"{self._path} would not give the new values back; write each of its variables as NAME=value on one line first"
            )
        return text

    # Test

    def recreated(self) -> None:
        """Write down that the backend was made anew."""
        self._file.note(self.journal, journals.RECREATED)

    def prove(self) -> bool:
        """The backend has the new values and answers, and a write goes through as the application."""
        if self.journal.has(journals.PROVEN):
            return False
        self._prove_service()
        self._file.note(self.journal, journals.PROVEN)
        return True

    def _prove_service(self) -> None:
        self._prove_environment()
        answers = http_probe.observe(self._options["urls"], HEALTH_SECONDS, True, self._options["settle_seconds"])
        if answers["answers"] is False:
            told: Mapping[str, t.Any] = next((probe for probe in answers["probes"] if probe["class"] != "not_found"), {})
            said = told.get("status") or told.get("class")
            raise IncidentError(f"the backend did not answer within {self._options['settle_seconds']} s ({said})")
        user = self.variables.get(USER) or self._server.user
        self.database.prove_write(user, self.variables[PASSWORD])

    def _prove_environment(self) -> None:
        """What the files say now is what the backend was created with."""
        options = self._options
        command = compose.arguments(Path(options["project_src"]), options["project_name"], options["files"], options["env_file"])
        printed = compose.run([*command, "config", "--format", "json"], options["docker_timeout"])
        wanted = compose.parse_model(printed)["services"].get(BACKEND_SERVICE, {"environment": {}})["environment"]
        environment, _started = self._containers.backend()
        other = sorted(name for name, value in wanted.items() if environment.get(name) != value)
        if other:
            raise IncidentError(f"the backend does not have {', '.join(other)} as the env file says; look whether it was recreated")

    def published(self) -> None:
        """Write down that the new secrets are kept wherever else they are kept."""
        if not self.journal.has(journals.PROVEN):
            raise IncidentError(f"the new secrets are not proven yet; {_AGAIN}")
        self._file.note(self.journal, journals.PUBLISHED)

    # Finish

    def finish(self) -> dict[str, t.Any]:
        """Take login from the old role and end the sessions that came in with the old password."""
        journal = self.journal
        if not journal.has(journals.PROVEN):
            raise IncidentError(f"the new secrets are not proven yet; {_AGAIN}")
        ended = {"ended": 0, "clients": []}
        if journal.role is not None:
            ended = self.database.retire(journal.role.pending, journal.role.current)
        elif self._has_one_role:
            ended = self.database.end_older(self._server.user, self._containers.backend()[1])
        key = journal.variables.get(KEY_VARIABLE)
        self._end(journals.FINISHED, {KEY_VARIABLE: key.current} if key and key.current else journal.previous)
        return ended

    def _end(self, how: str, previous: dict[str, str]) -> None:
        """Close the journal; of the secrets only the key before stays, without which an old backup has no credentials."""
        journal = self.journal
        names = {name: Secret(None, "") for name in journal.variables}
        closed = Journal(journal.incident, journal.began_at, journal.direction, journal.done, names, journal.role)
        closed.ended, closed.ended_at, closed.previous = how, journals.now(), previous
        # What a killed run was writing holds secrets too.
        for folder in sorted({self._path.parent, self._path.resolve().parent, self._file.path.parent}):
            remove_leftovers(folder)
        self._file.save(closed)
        self.found = closed

    # Back

    def turn_back(self) -> None:
        """From here on the rotation goes back, in this run and in a later one. Once it is proven it only goes forward."""
        journal = self.journal
        if journal.has(journals.PROVEN):
            raise IncidentError(f"the new secrets are proven and in use, so the rotation does not go back; {_AGAIN} to finish it")
        journal.direction = journals.BACK
        self._file.save(journal)

    def restore_file(self) -> bool:
        """Put the old values back into the env file, and give the one role its password back."""
        journal = self.journal
        if journal.has(journals.FILE_RESTORED):
            return False
        self._put("current")
        if self._has_one_role:
            password = journal.variables[PASSWORD].current
            self.database.set_password(self._server.user, t.cast(str, password))
        self._file.note(journal, journals.FILE_RESTORED)
        return True

    def credentials_restored(self) -> None:
        """Write down that every credential is under the old key again."""
        self._file.note(self.journal, journals.CREDENTIALS_RESTORED)

    def recreated_again(self) -> None:
        """Write down that the backend was made anew with the old values."""
        self._file.note(self.journal, journals.RECREATED_AGAIN)

    def prove_back(self) -> None:
        """The backend has the old values and answers; then the new role is not needed."""
        journal = self.journal
        self._prove_service()
        self._file.note(journal, journals.PROVEN_AGAIN)
        if journal.role is not None:
            self.database.retire(journal.role.current, journal.role.pending)
        self._end(journals.ROLLED_BACK, journal.previous)

    @property
    def needs_recreation(self) -> bool:
        """Whether the backend was created with other values than the files have now, or cannot be looked at."""
        try:
            self._prove_environment()
        except IncidentError:
            return True
        return False

    def keys(self) -> tuple[str, str]:
        """The key under which credentials are, and the one under which they are to be: the way that the rotation goes."""
        secret = self.journal.variables[KEY_VARIABLE]
        keys = (t.cast(str, secret.current), secret.pending)
        return keys if self.journal.direction == journals.FORWARD else (keys[1], keys[0])

    def told(self) -> dict[str, t.Any]:
        """What may be told of the rotation: names, never values."""
        journal = self.found
        if journal is None:
            return {"open": False, "direction": None, "done": [], "secrets": [], "role": None, "ended": None, "incident": None}
        return {
            "open": journal.open,
            "direction": journal.direction,
            "done": journal.done,
            "secrets": [name for name in journal.variables if name != USER],
            "role": journals.plain_role(journal),
            "ended": journal.ended,
            "incident": journal.incident,
        }


STEPS: dict[str, Callable[[Rotation], t.Any]] = {
    "set_role": Rotation.set_role,
    "write_file": Rotation.write_file,
    "recreated": Rotation.recreated,
    "prove": Rotation.prove,
    "published": Rotation.published,
    "finish": Rotation.finish,
    "turn_back": Rotation.turn_back,
    "restore_file": Rotation.restore_file,
    "recreated_again": Rotation.recreated_again,
    "prove_back": Rotation.prove_back,
}
