#!/usr/bin/python
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drill the loss of the whole database. The work is done by the action plugin of the same name, on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: drill_disaster
short_description: Drill the loss of the whole database
version_added: 0.1.0
description:
  - Writes rows all the time, makes a backup with C(backup.yml), destroys the container and the volume of the database, makes the stack
    anew, restores with C(restore.yml), and compares every row.
  - Measures from outside how long it took until the service answered and the database took rows again (RTO), and of how many seconds the
    rows are gone (RPO).
author: Circuit Sage contributors (@circuit-sage)
attributes:
  action:
    description: Runs on the controller.
    support: full
  check_mode:
    description: A drill breaks what it runs on, or does not run.
    support: none
options:
  names:
    description: RV(circuit_sage.incident_response.drill_plan#module:names).
    type: dict
    required: true
  urls:
    description: The addresses that say whether the service is well.
    type: list
    elements: str
    required: true
  folder:
    description: Folder of the reports on the controller.
    type: path
    required: true
  rto:
    description: How many seconds the recovery may take.
    type: float
    required: true
  rpo:
    description: Of how many seconds the rows may be gone.
    type: float
    required: true
"""

EXAMPLES = r"""
- name: Drill the loss of the whole database
  circuit_sage.incident_response.drill_disaster:
    names: "{{ plan.names }}"
    urls:
      - http://127.0.0.1:4000/health
    folder: /tmp/drill
    rto: 300
    rpo: 60
"""

RETURN = r"""
drilled:
  description: What was measured, as RV(circuit_sage.incident_response.drill_fault#module:drilled), with the C(objectives).
  returned: always
  type: dict
"""
