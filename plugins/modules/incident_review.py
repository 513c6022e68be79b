#!/usr/bin/python
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Review an incident. The work is done by the action plugin of the same name, on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: incident_review
short_description: Review an incident
version_added: 0.1.0
description:
  - Makes the check lists of the review, the action items of the report and those that a person adds one list, each with owner, severity and
    due date, and keeps it as C(review.json) and C(review.md) in the incident's record. The report is written anew with it.
  - With the variables C(incident_review_github_token) and C(incident_review_github_repository) each open item is an issue at GitHub, made
    once. What is done is closed there, and what is closed there is done. The settings are read from the variables, which the role
    P(circuit_sage.incident_response.incident_review#role) documents, so that the token stands in the arguments of no task.
  - A review with open P1 items cannot be closed.
author: Circuit Sage contributors (@circuit-sage)
attributes:
  action:
    description: Runs on the controller.
    support: full
  check_mode:
    description: Nothing is written and GitHub is not asked; the review is returned as it would be.
    support: full
options:
  incident:
    description: The id of the incident, or V(latest).
    type: str
    required: true
  checklists:
    description: What every review asks for.
    type: list
    elements: dict
    required: true
    suboptions:
      id:
        description: The id of the item.
        type: str
        required: true
      text:
        description: What is to be done.
        type: str
        required: true
      hours:
        description: How many hours after the end of the incident it is due.
        type: int
        required: true
  owner:
    description: Whose the items are that are nobody's.
    type: str
    default: ""
  owners:
    description: Whose an item is, by its id.
    type: dict
    default: {}
  due:
    description: When an item is due, by its id, a date or a time.
    type: dict
    default: {}
  severities:
    description: The severity of an item, V(P1) to V(P4), by its id. Otherwise it is that of the incident.
    type: dict
    default: {}
  items:
    description: Further action items. One with the same text is the same item.
    type: list
    elements: dict
    default: []
    suboptions:
      text:
        description: What is to be done.
        type: str
        required: true
      owner:
        description: Whose it is.
        type: str
      due:
        description: When it is due, a date or a time.
        type: str
      severity:
        description: Its severity.
        type: str
  done:
    description: The ids of items that are done.
    type: list
    elements: str
    default: []
  not_done:
    description: The ids of items that are to be done after all.
    type: list
    elements: str
    default: []
  root_cause:
    description: What the review found out beyond the report. Empty leaves what is there.
    type: str
    default: ""
  prevention:
    description: What keeps it from happening again. Empty leaves what is there.
    type: str
    default: ""
  close:
    description: Whether the review is to be closed. That fails while a P1 item is open; the rest is written all the same.
    type: bool
    default: false
  record_dir:
    description: Folder of the incident records on the controller. Empty means C(incidents) in the checkout, else in the current folder.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Make the review of the newest incident
  circuit_sage.incident_response.incident_review:
    incident: latest
    owner: Ada
    checklists:
      - id: timeline
        text: Document the timeline of events
        hours: 24
"""

RETURN = r"""
review:
  description: The review, as C(review.json) has it.
  returned: when the incident is there
  type: dict
folder:
  description: The incident's record.
  returned: when the incident is there
  type: str
account:
  description: What the account on the terminal prints, a list of C(at), C(event) and C(text).
  returned: when the incident is there
  type: list
  elements: dict
"""
