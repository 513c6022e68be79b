# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter of the override; what it does is in module_utils."""

from __future__ import annotations

import typing as t
from collections.abc import Callable

from ansible.errors import AnsibleFilterError

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.diagnosis import plain
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.plugin_utils import compose_override


def _merge(text: str, addition: dict[str, t.Any]) -> str:
    try:
        return compose_override.merge(str(text), plain(addition))
    except IncidentError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """The filter of the override."""

    def filters(self) -> dict[str, Callable[..., t.Any]]:
        """Return the filters by name."""
        return {"compose_override": _merge}
