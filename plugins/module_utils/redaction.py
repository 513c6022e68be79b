# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Taking secrets out of text before it leaves a module: known values first, then what looks like one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

MASK = "********"

# Shorter values (`1`, `prod`) stand in ordinary words, and replacing them would garble the text and tell nothing.
SHORTEST_SECRET = 6

_SECRET_NAME = re.compile(
    r"PASS(WORD|WD|PHRASE)?(_|$)|SECRET|TOKEN|CREDENTIAL|PRIVATE|(^|_)KEY(_|$)|APIKEY|DSN|DATABASE_URL|WEBHOOK",
    re.IGNORECASE,
)
# The repetitions are bounded, so that a hostile line costs time in proportion to its length.
_KEY_WORD = (
    r"(?:[\w.-]{0,40}"
    r"(?:password|passwd|pwd|passphrase|secret|token|api[_-]?key|encryption[_-]?key|private[_-]?key|credential)"
    r"[\w.-]{0,40})"
)

# Each pattern keeps its named group `keep` and loses the rest. Order matters: the quoted forms go before the bare one.
_PATTERNS = (
    re.compile(r"SCRAM-SHA-256\$\d+:[A-Za-z0-9+/=]+\$[A-Za-z0-9+/=]+:[A-Za-z0-9+/=]+"),
    re.compile(r"\bmd5[0-9a-f]{32}\b"),
    re.compile(r"\$2[abxy]\$\d\d\$[./A-Za-z0-9]{53}"),
    re.compile(r"\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]*"),
    re.compile(r"(?P<keep>\b(?:Bearer|Basic)\s+)[A-Za-z0-9._~+/=-]{6,}", re.IGNORECASE),
    re.compile(r"(?P<keep>\b[a-z][a-z0-9+.-]{0,30}://[^\s:/@]{0,200}:)[^\s/]{1,500}(?=@)", re.IGNORECASE),
    re.compile(r"(?P<keep>\bPASSWORD\s+E?)'(?:[^']|'')*'", re.IGNORECASE),
    re.compile(r"(?P<keep>[\"']?\b" + _KEY_WORD + r"[\"']?\s*[=:]\s*)(?:\"(?:\\.|[^\"\\])*\"|'(?:\\.|''|[^'\\])*')", re.IGNORECASE),
    re.compile(r"(?P<keep>\b" + _KEY_WORD + r"=)[^\s\"'&,;)}\]]+", re.IGNORECASE),
    re.compile(r"(?P<keep>\b(?:password|passwd|pwd|secret|token)\s*:\s+)[^\s\"'&,;)}\]]+", re.IGNORECASE),
)


def is_secret_name(name: str) -> bool:
    """Whether a variable of this name holds a secret."""
    return _SECRET_NAME.search(name) is not None


def secret_values(environment: Mapping[str, str | None]) -> set[str]:
    """The values of an environment that must not be shown: those of the variables whose name says so."""
    return {value for name, value in environment.items() if value and is_secret_name(name)}


def _mask(match: re.Match[str]) -> str:
    return (match.groupdict().get("keep") or "") + MASK


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """The text without the given secrets and without anything that has the form of one."""
    # Longest first: a secret that begins with another one must not leave its end behind.
    for secret in sorted({secret for secret in secrets if len(secret) >= SHORTEST_SECRET}, key=len, reverse=True):
        text = text.replace(secret, MASK)
    for pattern in _PATTERNS:
        text = pattern.sub(_mask, text)
    return text
