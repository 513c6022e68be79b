# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look for what a break-in leaves on the managed host, in this process where that is the same; and at the controller's own secrets."""

from __future__ import annotations

import stat
import typing as t
from pathlib import Path

from ansible.plugins.action import ActionBase

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.diagnosis import plain
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.security_observer import SECURITY_OPTIONS, described, observe
from ansible_collections.circuit_sage.incident_response.plugins.plugin_utils import in_process


def own_secrets(baseline: str | None, records: Path | None) -> list[dict[str, t.Any]]:
    """The controller's files with secrets that everybody may read: the key of the baseline's fingerprints, the folder of the records."""
    places = [Path(f"{baseline}.key")] if baseline else []
    places += [records] if records else []
    found = [
        described(path, ["all that is kept there"] if path.is_dir() else ["key of the fingerprints"]) for path in places if path.exists()
    ]
    return [{**one, "where": "controller"} for one in found if int(one["mode"], 8) & (stat.S_IROTH | stat.S_IWOTH)]


class ActionModule(ActionBase):
    """See the documentation of the module security_info."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Return what is not as it should be."""
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        options = plain(dict(self._task.args))
        baseline = options.pop("baseline", None)
        result.update(in_process.carry_out(self, "security_info", options, SECURITY_OPTIONS, observe, task_vars or {}))
        if not result.get("failed"):
            incident = (task_vars or {}).get("circuit_sage_incident") or {}
            result["readable_secrets"] += own_secrets(baseline, Path(incident["folder"]).parent if incident else None)
        return result
