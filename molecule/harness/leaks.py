# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking for secrets where none may be: in texts, in files, in the arguments of every process while a run lasts."""

from __future__ import annotations

import base64
import contextlib
import os
import threading
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from sandbox import POLL_SECONDS

# A process is young for so many looks.
YOUNG_LOOKS = 20


class Arguments:
    """The command lines of all processes of this machine, looked at again and again in the background."""

    def __init__(self) -> None:
        self.seen: set[bytes] = set()
        self.looks = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Arguments:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        self._thread.join(timeout=10)

    def _look(self) -> None:
        reads: Counter[str] = Counter()
        while not self._stop.is_set():
            for name in filter(str.isdecimal, os.listdir("/proc")):  # noqa: PTH208 - in a loop that has to be cheap
                # A process becomes another program soon after its start or not at all: an old one is read seldom, or the looking would take
                # half a processor.
                if reads[name] > YOUNG_LOOKS and (self.looks + int(name)) % YOUNG_LOOKS:
                    continue
                reads[name] += 1
                with contextlib.suppress(OSError), open(f"/proc/{name}/cmdline", "rb") as file:  # noqa: PTH123 - as above
                    self.seen.add(file.read())
            self.looks += 1
            self._stop.wait(POLL_SECONDS / 5)

    @property
    def text(self) -> str:
        """All of them."""
        return "\n".join(line.replace(b"\0", b" ").decode("utf-8", "replace") for line in self.seen)


def leaks(places: Mapping[str, str], secrets: Mapping[str, str]) -> list[str]:
    """Which secret stands where, as it is or in base64."""
    found = []
    for name, value in secrets.items():
        encoded = base64.b64encode(value.encode()).decode().rstrip("=")
        found += [f"{name} in {place}" for place, text in places.items() if value in text or encoded in text]
    return found


def files_of(folder: Path) -> dict[str, str]:
    """Every file below a folder as text."""
    return {str(path): path.read_text(encoding="utf-8", errors="replace") for path in folder.rglob("*") if path.is_file()}
