# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters over what a recalculation or an undo returned: tables for the report, lines for the account."""

from __future__ import annotations

import typing as t
from collections.abc import Callable

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import billing_report


class FilterModule:
    """The filters of the billing."""

    def filters(self) -> dict[str, Callable[..., t.Any]]:
        """Return the filters by name."""
        return {
            "billing_summary": billing_report.summary,
            "billing_tables": billing_report.tables,
            "undo_summary": billing_report.undo_summary,
        }
