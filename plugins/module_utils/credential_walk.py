# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stored credentials of one company under an old and a new key: which is which, and the settings under the new one. Pure.

The settings are changed as text, value by value: it is faster than to read and write them, and all else in them stays as it is.
"""

from __future__ import annotations

import json
import typing as t
from collections.abc import Iterator, Sequence

from .errors import IncidentError
from .square_credentials import CredentialKey, is_encrypted

KEEP, ENCRYPT = "keep", "encrypt"

# What a value was found to be.
NEW, OLD, PLAIN, UNREADABLE = "new", "old", "plain", "unreadable"


class Keys(t.NamedTuple):
    """Both keys, and whether values from before encryption are kept or encrypted."""

    old: CredentialKey
    new: CredentialKey
    plaintext: str = KEEP


class Plaintext(t.NamedTuple):
    """A value from before encryption that becomes an encrypted one: where it stands, and what it becomes."""

    path: tuple[str, ...]
    sealed: str


class Company(t.NamedTuple):
    """What one company's settings hold, and what they become; `text` is none where no value of the old key was found."""

    counts: dict[str, int]
    unreadable: list[str]
    text: str | None
    plaintext: list[Plaintext]


def _texts(value: t.Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(value, str):
        if value:
            yield path, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _texts(inner, (*path, name))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _texts(inner, (*path, str(number)))


def credentials(text: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """The path and the text of every credential that is not empty, in the text of `settings.integrations`."""
    integrations = json.loads(text)
    for name, one in integrations.items() if isinstance(integrations, dict) else ():
        if isinstance(one, dict):
            yield from _texts(one.get("credentials"), (name, "credentials"))


def _sealed(plain: bytes, keys: Keys) -> str:
    """The value under the new key, proven by opening it again."""
    sealed = keys.new.seal(plain)
    if keys.new.open(sealed) != plain:
        raise IncidentError("a credential did not decrypt under the new key; nothing was changed; look at the library cryptography")
    return sealed


def values_of(array: str) -> list[str]:
    """The texts of an array as PostgreSQL prints it. It puts one blank between them, and most have nothing in them that JSON escapes."""
    if "\\" in array or array == "[]":
        return list(json.loads(array))
    return array[2:-2].split('", "')


def _replaced(text: str, sealed: dict[str, str]) -> str:
    """The text with the values that stand between two quotes replaced: looking for each of them takes six times as long."""
    parts = text.split('"')
    return '"'.join(map(sealed.get, parts, parts))


def read(text: str, values: Sequence[str], keys: Keys) -> Company:
    """Look at every credential of a company: the text of `settings.integrations`, and the credentials that are in it.

    An encrypted value has only digits and colons, so that it stands in the text as it is.
    """
    opened = keys.old.open
    sealed: dict[str, str] = {}
    others = []
    for stored in values:
        plain = opened(stored)
        if plain is None:
            others.append(stored)
        else:
            sealed[stored] = _sealed(plain, keys)
    counts = {NEW: 0, OLD: len(values) - len(others), PLAIN: 0, UNREADABLE: 0}
    for stored in others:
        counts[PLAIN if not is_encrypted(stored) else NEW if keys.new.open(stored) is not None else UNREADABLE] += 1
    unreadable, plaintext = [], []
    # Where they stand is looked for only where there are such ones.
    if counts[UNREADABLE] or (counts[PLAIN] and keys.plaintext == ENCRYPT):
        for path, stored in credentials(text):
            if not is_encrypted(stored):
                plaintext.append(Plaintext(path, _sealed(stored.encode(), keys)))
            elif keys.old.open(stored) is None and keys.new.open(stored) is None:
                unreadable.append(".".join(path))
    return Company(counts, unreadable, _replaced(text, sealed) if sealed else None, plaintext if keys.plaintext == ENCRYPT else [])
