# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask Square from the managed host: in this process where that is the same."""

from __future__ import annotations

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.square_comparison import COMPARISON_OPTIONS, compare_as
from ansible_collections.circuit_sage.incident_response.plugins.plugin_utils.in_process import InProcessAction


class ActionModule(InProcessAction):
    """See the documentation of the module square_subscription_info."""

    module = "square_subscription_info"
    spec = COMPARISON_OPTIONS
    work = staticmethod(compare_as)
