# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look at the settings of Square from the managed host: in this process where that is the same."""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.square_setting import SETTING_OPTIONS, look
from ansible_collections.circuit_sage.incident_response.plugins.plugin_utils import in_process


class ActionModule(ActionBase):
    """See the documentation of the module square_setting_info."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Return what Square and the system are told of each other."""
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        result.update(in_process.carry_out(self, "square_setting_info", dict(self._task.args), SETTING_OPTIONS, look, task_vars or {}))
        return result
