# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading the end of a container's log: bounded, without colour codes, by pattern, redacted."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from .errors import IncidentError
from .redaction import redact
from .timestamps import seconds_before, shifted, utc

# What the parts of Circuit Sage write for each kind of fault. A text may have several causes: it is evidence, not a diagnosis.
PATTERNS = {
    "name_not_found": r"getaddrinfo ENOTFOUND",
    "name_lookup_failed": r"getaddrinfo EAI_AGAIN",
    "connection_refused": r"ECONNREFUSED|[Cc]onnection refused",
    "connect_timeout": r"Connection terminated due to connection timeout",
    "password_rejected": r"password authentication failed for user",
    "password_expired": r"[Uu]ser \"[^\"]*\" has an expired password",
    "login_not_permitted": r"role \"[^\"]*\" is not permitted to log in",
    "role_missing": r"role \"[^\"]*\" does not exist",
    "too_many_clients": r"sorry, too many clients already|remaining connection slots are reserved",
    "database_not_accepting": r"is not currently accepting connections",
    "database_missing": r"database \"[^\"]*\" does not exist",
    "pool_exhausted": r"timeout exceeded when trying to connect",
    "statement_timeout": r"canceling statement due to statement timeout",
    "statement_cancelled": r"canceling statement due to user request",
    "lock_timeout": r"canceling statement due to lock timeout",
    "deadlock": r"deadlock detected",
    "schema_not_selected": r"no schema has been selected to create in",
    "relation_missing": r"relation \"[^\"]*\" does not exist",
    "hba_rejected": r"no pg_hba\.conf entry for",
    "read_only": r"cannot execute .{1,200} in a read-only transaction",
    "session_terminated": r"terminating connection due to administrator command",
    "starting_up": r"the database system is starting up",
    "shutting_down": r"the database system is shutting down",
    "ready": r"database system is ready to accept connections",
    "crash_recovery": r"database system was not properly shut down|was terminated by signal 9",
    "child_killed": r"process \(PID \d+\) was terminated by signal 9",
    "disk_full": r"No space left on device",
    "version_mismatch": r"incompatible with server",
    "data_directory_permissions": r"data directory .{1,400} has invalid permissions",
    "migration_failed": r"Migration failed:",
    "database_connection_failed": r"Database connection failed:|Unable to connect to the database",
    "jwt_secret_missing": r"secret or public key must be provided",
    "credential_unreadable": r"Failed to decrypt credential",
    "descriptors_exhausted": r"EMFILE|[Tt]oo many open files",
    "killed": r"^Killed$",
    "heap_limit": r"JavaScript heap out of memory",
}

# The engine cuts a long line into pieces of 16 KiB and counts each as a line of its `tail`.
LONGEST_LINE = 4096
MOST_BYTES = 4 * 1024 * 1024
SHORT_TAIL = 100
TAIL_LINES = 20
LONGEST_SHOWN = 400
# The engine notes the start when the process already runs: its first line was seen 4 ms before it. Two lives are 100 ms apart or more,
# because the engine waits that long before it starts a container again.
START_MARGIN_MS = 100

_STAMP = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z) ?")
# Colours and other terminal codes, and control characters but tab.
_CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[@-Z\\-_]|[\x00-\x08\x0b-\x1f\x7f]")


class Line(NamedTuple):
    """A line of a log: when the engine received it, and its text."""

    at: str
    text: str


class LogTooLong(IncidentError):
    """A read went past its bound of bytes or of time."""


def bounded(frames: Iterable[bytes], deadline: float, most_bytes: int = MOST_BYTES) -> list[bytes]:
    """The frames, as long as they stay within the bounds of bytes and time."""
    taken, size = [], 0
    for frame in frames:
        taken.append(frame)
        size += len(frame)
        if size > most_bytes:
            raise LogTooLong(f"the log holds more than {most_bytes} bytes in the lines asked for")
        if time.monotonic() > deadline:
            raise LogTooLong("the log could not be read in time")
    return taken


def to_lines(frames: Iterable[bytes]) -> list[Line]:
    """The lines of a log that was read with time stamps: pieces of a long line are put together, and cut off."""
    lines: list[Line] = []
    at, text = "", b""
    # A frame is a line, or a piece of a long one; of a container with a terminal there is one frame for all.
    for piece in (piece for frame in frames for piece in frame.splitlines(keepends=True)):
        stamp = _STAMP.match(piece)
        if stamp and not text:
            at = stamp.group(1).decode("ascii")
        if len(text) < LONGEST_LINE:
            text += piece[stamp.end() if stamp else 0 :]
        if piece.endswith(b"\n"):
            lines.append(_line(at, text))
            text = b""
    if text:
        lines.append(_line(at, text))
    return lines


def _line(at: str, text: bytes) -> Line:
    return Line(at, _CONTROL.sub("", text[:LONGEST_LINE].decode("utf-8", "replace")).rstrip())


def compile_patterns(extra: Mapping[str, str]) -> dict[str, re.Pattern[str]]:
    """The default patterns and the given ones, which go before a default of the same name."""
    compiled = {}
    for name, pattern in {**PATTERNS, **extra}.items():
        try:
            compiled[name] = re.compile(pattern)
        except re.error as error:
            raise IncidentError(f"patterns: `{name}` is not a regular expression of Python ({error}); correct it") from None
    return compiled


def _may_be_in(whole: str, pattern: re.Pattern[str]) -> bool:
    """Whether a line of the whole may match: what is nowhere in it is in no line, which a look at each of them tells much later."""
    # These see where a text begins or ends, or what stands before it: a line is another text than a line among others.
    if any(sign in pattern.pattern for sign in (r"\A", r"\Z", "(?<")):
        return True
    return bool(re.compile(pattern.pattern, pattern.flags | re.MULTILINE).search(whole))


def summarise(
    lines: list[Line], patterns: Mapping[str, re.Pattern[str]], started_at: str | None, secrets: Iterable[str], now: float
) -> dict[str, Any]:
    """What the log says by pattern, and its last lines. `this_life` counts what came after the container's last start.

    `now` is in seconds since 1970, and what `seconds_ago` is counted from.
    """
    secrets = tuple(secrets)
    life_began = shifted(started_at, -START_MARGIN_MS) if started_at else None

    def shown(text: str) -> str:
        return redact(text, secrets)[:LONGEST_SHOWN]

    whole = "\n".join(line.text for line in lines)
    patterns = {name: pattern for name, pattern in patterns.items() if _may_be_in(whole, pattern)}
    found: dict[str, dict[str, Any]] = {}
    last_lines: dict[str, str] = {}
    for line in lines:
        at = utc(line.at)
        for name, pattern in patterns.items():
            if pattern.search(line.text):
                hit = found.setdefault(name, {"count": 0, "this_life": 0, "first_at": at, "last_at": at})
                hit["count"] += 1
                hit["this_life"] += bool(life_began and at and at >= life_began)
                hit["last_at"] = at
                last_lines[name] = line.text
    return {
        "lines": len(lines),
        "patterns": {
            name: {**hit, "seconds_ago": seconds_before(now, hit["last_at"]), "last_line": shown(last_lines[name])}
            for name, hit in found.items()
        },
        "tail": [shown(line.text) for line in lines[-TAIL_LINES:]],
    }
