# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading an env file as Docker Compose reads it with `--env-file`: quotes, escapes, comments, references to earlier variables."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from .errors import IncidentError

_EXPORT = re.compile(r"export\s+")
_VALID_KEY = re.compile(r"[\w.\-\[\]]+\Z")
_REFERENCE = re.compile(r"\$(?:(?P<escaped>\$)|(?P<name>[A-Za-z_]\w*)|(?P<brace>\{))", re.ASCII)
_BRACED_NAME = re.compile(r"(?P<name>[A-Za-z_]\w*)(?:(?P<operator>:?[-+?])(?P<word>.*))?\Z", re.ASCII | re.DOTALL)
_ESCAPE = re.compile(r'\\([abfnrtv$"\\]|0[0-7]{3})')
_ESCAPED = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", '"': '"', "\\": "\\", "$": "$$"}
# Compose counts these as blanks within a line; a line feed ends the value.
_BLANKS = "\t\v\f\r \x85\xa0"


def closing_brace(text: str, start: int) -> int:
    """The position of the brace that closes the one before `start`."""
    depth = 1
    for position in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[position], 0)
        if depth == 0:
            return position
    raise IncidentError("a reference `${` is not closed; close it, or write `$$` for a dollar sign")


def _resolve(reference: str, variables: Mapping[str, str]) -> str:
    """The value of what stands between `${` and `}`."""
    match = _BRACED_NAME.match(reference)
    if match is None:
        raise IncidentError("a reference `${...}` does not hold the name of a variable; correct it, or write `$$` for a dollar sign")
    name, operator, word = match.group("name"), match.group("operator") or "", match.group("word") or ""
    value = variables.get(name)
    present = bool(value) if operator.startswith(":") else value is not None
    if operator.endswith("-"):
        return (value or "") if present else interpolate(word, variables)
    if operator.endswith("+"):
        return interpolate(word, variables) if present else ""
    if operator.endswith("?") and not present:
        raise IncidentError(f"the variable {name} is required and has no value; give it one")
    return value or ""


def interpolate(text: str, variables: Mapping[str, str]) -> str:
    """The text with its `$NAME` and `${NAME...}` replaced; an unknown variable is empty, as in Compose."""
    parts = []
    position = 0
    while match := _REFERENCE.search(text, position):
        parts.append(text[position : match.start()])
        position = match.end()
        if match.group("escaped"):
            parts.append("$")
        elif match.group("name"):
            parts.append(variables.get(match.group("name"), ""))
        else:
            end = closing_brace(text, position)
            parts.append(_resolve(text[position:end], variables))
            position = end + 1
    return "".join(parts) + text[position:]


def _unescape(match: re.Match[str]) -> str:
    code = match.group(1)
    return chr(int(code[1:], 8)) if code.startswith("0") else _ESCAPED[code]


def _quoted(text: str, start: int) -> tuple[str, int]:
    """The text between the quote at `start` and the one that ends it, and the position after that one."""
    quote = text[start]
    taken: list[str] = []
    position = start + 1
    while position < len(text):
        char = text[position]
        if char == quote:
            return "".join(taken), position + 1
        if char == "\\" and position + 1 < len(text):
            position += 1
            taken.append(text[position] if text[position] == quote else char + text[position])
        else:
            taken.append(char)
        position += 1
    raise IncidentError(f"a value that begins with {quote} has no closing {quote}; add it")


def _value(text: str, start: int, variables: Mapping[str, str]) -> tuple[str, int]:
    """The value that begins at `start`, and the position after it."""
    if text[start : start + 1] in ("'", '"'):
        value, end = _quoted(text, start)
        # Single quotes keep everything as it is written.
        return (value if text[start] == "'" else interpolate(_ESCAPE.sub(_unescape, value), variables)), end
    end = text.find("\n", start)
    end = len(text) if end < 0 else end
    # A hash starts a comment only after a blank: passwords may hold one.
    return interpolate(text[start:end].split(" #", 1)[0].strip(_BLANKS), variables), end


def _skip(text: str, position: int, accept: Callable[[str], bool]) -> int:
    while position < len(text) and accept(text[position]):
        position += 1
    return position


def parse(text: str) -> dict[str, str]:
    """The variables of an env file. A name without a value is left out: Compose takes it from its own environment."""
    text = text.lstrip("\ufeff").replace("\r\n", "\n")
    variables: dict[str, str] = {}
    position = 0
    while (position := _skip(text, position, str.isspace)) < len(text):
        if text[position] == "#":
            position = _skip(text, position, lambda char: char != "\n")
            continue
        line = text.count("\n", 0, position) + 1
        export = _EXPORT.match(text, position)
        position = export.end() if export else position
        end = _skip(text, position, lambda char: char not in "=:\n")
        name, position = text[position:end].rstrip(), end
        if not _VALID_KEY.match(name):
            # The line itself is never shown: it may hold a secret.
            raise IncidentError(f"line {line} does not begin with the name of a variable; write it as NAME=value")
        if text[position : position + 1] not in ("=", ":"):
            continue
        try:
            variables[name], position = _value(text, _skip(text, position + 1, _BLANKS.__contains__), variables)
        except IncidentError as error:
            raise IncidentError(f"line {line}: {error}") from None
    return variables
