# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Taking secrets out of text before it leaves a module: known values first, then what looks like one."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Iterable, Iterator, Mapping

MASK = "********"

# Shorter values (`1`, `prod`) stand in ordinary words, and replacing them would garble the text and tell nothing.
SHORTEST_SECRET = 6

_SECRET_NAME = re.compile(
    r"PASS(WORD|WD|PHRASE)?(_|$)|SECRET|TOKEN|CREDENTIAL|PRIVATE|(^|_)KEY(_|$)|APIKEY|DSN|DATABASE_URL|WEBHOOK",
    re.IGNORECASE,
)
# The words that a secret's name has in texts; where one stands with a sign of assignment, a value follows.
_KEY_WORDS = (
    *("password", "passwd", "pwd", "passphrase", "secret", "token", "credential"),
    *("apikey", "api_key", "api-key", "encryptionkey", "encryption_key", "encryption-key", "privatekey", "private_key", "private-key"),
)
_KEY_WORD = "(?:" + "|".join(_KEY_WORDS) + ")"
# The repetitions are bounded, so that a hostile line costs time in proportion to its length.
_REST_OF_NAME = r"[\w.-]{0,40}"


class _Form(t.NamedTuple):
    """What a secret looks like: it begins with one of these words, in any case, and the expression matches from there."""

    words: tuple[str, ...]
    # Its named group `keep` stays.
    expression: re.Pattern[str]


def _form(words: Iterable[str], expression: str, flags: int = 0) -> _Form:
    return _Form(tuple(words), re.compile(expression, flags))


# Order matters: the quoted forms go before the bare one.
_FORMS = (
    _form(["scram-sha-256$"], r"SCRAM-SHA-256\$\d+:[A-Za-z0-9+/=]+\$[A-Za-z0-9+/=]+:[A-Za-z0-9+/=]+"),
    _form(["md5"], r"\bmd5[0-9a-f]{32}\b"),
    _form(["$2a$", "$2b$", "$2x$", "$2y$"], r"\$2[abxy]\$\d\d\$[./A-Za-z0-9]{53}"),
    _form(["eyj"], r"\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]*"),
    _form(["bearer", "basic"], r"(?P<keep>\b(?:Bearer|Basic)\s+)[A-Za-z0-9._~+/=-]{6,}", re.IGNORECASE),
    _form(["://"], r"(?P<keep>://[^\s:/@]{0,200}:)[^\s/]{1,500}(?=@)"),
    _form(["password"], r"(?P<keep>\bPASSWORD\s+E?)'(?:[^']|'')*'", re.IGNORECASE),
    _form(
        _KEY_WORDS,
        r"(?P<keep>" + _KEY_WORD + _REST_OF_NAME + r"[\"']?\s*[=:]\s*)(?:\"(?:\\.|[^\"\\])*\"|'(?:\\.|''|[^'\\])*')",
        re.IGNORECASE,
    ),
    _form(_KEY_WORDS, r"(?P<keep>" + _KEY_WORD + _REST_OF_NAME + r"=)[^\s\"'&,;)}\]]+", re.IGNORECASE),
    _form(
        ["password", "passwd", "pwd", "secret", "token"],
        r"(?P<keep>\b(?:password|passwd|pwd|secret|token)\s*:\s+)[^\s\"'&,;)}\]]+",
        re.IGNORECASE,
    ),
)
_WORDS = tuple(dict.fromkeys(word for form in _FORMS for word in form.words))


def is_secret_name(name: str) -> bool:
    """Whether a variable of this name holds a secret."""
    return _SECRET_NAME.search(name) is not None


def secret_values(environment: Mapping[str, str | None]) -> set[str]:
    """The values of an environment that must not be shown: those of the variables whose name says so."""
    return {value for name, value in environment.items() if value and is_secret_name(name)}


def _lowered(text: str) -> str:
    """The text in lower case, letter by letter in the same places: this one letter would become two."""
    return text.replace("\u0130", "i").lower()


def _places(text: str, words: Iterable[str]) -> Iterator[int]:
    """Where the words stand, in no order."""
    for word in words:
        place = text.find(word)
        while place >= 0:
            yield place
            place = text.find(word, place + 1)


def _without(text: str, lowered: str, form: _Form) -> str:
    """The text without what has this form."""
    parts, end = [], 0
    for place in sorted(set(_places(lowered, form.words))):
        match = form.expression.match(text, place) if place >= end else None
        if match:
            parts += [text[end:place], match.groupdict().get("keep") or "", MASK]
            end = match.end()
    return "".join(parts) + text[end:] if parts else text


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """The text without the given secrets and without anything that has the form of one.

    A log has megabytes, and few of its lines have a secret: the words are looked for first, which is a hundred times faster than a match.
    """
    # Longest first: a secret that begins with another one must not leave its end behind.
    for secret in sorted({secret for secret in secrets if len(secret) >= SHORTEST_SECRET}, key=len, reverse=True):
        text = text.replace(secret, MASK)
    lowered = _lowered(text)
    # No word comes in by masking.
    there = {word for word in _WORDS if word in lowered}
    for form in _FORMS:
        if there.isdisjoint(form.words):
            continue
        shown = _without(text, lowered, form)
        if shown is not text:
            text, lowered = shown, _lowered(shown)
    return text
