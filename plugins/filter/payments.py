# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters of the payments; what they do is in module_utils."""

from __future__ import annotations

import typing as t
from collections.abc import Callable

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import payment_observation, payment_tables


class FilterModule:
    """The filters of the payments."""

    def filters(self) -> dict[str, Callable[..., t.Any]]:
        """Return the filters by name."""
        return {
            "payment_observation": payment_observation.observation,
            "payment_retry_summary": payment_tables.retry_summary,
            "payment_retry_tables": payment_tables.retried,
            "payment_reconcile_summary": payment_tables.reconcile_summary,
            "payment_reconcile_tables": payment_tables.reconciled,
        }
