# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many requests failed lately, as nginx's access log in the combined format tells it. Only a bounded end of the file is read."""

from __future__ import annotations

import os
import re
import typing as t
from collections.abc import Iterable
from pathlib import Path

from .access_log import moment_of
from .errors import IncidentError
from .user_agent import USER_AGENT

Mapping = dict[str, t.Any]

# At ten requests a second and 200 bytes a line an hour and more; the log of a flood is cut off, and `truncated` says so.
MOST_BYTES = 8 * 1024 * 1024
# The client gave up waiting: nginx's own status for it. It is no answer of 500 or more, and yet nobody got one.
CLIENT_GAVE_UP = 499
PAGES = "the pages"
# As a line ends. Our own looks are no requests of customers.
_OWN = f'"{USER_AGENT}"'.encode()

_LINE = re.compile(
    rb'\S+ \S+ .{0,200}?(?P<stamp>\[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d) (?P<zone>[+-]\d{4}\]) "(?P<request>[^"]{0,4000})" (?P<status>\d{3}) '
)
_API = re.compile(rb"[A-Z]{1,20} (?P<path>/api/[A-Za-z0-9_-]{1,40})(?=[/? ])")


def end_of(path: Path, most_bytes: int = MOST_BYTES) -> tuple[list[bytes], bool]:
    """The last lines of a file, and whether there are more before them. Raises IncidentError where it cannot be read."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            start = max(0, size - most_bytes)
            file.seek(start)
            lines = file.read(most_bytes).splitlines()
    except OSError as error:
        raise IncidentError(
            f"the access log {path} cannot be read ({error.strerror}); set circuit_sage_access_log to nginx's, or to nothing"
        ) from None
    return (lines[1:], True) if start else (lines, False)


def feature_of(request: bytes) -> str:
    """What a request is of: the part of the API, or the pages."""
    found = _API.match(request)
    return found.group("path").decode("ascii") if found else PAGES


def count(lines: Iterable[bytes], since: float) -> Mapping:
    """The requests since then (seconds since 1970) but for our own, and those that failed, in all and by feature."""
    features: dict[str, dict[str, int]] = {}
    days: dict[bytes, float] = {}
    for line in lines:
        found = _LINE.match(line)
        if not found or _OWN in line or moment_of(found.group("stamp"), found.group("zone"), days) < since:
            continue
        status = int(found.group("status"))
        part = features.setdefault(feature_of(found.group("request")), {"requests": 0, "failed": 0})
        part["requests"] += 1
        part["failed"] += status >= 500 or status == CLIENT_GAVE_UP
    total = {name: sum(part[name] for part in features.values()) for name in ("requests", "failed")}
    worst_first = sorted(features.items(), key=lambda item: (-item[1]["failed"], -item[1]["requests"], item[0]))
    return {**total, "features": dict(worst_first)}


def observe(path: Path, minutes: int, now: float) -> Mapping:
    """The traffic of the last minutes."""
    lines, cut = end_of(path)
    counted = count(lines, now - minutes * 60)
    # Only where all lines that were read are of these minutes may some be missing.
    first = next((found for found in map(_LINE.match, lines) if found), None)
    truncated = bool(cut and first and moment_of(first.group("stamp"), first.group("zone"), {}) >= now - minutes * 60)
    return {"minutes": minutes, "truncated": truncated, **counted}
