#!/usr/bin/python
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring a fault about, and measure how it is mended. The work is done by the action plugin of the same name, on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: drill_fault
short_description: Bring a fault about, and measure how it is mended
version_added: 0.1.0
description:
  - Proves health, brings the fault about, waits until it bites, runs the incident's own playbook as a user would, with C(--check) and then
    for real, takes the fault back, and proves health again. A fault that is marked as skipped is only reported.
  - Looks at the service ten times a second, and twice a second at the fault's symptom. Rows that were committed before have to be there
    after.
  - A process of its own on the managed host takes the fault back should the drill be killed.
author: Circuit Sage contributors (@circuit-sage)
attributes:
  action:
    description: Runs on the controller.
    support: full
  check_mode:
    description: A drill breaks what it runs on, or does not run.
    support: none
options:
  fault:
    description: The fault, as RV(circuit_sage.incident_response.drill_plan#module:faults) has it.
    type: dict
    required: true
  names:
    description: The names that the fault uses, RV(circuit_sage.incident_response.drill_plan#module:names).
    type: dict
    required: true
  urls:
    description: The health addresses, as of M(circuit_sage.incident_response.edge_info).
    type: list
    elements: str
    required: true
  token:
    description:
      - RV(circuit_sage.incident_response.drill_plan#module:token). It is looked at before the fault is brought about, since a drill of many
        faults may outlast it. Without one nothing is looked at.
    type: str
  folder:
    description: Folder of the drill on the controller, which gets the records and the output of the playbook.
    type: path
    required: true
  revert_seconds:
    description: Seconds after which the fault is taken back by itself.
    type: int
    default: 300
"""

EXAMPLES = r"""
- name: Bring a fault about, and measure how it is mended
  circuit_sage.incident_response.drill_fault:
    fault: "{{ plan.faults | first }}"
    names: "{{ plan.names }}"
    urls: ["http://127.0.0.1:4000/health"]
    folder: /tmp/drill
"""

RETURN = r"""
drilled:
  description: What was measured, as C(drill.json) holds it.
  returned: success
  type: dict
"""
