# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters over the pure diagnosis: findings, plan, symptoms, what was seen."""

from __future__ import annotations

import typing as t
from collections.abc import Callable

from ansible.errors import AnsibleFilterError

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import baseline, cause_catalog, diagnosis
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError


def _told(function: Callable[..., t.Any]) -> Callable[..., t.Any]:
    """Turn our own exceptions into Ansible's, with the sentence kept."""

    def call(*args: t.Any, **kwargs: t.Any) -> t.Any:
        try:
            return function(*args, **kwargs)
        except IncidentError as error:
            raise AnsibleFilterError(str(error)) from error

    return call


def findings(
    observations: dict[str, t.Any], causes: list[dict[str, t.Any]] | None = None, kind: str | None = None
) -> list[dict[str, t.Any]]:
    """Return the causes that match: of those given, or of those of all roles."""
    return diagnosis.diagnose(observations, cause_catalog.all_causes() if causes is None else causes, kind)


class FilterModule:
    """The filters of the pipeline."""

    def filters(self) -> dict[str, Callable[..., t.Any]]:
        """Return the filters by name."""
        return {
            "findings": _told(findings),
            "put_back": _told(baseline.statement),
            "plan": _told(diagnosis.plan),
            "symptoms": _told(diagnosis.symptoms),
            "seen": _told(diagnosis.seen),
        }
