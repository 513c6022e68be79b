#!/usr/bin/python
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write into the open incident. The work is done by the action plugin of the same name, on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: incident_note
short_description: Write into the open incident
version_added: 0.1.0
description:
  - Appends an event to the timeline of the incident that M(circuit_sage.incident_response.incident_open) opened, with a change and its
    undo, tables, or evidence, as given. The record is replaced atomically, so that a killed run leaves its story.
  - What looks like a secret is masked in all of it.
author: Circuit Sage contributors (@circuit-sage)
attributes:
  action:
    description: Runs on the controller.
    support: full
  check_mode:
    description: The record is written in check mode too, it is no part of the managed system.
    support: full
options:
  event:
    description: What kind of event, one word.
    type: str
    required: true
  text:
    description: What happened, one sentence.
    type: str
    required: true
  tables:
    description:
      - Tables for the report, each with C(name), C(title), C(columns), C(rows) and C(summary). The report shows the first fifty rows; all
        of them go into the evidence as C(name.csv).
    type: list
    elements: dict
    default: []
  findings:
    description:
      - Findings of a role that does not look for the causes of all roles, each with C(id), C(title), C(layer), C(evidence), C(remedy),
        C(risk), C(decision), C(reason) and C(why_not_restart).
    type: list
    elements: dict
    default: []
  change:
    description: A change of the system, C(component), C(action) and C(undo).
    type: dict
  evidence:
    description: Files of evidence, the name and its text or data.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Tell what is about to be done
  circuit_sage.incident_response.incident_note:
    event: act
    text: start circuit-sage-db
    change:
      component: postgres
      action: started circuit-sage-db
      undo: docker stop circuit-sage-db
"""

RETURN = r"""
account:
  description: What the account on the terminal prints, a list of C(at), C(event) and C(text).
  returned: success
  type: list
  elements: dict
evidence:
  description: Names of the files of evidence that were written.
  returned: success
  type: list
  elements: str
"""
