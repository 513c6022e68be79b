# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the baseline of a healthy system on the controller."""

from __future__ import annotations

import typing as t
from pathlib import Path

import yaml
from ansible.plugins.action import ActionBase

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import baseline, cause_catalog, diagnosis
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.record import utc_now
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.yaml_text import read_yaml

_HEAD = """\
# The known good state of {host}, recorded by baseline.yml; every diagnosis compares with it. Secrets stand here as fingerprints only,
# under the key in the file beside it. After a change that is meant to last, record it again.
"""


class _Dumper(yaml.SafeDumper):
    """Lists are indented, as yamllint wants them by default."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


class ActionModule(ActionBase):
    """See the documentation of the module baseline_record."""

    _requires_connection = False
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Return whether the baseline changed, with the difference; fail for a system that is not healthy."""
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(
            {"path": {"type": "path", "required": True}, "observations": {"type": "dict", "required": True}}
        )
        path, host = Path(options["path"]), diagnosis.plain((task_vars or {})["inventory_hostname"])
        try:
            self._refuse_sick(diagnosis.plain(options["observations"]), host)
            # Not redacted once more: the modules hold no secret, and a fingerprint under a secret's name would be masked.
            found = baseline.extract(diagnosis.plain(options["observations"]))
            return {**result, **self._write(path, host, found)}
        except IncidentError as error:
            return {**result, "failed": True, "msg": str(error)}

    @staticmethod
    def _refuse_sick(observations: dict[str, t.Any], host: str) -> None:
        wrong = diagnosis.symptoms(observations)
        # Drift is no reason: a change that is meant to last is recorded again. Nor is a role or an account that only the older one lacks.
        causes = diagnosis.diagnose({**observations, "drift": None, "security": None}, cause_catalog.all_causes())
        wrong += [f"{finding['id']}: {finding['title']}" for finding in causes]
        if wrong:
            raise IncidentError(f"{host} is not healthy ({'; '.join(wrong)}); mend it first: a baseline is the known good state")

    def _write(self, path: Path, host: str, found: dict[str, t.Any]) -> dict[str, t.Any]:
        try:
            before = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            before = ""
        except OSError as error:
            raise IncidentError(f"the baseline {path} cannot be read ({error.strerror}); set circuit_sage_baseline") from error
        old = _loaded(before)
        if old and (old.get("format"), old.get("host"), old.get("observations")) == (baseline.FORMAT, host, found):
            return {"changed": False, "path": str(path), "account": [_entry("unchanged", f"nothing differs from {path}")]}
        content = {"format": baseline.FORMAT, "host": host, "recorded_at": utc_now(), "observations": found}
        after = "---\n" + _HEAD.format(host=host) + yaml.dump(content, Dumper=_Dumper, sort_keys=True, width=140)
        if not self._task.check_mode:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                temporary = path.with_name(f".{path.name}.new")
                temporary.write_text(after, encoding="utf-8")
                temporary.replace(path)
            except OSError as error:
                raise IncidentError(
                    f"the baseline {path} cannot be written ({error.strerror}); set circuit_sage_baseline to a place that you may write"
                ) from error
        diff = {"before": before, "after": after, "before_header": str(path), "after_header": str(path)}
        what = f"the known good state of {host} in {path}"
        entry = _entry("check", f"would record {what}") if self._task.check_mode else _entry("recorded", what)
        return {"changed": True, "path": str(path), "diff": diff, "account": [entry]}


def _entry(event: str, text: str) -> dict[str, str]:
    return {"at": utc_now(), "event": event, "text": text}


def _loaded(text: str) -> dict[str, t.Any]:
    """The content of the older file, nothing where it cannot be used: it is replaced then."""
    try:
        content = read_yaml(text)
    except yaml.YAMLError:
        return {}
    return content if isinstance(content, dict) else {}
