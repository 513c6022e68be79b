#!/usr/bin/python
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Open an incident. The work is done by the action plugin of the same name, on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: incident_open
short_description: Open an incident
version_added: 0.1.0
description:
  - Checks the settings of the run, takes the stack's lock on the managed host, and begins the record on the controller.
  - A second run on the same stack is refused with the name of the first. The lock of a run that has ended without giving it back, or that
    has expired, is taken over.
  - In check mode, or with O(mode=diagnose), no lock is taken.
author: Circuit Sage contributors (@circuit-sage)
attributes:
  action:
    description: Runs on the controller, and takes the lock through the connection.
    support: full
  check_mode:
    description: Opens an incident in which nothing will be changed.
    support: full
extends_documentation_fragment: []
options:
  kind:
    description: The incident's kind, the name of the role that handles it.
    type: str
    required: true
  title:
    description: What the incident is called in the report.
    type: str
    required: true
  severity:
    description: Severity after the incident response guide.
    type: str
    required: true
    choices: [P1, P2, P3, P4]
  project_name:
    description: The Compose project, which names the lock.
    type: str
    required: true
  mode:
    description: V(remediate) or V(diagnose).
    type: str
    default: remediate
  risk_limit:
    description: V(safe), V(disruptive) or V(destructive), the riskiest remedy that runs without being approved by name.
    type: str
    default: disruptive
  approve:
    description: Causes of the collection's roles, or their remedies, that may run whatever their risk, as a list or as a text with commas.
    type: raw
  record_dir:
    description: Folder of the incident records on the controller. Empty means C(incidents) in the checkout, else in the current folder.
    type: str
  lock_dir:
    description: Folder of the lock on the managed host.
    type: str
    default: /run/lock
  lock_seconds:
    description: Seconds after which the lock expires.
    type: int
    default: 1800
  join:
    description:
      - The id of an open incident, or V(latest), whose record this run goes on with.
      - It has to be of the same host, and its review not closed.
      - Empty opens a new one.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Open an incident
  circuit_sage.incident_response.incident_open:
    kind: db_failure
    title: Database connection failure
    severity: P1
    project_name: circuit-sage
"""

RETURN = r"""
ansible_facts:
  description: The open incident as the fact C(circuit_sage_incident).
  returned: success
  type: dict
  contains:
    circuit_sage_incident:
      description:
        - The incident's C(id), its C(run) (the C(id) with a number), its C(folder), its C(title), whether it may C(act), C(risk_limit),
          C(approve), the path of its C(lock), its C(owner) and its C(process).
      type: dict
      returned: success
account:
  description: What the account on the terminal prints, a list of C(at), C(event) and C(text).
  returned: always
  type: list
  elements: dict
"""
