# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What changed lately: images, containers, the env file, the compose files, migrations, with their times. Pure.

The incident response guide asks for it in every investigation: most outages follow a change.
"""

from __future__ import annotations

import typing as t
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

WITHIN = timedelta(days=7)
# How many of them the account names; the report has them all.
TOLD = 3
_UNITS = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))

Mapping = dict[str, t.Any]


def _changes(observations: Mapping) -> Iterator[tuple[str | None, str]]:
    stack = observations["stack"]
    yield stack["env_file"]["mtime"], f"env file {stack['env_file']['path']} written"
    for name, at in stack["files_changed_at"].items():
        yield at, f"compose file {name} written"
    for service, one in (stack["services"] or {}).items():
        if one["present"]:
            yield one["image_created_at"], f"image {one['image']['name']} of {service} built"
            yield one["created_at"], f"container {one['container']} made"
    for migration in observations["postgres"]["migrations"] or []:
        yield migration["applied_at"], f"migration {migration['filename']} applied"


def _moment(stamp: str) -> datetime:
    # The Pythons that Ansible supports before 3.11 do not read the Z.
    return datetime.fromisoformat(stamp.replace("Z", "+00:00"))


def recent_changes(observations: Mapping, now: str) -> list[Mapping]:
    """Return ``at`` and ``what`` of each change of the last seven days before *now*, newest first."""
    end = _moment(now)
    found = [{"at": at, "what": what} for at, what in _changes(observations) if at and end - _moment(at) <= WITHIN]
    return sorted(found, key=lambda one: _moment(one["at"]), reverse=True)


def _age(at: str, now: str) -> str:
    seconds = max(int((_moment(now) - _moment(at)).total_seconds()), 1)
    size, unit = next((size, unit) for size, unit in _UNITS if seconds >= size)
    return f"{seconds // size} {unit} ago"


def lately(changes: Sequence[Mapping], now: str) -> str:
    """Return one line of the newest changes and their ages."""
    told = [f"{change['what']} {_age(change['at'], now)}" for change in changes[:TOLD]]
    more = len(changes) - len(told)
    return "; ".join(told) + (f"; {more} more in the report" if more else "")
