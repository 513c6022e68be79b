# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters of the rotation of secrets; the logic is in module_utils."""

from __future__ import annotations

import typing as t
from collections.abc import Callable, Sequence
from datetime import datetime

from ansible.errors import AnsibleFilterError

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import env_file, run_schedule
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError


def env_values(text: str, names: Sequence[str]) -> dict[str, str]:
    """The values of some variables of an env file, as Docker Compose reads it."""
    try:
        variables = env_file.parse(str(text))
    except IncidentError as error:
        raise AnsibleFilterError(f"the env file cannot be read: {error}") from None
    return {str(name): variables[name] for name in names if name in variables}


def next_run(every: str, hour: int = 3) -> str:
    """When a schedule runs next, in the machine's own time."""
    try:
        return run_schedule.next_run(str(every), datetime.now(), int(hour)).isoformat(sep=" ", timespec="minutes")
    except IncidentError as error:
        raise AnsibleFilterError(str(error)) from None


class FilterModule:
    """The filters."""

    def filters(self) -> dict[str, Callable[..., t.Any]]:
        """Their names."""
        return {"env_values": env_values, "next_run": next_run}
