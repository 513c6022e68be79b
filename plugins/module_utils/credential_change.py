# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A change of the ENCRYPTION_KEY of the stack: which keys, and the transaction in which every credential follows."""

from __future__ import annotations

import typing as t

from .billing_database import connect, sentence, server_and_password
from .credential_reencryption import reencrypt
from .credential_walk import Keys
from .errors import IncidentError
from .rotation import Rotation
from .rotation_journal import FORWARD
from .square_credentials import KEY_VARIABLE, CredentialKey

try:
    import psycopg2

    MISSING_DRIVER: str | None = None
except ImportError:
    MISSING_DRIVER = "psycopg2 is missing for this Python; install the package `psycopg2-binary`, version 2.9 or later"


def change(options: t.Mapping[str, t.Any], check_mode: bool) -> dict[str, t.Any]:
    """Bring every credential from the old key to the new one, in check mode only look."""
    rotation = None if options["old_key"] else Rotation(options)
    # Nothing is open in check mode: the key of now is looked at alone.
    open_one = rotation is not None and rotation.found is not None and rotation.found.open
    if rotation is None:
        old, new = options["old_key"], options["new_key"]
    elif open_one:
        old, new = rotation.keys()
    elif options.get("from_previous"):
        old, new = _previous(rotation), rotation.variables.get(KEY_VARIABLE) or ""
    else:
        old = new = rotation.variables.get(KEY_VARIABLE) or ""
    if not old or not new:
        raise IncidentError(f"the env file has no {KEY_VARIABLE}; restore it from a copy of the env file")
    if not check_mode and not open_one and old == new:
        raise IncidentError("old_key and new_key are the same; give two keys, or begin a rotation first")
    keys = Keys(CredentialKey(old), CredentialKey(new), options["plaintext"])
    found = _carried_out(options, keys, check_mode)
    if rotation is not None and open_one and not check_mode:
        note = rotation.credentials_set if rotation.journal.direction == FORWARD else rotation.credentials_restored
        note()
    return found


def _previous(rotation: Rotation) -> str:
    """The key before the last rotation."""
    key = rotation.found.previous.get(KEY_VARIABLE) if rotation.found else None
    if not key:
        raise IncidentError(f"the journal knows no {KEY_VARIABLE} before the one of now; give old_key and new_key")
    return key


def _carried_out(options: t.Mapping[str, t.Any], keys: Keys, check_mode: bool) -> dict[str, t.Any]:
    if MISSING_DRIVER:
        raise IncidentError(MISSING_DRIVER)
    server, password, _variables = server_and_password(options)
    connection = connect(server, password)
    try:
        connection.set_session(isolation_level="READ COMMITTED", readonly=check_mode)
        with connection:
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL statement_timeout = %s", (f"{options['statement_timeout']}s",))
                cursor.execute("SET LOCAL lock_timeout = %s", (f"{options['lock_timeout']}s",))
            return reencrypt(connection, keys, options["incident"], check_mode)
    except psycopg2.Error as error:
        raise IncidentError(sentence(error, server)) from None
    finally:
        connection.close()
