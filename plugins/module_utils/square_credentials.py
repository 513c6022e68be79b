# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The access tokens of companies as the application stores them, decrypted in memory only.

A value is `iv:tag:ciphertext` in hex: AES-256-GCM under a key derived from ENCRYPTION_KEY. One without two colons is from before
encryption.
"""

from __future__ import annotations

import hashlib

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


class Unreadable(IncidentError):
    """One stored value cannot be read; the others may well be."""


class StoredCredentials:
    """Reads stored values under one ENCRYPTION_KEY; the key is derived when the first of them needs it."""

    def __init__(self, encryption_key: str) -> None:
        self._encryption_key = encryption_key
        self._derived = b""

    def _key(self) -> bytes:
        if not self._derived:
            self._derived = hashlib.pbkdf2_hmac("sha256", self._encryption_key.encode(), _SALT, _ROUNDS, dklen=_KEY_BYTES)
        return self._derived

    def read(self, stored: str | None) -> str:
        """The value in plain. Raises Unreadable, without anything of the value, and LibraryMissing where the library is missing."""
        if not stored:
            raise Unreadable("the company has no Square access token; connect it to Square again in the application")
        if stored.count(":") != 2:
            return stored
        if MISSING_CIPHER:
            raise LibraryMissing(MISSING_CIPHER)
        if not self._encryption_key:
            raise Unreadable(
                f"the access token is encrypted and the env file has no {KEY_VARIABLE}; restore it from a copy of the env file"
            )
        try:
            iv, tag, ciphertext = (bytes.fromhex(part) for part in stored.split(":"))
            return AESGCM(self._key()).decrypt(iv, ciphertext + tag, None).decode()
        except (InvalidTag, ValueError):
            raise Unreadable(
                f"the access token does not decrypt with {KEY_VARIABLE} of the env file; restore the key under which it was stored"
            ) from None
