# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter of the role maintenance: what is to be done for what was seen."""

from __future__ import annotations

import typing as t
from collections.abc import Callable

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import maintenance
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.diagnosis import plain


def plan(seen: t.Any, wanted: t.Any) -> dict[str, t.Any]:
    """Ansible gives values with tags, which the record does not take."""
    return maintenance.plan(plain(seen), plain(wanted))


class FilterModule:
    """The filter of the role."""

    def filters(self) -> dict[str, Callable[..., t.Any]]:
        """Return the filter by its name."""
        return {"maintenance_plan": plan}
