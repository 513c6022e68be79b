# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Close the open incident on the controller: judge the outcome, write the report, give the lock back."""

from __future__ import annotations

import shlex
import typing as t

from ansible import context
from ansible.plugins.action import ActionBase

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import diagnosis, incident_runs, run_settings
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.record import Record, redacted, utc_now
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.report_files import write_report

# Only the lock of this very incident is given back: after an expiry it may be another run's.
_GIVE_BACK = """
exec 9<"$(dirname "$1")" && flock -w 10 9 || exit 3
if grep -qF "\\"incident\\": \\"$2\\"" "$1" 2>/dev/null; then rm -f "$1"; fi
"""

# For the last line of the account, when everything is over: a channel that is down delays nothing else.
_TOLD_SECONDS = 1.0


def _of(incident: dict[str, t.Any], told: dict[str, t.Any]) -> dict[str, t.Any]:
    """What was told, if it is of this run of the incident."""
    return told if told.get("incident") == incident["run"] else {}


def continuation(findings: t.Sequence[dict[str, t.Any]], arguments: t.Mapping[str, t.Any]) -> str:
    """The command that goes on with what only waits for an approval; the values of `-e` are left out, since one may be a secret."""
    waiting = [one["id"] for one in findings if one.get("decision") == "leave" and "incident_approve=" in (one.get("reason") or "")]
    if not waiting:
        return ""
    words = [
        "ansible-playbook",
        *(word for name in arguments.get("inventory") or () for word in ("-i", name)),
        *(arguments.get("args") or ()),
    ]
    command = f"{shlex.join(words)} -e incident_approve={','.join(waiting)}"
    return f" To go on: `{command}`" + (", with the other -e as they were" if arguments.get("extra_vars") else "")


class ActionModule(ActionBase):
    """See the documentation of the module incident_close."""

    _requires_connection = True
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Return the outcome; an escalated one fails the task with its message."""
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(
            {
                "diagnosis": {"type": "dict", "default": {}},
                "carried_out": {"type": "dict", "default": {}},
                "failure": {"type": "str"},
                "done": {"type": "str"},
                "judgement": {"type": "dict"},
            }
        )
        options = diagnosis.plain(options)
        try:
            record = Record.current(task_vars)
            incident = (task_vars or {})["circuit_sage_incident"]
            if incident["lock"]:
                self._give_back(incident["lock"], incident["id"])
            # In a play with several incidents that of an earlier one may still be there.
            found, carried_out = (_of(incident, options[name]) for name in ("diagnosis", "carried_out"))
            record.merge_findings(found.get("findings", []))
            under_way = [one for one in found.get("planned", []) if one["once"] not in carried_out.get("remedies", [])]
            record.settle_changes(broke_off=bool(options["failure"] and (under_way or not found)))
            end = self._judge(record, incident, found, options)
            told = self._announce(record, task_vars or {}, end)
        except IncidentError as error:
            return {**result, "failed": True, "msg": str(error)}
        # The default callback prints the message of a result that says so, as it does for ansible.builtin.debug.
        result["_ansible_verbose_always"] = True
        result.update(changed=False, outcome=end["outcome"], record=incident["folder"], account=[end["entry"], *told])
        result["msg"] = f"{end['outcome']}: {end['text']}. Report: {incident['folder']}/report.md"
        if end["outcome"] == "escalated":
            result["failed"] = True
        return result

    def _announce(self, record: Record, task_vars: dict[str, t.Any], end: dict[str, t.Any]) -> list[dict[str, t.Any]]:
        """Tell who wants to be told: what the account says of that."""
        if not run_settings.may_tell(task_vars):
            return []
        from ansible_collections.circuit_sage.incident_response.plugins.plugin_utils import announcement

        told = announcement.of_end(record, task_vars, self._templar, end["outcome"], end["text"])
        if told.account:
            write_report(record)
        return [*told.account, *told.came_through(_TOLD_SECONDS)]

    @staticmethod
    def _judge(record: Record, incident: dict[str, t.Any], found: dict[str, t.Any], options: dict[str, t.Any]) -> dict[str, t.Any]:
        """Write outcome, impact and report into the record."""
        judged = options["judgement"] if not options["failure"] else None
        end: dict[str, t.Any] = dict(
            judged
            or diagnosis.conclude(
                found.get("before"),
                found.get("after"),
                incident_runs.found(record.content),
                acted=bool(found.get("tried")),
                act=incident["act"],
                failure=options["failure"],
                done=options["done"],
            )
        )
        end["text"] = run_settings.in_variables(end["text"])
        if end["outcome"] == "escalated":
            end["text"] += continuation(incident_runs.found(record.content), context.CLIARGS)
        content = record.content
        content["drift_after"] = [item["text"] for item in found.get("after", {}).get("drift") or []]
        if not incident_runs.end_beside(content, end["outcome"]):
            left = incident_runs.end(content, end["outcome"], utc_now(), found.get("before"))
            if left:
                end["text"] += f"; open in this incident: {', '.join(left)}, which this run does not look for"
            content["summary"] = redacted(end["text"])
            unseen = judged["impact"] if judged else ["unknown: the system was not observed"]
            impact = diagnosis.symptoms(found["before"]) if found else unseen
            content["impact"] = list(dict.fromkeys([*content.get("impact", []), *redacted(impact)]))
        end["entry"] = record.event(end["outcome"], end["text"])
        write_report(record)
        return end

    def _give_back(self, path: str, incident: str) -> None:
        command = " ".join(["/bin/sh", "-c", *map(shlex.quote, (_GIVE_BACK, "lock", path, incident))])
        answer = self._low_level_execute_command(command, sudoable=True)
        if answer["rc"] != 0:
            raise IncidentError(f"the lock {path} could not be given back; remove it, or wait until it expires")
