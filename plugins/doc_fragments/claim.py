# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options by which the modules that close the application are told who owns the maintenance mode, and until when."""

from __future__ import annotations


class ModuleDocFragment:
    """Options shared by the modules of the action group `circuit_sage.incident_response.claim`."""

    DOCUMENTATION = r"""
options:
  state:
    description: V(closed) for everybody but who signs in to open it, or V(open).
    type: str
    required: true
    choices: [closed, open]
  incident:
    description: The id of the incident under which what was there is kept.
    type: str
    required: true
  owner:
    description: Who owns the mode. Needed to close.
    type: str
  minutes:
    description: After how many minutes nobody owns it any more. Needed to close.
    type: int
  reason:
    description: Why.
    type: str
    default: ""
  run:
    description:
      - The run that holds the mode, the C(process) of the fact C(circuit_sage_incident). Nobody owns it any more once that has ended.
    type: dict
"""
