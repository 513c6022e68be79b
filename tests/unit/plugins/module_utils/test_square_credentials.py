# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading stored access tokens: what the application encrypted, what is older, and what cannot be read, of which nothing is told."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import square_credentials
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import LibraryMissing
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.square_credentials import StoredCredentials, Unreadable

KEY = "0123456789abcdef" * 4
TOKEN = "EAAAnobody-may-see-this"
IV = bytes(range(16))


def encrypted(value: str, key: str = KEY) -> str:
    """As the application stores it, done here from the documented format."""
    derived = hashlib.pbkdf2_hmac("sha256", key.encode(), b"repair-tix-salt", 100_000, dklen=32)
    sealed = AESGCM(derived).encrypt(IV, value.encode(), None)
    return f"{IV.hex()}:{sealed[-16:].hex()}:{sealed[:-16].hex()}"


@pytest.mark.parametrize("stored", [TOKEN, "one:colon"])
def test_plaintext_from_before_encryption_stays_what_it_is(stored: str) -> None:
    assert StoredCredentials("").read(stored) == stored


def test_the_key_is_derived_once_however_many_values_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    stored = encrypted(TOKEN)
    derivations = []
    derive = hashlib.pbkdf2_hmac

    def counted(*arguments: object, **options: object) -> bytes:
        derivations.append(1)
        return derive(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(hashlib, "pbkdf2_hmac", counted)
    credentials = StoredCredentials(KEY)
    assert [credentials.read(stored) for _turn in range(3)] == [TOKEN] * 3
    assert len(derivations) == 1


@pytest.mark.parametrize(
    ("stored", "key", "words"),
    [
        (encrypted(TOKEN), "another key", "does not decrypt with ENCRYPTION_KEY of the env file"),
        (encrypted(TOKEN), "", "the env file has no ENCRYPTION_KEY"),
        ("not:hexadecimal:atall", KEY, "does not decrypt with ENCRYPTION_KEY of the env file"),
        ("::", KEY, "does not decrypt with ENCRYPTION_KEY of the env file"),
        (encrypted(TOKEN)[:-2], KEY, "does not decrypt with ENCRYPTION_KEY of the env file"),
        (None, KEY, "has no Square access token"),
        ("", KEY, "has no Square access token"),
    ],
)
def test_what_cannot_be_read_is_told_without_its_content(stored: str | None, key: str, words: str) -> None:
    with pytest.raises(Unreadable, match=words) as told:
        StoredCredentials(key).read(stored)
    assert TOKEN not in str(told.value)
    assert not stored or stored not in str(told.value)
    assert told.value.__cause__ is None


def test_a_missing_library_is_named_only_where_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(square_credentials, "MISSING_CIPHER", "cryptography is missing for this Python; install the package")
    assert StoredCredentials(KEY).read(TOKEN) == TOKEN
    with pytest.raises(LibraryMissing, match="cryptography is missing"):
        StoredCredentials(KEY).read("aa:bb:cc")


def test_what_decrypts_to_no_text_is_told() -> None:
    stored = square_credentials.CredentialKey(KEY).seal(b"\xff")
    with pytest.raises(Unreadable, match="does not decrypt"):
        StoredCredentials(KEY).read(stored)


def test_a_key_needs_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(square_credentials, "MISSING_CIPHER", "cryptography is missing")
    with pytest.raises(LibraryMissing):
        square_credentials.CredentialKey(KEY)
