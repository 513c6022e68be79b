# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look for what a break-in leaves on the managed host: in this process where that is the same."""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.diagnosis import plain
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.security_observer import SECURITY_OPTIONS, observe
from ansible_collections.circuit_sage.incident_response.plugins.plugin_utils import in_process


class ActionModule(ActionBase):
    """See the documentation of the module security_info."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Return what is not as it should be."""
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        options = plain(dict(self._task.args))
        result.update(in_process.carry_out(self, "security_info", options, SECURITY_OPTIONS, observe, task_vars or {}))
        return result
