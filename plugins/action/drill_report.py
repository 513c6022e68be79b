# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Score a drill and write its reports on the controller."""

from __future__ import annotations

import typing as t
from pathlib import Path

import yaml
from ansible.plugins.action import ActionBase

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import drill_faults, drill_report
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.diagnosis import plain
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.record import redacted, utc_now, write_private

GALAXY = Path(__file__).resolve().parents[2]


class ActionModule(ActionBase):
    """See the documentation of the module drill_report."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Return the score; a bar that was missed fails the task, with the reports written."""
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(
            {
                "drilled": {"type": "list", "elements": "dict", "required": True},
                "started_at": {"type": "str", "required": True},
                "folder": {"type": "path", "required": True},
            }
        )
        options = plain(options)
        healthy = [one for one in options["drilled"] if one["id"].startswith(drill_faults.HEALTHY_ID)]
        run = {
            "host": plain((task_vars or {})["inventory_hostname"]),
            "started_at": options["started_at"],
            "ended_at": utc_now(),
            "version": _version(),
            "healthy_changes": [f"{one['incident']}: {what}" for one in healthy for what in _wrong(one)],
            "results": redacted([one for one in options["drilled"] if one not in healthy]),
        }
        folder = Path(options["folder"])
        # A drill in which every fault was skipped has no record, whose folder would lie in it.
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        reports = {
            "drill.json": drill_report.as_json,
            "junit.xml": drill_report.junit,
            "drill.md": drill_report.markdown,
            "drill.html": drill_report.html,
        }
        for name, render in reports.items():
            write_private(folder / name, render(run))
        lines = drill_report.table(run).splitlines()
        account = [{"at": utc_now(), "event": "", "text": line} for line in lines]
        passed = drill_report.passed(run)
        account.append({"at": utc_now(), "event": "passed" if passed else "failed", "text": f"reports: {folder}/drill.html"})
        msg = "every bar is met" if passed else "a bar was missed, see the table and the reports"
        return {**result, "changed": False, "failed": not passed, "score": drill_report.score(run), "account": account, "msg": msg}


def _wrong(healthy: dict[str, t.Any]) -> list[str]:
    """What a run on the healthy system did that it should not have."""
    changed = sorted({*healthy["touched"], *healthy["check_changes"]})
    return [f"changed {', '.join(changed)}"] if changed else healthy["reasons"]


def _version() -> str:
    """The collection's version: of a checkout from galaxy.yml, of an installed one from its manifest."""
    for name, keys in (("galaxy.yml", ("version",)), ("MANIFEST.json", ("collection_info", "version"))):
        path = GALAXY / name
        if path.exists():
            found = yaml.safe_load(path.read_text(encoding="utf-8"))
            for key in keys:
                found = found[key]
            return str(found)
    return "unknown"
