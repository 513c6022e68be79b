# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Encrypt the evidence of the incident on the controller."""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import file_encryption
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.record import Record


class ActionModule(ActionBase):
    """See the documentation of the module evidence_encrypt."""

    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Return the names of the encrypted files."""
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec({"recipient": {"type": "str", "required": True}})
        try:
            record = Record.current(task_vars)
            suffix = file_encryption.suffix_of(options["recipient"])
            folder = record.folder / "evidence"
            plain = [one for one in sorted(folder.iterdir()) if one.name != "SHA256SUMS" and one.suffix != suffix]
            done = file_encryption.encrypt(plain, options["recipient"])
            record.keep_evidence({})
            entry = record.event("kept", f"the evidence is encrypted: {len(done)} files")
        except IncidentError as error:
            return {**result, "failed": True, "msg": str(error)}
        # The record is no part of the managed system.
        return {**result, "changed": False, "files": [one.name for one in done], "account": [entry]}
