# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Observe on the managed host, then compare with the baseline and keep the evidence: both are on the controller."""

from __future__ import annotations

import typing as t
from pathlib import Path

import yaml
from ansible.plugins.action import ActionBase

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import baseline
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.diagnosis import plain
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.observation import observe
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.record import Record
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.stack_options import OBSERVATION_OPTIONS
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.yaml_text import read_yaml
from ansible_collections.circuit_sage.incident_response.plugins.plugin_utils import in_process


def _text(path: Path, what: str) -> str | None:
    """The text of a file, null where there is none."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise IncidentError(f"{what} {path} cannot be read ({reason}); put the last good copy back, or {baseline.WITHOUT}") from None


def read_baseline(path: Path, host: str) -> dict[str, t.Any] | None:
    """The observations of the baseline file, null where there is no such file."""
    text = _text(path, "the baseline")
    if text is None:
        return None
    try:
        content = read_yaml(text)
    except yaml.YAMLError:
        raise IncidentError(f"the baseline {path} is not YAML; put the last good copy back, or {baseline.WITHOUT}") from None
    return baseline.check(content, str(path), host)


def read_key(path: Path) -> str | None:
    """The key of the fingerprints in the baseline, from the file beside it; null where there is none."""
    text = _text(path.with_name(f"{path.name}.key"), "the key of the baseline")
    return text and text.strip()


def _observe(options: dict[str, t.Any]) -> dict[str, t.Any]:
    return {"changed": False, **observe(options)}


class ActionModule(ActionBase):
    """See the documentation of the module observation_info."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Return the observations, and the names of the files that were written instead of their texts."""
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        options = dict(self._task.args)
        path = options.pop("baseline", None)
        try:
            recorded = read_baseline(Path(path), (task_vars or {})["inventory_hostname"]) if path else None
            if path and (key := read_key(Path(path))):
                options["fingerprint_key"] = key
            result.update(in_process.carry_out(self, "observation_info", options, OBSERVATION_OPTIONS, _observe, task_vars or {}))
            return self._complete(result, recorded, path, task_vars)
        except IncidentError as error:
            return {**result, "failed": True, "msg": str(error)}

    def _complete(
        self, result: dict[str, t.Any], recorded: dict[str, t.Any] | None, path: str | None, task_vars: dict[str, t.Any] | None
    ) -> dict[str, t.Any]:
        """Add the baseline and the drift from it, and write the evidence into the record."""
        evidence = result.pop("evidence", {})
        result["kept"] = []
        if result.get("failed"):
            return result
        result["baseline"] = recorded
        result["drift"] = None if recorded is None else baseline.drift(recorded, plain(result))
        result["unknown"] = {}
        if recorded is None:
            result["unknown"]["drift"] = baseline.why_none(path)
        if evidence:
            record = Record.current(task_vars)
            result["kept"], entry = record.keep_all(evidence, self._task.args["evidence_of"])
            result["account"] = [entry]
        return result
