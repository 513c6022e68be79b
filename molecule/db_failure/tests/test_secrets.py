# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The search for secrets that test_causes.py makes in every run can fail: it finds what is planted."""

from __future__ import annotations

import base64
import subprocess
import sys
from pathlib import Path

from leaks import Arguments, files_of, leaks
from sandbox import eventually


def test_the_search_finds_what_is_planted(tmp_path: Path) -> None:
    """The same search, where a secret is: in a file, in base64 in a text, in the arguments of a process."""
    planted = "0123456789abcdef-planted"
    (tmp_path / "evidence").mkdir()
    (tmp_path / "evidence" / "log.txt").write_text(f"password={planted}\n", encoding="utf-8")
    waiting = [sys.executable, "-c", "input()", planted]
    with Arguments() as arguments, subprocess.Popen(waiting, stdin=subprocess.PIPE) as process:
        try:
            eventually(lambda: planted in arguments.text, 10, "the arguments are seen")
        finally:
            process.kill()
    encoded = base64.b64encode(planted.encode()).decode()
    places = {"arguments": arguments.text, "encoded": f"Basic {encoded}", "clean": "nothing", **files_of(tmp_path)}
    assert leaks(places, {"planted": planted}) == [
        "planted in arguments",
        "planted in encoded",
        f"planted in {tmp_path}/evidence/log.txt",
    ]
