# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the host does by the clock: its crontabs and systemd timers, each with a digest of its text. Reads only."""

from __future__ import annotations

import hashlib
from pathlib import Path

# As cron(8) of Debian and of Red Hat, and systemd.timer(5), look for them; those that packages bring below /usr are theirs.
_CRONTABS = ("etc/crontab", "etc/cron.d/*", "var/spool/cron/*", "var/spool/cron/crontabs/*")
_SCRIPTS = tuple(f"etc/cron.{period}/*" for period in ("hourly", "daily", "weekly", "monthly"))
_TIMERS = ("etc/systemd/system/*.timer",)
# As many characters of SHA-256 tell two texts apart.
_DIGITS = 12


def read(root: Path) -> tuple[dict[str, str], list[str]]:
    """The digest of each schedule by its path, and the folders and files that this user may not read."""
    found: dict[str, str] = {}
    unread: set[str] = set()
    for pattern in (*_CRONTABS, *_SCRIPTS, *_TIMERS):
        folder = root / Path(pattern).parent
        try:
            names = sorted(entry for entry in folder.iterdir() if entry.match(Path(pattern).name))
        except (FileNotFoundError, NotADirectoryError):
            continue
        except PermissionError:
            unread.add(str(folder))
            continue
        for path in names:
            # A placeholder keeps the package's folder; cron passes over names with a dot.
            if path.name == ".placeholder":
                continue
            try:
                if path.is_file():
                    found[f"/{path.relative_to(root)}"] = hashlib.sha256(path.read_bytes()).hexdigest()[:_DIGITS]
            except PermissionError:
                unread.add(str(path))
            except FileNotFoundError:  # taken away meanwhile
                continue
    return found, sorted(unread)
