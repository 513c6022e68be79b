#!/usr/bin/python
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Close the open incident. The work is done by the action plugin of the same name, on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: incident_close
short_description: Close the open incident
version_added: 0.1.0
description:
  - Judges the outcome from the first and the last observations, writes the report, and gives the stack's lock back.
  - The outcome is V(healthy), V(diagnosed), V(resolved) or V(escalated). Only V(escalated) fails the task; its message says what was found,
    what is still wrong, and what was left alone and why.
author: Circuit Sage contributors (@circuit-sage)
attributes:
  action:
    description: Runs on the controller, and gives the lock back through the connection.
    support: full
  check_mode:
    description: The record is closed in check mode too, it is no part of the managed system.
    support: full
options:
  diagnosis:
    description: What the last M(circuit_sage.incident_response.incident_diagnose) of the incident returned; nothing where none was made.
    type: dict
    default: {}
  carried_out:
    description: The C(incident) whose planned C(remedies) were carried out to their end, and their names.
    type: dict
    default: {}
  failure:
    description: What broke in the run itself.
    type: str
  done:
    description: What a run did that was not there to mend anything, one sentence. Such a run ends V(resolved) on a healthy system.
    type: str
"""

EXAMPLES = r"""
- name: Close the incident
  circuit_sage.incident_response.incident_close:
    diagnosis: "{{ diagnosis }}"
    carried_out: "{{ {'incident': circuit_sage_incident.id, 'remedies': ['start_postgres']} }}"
"""

RETURN = r"""
outcome:
  description: How the incident ended.
  returned: always
  type: str
  sample: resolved
record:
  description: Folder of the incident's record on the controller.
  returned: always
  type: str
account:
  description: What the account on the terminal prints, a list of C(at), C(event) and C(text).
  returned: always
  type: list
  elements: dict
"""
