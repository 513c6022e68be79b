# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How payment credentials are stored: done here without the application, from the documented format alone."""

from __future__ import annotations

import functools
import hashlib
import os
import re
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

FORM = re.compile(r"^[0-9a-f]{32}:[0-9a-f]{32}:([0-9a-f]{2})+$")
COMPLAINT = "Failed to decrypt credential accessToken, skipping: Unsupported state or unable to authenticate data"


@functools.lru_cache(maxsize=8)
def cipher(key: str) -> AESGCM:
    """AES-256-GCM under the key derived from ENCRYPTION_KEY."""
    return AESGCM(hashlib.pbkdf2_hmac("sha256", key.encode(), b"repair-tix-salt", 100_000, dklen=32))


def decrypt(value: str, key: str) -> str:
    """iv:tag:ciphertext, in hex."""
    iv, tag, ciphertext = (bytes.fromhex(part) for part in value.split(":"))
    return cipher(key).decrypt(iv, ciphertext + tag, None).decode()


def encrypt(value: str, key: str) -> str:
    """The other way."""
    iv = os.urandom(16)
    sealed = cipher(key).encrypt(iv, value.encode(), None)
    return f"{iv.hex()}:{sealed[-16:].hex()}:{sealed[:-16].hex()}"


def company_settings(**credentials: str) -> dict[str, Any]:
    """The settings of a company with these stored credentials."""
    return {
        "integrations": {"payment": {"provider": "square", "enabled": True, "settings": {"testMode": True}, "credentials": credentials}}
    }
