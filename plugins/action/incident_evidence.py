# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep evidence: the module evidence_info reads on the managed host, the record on the controller keeps."""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.record import Record


class ActionModule(ActionBase):
    """See the documentation of the module incident_evidence."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Return the names of the files that were written."""
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        try:
            record = Record.current(task_vars)
            answer = self._execute_module(
                module_name="circuit_sage.incident_response.evidence_info", module_args=dict(self._task.args), task_vars=task_vars
            )
            if answer.get("failed"):
                raise IncidentError(f"the evidence could not be read: {answer.get('msg')}")
            kept, entry = record.keep_all(answer["evidence"], self._task.args["services"])
        except IncidentError as error:
            return {**result, "failed": True, "msg": str(error)}
        return {**result, "changed": False, "account": [entry], "evidence": kept}
