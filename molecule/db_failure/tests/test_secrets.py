# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No secret leaves: not in the output at -vvvv with --diff, not in the record, not in the arguments of any process while the run lasts."""

from __future__ import annotations

import base64
import contextlib
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from playbook import Player
from sandbox import POLL_SECONDS, SECRETS, Sandbox, eventually

MOVED = "moved-by-the-test-5cb7e1f09a"


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
        while not self._stop.is_set():
            for entry in Path("/proc").glob("[0-9]*"):
                with contextlib.suppress(OSError):
                    self.seen.add((entry / "cmdline").read_bytes())
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


def secrets_of(sandbox: Sandbox) -> dict[str, str]:
    """The secrets of the env file as it is now."""
    return {name: sandbox.env[name] for name in SECRETS}


@contextlib.contextmanager
def password_moved_to_a_known_one(sandbox: Sandbox) -> Iterator[None]:
    """The fault sets a password that nobody knows; for the search it has to be a known one."""
    role = sandbox.env["POSTGRES_USER"]
    said = sandbox.psql(f"ALTER ROLE \"{role}\" PASSWORD '{MOVED}'")
    assert not said, said
    yield


@pytest.mark.parametrize("fault", ["app_password_wrong", "database_password_moved", "role_nologin"])
def test_nothing_leaks(sandbox: Sandbox, player: Player, fault: str) -> None:
    """The remedies that handle passwords, and the one that starts a container."""
    secrets = secrets_of(sandbox)
    verifiers = sandbox.psql(f"SELECT rolpassword FROM pg_authid WHERE rolname = '{sandbox.env['POSTGRES_USER']}'")  # noqa: S608
    assert verifiers.startswith("SCRAM-SHA-256$")
    with sandbox.fault(fault), contextlib.ExitStack() as more:
        if fault == "database_password_moved":
            more.enter_context(password_moved_to_a_known_one(sandbox))
        secrets |= {f"{name} under the fault": value for name, value in secrets_of(sandbox).items()}
        secrets |= {"the password that was set by hand": MOVED, "the verifier": verifiers}
        with Arguments() as arguments:
            run = player.play("-vvvv", "--diff")
        assert run.status == 0, leaks({"output": run.output}, secrets) or run.output
        assert run.record.causes[0] == fault
        places = {"standard output": run.stdout, "standard error": run.stderr, "arguments": arguments.text, **files_of(run.records)}
        assert arguments.looks > 5
        assert leaks(places, secrets) == []


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
