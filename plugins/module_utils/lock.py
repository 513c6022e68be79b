# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run at a time for each stack: the content of the lock and who may take it over. Pure but for reading /proc.

The lock is a file on the managed host, made with O_EXCL by the shell, so that two controllers exclude each other too.
"""

from __future__ import annotations

import json
import socket
import typing as t
from datetime import datetime, timedelta, timezone
from pathlib import Path

from .errors import IncidentError

Mapping = dict[str, t.Any]


def boot_id() -> str:
    """Return what tells this boot of this machine from others, or an empty text where the system has no such file."""
    path = Path("/proc/sys/kernel/random/boot_id")
    return path.read_text(encoding="ascii").strip() if path.exists() else ""


def start_ticks(pid: int) -> str | None:
    """Return the start of a live process in clock ticks since boot (field 22 of /proc/PID/stat), or None: a pid alone may be used again."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in ("Z", "X") else fields[19]


def lock_path(lock_dir: str, project_name: str) -> str:
    """Return the lock file of a stack."""
    return f"{lock_dir.rstrip('/')}/circuit-sage-incident-{project_name}.lock"


def owner(user: str) -> str:
    """Return who runs this, and on which machine."""
    return f"{user}@{socket.gethostname()}"


def claim(incident: str, pid: int, user: str, seconds: int) -> str:
    """Return the content of a lock that *pid* on this machine holds for *seconds*."""
    now = datetime.now(timezone.utc)
    return json.dumps(
        {
            "incident": incident,
            "owner": owner(user),
            "pid": pid,
            "boot": boot_id(),
            "ticks": start_ticks(pid),
            "taken_at": now.isoformat(timespec="seconds"),
            "expires_at": (now + timedelta(seconds=seconds)).isoformat(timespec="seconds"),
        }
    )


def read(text: str, path: str) -> Mapping:
    """Return the lock's content, or say that the file is no lock of ours."""
    try:
        held = json.loads(text)
        datetime.fromisoformat(held["expires_at"])
        return t.cast(Mapping, held)
    except (ValueError, KeyError, TypeError) as error:
        raise IncidentError(f"the lock {path} cannot be read; look who wrote it and remove it when no run is at work") from error


def stale(held: Mapping, now: datetime | None = None) -> str | None:
    """Return why the lock may be taken over, or None while its owner lives.

    An owner on this very machine is looked up, however long it takes; any other is believed until the lock expires.
    """
    if held.get("boot") and held["boot"] == boot_id():
        return None if start_ticks(int(held["pid"])) == held.get("ticks") else f"its process {held['pid']} has ended"
    return (
        f"it expired at {held['expires_at']}" if datetime.fromisoformat(held["expires_at"]) <= (now or datetime.now(timezone.utc)) else None
    )


def refusal(held: Mapping) -> str:
    """Return the sentence for a run that came second."""
    return (
        f"another run is at work on this stack: incident {held['incident']} of {held['owner']} (process {held['pid']}) "
        f"since {held['taken_at']}; "
        f"wait for it, or, where its machine is gone, for its lock to expire at {held['expires_at']}"
    )
