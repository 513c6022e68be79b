# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the actions of a drill share: shell on the managed host, statements, waiting, and a playbook run as a user runs it."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
import typing as t
from pathlib import Path

from ansible import constants as C
from ansible import context
from ansible.plugins.action import ActionBase

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import drill_faults
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError

HEALTH_SECONDS = 90.0
PLAYBOOK_SECONDS = 300
PART_SECONDS = 120
POLL_SECONDS = 0.2
COLLECTION = "circuit_sage.incident_response"
# What the user has given the drill to get at its variables and its hosts, by the option of ansible-playbook.
_HANDED_ON = {
    "--extra-vars": "extra_vars",
    "--vault-id": "vault_ids",
    "--vault-password-file": "vault_password_files",
    "--user": "remote_user",
    "--private-key": "private_key_file",
}

Mapping = dict[str, t.Any]


class DrillAction(ActionBase):
    """An action that breaks something and has a playbook mend it. `_options` holds the `names` of what the shell parts use."""

    _options: Mapping
    _vars: Mapping
    _timeline: list[Mapping]
    _began: float

    @staticmethod
    def _unmeasured(identity: str, incident: str, title: str, cause: str | None, outcome: str) -> Mapping:
        """A result in which nothing is measured yet."""
        return {
            "id": identity,
            "incident": incident,
            "title": title,
            "expected": {"cause": cause, "outcome": outcome},
            "status": "failed",
            "reasons": [],
            "bit": False,
            **dict.fromkeys(("bite_seconds", "diagnosis", "outcome", "seconds_to_diagnose", "seconds_to_recover", "playbook_seconds")),
            "findings": [],
            "requests": {"sent": 0, "failed": 0},
            "rows_lost": None,
            **{name: [] for name in ("touched", "wrong_touches", "check_changes", "drift_after", "timeline", "probes")},
        }

    @property
    def _names(self) -> dict[str, str]:
        return t.cast("dict[str, str]", self._options["names"])

    def _mark(self, event: str, text: str, at: float | None = None) -> None:
        self._timeline.append({"at": round((time.monotonic() if at is None else at) - self._began, 2), "event": event, "text": text})
        self._timeline.sort(key=lambda entry: t.cast(float, entry["at"]))

    def _shell(self, script: str, what: str) -> str:
        answer = self._low_level_execute_command(f"timeout {PART_SECONDS} bash -c {shlex.quote(script)}", sudoable=True)
        if answer["rc"] != 0:
            words = (answer["stderr"] or answer["stdout"]).strip().splitlines() or [f"exit status {answer['rc']}"]
            raise IncidentError(f"{what} failed: {words[-1]}")
        return t.cast(str, answer["stdout"])

    def _part(self, part: str, what: str) -> str:
        return self._shell(drill_faults.script(self._names, part), what)

    def _try(self, part: str) -> str | None:
        """What a part prints, null when it fails."""
        try:
            return self._part(part, "it")
        except IncidentError:
            return None

    def _wait(self, part: str, seconds: float, otherwise: str) -> None:
        deadline = time.monotonic() + seconds
        while self._try(part) is None:
            if time.monotonic() > deadline:
                raise IncidentError(f"{otherwise} within {seconds:.0f} s")
            time.sleep(POLL_SECONDS)

    def _sql(self, statements: str) -> str:
        return self._part(f"admin_sql \"$DB_NAME\" <<'END'\n{statements}\nEND\n", "a statement of the drill")

    def _run_playbook(self, playbook: str, records: Path, *arguments: str) -> int:
        """Run a playbook of the collection as a user does, and return its exit status. Its output is kept beside its records."""
        command = [str(Path(sys.executable).parent / "ansible-playbook"), f"{COLLECTION}.{playbook}"]
        for source in self._vars.get("ansible_inventory_sources") or []:
            command += ["--inventory", source]
        for option, name in _HANDED_ON.items():
            given = context.CLIARGS.get(name) or ()
            for value in (given,) if isinstance(given, str) else given:
                command += [option, value]
        if context.CLIARGS.get("become"):
            command.append("--become")
        command += ["--limit", self._vars["inventory_hostname"], "--extra-vars", json.dumps({"incident_record_dir": str(records)})]
        environment = {**os.environ, "ANSIBLE_FORCE_COLOR": "false"}
        if C.CONFIG_FILE:
            environment["ANSIBLE_CONFIG"] = str(C.CONFIG_FILE)
        log = records.with_suffix(".log")
        log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as file:
            try:
                done = subprocess.run(
                    [*command, *arguments],
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=file,
                    stderr=subprocess.STDOUT,
                    timeout=PLAYBOOK_SECONDS,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                raise IncidentError(f"{playbook}.yml did not end within {PLAYBOOK_SECONDS} s; its output is {log}") from None
        if not (records / "latest").exists():
            raise IncidentError(f"{playbook}.yml left no record; its output is {log}")
        return done.returncode
