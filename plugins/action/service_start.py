# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start services on the managed host: in this process where that is the same."""

from __future__ import annotations

import typing as t
from functools import partial

from ansible.plugins.action import ActionBase

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.container_starter import bring_to_run
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.stack_options import START_OPTIONS
from ansible_collections.circuit_sage.incident_response.plugins.plugin_utils import in_process


class ActionModule(ActionBase):
    """See the documentation of the module service_start."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Return what was done for each service."""
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        options = dict(self._task.args)
        start = partial(bring_to_run, check_mode=self._task.check_mode)
        result.update(in_process.carry_out(self, "service_start", options, START_OPTIONS, start, task_vars or {}))
        return result
