# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of an incident on the controller: one folder, written as things happen, so that a killed run leaves its story.

``incident.json`` is replaced atomically at every event, ``evidence/`` keeps what a remedy would destroy, ``report.md`` and ``report.html``
are made at the end. Folders are 0700, files 0600, and every text passes the redaction first.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import tempfile
import typing as t
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path

from . import incident_runs
from .errors import IncidentError
from .redaction import MASK, is_secret_name, redact
from .report import as_csv

Mapping = dict[str, t.Any]

# What a review has at least, and each of its action items.
_REVIEW = {"made_at", "closed_at", "root_cause", "prevention", "items"}
_ITEM = {"id", "text", "severity", "owner", "due", "done_at", "issue"}

# For how long back it counts how often a remedy was carried out.
LATELY = timedelta(hours=24)


def utc_now() -> str:
    """Return the time now, UTC with its offset, to the millisecond."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


def redacted(value: t.Any) -> t.Any:
    """Return *value* with every text in it redacted, and a text under a secret's name masked whole."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {key: MASK if isinstance(item, str) and is_secret_name(key) else redacted(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [redacted(item) for item in value]
    return value


def write_private(path: Path, text: str) -> None:
    """Replace *path* atomically by *text*, mode 0600. Raises IncidentError where that is not possible."""
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink()
            raise
    except OSError as error:
        raise IncidentError(
            f"{path} cannot be written ({error.strerror}); make room there, or set incident_record_dir to a folder that has it"
        ) from error


def record_base(record_dir: str, playbook_dir: str) -> str:
    """Where the records are: told so, `incidents` in the checkout that the playbook belongs to, else in the current folder."""
    checkout = Path(playbook_dir).resolve().parent
    return record_dir or str((checkout if (checkout / "galaxy.yml").exists() else Path.cwd()) / "incidents")


