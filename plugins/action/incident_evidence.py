# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep evidence: the module evidence_info reads on the managed host, the record on the controller keeps."""

from __future__ import annotations

import shutil
import typing as t

from ansible.plugins.action import ActionBase

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import file_encryption
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.diagnosis import plain
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.evidence import EVIDENCE_OPTIONS, LOG_BYTES
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.evidence_parts import read_parts
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.record import Record
from ansible_collections.circuit_sage.incident_response.plugins.plugin_utils import in_process

# More than the bounds of all that is read come to: the logs of ten services or of nginx, and as much again for all else.
NEEDED_BYTES = 2 * 10 * LOG_BYTES


def refuse_full_disk(folder: str) -> None:
    """Raise where there is no room: half of the evidence would be none."""
    free = shutil.disk_usage(folder).free
    if free < NEEDED_BYTES:
        raise IncidentError(
            f"the disk of the records has {free // 2**20} MiB free and the evidence may need {NEEDED_BYTES // 2**20}; "
            "make room, or set incident_record_dir to a folder on another disk"
        )


def _read(options: dict[str, t.Any]) -> dict[str, t.Any]:
    return {"changed": False, "evidence": read_parts(options)}


class ActionModule(ActionBase):
    """See the documentation of the module incident_evidence."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Return the names of the files that were written."""
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        try:
            record = Record.current(task_vars)
            options = plain(dict(self._task.args))
            refuse_full_disk(str(record.folder))
            if recipient := options.pop("recipient", None):
                file_encryption.check(recipient)
            answer = in_process.carry_out(self, "evidence_info", options, EVIDENCE_OPTIONS, _read, task_vars or {})
            if answer.get("failed"):
                raise IncidentError(f"the evidence could not be read: {answer.get('msg')}")
            kept, entry = record.keep_all(answer["evidence"], options["services"] or options["parts"])
        except IncidentError as error:
            return {**result, "failed": True, "msg": str(error)}
        return {**result, "changed": False, "account": [entry], "evidence": kept}
