# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a rotation is open, and under which keys the stored credentials are. Reads only.

What cannot be looked at is null, and `unknown` says why.
"""

from __future__ import annotations

import typing as t
from collections.abc import Iterable, Iterator, Mapping, Sequence

from .billing_database import transaction
from .credential_walk import values_of
from .errors import IncidentError
from .password_login import server_of
from .rotation import PASSWORD, Rotation
from .rotation_journal import Journal
from .square_credentials import KEY_VARIABLE, CredentialKey, is_encrypted
from .stack_options import JOURNAL_OPTIONS, POSTGRES_OPTIONS, STACK_OPTIONS

ROTATION_INFO_OPTIONS: dict[str, dict[str, t.Any]] = {**STACK_OPTIONS, **POSTGRES_OPTIONS, **JOURNAL_OPTIONS}
STATEMENT_SECONDS = 30
_PAGE = 1000
_CREDENTIALS = """
SELECT jsonb_path_query_array(settings, '$.integrations.*.credentials.** ? (@.type() == "string" && @ != "")')::text
FROM companies WHERE jsonb_typeof(settings -> 'integrations') = 'object'
"""


def other_keys(journal: Journal | None, current: str) -> list[str]:
    """The keys under which credentials may be besides that of the env file: those of the open rotation, or the one before the last."""
    if journal is None:
        return []
    secret = journal.variables.get(KEY_VARIABLE)
    known = [secret.current, secret.pending] if journal.open and secret else [journal.previous.get(KEY_VARIABLE)]
    return [key for key in known if key and key != current]


class _Key:
    """A cipher, made when the first value is met that needs it: that takes as long as some thousand values."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._cipher: CredentialKey | None = None

    def opens(self, stored: str) -> bool:
        self._cipher = self._cipher or CredentialKey(self._key)
        return self._cipher.open(stored) is not None


def count(rows: Iterable[str], current: str, others: Sequence[str]) -> dict[str, int]:
    """The credentials by what opens them; each row is the array of one company's, as PostgreSQL prints it."""
    found = {"companies": 0, "under_key": 0, "under_other_key": 0, "unreadable": 0, "plaintext": 0}
    key, rest = _Key(current), [_Key(other) for other in others]
    for row in rows:
        found["companies"] += 1
        for stored in values_of(row):
            if not is_encrypted(stored):
                found["plaintext"] += 1
            elif key.opens(stored):
                found["under_key"] += 1
            elif any(other.opens(stored) for other in rest):
                found["under_other_key"] += 1
            else:
                found["unreadable"] += 1
    return found


def _stored(connection: t.Any) -> Iterator[str]:
    # A cursor of the server's: the memory stays as it is, however many companies there are.
    with connection.cursor("circuit_sage_credentials") as cursor:
        cursor.itersize = _PAGE
        cursor.execute(_CREDENTIALS)
        for (row,) in cursor:
            yield row


def _credentials(options: Mapping[str, t.Any], rotation: Rotation) -> dict[str, int]:
    current = rotation.variables.get(KEY_VARIABLE)
    if not current:
        raise IncidentError(f"the env file has no {KEY_VARIABLE}")
    server = server_of(options, rotation.variables)
    password = rotation.variables.get(PASSWORD) or ""
    with transaction(server, password, read_only=True, statement_timeout=STATEMENT_SECONDS) as connection:
        return count(_stored(connection), current, other_keys(rotation.found, current))


def look(options: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """What the module secret_rotation_info returns."""
    unknown: dict[str, str] = {}
    told = credentials = None
    try:
        rotation = Rotation(options)
        told = rotation.told()
    except IncidentError as error:
        unknown["rotation"] = unknown["credentials"] = str(error)
    else:
        try:
            credentials = _credentials(options, rotation)
        except IncidentError as error:
            unknown["credentials"] = str(error)
    return {"changed": False, "rotation": told, "credentials": credentials, "unknown": unknown}
