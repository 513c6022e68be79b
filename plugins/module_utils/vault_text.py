# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible Vault's format 1.1, for a managed host that has no Ansible: what is written here is opened by `ansible-vault view`."""

from __future__ import annotations

import binascii
import hashlib
import hmac
import os

from .errors import IncidentError, LibraryMissing

try:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    MISSING_CIPHER: str | None = None
except ImportError:
    MISSING_CIPHER = "cryptography is missing for this Python; install the package `cryptography`, version 38 or later"

HEADER = "$ANSIBLE_VAULT;1.1;AES256"
_ROUNDS = 10_000
_SALT_BYTES = 32
_KEY_BYTES = 32
_BLOCK_BYTES = 16
_LINE = 80


def _keys(password: bytes, salt: bytes) -> tuple[bytes, bytes, bytes]:
    """The key of the cipher, that of the signature, and the counter's start."""
    derived = hashlib.pbkdf2_hmac("sha256", password, salt, _ROUNDS, dklen=2 * _KEY_BYTES + _BLOCK_BYTES)
    return derived[:_KEY_BYTES], derived[_KEY_BYTES : 2 * _KEY_BYTES], derived[2 * _KEY_BYTES :]


def _cipher(key: bytes, counter: bytes) -> Cipher[modes.CTR]:
    if MISSING_CIPHER:
        raise LibraryMissing(MISSING_CIPHER)
    return Cipher(algorithms.AES(key), modes.CTR(counter))


def is_vaulted(text: str) -> bool:
    """Whether the text is a vault's."""
    return text.startswith("$ANSIBLE_VAULT;")


def seal(plain: str, password: str) -> str:
    """The text in a vault."""
    salt = os.urandom(_SALT_BYTES)
    key, signing_key, counter = _keys(password.encode(), salt)
    data = plain.encode()
    padding = _BLOCK_BYTES - len(data) % _BLOCK_BYTES
    encryptor = _cipher(key, counter).encryptor()
    sealed = encryptor.update(data + bytes([padding]) * padding) + encryptor.finalize()
    signature = hmac.new(signing_key, sealed, hashlib.sha256).hexdigest()
    body = binascii.hexlify("\n".join([salt.hex(), signature, sealed.hex()]).encode()).decode()
    return "\n".join([HEADER, *(body[start : start + _LINE] for start in range(0, len(body), _LINE))]) + "\n"


def open_vault(text: str, password: str) -> str:
    """The text that a vault holds. Raises IncidentError for another password, or a vault that is damaged."""
    _header, _separator, body = text.partition("\n")
    try:
        salt, signature, sealed = (bytes.fromhex(part.decode()) for part in binascii.unhexlify("".join(body.split())).split(b"\n"))
    except ValueError:
        raise IncidentError("it is no vault that can be read; restore it from a copy") from None
    key, signing_key, counter = _keys(password.encode(), salt)
    if not hmac.compare_digest(hmac.digest(signing_key, sealed, "sha256"), signature):
        raise IncidentError("the vault password does not open it; give the one under which it was written")
    decryptor = _cipher(key, counter).decryptor()
    padded = decryptor.update(sealed) + decryptor.finalize()
    return padded[: -padded[-1]].decode()
