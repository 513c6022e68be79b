# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The credentials of companies as the application stores them, decrypted in memory only.

A value is `iv:tag:ciphertext` in hex: AES-256-GCM under a key derived from ENCRYPTION_KEY. One without two colons is from before
encryption.
"""

from __future__ import annotations

import hashlib
import os

from .errors import IncidentError, LibraryMissing

try:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    MISSING_CIPHER: str | None = None
except ImportError:
    MISSING_CIPHER = "cryptography is missing for this Python; install the package `cryptography`, version 38 or later"

KEY_VARIABLE = "ENCRYPTION_KEY"
# As the application derives its key.
_SALT = b"repair-tix-salt"
_ROUNDS = 100_000
_KEY_BYTES = 32
_IV_BYTES = 16
_TAG_BYTES = 16


class Unreadable(IncidentError):
    """One stored value cannot be read; the others may well be."""


def is_encrypted(stored: str) -> bool:
    """Whether the application would decrypt the value; what has not two colons is plaintext from before encryption."""
    return stored.count(":") == 2


class CredentialKey:
    """The cipher under one ENCRYPTION_KEY. The key is derived once, which takes longer than ten thousand values."""

    def __init__(self, encryption_key: str) -> None:
        if MISSING_CIPHER:
            raise LibraryMissing(MISSING_CIPHER)
        derived = hashlib.pbkdf2_hmac("sha256", encryption_key.encode(), _SALT, _ROUNDS, dklen=_KEY_BYTES)
        self._cipher = AESGCM(derived)
        # Of the derived key: who tries a list of keys against it has to derive each of them.
        self.fingerprint = hashlib.sha256(b"circuit_sage credentials " + derived).hexdigest()[:16]

    def open(self, stored: str) -> bytes | None:
        """The value in plain, or None where it is not one of this key."""
        try:
            iv, tag, ciphertext = map(bytes.fromhex, stored.split(":"))
            return self._cipher.decrypt(iv, ciphertext + tag, None)
        except (InvalidTag, ValueError):
            return None

    def seal(self, plain: bytes) -> str:
        """The value encrypted under a new iv."""
        iv = os.urandom(_IV_BYTES)
        sealed = self._cipher.encrypt(iv, plain, None)
        return f"{iv.hex()}:{sealed[-_TAG_BYTES:].hex()}:{sealed[:-_TAG_BYTES].hex()}"


class StoredCredentials:
    """Reads stored values under one ENCRYPTION_KEY; the key is derived when the first of them needs it."""

    def __init__(self, encryption_key: str) -> None:
        self._encryption_key = encryption_key
        self._key: CredentialKey | None = None

    def read(self, stored: str | None) -> str:
        """The value in plain. Raises Unreadable, without anything of the value, and LibraryMissing where the library is missing."""
        if not stored:
            raise Unreadable("the company has no Square access token; connect it to Square again in the application")
        if not is_encrypted(stored):
            return stored
        if MISSING_CIPHER:
            raise LibraryMissing(MISSING_CIPHER)
        if not self._encryption_key:
            raise Unreadable(
                f"the access token is encrypted and the env file has no {KEY_VARIABLE}; restore it from a copy of the env file"
            )
        self._key = self._key or CredentialKey(self._encryption_key)
        plain = self._key.open(stored)
        try:
            if plain is not None:
                return plain.decode()
        except UnicodeDecodeError:
            plain = None
        raise Unreadable(
            f"the access token does not decrypt with {KEY_VARIABLE} of the env file; restore the key under which it was stored"
        )
