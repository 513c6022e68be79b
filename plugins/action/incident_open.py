# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Open an incident on the controller: check the settings, take the stack's lock on the managed host, make the record."""

from __future__ import annotations

import contextlib
import getpass
import os
import shlex
import typing as t
from pathlib import Path

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import cause_catalog, lock, maintenance, run_settings
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.diagnosis import check_causes
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.record import Record, record_base
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.role_settings import (
    refuse_mistyped,
    settings_of,
    specification,
)

# Ansible loads this in its own process, of which the process of each task is a copy: the causes are read and parsed once for a run. What is
# wrong with them is told by the task.
with contextlib.suppress(IncidentError):
    check_causes(cause_catalog.all_causes())

# flock(1) on the folder guards reading and replacing, so that two runs that both find a stale lock cannot both take it. Arguments: lock
# file, claim, and the content that may be replaced (empty: none). Prints `taken`, or the content of the lock that stands.
_TAKE = """
umask 022
exec 9<"$(dirname "$1")" && flock -w 10 9 || exit 3
if [ -e "$1" ] && { [ -z "$3" ] || [ "$(cat "$1")" != "$3" ]; }; then cat "$1"; exit 0; fi
printf '%s' "$2" >"$1.new" && mv "$1.new" "$1" && echo taken
"""


def report_killed(record: Record, incident: str, reason: str) -> None:
    """A run that was killed has written no report of its incident: who takes its lock over does."""
    # Loaded only where it is needed, since Ansible would compile it in every run.
    from ansible_collections.circuit_sage.incident_response.plugins.module_utils.report_files import write_report

    try:
        killed = Record.named(record.folder.parent, incident)
    except IncidentError:
        # Its record is another controller's, or in another folder.
        return
    if killed.content["outcome"] is None and killed.content["id"] != record.content["id"]:
        killed.event("broke off", f"{reason}; {record.content['id']} took its lock over")
        write_report(killed)


