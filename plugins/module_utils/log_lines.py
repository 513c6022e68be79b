# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lines of a log and of what it was rotated into, oldest first, from where the last look ended. Reads in pieces of bounded size."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import os
import re
import typing as t
import zlib
from collections.abc import Iterator
from pathlib import Path

from .errors import IncidentError
from .record import write_private

Mapping = dict[str, t.Any]

# Small enough to stay in the processor's cache while its lines are looked at.
PIECE = 64 * 1024
# nginx writes no longer line than its buffers for a request allow; one that reaches from piece to piece is counted, and not kept.
LONGEST_LINE = 64 * 1024
# What tells a log from another one that has its name or its inode now: how it begins.
HEAD = 1024
_ROTATED = re.compile(r"\.\d+(\.gz)?\Z|-\d{8}(-?\d+)?(\.gz)?\Z")


def rotated(path: Path) -> list[Path]:
    """What the log was rotated into, and the log, in the order of their times."""
    # One that is rotated away meanwhile is there under its next name.
    found = []
    for other in path.parent.glob(f"{path.name}*"):
        if _ROTATED.fullmatch(other.name[len(path.name) :]):
            with contextlib.suppress(FileNotFoundError):
                found.append((other.stat().st_mtime, other))
    return [*(other for _time, other in sorted(found)), path]


def opened(path: Path) -> t.BinaryIO:
    """The log as it was written, also where it was compressed since."""
    return t.cast(t.BinaryIO, gzip.open(path) if path.suffix == ".gz" else path.open("rb"))


def head_of(stream: t.BinaryIO, length: int) -> str:
    """What tells this log from others: a digest of so much of its beginning."""
    return hashlib.sha256(stream.read(length)).hexdigest()


class Lines:
    """The lines of some logs, in pieces; `longer` counts those that were too long, `broken` the logs that could not be read to the end."""

    def __init__(self, since: float = 0.0) -> None:
        self.since = since
        self.longer = 0
        self.files: list[str] = []
        self.broken: list[str] = []
        # Where the look at each log ended.
        self.marks: Mapping = {}
        self._read = self._rest = 0

    def of(self, path: Path, mark: Mapping | None) -> Iterator[list[bytes]]:
        """The lines of a log from *mark* on, in pieces. What was rotated away is finished first."""
        files = rotated(path)
        start = 0
        if mark:
            places = [number for number, file in enumerate(files) if self._is_marked(file, mark)]
            if places:
                files, start = files[places[-1] :], int(mark["offset"])
        for number, file in enumerate(files):
            try:
                if file is not path and file.stat().st_mtime < self.since:
                    continue
                with opened(file) as stream:
                    self.files.append(str(file))
                    begin = start if number == 0 else 0
                    stream.seek(begin)
                    yield from self._pieces(stream, growing=file is path)
                    if file is path:
                        self._mark(path, stream, begin)
            except FileNotFoundError:
                if file is path:
                    raise IncidentError(f"the log {path} is not there; give the path that nginx writes to") from None
            except (EOFError, zlib.error, gzip.BadGzipFile):
                self.broken.append(str(file))
            except OSError as error:
                raise IncidentError(
                    f"the log {file} cannot be read: {error.strerror}; run as root or as a member of the group adm"
                ) from None

    @staticmethod
    def _is_marked(file: Path, mark: Mapping) -> bool:
        """Whether the last look ended in this file. A log that was cut short begins anew, and one may get another one's inode."""
        try:
            with opened(file) as stream:
                if head_of(stream, int(mark["head_length"])) != mark["head"]:
                    return False
            state = file.stat()
        except (OSError, EOFError, zlib.error):
            return False
        return file.suffix == ".gz" or (state.st_ino == mark["inode"] and state.st_size >= mark["offset"])

    def _mark(self, path: Path, stream: t.BinaryIO, begin: int) -> None:
        """Keep where this look ended: nginx may be about to write the rest of a line that has no end yet."""
        state = os.fstat(stream.fileno())
        length = min(HEAD, begin + self._read)
        stream.seek(0)
        self.marks[str(path)] = {
            "inode": state.st_ino,
            "offset": begin + self._read - self._rest,
            "head": head_of(stream, length),
            "head_length": length,
        }

    def _pieces(self, stream: t.BinaryIO, growing: bool) -> Iterator[list[bytes]]:
        rest, skipping = b"", False
        self._read = 0
        while piece := stream.read(PIECE):
            self._read += len(piece)
            lines = (rest + piece).split(b"\n")
            rest = lines.pop()
            if skipping and lines:
                lines.pop(0)
                skipping = False
            if len(rest) > LONGEST_LINE:
                self.longer += not skipping
                rest, skipping = b"", True
            yield lines
        self._rest = len(rest)
        # What was rotated away is written no further.
        if rest and not growing:
            yield [rest]


def read_marks(state: Path) -> Mapping:
    """Where the last look ended, by log; nothing where there was none."""
    try:
        return t.cast(Mapping, json.loads(state.read_text(encoding="utf-8"))["logs"])
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError):
        raise IncidentError(f"{state} cannot be read as the state of an earlier look; remove it to begin anew") from None


def write_marks(state: Path, marks: Mapping) -> None:
    """Keep where this look ended."""
    try:
        state.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(state, json.dumps({"logs": marks}, indent=2) + "\n")
    except OSError as error:
        raise IncidentError(f"{state} cannot be written: {error.strerror}; give a path in a folder of the user that runs this") from None
