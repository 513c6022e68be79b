# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look at the journal of the rotation and at the credentials' keys on the managed host: in this process where that is the same."""

from __future__ import annotations

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.rotation_observer import ROTATION_INFO_OPTIONS, look
from ansible_collections.circuit_sage.incident_response.plugins.plugin_utils.in_process import InProcessAction


class ActionModule(InProcessAction):
    """See the documentation of the module secret_rotation_info."""

    module = "secret_rotation_info"
    spec = ROTATION_INFO_OPTIONS
    work = staticmethod(look)
