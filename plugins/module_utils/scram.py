# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The SCRAM-SHA-256 verifier that PostgreSQL keeps in place of a password (RFC 5802, RFC 7677), so that no password goes to the server."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import stringprep
import unicodedata

# What PostgreSQL 10 to 16 use themselves when they make a verifier.
ITERATIONS = 4096
SALT_BYTES = 16

_VERIFIER = re.compile(r"SCRAM-SHA-256\$(?P<iterations>[1-9]\d{0,8}):(?P<salt>[A-Za-z0-9+/]+={0,2})\$")
_PROHIBITED = (
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
    stringprep.in_table_a1,
)


def _mixes_directions(text: str) -> bool:
    """Whether text that is written from right to left breaks the rule of RFC 3454, section 6."""
    if not any(map(stringprep.in_table_d1, text)):
        return False
    ends_are_right_to_left = stringprep.in_table_d1(text[0]) and stringprep.in_table_d1(text[-1])
    return not ends_are_right_to_left or any(map(stringprep.in_table_d2, text))


def _mapped(char: str) -> str:
    """A character as RFC 4013 maps it. Spaces come first, as in PostgreSQL: U+200B stands in both tables."""
    if stringprep.in_table_c12(char):
        return " "
    return "" if stringprep.in_table_b1(char) else char


def saslprep(password: str) -> str:
    """The password as both sides hash it (RFC 4013). PostgreSQL takes a password that the rules refuse as it is."""
    if password.isascii():
        return password
    prepared = unicodedata.normalize("NFKC", "".join(map(_mapped, password)))
    if not prepared or any(table(char) for char in prepared for table in _PROHIBITED) or _mixes_directions(prepared):
        return password
    return prepared


def _verifier(password: str, salt: bytes, iterations: int) -> str:
    salted = hashlib.pbkdf2_hmac("sha256", saslprep(password).encode("utf-8", "surrogateescape"), salt, iterations)
    stored_key = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    salt64, stored64, server64 = (base64.b64encode(part).decode("ascii") for part in (salt, stored_key, server_key))
    return f"SCRAM-SHA-256${iterations}:{salt64}${stored64}:{server64}"


def verifier(password: str) -> str:
    """A new verifier of a password, under a salt of its own."""
    return _verifier(password, secrets.token_bytes(SALT_BYTES), ITERATIONS)


def verifies(password: str, stored: str | None) -> bool:
    """Whether a stored verifier is that of this password; one of another kind (`md5...`) or none is not."""
    match = _VERIFIER.match(stored or "")
    if match is None:
        return False
    salt = base64.b64decode(match.group("salt"))
    return hmac.compare_digest(_verifier(password, salt, int(match.group("iterations"))), stored or "")
