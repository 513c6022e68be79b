# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write into the open incident on the controller: an event, findings, a change with its undo, evidence."""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.diagnosis import plain
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.recent import lately, recent_changes
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.record import Record, redacted
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.report import as_csv, evidence_lines


def tell(record: Record, finding: dict[str, t.Any]) -> list[dict[str, t.Any]]:
    """What the account says of a finding. Cause and plan go into the timeline too; the reasons stand in the finding itself."""
    # The title of drift says all that its id does.
    cause = record.event("cause", finding["title"] if finding.get("drift") else f"{finding['id']}: {finding['title']}")
    known = "; ".join(line for line in evidence_lines(redacted(finding["evidence"])) if not line.endswith(": unknown"))
    reasons = [
        {"at": cause["at"], "event": "because", "text": known},
        {"at": cause["at"], "event": "no restart", "text": finding["why_not_restart"]},
    ]
    if finding["decision"] == "act":
        owner = finding.get("role")
        handed = f", handed over to {owner}" if owner and owner != record.content["kind"] else ""
        planned = record.event("plan", f"{finding['remedy']} ({finding['risk']}){handed}")
        return [cause, *reasons, planned, *([record.event("follow up", finding["escalate"])] if finding.get("escalate") else [])]
    return [cause, *reasons, record.event("left", finding["reason"])]


class ActionModule(ActionBase):
    """See the documentation of the module incident_note."""

    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Return the timeline's new entries; nothing on the managed host changes."""
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(
            {
                "event": {"type": "str", "required": True},
                "text": {"type": "str", "required": True},
                "findings": {"type": "list", "elements": "dict", "default": []},
                "change": {"type": "dict"},
                "evidence": {"type": "dict", "default": {}},
                "observed": {"type": "dict"},
                "tables": {"type": "list", "elements": "dict", "default": []},
            }
        )
        options = plain(options)
        try:
            record = Record.current(task_vars)
            evidence = {**options["evidence"], **({"observations.json": options["observed"]} if options["observed"] else {})}
            kept = record.keep_evidence(evidence) if evidence else []
            for table in options["tables"]:
                names = record.keep_evidence({f"{table['name']}.csv": as_csv(table)})
                record.content["tables"].append(redacted({**table, "file": names[0]}))
                kept += names
            record.merge_findings(options["findings"])
            if (task_vars or {})["circuit_sage_incident"]["act"]:
                record.remember_planned(options["findings"])
            self._judge_severity(record, options["findings"])
            if options["change"]:
                record.begin_change(options["change"])
            account = [record.event(options["event"], options["text"]), *self._lately(record, options["observed"])]
            for finding in options["findings"]:
                account += tell(record, finding)
        except IncidentError as error:
            return {**result, "failed": True, "msg": str(error)}
        return {**result, "changed": False, "account": account, "evidence": kept}

    @staticmethod
    def _lately(record: Record, observed: dict[str, t.Any] | None) -> list[dict[str, t.Any]]:
        """What changed before the incident goes into the record; the newest of it is told."""
        if not observed:
            return []
        opened = record.content["opened_at"]
        record.content["recent_changes"] = redacted(recent_changes(observed, opened))
        told = lately(record.content["recent_changes"], opened)
        return [record.event("lately", told)] if told else []

    @staticmethod
    def _judge_severity(record: Record, findings: list[dict[str, t.Any]]) -> None:
        """The worst severity of the causes found, where each of them has one of its own: the playbook's is a guess before that."""
        own = [finding.get("severity") for finding in findings]
        if own and all(own):
            record.content["severity"] = min(t.cast("list[str]", own))
