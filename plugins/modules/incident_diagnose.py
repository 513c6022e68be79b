#!/usr/bin/python
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Name the causes of what was observed, plan, and tell. The work is done by the action plugin of the same name, on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: incident_diagnose
short_description: Name the causes of what was observed, and plan their remedies
version_added: 0.1.0
description:
  - Finds which causes of all incident roles match the observations, plans their remedies within the limits of the incident that
    M(circuit_sage.incident_response.incident_open) opened, and writes what was seen and found into its record.
  - Of a system in which something is wrong the first observations are kept as evidence, and what changed before the incident is told.
author: Circuit Sage contributors (@circuit-sage)
attributes:
  action:
    description: Runs on the controller.
    support: full
  check_mode:
    description: The record is written in check mode too, it is no part of the managed system.
    support: full
options:
  kind:
    description: The incident's kind, the name of the role that stands for it.
    type: str
    required: true
  observations:
    description: What M(circuit_sage.incident_response.observation_info) returned.
    type: dict
    required: true
  earlier:
    description:
      - What the diagnosis before this one returned, where its plan was carried out since; then this one is the proof. Where that was
        RV(on_its_way) this one takes its place.
      - A remedy is planned at most once in an incident.
    type: dict
  severities:
    description:
      - Rules by which severity and impact are judged at the first look. Of those that match the worst counts, of two alike the first.
      - None means that the causes alone say the severity.
    type: list
    elements: dict
    default: []
    suboptions:
      severity:
        description: The severity after the incident response guide.
        type: str
        choices: [P1, P2, P3, P4]
        required: true
      reason:
        description: Why it is that bad, in the words of the guide.
        type: str
        required: true
      match:
        description: JMESPath over the observations, with C(findings) and C(symptoms) beside them. The rule matches where it gives C(true).
        type: str
        required: true
      features:
        description: What does not work, in a customer's words.
        type: list
        elements: str
        required: true
      companies:
        description: JMESPath to the number of companies that are affected, or to a list of their ids.
        type: str
      at_least:
        description: How many companies have to be affected for the rule to match.
        type: int
"""

EXAMPLES = r"""
- name: Find the causes
  circuit_sage.incident_response.incident_diagnose:
    kind: db_failure
    observations: "{{ observe_result }}"
  register: diagnosis
"""

RETURN = r"""
incident:
  description: The id of the incident.
  returned: success
  type: str
before:
  description: The first observations of the incident.
  returned: success
  type: dict
after:
  description: The observations that were given.
  returned: success
  type: dict
findings:
  description: The causes that match, deepest first, each with C(decision) (V(act), V(leave) or V(none)) and C(reason).
  returned: success
  type: list
  elements: dict
planned:
  description: Those of them whose remedy is to be carried out.
  returned: success
  type: list
  elements: dict
symptoms:
  description: What an outsider would call broken, a sentence each.
  returned: success
  type: list
  elements: str
tried:
  description: The remedies that were planned before, by their C(once).
  returned: success
  type: list
  elements: str
security:
  description:
    - V(new) where this look is the first of the run that is about security, as each first look of a security incident is, and in another
      one that which finds a cause of it. V(known) in those after it. Of a new one all evidence is to be kept before anything is touched.
    - Null where nothing of it was found.
  returned: success
  type: str
on_its_way:
  description:
    - Whether to look again, at what this look may have met on its way up. Nobody listens, no cause of that is known, and the backend began
      less than half a minute ago.
    - Nobody is told of such a look, and no severity is judged by it. Never of a look after an O(earlier) one.
  returned: success
  type: bool
account:
  description: What the account on the terminal prints, a list of C(at), C(event) and C(text).
  returned: success
  type: list
  elements: dict
"""
