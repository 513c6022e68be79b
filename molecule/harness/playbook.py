# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running a playbook as a user does: a process of its own, without a terminal, its record in a folder of the test."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sandbox import CHECKOUT, eventually

BIN = Path(sys.executable).parent
SECONDS = 180  # a run takes three to ten; more than a crowded machine ever needed


class Record:
    """The folder that a run leaves."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def content(self) -> dict[str, Any]:
        """incident.json."""
        return dict(json.loads((self.folder / "incident.json").read_text(encoding="utf-8")))

    @property
    def outcome(self) -> str | None:
        """How the run judged itself; None while it is open."""
        outcome: str | None = self.content["outcome"]
        return outcome

    @property
    def causes(self) -> list[str]:
        """The ids of the findings, in their order."""
        return [finding["id"] for finding in self.content["findings"]]

    def events(self, *names: str) -> list[str]:
        """The texts of the timeline's events of those names."""
        return [entry["text"] for entry in self.content["timeline"] if entry["event"] in names]

    @property
    def report(self) -> str:
        """report.md."""
        return (self.folder / "report.md").read_text(encoding="utf-8")

    def wrong_modes(self) -> list[str]:
        """Files that are not 0600 and folders that are not 0700."""
        wanted = {path: 0o700 if path.is_dir() else 0o600 for path in [self.folder, *self.folder.rglob("*")]}
        return [
            f"{path} {stat.filemode(path.stat().st_mode)}" for path, mode in wanted.items() if stat.S_IMODE(path.stat().st_mode) != mode
        ]

    def evidence(self) -> list[str]:
        """The names of the files of evidence, each proven against its checksum, and all of them listed."""
        folder = self.folder / "evidence"
        lines = [line.split("  ", 1) for line in (folder / "SHA256SUMS").read_text(encoding="ascii").splitlines()]
        for digest, name in lines:
            assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest, f"{name} has another checksum"
        names = [name for _digest, name in lines]
        assert sorted(names) == sorted(path.name for path in folder.iterdir() if path.name != "SHA256SUMS")
        return names


class Run:
    """A started `ansible-playbook`, in a session of its own so that a test can kill the whole of it."""

    def __init__(self, command: Sequence[str], cwd: Path, env: Mapping[str, str], records: Path) -> None:
        self.command = list(command)
        self.records = records
        self.seen: set[str] = set()  # notes of a test that watches
        self._latest: Path | None = None
        self.out = records.parent / f"{records.name}-{time.monotonic_ns()}.out"
        with self.out.open("w", encoding="utf-8") as out, self.out.with_suffix(".err").open("w", encoding="utf-8") as err:
            self.process = subprocess.Popen(
                self.command, cwd=cwd, env=dict(env), stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True
            )

    @property
    def stdout(self) -> str:
        """What it has printed so far."""
        return self.out.read_text(encoding="utf-8", errors="replace")

    @property
    def stderr(self) -> str:
        """What it has complained about so far."""
        return self.out.with_suffix(".err").read_text(encoding="utf-8", errors="replace")

    @property
    def output(self) -> str:
        """Both."""
        return self.stdout + self.stderr

    def wait(self) -> Run:
        """Wait for its end; a run that hangs is killed and fails the test."""
        try:
            self.process.wait(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the run did not end within {SECONDS} s:\n{self.output}") from None
        self._latest = self._find_latest()
        return self

    def _find_latest(self) -> Path | None:
        link = self.records / "latest"
        return link.resolve(strict=True) if link.is_symlink() else None

    def kill(self) -> None:
        """`kill -9` of the run and of everything it has started, and wait until all of it is gone."""
        # Each task's process has a session of its own. Stopped, the run starts no other one meanwhile.
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, signal.SIGSTOP)
        members = self._members({self.process.pid})
        for member in members:
            with contextlib.suppress(ProcessLookupError):
                os.kill(member, signal.SIGKILL)
        self.process.wait(timeout=10)
        eventually(lambda: not self._members(members) - {self.process.pid}, 10, "the processes of the killed run are gone")

    def _members(self, known: set[int]) -> set[int]:
        """Those that are alive of these processes, of their sessions, and of what they have started."""
        found, alive = set(known), set()
        processes = {}
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
                processes[int(entry.name)] = (int(fields[1]), int(fields[3]))
                if fields[0] not in ("Z", "X"):
                    alive.add(int(entry.name))
        while more := {pid for pid, of in processes.items() if found & set(of)} - found:
            found |= more
        return found & alive

    @property
    def status(self) -> int:
        """The exit status."""
        return int(self.process.wait(timeout=0.1))

    @property
    def record(self) -> Record:
        """The run's record: the newest one when it ended, or while it goes on the newest one now."""
        folder = self._latest or self._find_latest()
        assert folder, f"the run left no record:\n{self.output}"
        return Record(folder)

    @property
    def changed(self) -> int:
        """The number of changed tasks of the recap, which `-v` prints."""
        found = re.search(r"^sandbox +: ok=\d+ +changed=(\d+)", self.stdout, re.MULTILINE)
        assert found, f"no recap in the output:\n{self.output}"
        return int(found[1])

    def said(self) -> str:
        """The output on one line, for messages that were broken for the width of a terminal."""
        return " ".join(self.output.split())


def user_environment(**more: str) -> dict[str, str]:
    """What a user's shell has: ANSIBLE_* and MOLECULE_* of whoever runs the tests (molecule sets many) are not handed on."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "MOLECULE_"))} | more


class Player:
    """Starts runs of an incident's playbook with the records in one folder."""

    def __init__(self, records: Path, incident: str) -> None:
        self.records = records
        self._playbook = f"playbooks/{incident}.yml"

    def start(
        self,
        *arguments: str,
        playbook: str | None = None,
        cwd: Path = CHECKOUT,
        env: Mapping[str, str] | None = None,
        before: Sequence[str] = (),
        say_records: bool = True,
    ) -> Run:
        """Start `ansible-playbook`, after the words in `before`; without `say_records` it keeps its records where it does by itself."""
        command = [*before, str(BIN / "ansible-playbook"), playbook or self._playbook, *arguments]
        if say_records:
            command += ["-e", f"incident_record_dir={self.records}"]
        if not any("circuit_sage_baseline" in argument for argument in arguments):
            # One that the developer has recorded of the sandbox is not the tests'.
            command += ["-e", "circuit_sage_baseline="]
        return Run(command, cwd, env or user_environment(), self.records)

    def play(self, *arguments: str, **options: Any) -> Run:
        """Run to the end."""
        return self.start(*arguments, **options).wait()
