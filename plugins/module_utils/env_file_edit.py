# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changing the value of one variable in the text of an env file, and not one character elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .env_file import parse
from .errors import IncidentError

_BLANKS = "\t\v\f\r \x85\xa0"
_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)

# One statement as Compose takes it: what follows a closing quote on the same line is the next statement.
_STATEMENT = re.compile(
    r"""\s*
    (?: \#[^\n]*
      | (?:export\s+)? (?P<name>[^=:\n]*)
        (?: [=:] (?P<blanks>[\t\v\f\r \x85\xa0]*) (?P<value> '(?:\\.|[^'\\])*' | "(?:\\.|[^"\\])*" | [^\n]*) )?
    )""",
    re.VERBOSE | re.DOTALL,
)

# What needs no quotes, neither for Compose nor for a shell that sources the file.
_PLAIN = re.compile(r"[A-Za-z0-9_.,:/@%+=^~-]+")
# Single quotes keep everything as it is, but Compose takes a backslash before a quote away.
_SINGLE = re.compile(r"[^'\\\x00-\x1f]*")
# A dollar as `\$`, not `$$`, because a shell understands it too.
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "$": r"\$", "\n": r"\n", "\r": r"\r", "\t": r"\t"})


def quoted(value: str, style: str = "") -> str:
    """The value as it stands behind the sign: in the style (none, ' or ") when that can hold it, else in the plainest one that can."""
    if "\0" in value:
        raise IncidentError("the value holds a null character, which no environment can carry; name another source")
    forms = {"": (_PLAIN, value), "'": (_SINGLE, f"'{value}'")}
    for one in dict.fromkeys((style, *forms)):
        if one == '"':
            break
        pattern, form = forms[one]
        if pattern.fullmatch(value):
            return form
    return f'"{value.translate(_ESCAPES)}"'


def _values_of(text: str, name: str) -> Iterator[tuple[int, int]]:
    """Where each value of the variable begins and ends, quotes included."""
    position = 1 if text.startswith("\ufeff") else 0
    while position < len(text) and (match := _STATEMENT.match(text, position)):
        position = match.end()
        if match["value"] is None or match["name"].rstrip() != name:
            continue
        value = match["value"]
        kept = value if value[:1] in ("'", '"') else value.split(" #", 1)[0].rstrip(_BLANKS)
        # The blanks behind the sign of an empty value may be a carriage return, which has to stay at the end of its line.
        start = match.start("value") if kept else match.start("blanks")
        yield start, start + len(kept)


def with_value(text: str, name: str, value: str) -> str:
    """The text in which Compose reads this value for the variable: its last definition changed, or one added at the end."""
    if not _NAME.fullmatch(name):
        raise IncidentError(f"`{name}` is not the name of a variable; write letters, digits and underscores")
    # A file that Compose refuses is refused here too, before anything in it is moved.
    parse(text)
    places = list(_values_of(text, name))
    if places:
        start, end = places[-1]
        style = text[start:end][:1]
        return text[:start] + quoted(value, style if style in ("'", '"') else "") + text[end:]
    ending = "\r\n" if "\r\n" in text else "\n"
    definition = f"{name}={quoted(value)}"
    # The last line keeps what it had: a line end, or none.
    return text + definition + ending if not text or text.endswith("\n") else text + ending + definition
