# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters over what Square charges: tables for the report, a line for the account."""

from __future__ import annotations

import typing as t
from collections.abc import Callable

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import square_report


class FilterModule:
    """The filters of what Square charges."""

    def filters(self) -> dict[str, Callable[..., t.Any]]:
        """Return the filters by name."""
        return {
            "square_summary": square_report.summary,
            "square_tables": square_report.tables,
        }
