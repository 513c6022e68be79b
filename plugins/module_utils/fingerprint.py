# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keyed fingerprints of secret values: they tell equal from different, and nothing else."""

from __future__ import annotations

import hashlib
import hmac
import secrets

# 48 bits: two different secrets of one stack share a fingerprint with a chance below 1 in 10^11.
LENGTH = 12


class Fingerprints:
    """Fingerprints under one key. The key is random unless it is given, so that nobody can try a list of passwords against a report."""

    def __init__(self, key: bytes | None = None) -> None:
        self._key = secrets.token_bytes(32) if key is None else key

    def of(self, value: str) -> str:
        """The fingerprint of a value: 12 hexadecimal digits."""
        return hmac.new(self._key, value.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()[:LENGTH]
