# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a backup says of itself, and what follows from it: whether it may be restored here, how long it is kept. Pure."""

from __future__ import annotations

import json
import re
import typing as t
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from .errors import IncidentError

FORMAT = 1
KIND = "circuit_sage database backup"
# What a backup is made for: one that is made before a restore is kept for its age alone, and is never the latest.
ROUTINE, SAFETY = "routine", "safety"
# How much more than what it is made of something may become.
MARGIN = 1.2

Facts = dict[str, t.Any]


def identity(database: str, at: datetime) -> str:
    """The name of a backup, in the order of time."""
    stamp = at.strftime("%Y%m%dT%H%M%S%f")[:-3]
    return f"{stamp}Z-{re.sub(r'[^A-Za-z0-9_.-]', '_', database)}"


def parse(text: str, path: object) -> Facts:
    """What a manifest says. Raises IncidentError for what is none of ours."""
    try:
        found = json.loads(text)
        ours = found["kind"] == KIND
    except (ValueError, KeyError, TypeError):
        ours = False
    if not ours:
        raise IncidentError(f"{path} is no manifest of a backup that backup.yml made; name one of those in restore_backup")
    if found["format"] > FORMAT:
        raise IncidentError(f"{path} is of a later release of this collection; restore it with that one")
    return t.cast(Facts, found)


def snapshot_time(manifest: Mapping[str, t.Any]) -> datetime:
    """The moment whose rows a backup has."""
    return datetime.fromisoformat(manifest["snapshot_at"])


def refuse(manifest: Mapping[str, t.Any], target: Mapping[str, t.Any], allowed_cluster: str) -> None:
    """Raise IncidentError for a backup that is not to be restored into this database of this server."""
    name = manifest["id"]
    if manifest["database"] != target["database"]:
        raise IncidentError(
            f"the backup {name} is of the database {manifest['database']}, not of {target['database']}; "
            "correct restore_database, or name another backup in restore_backup"
        )
    if manifest["server_version_num"] // 10_000 > target["server_version_num"] // 10_000:
        raise IncidentError(
            f"the backup {name} is of PostgreSQL {manifest['server_version']}, which this server, {target['server_version']}, cannot read; "
            "upgrade the server first, or name an older backup in restore_backup"
        )
    if manifest["system_identifier"] not in (target["system_identifier"], allowed_cluster):
        raise IncidentError(
            f"the backup {name} is of another cluster ({manifest['system_identifier']}) than this server ({target['system_identifier']}); "
            f"name another one, or give restore_system_identifier={manifest['system_identifier']} when that cluster is lost"
        )


def latest(manifests: Sequence[Facts], database: str) -> Facts | None:
    """The newest verified backup of a database."""
    good = [one for one in manifests if one["database"] == database and one["verified_at"] and one["purpose"] == ROUTINE]
    return max(good, key=snapshot_time, default=None)


def expired(manifests: Sequence[Facts], database: str, now: datetime, keep: int, days: float) -> list[Facts]:
    """The backups of a database that are not kept any longer: too many newer good ones, or too old. The newest good one stays always."""
    oldest = now - timedelta(days=days)
    own = sorted((one for one in manifests if one["database"] == database), key=snapshot_time, reverse=True)
    good = [one for one in own if one["verified_at"] and one["purpose"] == ROUTINE]
    gone = [one for number, one in enumerate(good) if number and (number >= keep or snapshot_time(one) < oldest)]
    return gone + [one for one in own if one not in good and snapshot_time(one) < oldest]


def expected_bytes(manifests: Sequence[Facts], database: str, database_bytes: int) -> int:
    """How many bytes a dump may have: as the last one, by how much the database has grown since; else as the database itself."""
    last = latest(manifests, database)
    if last is None:
        return database_bytes
    grown: float = max(database_bytes / max(last["database_bytes"], 1), 1.0)
    return min(round(int(last["dump_bytes"]) * grown * MARGIN), database_bytes)


def differences(manifest: Mapping[str, t.Any], found: Mapping[str, t.Any]) -> list[str]:
    """What a restored database has otherwise than the backup says. A digest that was not taken anew is not compared."""
    told = []
    for name in sorted({*manifest["tables"], *found["tables"]}):
        wanted, seen = manifest["tables"].get(name), found["tables"].get(name)
        if wanted is None or seen is None:
            told.append(f"the table {name} is {'missing' if seen is None else 'not in the backup'}")
        elif wanted["rows"] != seen["rows"]:
            told.append(f"{name} has {seen['rows']} rows, not {wanted['rows']}")
        elif seen["digest"] is not None and wanted["digest"] is not None and wanted["digest"] != seen["digest"]:
            told.append(f"rows of {name} have another content")
    for kind, number in sorted(manifest["objects"].items()):
        if found["objects"].get(kind) != number:
            told.append(f"there are {found['objects'].get(kind)} {kind}, not {number}")
    told += [f"the constraint {name} is not validated" for name in found["unvalidated"] if name not in manifest["unvalidated"]]
    return told + [f"the index {name} is invalid" for name in found["invalid_indexes"]]


def rows(manifest: Mapping[str, t.Any]) -> int:
    """How many rows a backup has."""
    return sum(int(table["rows"]) for table in manifest["tables"].values())
