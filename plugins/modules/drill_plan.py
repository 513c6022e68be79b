#!/usr/bin/python
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decide what a drill does. The work is done by the action plugin of the same name, on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: drill_plan
short_description: Decide what a drill does
version_added: 0.1.0
description:
  - Reads the faults, chooses those that are wanted, and refuses a system that may not be broken. Only the sandbox may be without a token.
  - Marks a fault that needs what this system has not, so that it is skipped.
  - Puts before them, for each incident, a run on the healthy system, in which nothing may change.
author: Circuit Sage contributors (@circuit-sage)
attributes:
  action:
    description: Runs on the controller.
    support: full
  check_mode:
    description: A drill breaks what it runs on, or does not run.
    support: none
options:
  scenario:
    description:
      - V(faults) drills fault after fault, V(disaster_recovery) the loss of the database with its volume, for which no fault is chosen.
    type: str
    default: faults
    choices: [faults, disaster_recovery]
  faults:
    description: V(all), incidents or ids of faults, as a list or as a text with commas.
    type: raw
  fault_path:
    description: Folders with more faults, as a list or as a text with commas. A fault replaces one of the same id.
    type: raw
  token:
    description: Outside of the sandbox C(HOST:TIME), for which host and until when its owner lets it be broken.
    type: str
  revert_seconds:
    description: Seconds after which a fault is taken back by itself, from V(30), which a fault may take to bite, to V(86400).
    type: int
    default: 300
  observations:
    description: What the role P(circuit_sage.incident_response.observe#role) leaves in C(observe_result).
    type: dict
    required: true
  project_name:
    description: The Compose project.
    type: str
    required: true
  files:
    description: The compose files, relative to the project's folder.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Decide what a drill does
  circuit_sage.incident_response.drill_plan:
    faults: postgres_stopped,lock_blocker
    observations: "{{ observe_result }}"
    project_name: circuit-sage-sandbox
    files:
      - docker-compose.prod.yml
"""

RETURN = r"""
faults:
  description: The faults in their order, each with C(skipped), the reason for which it is skipped or null.
  returned: success
  type: list
  elements: dict
names:
  description: The names of containers, files and addresses that the faults use.
  returned: success
  type: dict
token:
  description: The O(token), where it is needed; null on the sandbox.
  returned: success
  type: str
"""
