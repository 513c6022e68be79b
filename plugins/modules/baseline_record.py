#!/usr/bin/python
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Record the known good state. The work is done by the action plugin of the same name, on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: baseline_record
short_description: Record the known good state of a system
version_added: 0.1.0
description:
  - Writes the parts of the observations that stay as they are while nobody changes them into one YAML file on the controller.
    M(circuit_sage.incident_response.observation_info) compares with it, and what differs is drift.
  - Refuses a system that has a symptom or a cause.
  - Secrets are in the observations as fingerprints only, and so in the file.
author: Circuit Sage contributors (@circuit-sage)
attributes:
  action:
    description: Runs on the controller.
    support: full
  check_mode:
    description: Says whether the file would change.
    support: full
  diff_mode:
    description: Shows the file before and after.
    support: full
options:
  path:
    description: The file.
    type: path
    required: true
  observations:
    description: What the role P(circuit_sage.incident_response.observe#role) leaves in C(observe_result).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Record the known good state
  circuit_sage.incident_response.baseline_record:
    path: /etc/circuit-sage/baseline.yml
    observations: "{{ observe_result }}"
"""

RETURN = r"""
path:
  description: The file.
  returned: success
  type: str
"""
