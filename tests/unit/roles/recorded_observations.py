# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The observations that were recorded from the real stack under each fault, and what the causes of all roles find in them."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import cause_catalog, diagnosis

CHECKOUT = Path(__file__).parents[3]
RECORDED = CHECKOUT / "tests" / "unit" / "recorded" / "observations"
CAUSES = cause_catalog.all_causes()


def recorded(name: str, **changes: t.Any) -> dict[str, t.Any]:
    """A recorded observation with some paths changed, `postgres__role__expired=True`."""
    observations: dict[str, t.Any] = json.loads((RECORDED / f"{name}.json").read_text(encoding="utf-8"))
    for path, value in changes.items():
        *parents, last = path.split("__")
        place = observations
        for parent in parents:
            place = place[parent]
        assert last in place, f"{path} is not in the recorded observation"
        place[last] = value
    return observations


def found(observations: dict[str, t.Any]) -> list[str]:
    """The ids of the causes that match, in their order."""
    return [finding["id"] for finding in diagnosis.diagnose(observations, CAUSES)]
