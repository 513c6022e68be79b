# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the history of all incidents on the controller: pages, data, and metrics for Prometheus."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

from ansible.plugins.action import ActionBase

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import history, history_html, history_text, run_settings
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.page_words import plural
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.record import record_base, redacted, utc_now, write_private

Mapping = dict[str, t.Any]

# So many of the repeated causes, and of the folders that could not be read, are named on the terminal.
_NAMED = 5
# What node_exporter, which is another user, has to read. It holds names of causes and kinds, and numbers.
_READABLE = 0o644


class ActionModule(ActionBase):
    """See the documentation of the module incident_history."""

    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: Mapping | None = None) -> Mapping:
        """Return the counts; nothing on the managed host changes."""
        result: Mapping = super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(
            {name: {"type": "str", "default": ""} for name in ("record_dir", "folder", "prometheus_file")}
        )
        told = dict(task_vars or {})
        try:
            run_settings.refuse_unknown(told)
            base = Path(record_base(options["record_dir"], str(told["playbook_dir"])))
            found = self._read(base)
            folder = Path(options["folder"] or base / history.FOLDER).expanduser()
            if not self._task.check_mode:
                self._write(found, folder, options["prometheus_file"])
        except IncidentError as error:
            return {**result, "failed": True, "msg": str(error)}
        account = [{"at": utc_now(), "event": event, "text": text} for event, text in self._told(found, folder)]
        return {**result, "changed": not self._task.check_mode, "history": found, "folder": str(folder), "account": account}

    @staticmethod
    def _read(base: Path) -> Mapping:
        try:
            return t.cast(Mapping, redacted(history.summary(*history.read(base), utc_now())))
        except OSError as error:
            raise IncidentError(
                f"the records in {base} cannot be read ({error.strerror}); set incident_record_dir to the folder that has them"
            ) from None

    @staticmethod
    def _write(found: Mapping, folder: Path, prometheus_file: str) -> None:
        metrics = Path(prometheus_file).expanduser() if prometheus_file else folder / "incidents.prom"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_private(folder / "history.json", json.dumps(found, indent=2) + "\n")
            write_private(folder / "history.md", history_text.markdown(found))
            write_private(folder / "history.html", history_html.html(found))
            write_private(metrics, history_text.prometheus(found))
            if prometheus_file:
                metrics.chmod(_READABLE)
        except OSError as error:
            raise IncidentError(
                f"{error.filename or folder} cannot be written ({error.strerror}); set incident_history_dir and "
                "incident_history_prometheus_file to places in folders that you may write"
            ) from None

    @staticmethod
    def _told(found: Mapping, folder: Path) -> list[tuple[str, str]]:
        told = [("history", history_text.headline(found))]
        again = [f"{row['id']} {row['count']} times" for row in found["causes"] if row["count"] > 1]
        if again:
            told.append(("repeated", ", ".join([*again[:_NAMED], *([f"{len(again) - _NAMED} more"] if len(again) > _NAMED else [])])))
        lost = [f"{one['name']} ({one['why']})" for one in found["unreadable"]]
        if lost:
            more = [f"{len(lost) - _NAMED} more on the page"] if len(lost) > _NAMED else []
            told.append(("left out", f"{plural(len(lost), 'folder')}: {'; '.join([*lost[:_NAMED], *more])}"))
        return [*told, ("page", f"{folder}/history.html")]
