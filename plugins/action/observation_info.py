# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Observe, and keep the evidence that came with it: the module observation_info reads on the managed host, the record keeps."""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.record import Record


class ActionModule(ActionBase):
    """See the documentation of the module observation_info."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Return the observations, and the names of the files that were written instead of their texts."""
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        result.update(self._execute_module(module_name="circuit_sage.incident_response.observation_info", task_vars=task_vars))
        evidence = result.pop("evidence", {})
        result["kept"] = []
        if evidence and not result.get("failed"):
            try:
                record = Record.current(task_vars)
                result["kept"], entry = record.keep_all(evidence, self._task.args["evidence_of"])
            except IncidentError as error:
                return {**result, "failed": True, "msg": str(error)}
            result["account"] = [entry]
        return result
