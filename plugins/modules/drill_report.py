#!/usr/bin/python
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Score a drill and write its reports. The work is done by the action plugin of the same name, on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: drill_report
short_description: Score a drill and write its reports
version_added: 0.1.0
description:
  - Writes C(junit.xml), C(drill.json), C(drill.md) and C(drill.html) on the controller, and fails when a bar is missed.
author: Circuit Sage contributors (@circuit-sage)
attributes:
  action:
    description: Runs on the controller.
    support: full
  check_mode:
    description: A drill breaks what it runs on, or does not run.
    support: none
options:
  drilled:
    description: RV(circuit_sage.incident_response.drill_fault#module:drilled) of every fault.
    type: list
    elements: dict
    required: true
  started_at:
    description: When the drill began, UTC.
    type: str
    required: true
  folder:
    description: Folder of the reports on the controller.
    type: path
    required: true
"""

EXAMPLES = r"""
- name: Score a drill and write its reports
  circuit_sage.incident_response.drill_report:
    drilled: "{{ results }}"
    started_at: "2026-11-23T15:00:00+00:00"
    folder: /tmp/drill
"""

RETURN = r"""
score:
  description: The bars, each with C(name), C(bar), C(seen) and whether it is C(met).
  returned: always
  type: list
  elements: dict
"""
