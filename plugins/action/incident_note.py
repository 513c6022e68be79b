# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write into the open incident on the controller: an event, a change with its undo, tables, evidence."""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.diagnosis import plain
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.record import Record


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
                "change": {"type": "dict"},
                "evidence": {"type": "dict", "default": {}},
                "tables": {"type": "list", "elements": "dict", "default": []},
                "findings": {"type": "list", "elements": "dict", "default": []},
            }
        )
        options = plain(options)
        try:
            record = Record.current(task_vars)
            kept = record.keep_evidence(options["evidence"]) if options["evidence"] else []
            kept += record.keep_tables(options["tables"])
            record.merge_findings(options["findings"])
            if options["change"]:
                record.begin_change(options["change"])
            entry = record.event(options["event"], options["text"])
        except IncidentError as error:
            return {**result, "failed": True, "msg": str(error)}
        return {**result, "changed": False, "account": [entry], "evidence": kept}
