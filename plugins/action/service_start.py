# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start services on the managed host: in this process where that is the same."""

from __future__ import annotations

import typing as t

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.container_starter import bring_to_run
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.stack_options import START_OPTIONS
from ansible_collections.circuit_sage.incident_response.plugins.plugin_utils.in_process import InProcessAction


class ActionModule(InProcessAction):
    """See the documentation of the module service_start."""

    module = "service_start"
    spec = START_OPTIONS

    def work(self, options: dict[str, t.Any]) -> dict[str, t.Any]:
        """What was done for each service."""
        return bring_to_run(options, check_mode=self._task.check_mode)