class ActionModule(ActionBase):
    """See the documentation of the module incident_open."""

    _requires_connection = True
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Return the incident as a fact, or fail in one sentence."""
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        try:
            self._check_settings(task_vars or {})
        except IncidentError as error:
            return {**result, "failed": True, "msg": str(error)}
        _validation, options = self.validate_argument_spec(
            {
                "kind": {"type": "str", "required": True},
                "title": {"type": "str", "required": True},
                "severity": {"type": "str", "required": True, "choices": ["P1", "P2", "P3", "P4"]},
                "project_name": {"type": "str", "required": True},
                "mode": {"type": "str", "default": "remediate"},
                "risk_limit": {"type": "str", "default": "disruptive"},
                "approve": {"type": "raw"},
                "record_dir": {"type": "str"},
                "lock_dir": {"type": "str", "default": "/run/lock"},
                "lock_seconds": {"type": "int", "default": 1800},
                "join": {"type": "str", "default": ""},
            }
        )
        try:
            facts = self._open(options, task_vars or {}, result)
        except IncidentError as error:
            return {**result, "failed": True, "msg": str(error)}
        return {**result, "changed": False, "ansible_facts": {"circuit_sage_incident": facts}}

    def _check_settings(self, task_vars: dict[str, t.Any]) -> None:
        """What Ansible does before a role's tasks; in a task of its own it takes a twentieth of a second more of an outage."""
        options = specification("open_incident")
        given = self._templar.template({name: task_vars[name] for name in options if name in task_vars})
        errors = ArgumentSpecValidator(options).validate(given, validate_role_argument_spec=True).error_messages
        if errors:
            raise IncidentError(f"the settings are wrong: {'; '.join(errors)}")

    def _open(self, options: dict[str, t.Any], task_vars: dict[str, t.Any], result: dict[str, t.Any]) -> dict[str, t.Any]:
        causes = cause_catalog.all_causes()
        run_settings.refuse_unknown(task_vars)
        for name in task_vars.get("ansible_parent_role_names") or []:
            role = name.rpartition(".")[2]
            refuse_mistyped(task_vars, role, settings_of(role))
        approve = run_settings.check(options["mode"], options["risk_limit"], options["approve"], causes)
        check_causes(causes)
        channels = self._channels(task_vars)
        sources = task_vars.get("ansible_inventory_sources") or []
        if len(sources) > 1:
            raise IncidentError(f"{len(sources)} inventories were given ({', '.join(sources)}); a run mends those of one: give one -i")

        host = task_vars["inventory_hostname"]
        act = options["mode"] == "remediate" and not self._task.check_mode
        base = record_base(options["record_dir"] or "", task_vars["playbook_dir"])
        done_lately = Record.done_lately(base, host)
        path = lock.lock_path(options["lock_dir"], options["project_name"])
        if options["join"]:
            # Refused, it leaves the incident as it is.
            record = Record.joined(base, options["join"], options["kind"], options["title"], host)
            note = self._take_lock(path, record, options, act)
            record.point_latest(Path(base))
            result["account"] = [self._begun(record, "joined", options["title"], act)]
        else:
            record = Record.create(base, options["kind"], options["title"], host, options["severity"])
            result["account"] = [self._begun(record, "opened", options["title"], act)]
            try:
                note = self._take_lock(path, record, options, act)
            except IncidentError as error:
                record.content["outcome"] = "escalated"
                result["account"].append(record.event("refused", str(error)))
                raise
        if note:
            result["account"].append(record.event("lock", note))
        if act and channels:
            self._send_what_waits(record, base, channels, result)
        return {
            "id": record.content["id"],
            "run": f"{record.content['id']}/{len(record.content['runs'])}",
            "folder": str(record.folder),
            "title": options["title"],
            "act": act,
            "risk_limit": options["risk_limit"],
            "approve": approve,
            "lock": path if act else None,
            "owner": lock.owner(getpass.getuser()),
            "process": maintenance.run_of(os.getppid()),
            "done_lately": done_lately,
        }

    @staticmethod
    def _begun(record: Record, event: str, title: str, act: bool) -> dict[str, t.Any]:
        """The first line of a run in its incident."""
        return record.event(event, f"{title} on {record.content['host']}" + ("" if act else " (diagnosis only)"))

    def _channels(self, task_vars: dict[str, t.Any]) -> dict[str, t.Any] | None:
        """The settings of what is told, checked."""
        if not run_settings.may_tell(task_vars):
            return None
        from ansible_collections.circuit_sage.incident_response.plugins.plugin_utils import announcement

        return announcement.settings(task_vars, self._templar)

    @staticmethod
    def _send_what_waits(record: Record, base: str, channels: dict[str, t.Any], result: dict[str, t.Any]) -> None:
        """What an earlier run could not send is sent beside this one."""
        from ansible_collections.circuit_sage.incident_response.plugins.plugin_utils import announcement

        trouble = announcement.send_what_waits(base, channels)
        if trouble:
            result["account"].append(record.event("told", trouble))

    def _take_lock(self, path: str, record: Record, options: dict[str, t.Any], act: bool) -> str | None:
        """Take the lock, over a stale one if need be. A run that only looks takes none, and says when another is at work."""
        if not act:
            shown = self._shell(f"cat {shlex.quote(path)} 2>/dev/null || true", path)
            if not shown:
                return None
            held = lock.read(shown, path)
            if held["incident"] == record.content["id"] and not lock.stale(held):
                # Both would write into one record.
                raise IncidentError(lock.refusal(held))
            return None if lock.stale(held) else "what is seen here may change: " + lock.refusal(held).partition(";")[0]
        # The parent is the ansible-playbook process: actions run in a worker that ends with its task.
        mine = lock.claim(record.content["id"], os.getppid(), getpass.getuser(), options["lock_seconds"])
        shown = self._shell(self._take_command(path, mine, ""), path)
        if shown == "taken":
            return None
        held = lock.read(shown, path)
        reason = lock.stale(held)
        if not reason:
            raise IncidentError(lock.refusal(held))
        shown = self._shell(self._take_command(path, mine, shown), path)
        if shown != "taken":
            raise IncidentError(lock.refusal(lock.read(shown, path)))
        report_killed(record, held["incident"], reason)
        return f"took over the lock of incident {held['incident']}: {reason}"

    @staticmethod
    def _take_command(path: str, mine: str, replaced: str) -> str:
        return " ".join(["/bin/sh", "-c", *map(shlex.quote, (_TAKE, "lock", path, mine, replaced))])

    def _shell(self, command: str, path: str) -> str:
        answer = self._low_level_execute_command(command, sudoable=True)
        if answer["rc"] != 0:
            detail = (answer["stderr"].strip().splitlines() or [f"exit status {answer['rc']}"])[-1]
            raise IncidentError(
                f"the lock {path} cannot be taken ({detail}); set incident_lock_dir to a folder there that this user may write"
            )
        return t.cast(str, answer["stdout"].strip())
