# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decide what a drill does: which faults, on which system, and whether that system may be broken."""

from __future__ import annotations

import typing as t
from datetime import datetime, timezone
from pathlib import Path

from ansible.plugins.action import ActionBase

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import cause_catalog, diagnosis, drill_faults
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.record import utc_now
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.run_settings import as_list

# A variable that only the sandbox's own env file has.
SANDBOX_MARK = "SANDBOX_ID"

SETTINGS = (
    "drill_faults",
    "drill_fault_path",
    "drill_app_dir",
    "drill_token",
    "drill_dir",
    "drill_revert_seconds",
    "drill_scenario",
    "drill_rto",
    "drill_rpo",
)


class ActionModule(ActionBase):
    """See the documentation of the module drill_plan."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Return the faults and the names that they use; fail in one sentence for what may not be drilled."""
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(
            {
                "scenario": {"type": "str", "default": drill_faults.FAULTS},
                "faults": {"type": "raw"},
                "fault_path": {"type": "raw"},
                "token": {"type": "str"},
                "revert_seconds": {"type": "int", "default": 300},
                "observations": {"type": "dict", "required": True},
                "project_name": {"type": "str", "required": True},
                "files": {"type": "list", "elements": "str", "required": True},
            }
        )
        options = diagnosis.plain(options)
        observations, host = options["observations"], diagnosis.plain((task_vars or {})["inventory_hostname"])
        try:
            if self._task.check_mode:
                raise IncidentError("a drill breaks what it runs on, which --check cannot show; leave --check out")
            # A mistyped one would silently drill every fault.
            for name in sorted(task_vars or {}):
                if name.startswith("drill_") and name not in SETTINGS:
                    raise IncidentError(f"{name} is not a setting of a drill; the settings are {', '.join(SETTINGS)}")
            chosen = self._chosen(options)
            token = None
            if SANDBOX_MARK not in observations["stack"]["env_file"]["variables"]:
                token = options["token"] or ""
                drill_faults.check_token(token, host, datetime.now(timezone.utc))
            sick = diagnosis.symptoms(observations)
            sick += [finding["id"] for finding in diagnosis.diagnose(observations, cause_catalog.all_causes())]
            if sick:
                raise IncidentError(f"{host} is not healthy ({'; '.join(sick)}); mend it before something else is broken")
            names = drill_faults.environment(observations, options)
            chosen = [{**fault, "skipped": drill_faults.reason_to_skip(fault, observations)} for fault in chosen]
        except IncidentError as error:
            return {**result, "failed": True, "msg": str(error)}
        # First each playbook on the healthy system, where it has nothing to do.
        incidents = sorted({fault["incident"] for fault in chosen if not fault["skipped"]})
        healthy = [drill_faults.no_fault(incident) for incident in incidents]
        text = f"{len(chosen)} faults on {host}: {', '.join(one['id'] for one in chosen)}" if chosen else f"disaster recovery on {host}"
        entry = {"at": utc_now(), "event": "drill", "text": text}
        return {**result, "changed": False, "faults": healthy + chosen, "names": names, "token": token, "account": [entry]}

    @staticmethod
    def _chosen(options: dict[str, t.Any]) -> list[dict[str, t.Any]]:
        """The faults; none where the whole database is to be lost."""
        if options["scenario"] not in drill_faults.SCENARIOS:
            raise IncidentError(f"drill_scenario is {options['scenario']}; use one of {', '.join(drill_faults.SCENARIOS)}")
        if options["scenario"] == drill_faults.DISASTER_RECOVERY:
            return []
        drill_faults.check_revert_seconds(options["revert_seconds"])
        folders = [drill_faults.FOLDER, *(Path(name) for name in as_list(options["fault_path"]))]
        chosen = drill_faults.choose(drill_faults.find(folders), as_list(options["faults"]))
        if not chosen:
            raise IncidentError("drill_faults names no fault; use all, an incident or the ids of faults")
        return chosen
