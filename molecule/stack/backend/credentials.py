# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A company's third-party credentials, encrypted in companies.settings: AES-256-GCM under a key derived from ENCRYPTION_KEY.

A value is `iv:tag:ciphertext` in hex. An empty value stays empty, and one without two colons is from before encryption.
"""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Mapping
from typing import Any

import logs
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SALT = b"repair-tix-salt"
ROUNDS = 100_000
IV_BYTES = 16
TAG_BYTES = 16


@functools.lru_cache(maxsize=2)
def _derive(encryption_key: str) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", encryption_key.encode(), SALT, ROUNDS, dklen=32)


def encrypt(value: str, encryption_key: str) -> str:
    """Encrypt one value under a new iv."""
    if not value:
        return ""
    iv = os.urandom(IV_BYTES)
    sealed = AESGCM(_derive(encryption_key)).encrypt(iv, value.encode(), None)
    return ":".join(part.hex() for part in (iv, sealed[-TAG_BYTES:], sealed[:-TAG_BYTES]))


def decrypt(value: str, encryption_key: str) -> str:
    """Decrypt one value; another key is a ValueError with Node's text."""
    if value.count(":") != 2:
        return value
    try:
        iv, tag, ciphertext = (bytes.fromhex(part) for part in value.split(":"))
        return AESGCM(_derive(encryption_key)).decrypt(iv, ciphertext + tag, None).decode()
    except InvalidTag:
        raise ValueError("Unsupported state or unable to authenticate data") from None


def square_credentials(settings: Mapping[str, Any], encryption_key: str) -> dict[str, str]:
    """The Square credentials that can be read; the ones that cannot are left out with a line in the log, and nothing fails."""
    payment = (settings.get("integrations") or {}).get("payment") or {}
    readable = {}
    for name, value in (payment.get("credentials") or {}).items():
        try:
            readable[name] = decrypt(str(value), encryption_key)
        except ValueError as failure:
            logs.warn(f"Failed to decrypt credential {name}, skipping: {failure}")
    return readable
