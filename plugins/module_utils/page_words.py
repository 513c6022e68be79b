# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How texts and values are said, on every page and in every report alike. Pure."""

from __future__ import annotations

import re
import typing as t

NOT_MEASURED = "—"

# Texts come from fault files and logs. The sequences that steer a terminal go; what XML forbids, other control
# characters and what turns the direction of writing is made visible.
_SEQUENCE = re.compile("\x1b\\[[0-9;?]*[A-Za-z]")
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


def clean(text: t.Any) -> str:
    """The text without characters that a report cannot show."""
    return _UNPRINTABLE.sub("\ufffd", _SEQUENCE.sub("", str(text).replace("\r\n", "\n")))


def line(text: t.Any) -> str:
    """The text on one line."""
    return " ".join(clean(text).split())


def seconds(value: float | None) -> str:
    """A time with the digits that mean something."""
    if value is None:
        return NOT_MEASURED
    # Adding zero takes the sign off a zero.
    return f"{round(value, 1) + 0.0:.1f} s" if abs(value) < 100 else f"{value:.0f} s"


_LARGER = ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s"))


def lasting(value: float | None) -> str:
    """How long something lasted, in the two units that say it."""
    for size, unit, part, less in _LARGER:
        if value is not None and value >= size:
            return f"{int(value // size)} {unit} {int(value % size // part)} {less}"
    return seconds(value)


def plural(number: int, word: str) -> str:
    """The number with its word."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def clock(stamp: t.Any) -> str:
    """A stamp for people."""
    text = line(stamp)
    return f"{text[:10]} {text[11:16]} UTC" if re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d", text) else text
