# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module's work done in the process of its task, where that is this machine, this user and this Python anyway.

For a module Ansible packs all that it imports, copies it and starts a Python that compiles it. That takes about a second, of which an
outage has none to give away. Over SSH, with `become` or with another Python nothing else is possible, and nothing else is done.
"""

from __future__ import annotations

import json
import sys
import typing as t
from collections.abc import Callable

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError

Mapping = dict[str, t.Any]


def is_at_home(action: ActionBase, task_vars: Mapping) -> bool:
    """Whether the module of a task would run on this machine, as this user, with this Python and with its environment."""
    host_vars = task_vars["ansible_delegated_vars"][action._task.delegate_to] if action._task.delegate_to else task_vars
    interpreter = action._templar.template(host_vars.get("ansible_python_interpreter"))
    environment: Mapping = {}
    action._compute_environment_string(environment)
    return bool(
        action._connection.transport == "local"
        and not action._connection.become
        and interpreter == sys.executable
        and not environment
        and not action._task.async_val
    )


def carry_out(
    action: ActionBase, module: str, options: Mapping, spec: Mapping, work: Callable[[Mapping], Mapping], task_vars: Mapping
) -> Mapping:
    """The result of a module of this collection, whose main part is *work*: here if that can be, else by Ansible's own way.

    *work* gets the options as *spec* says, and returns what the module would; it may raise IncidentError.
    """
    if not is_at_home(action, task_vars):
        name = f"circuit_sage.incident_response.{module}"
        return t.cast(Mapping, action._execute_module(module_name=name, module_args=options, task_vars=task_vars))
    checked = ArgumentSpecValidator(spec).validate(options)
    if checked.error_messages:
        return {"failed": True, "msg": "; ".join(checked.error_messages)}
    try:
        # As it would come over a connection: plain.
        return t.cast(Mapping, json.loads(json.dumps(work(checked.validated_parameters))))
    except IncidentError as error:
        return {"failed": True, "msg": str(error)}


class InProcessAction(ActionBase):
    """The action of a module whose whole work may be done here. What derives from it names the module, its options and the work."""

    _supports_check_mode = True
    module: str
    spec: Mapping

    def work(self, options: Mapping) -> Mapping:
        """What the module returns for these options; it may raise IncidentError."""
        raise NotImplementedError

    def run(self, tmp: str | None = None, task_vars: Mapping | None = None) -> Mapping:
        """Return what the module would."""
        result: Mapping = super().run(tmp, task_vars)
        result.update(carry_out(self, self.module, dict(self._task.args), self.spec, self.work, task_vars or {}))
        return result
