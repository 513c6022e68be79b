# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write into the open incident on the controller: an event, findings, a change with its undo, evidence."""

from __future__ import annotations

import json
import typing as t

from ansible.plugins.action import ActionBase

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.diagnosis import plain
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.record import Record, redacted
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.report import evidence_lines


def told(finding: dict[str, t.Any]) -> list[tuple[str, str]]:
    """What the account says of a finding: the cause, why it is believed, what is planned, and why not simply a restart."""
    lines = [
        ("cause", f"{finding['id']}: {finding['title']}"),
        ("because", "; ".join(line for line in evidence_lines(finding["evidence"]) if not line.endswith(": unknown"))),
        ("no restart", finding["why_not_restart"]),
    ]
    if finding["decision"] == "act":
        return [*lines, ("plan", f"{finding['remedy']} ({finding['risk']})")]
    return [*lines, ("left", finding["reason"])]


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
            }
        )
        incident = (task_vars or {}).get("circuit_sage_incident")
        if not incident:
            return {**result, "failed": True, "msg": "no incident is open on this host; run the role open_incident first"}
        try:
            record = Record.load(incident["folder"])
            kept = [
                record.keep_evidence(name, value if isinstance(value, str) else json.dumps(value, indent=2) + "\n")
                for name, value in plain(options["evidence"]).items()
            ]
            record.merge_findings(plain(options["findings"]))
            if options["change"]:
                record.content["changes"].append(redacted(plain(options["change"])))
            account = [record.event(options["event"], options["text"])]
            account += [record.event(event, text) for finding in plain(options["findings"]) for event, text in told(finding)]
        except IncidentError as error:
            return {**result, "failed": True, "msg": str(error)}
        return {**result, "changed": False, "account": account, "evidence": kept}
