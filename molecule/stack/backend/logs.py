# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Log lines as the real application writes them: date, time in UTC, level in colour, message; no metadata."""

from __future__ import annotations

import sys
import threading
from datetime import UTC, datetime
from typing import TextIO

_COLOURS = {"info": 32, "warn": 33, "error": 31}
_lock = threading.Lock()


def _log(level: str, message: str) -> None:
    stamp = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
    raw(f"{stamp} \x1b[{_COLOURS[level]}m{level}\x1b[39m: {message}", sys.stdout)


def raw(text: str, stream: TextIO = sys.stderr) -> None:
    """Write text as it is; what the real application prints without its logger comes this way, on standard error."""
    with _lock:
        print(text, file=stream, flush=True)


def info(message: str) -> None:
    """Log at level info."""
    _log("info", message)


def warn(message: str) -> None:
    """Log at level warn."""
    _log("warn", message)


def error(message: str) -> None:
    """Log at level error."""
    _log("error", message)