class Record:
    """One incident's folder."""

    def __init__(self, folder: Path, content: Mapping) -> None:
        self.folder = folder
        self.content = content

    @classmethod
    def create(cls, base: str, kind: str, title: str, host: str, severity: str) -> Record:
        """Make the folder of a new incident under *base* and point ``latest`` to it."""
        now = utc_now()
        stamp = now[:19].replace("-", "").replace(":", "").replace("T", "-")
        try:
            Path(base).mkdir(mode=0o700, parents=True, exist_ok=True)
            folder = cls._new_folder(Path(base), f"{stamp}-{kind}")
            (folder / "evidence").mkdir(mode=0o700)
        except OSError as error:
            raise IncidentError(
                f"the record folder {base} cannot be written ({error.strerror}); set incident_record_dir to a folder that you may write"
            ) from error
        record = cls(
            folder,
            {
                "id": folder.name,
                "kind": kind,
                "title": title,
                "host": host,
                "severity": severity,
                "runs": [incident_runs.begun(kind, title, now)],
                "outcome": None,
                "opened_at": now,
                "resolved_at": None,
                "findings": [],
                "changes": [],
                "remedies": [],
                "tables": [],
                "timeline": [],
            },
        )
        record.save()
        record.point_latest(Path(base))
        return record

    @classmethod
    def joined(cls, base: str, name: str, kind: str, title: str, host: str) -> Record:
        """Return the record of an open incident that a run joins. Nothing is written yet."""
        record = cls.named(Path(base), name)
        content, closed = record.content, (record.review() or {}).get("closed_at")
        advice = "leave -e incident out, so that this run opens one of its own"
        if content["host"] != host:
            raise IncidentError(f"the incident {content['id']} is of {content['host']}, not of {host}; name one of {host}, or {advice}")
        if closed:
            raise IncidentError(f"the review of the incident {content['id']} was closed at {closed}; {advice}")
        incident_runs.join(content, kind, title, utc_now())
        return record

    @staticmethod
    def _new_folder(base: Path, name: str) -> Path:
        """A folder that no other record has: a run on many hosts begins tens of them in one second."""
        while True:
            folder = base / f"{name}-{secrets.token_hex(2)}"
            try:
                folder.mkdir(mode=0o700)
            except FileExistsError:
                continue
            return folder

    @classmethod
    def load(cls, folder: str) -> Record:
        """Return the record in *folder*."""
        path = Path(folder)
        try:
            return cls(path, json.loads((path / "incident.json").read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            raise IncidentError(f"the incident record {folder} cannot be read ({error}); name one under incident_record_dir") from error

    @classmethod
    def named(cls, base: Path, name: str) -> Record:
        """Return the record of the incident that a person names, by its id or as `latest`."""
        folder = (base / name).resolve()
        if folder.parent != base.resolve() or not (folder / "incident.json").is_file():
            raise IncidentError(f"there is no incident {name} in {base}; name one of the folders there, or latest")
        return cls.load(str(folder))

    @classmethod
    def current(cls, task_vars: Mapping | None) -> Record:
        """Return the record of the incident that is open on a task's host."""
        incident = (task_vars or {}).get("circuit_sage_incident")
        if not incident:
            raise IncidentError("no incident is open on this host; run the role open_incident first")
        return cls.load(incident["folder"])

    @classmethod
    def done_lately(cls, base: str, host: str) -> dict[str, int]:
        """How often each remedy was carried out on a host in the last 24 hours, after the records under *base*."""
        since = (datetime.now(timezone.utc) - LATELY).isoformat(timespec="milliseconds")
        done: dict[str, int] = {}
        oldest = (datetime.now(timezone.utc) - LATELY).timestamp()
        for folder in sorted(Path(base).glob("[0-9]*-*")):
            # One that is not readable is an earlier run's trouble, and counts for nothing. An old incident may have been joined lately.
            with contextlib.suppress(IncidentError, OSError):
                if (folder / "incident.json").stat().st_mtime < oldest:
                    continue
                content = cls.load(str(folder)).content
                for one in content.get("remedies") or [] if content.get("host") == host else []:
                    if one["at"] >= since:
                        done[one["remedy"]] = done.get(one["remedy"], 0) + 1
        return done

    def point_latest(self, base: Path) -> None:
        """Let ``latest`` name this incident."""
        temporary = base / f".latest.{self.content['id']}"
        temporary.symlink_to(self.folder.name)
        temporary.replace(base / "latest")

    def save(self) -> None:
        """Write ``incident.json``."""
        write_private(self.folder / "incident.json", json.dumps(self.content, indent=2) + "\n")

    def review(self) -> Mapping | None:
        """Return the review of the incident; null before one was made."""
        path = self.folder / "review.json"
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            lacking = _REVIEW - found.keys() or {key for item in found["items"] for key in _ITEM - item.keys()}
            if lacking:
                raise ValueError(f"it has no {min(lacking)}")
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise IncidentError(f"the review {path} cannot be read ({error}); put it right, or move it away and begin anew") from error
        return t.cast(Mapping, found)

    def event(self, event: str, text: str) -> Mapping:
        """Append to the timeline and save."""
        entry = {"at": utc_now(), "event": event, "text": redact(text)}
        self.content["timeline"].append(entry)
        self.save()
        return entry

    def merge_findings(self, findings: Sequence[Mapping]) -> None:
        """Take in *findings*: new ones are appended, known ones are brought up to date."""
        known = {finding["id"]: finding for finding in self.content["findings"]}
        for finding in redacted(list(findings)):
            if finding["id"] in known:
                known[finding["id"]].update(finding)
                known[finding["id"]].pop("earlier", None)
            else:
                self.content["findings"].append({"status": "found", "found_by": self.content["runs"][-1]["kind"], **finding})

    def remember_planned(self, findings: Sequence[Mapping]) -> None:
        """Take in the remedies that are about to be carried out, with the time: a later incident asks how often one was."""
        now = utc_now()
        self.content["remedies"] += [{"at": now, "remedy": one["once"]} for one in findings if one["decision"] == "act"]

    def begin_change(self, change: Mapping) -> None:
        """Take in a change that is about to be made, with the time. Whether it was done is not known before the run closes its incident."""
        self.content["changes"].append({"at": utc_now(), **redacted(change), "done": None})

    def settle_changes(self, broke_off: bool) -> None:
        """The changes were made; but where the run *broke off* in the remedies that were planned last, not surely the last one of those."""
        began, remedies = self.content["runs"][-1]["at"], self.content["remedies"]
        changes = [change for change in self.content["changes"] if change["at"] >= began]
        for change in changes:
            change["done"] = True
        if broke_off and changes and (not remedies or changes[-1]["at"] >= remedies[-1]["at"]):
            changes[-1]["done"] = None

    def keep_evidence(self, evidence: Mapping) -> list[str]:
        """Write files of evidence, each a text or data as JSON, redacted, and bring ``SHA256SUMS`` up to date: the names of the files."""
        kept = [self._write_evidence(name, content) for name, content in sorted(evidence.items())]
        folder = self.folder / "evidence"
        sums = "".join(
            f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n"
            for file in sorted(folder.iterdir())
            if file.name != "SHA256SUMS" and not file.name.startswith(".")
        )
        write_private(folder / "SHA256SUMS", sums)
        return kept

    def _write_evidence(self, name: str, content: t.Any) -> str:
        """Write one file and return its name: a taken one gets a number."""
        folder = self.folder / "evidence"
        stem, dot, suffix = name.rpartition(".")
        number, path = 1, folder / name
        while path.exists():
            number += 1
            path = folder / (f"{stem}-{number}{dot}{suffix}" if dot else f"{name}-{number}")
        # Data is redacted before it is written: masking inside of JSON's text could break it.
        write_private(path, redact(content) if isinstance(content, str) else json.dumps(redacted(content), indent=2) + "\n")
        return path.name

    def keep_tables(self, tables: Sequence[Mapping]) -> list[str]:
        """Take tables into the report, and all their rows into the evidence: the names of the files."""
        kept = []
        for table in tables:
            name = self.keep_evidence({f"{table['name']}.csv": as_csv(table)})[0]
            self.content["tables"].append(redacted({**table, "file": name}))
            kept.append(name)
        return kept

    def keep_all(self, evidence: Mapping, services: Sequence[str]) -> tuple[list[str], Mapping]:
        """Write the evidence of some services and say so in the timeline: the names of the files, and the entry."""
        kept = self.keep_evidence(evidence)
        return kept, self.event("kept", f"evidence of {', '.join(services)}: {len(kept)} files")
