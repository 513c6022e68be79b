#!/usr/bin/python
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell of incidents. The work is done by the action plugin of the same name, on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: status_update
short_description: Tell of incidents
version_added: 0.1.0
description:
  - Sends what waits in the outboxes of incidents, an update that a person gives, drafts for the public, a reminder when an update is
    overdue, and calls the next level of the escalation path when nobody has acknowledged in time.
  - Each message is sent once on each channel. What does not come through is tried again for C(notify_retry_seconds), and by the next run.
  - The channels are read from the variables C(notify_*), which the role P(circuit_sage.incident_response.notify#role) documents. They are
    no options of this module, so that no secret stands in the arguments of a task.
author: Circuit Sage contributors (@circuit-sage)
attributes:
  action:
    description: Runs on the controller.
    support: full
  check_mode:
    description: Nothing is sent and nothing is written; what waits and what is due is told.
    support: full
options:
  incident:
    description: The id of the incident, or V(latest). Empty means all that are still told of.
    type: str
    default: ""
  status:
    description: The status that the update gives. Empty means that of the last message.
    type: str
    choices: ["", Investigating, Identified, Monitoring, Resolved]
    default: ""
  text:
    description: What the team is told, as the summary of the update.
    type: str
    default: ""
  public_text:
    description: What the public is told, instead of the sentence that belongs to the status.
    type: str
    default: ""
  acknowledge:
    description: Who takes the incident over. No further level is called then.
    type: str
    default: ""
  drafts:
    description: What is done with the drafts for the public, V(show), V(send) as they are now, or V(discard).
    type: str
    choices: [show, send, discard]
    default: show
  record_dir:
    description: Folder of the incident records on the controller. Empty means C(incidents) in the checkout, else in the current folder.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Send what waits, and what is due
  circuit_sage.incident_response.status_update:

- name: Say how it stands
  circuit_sage.incident_response.status_update:
    incident: latest
    status: Identified
    text: The disk of the database was full; it is being made larger.
"""

RETURN = r"""
incidents:
  description: What was told of each incident.
  returned: success
  type: list
  elements: dict
  contains:
    incident:
      description: Its id.
      type: str
      returned: success
    due_at:
      description: When the next update is due; null when the incident is over.
      type: str
      returned: success
    messages:
      description: What became of each message on each channel, as C(name), C(channel), C(state), C(detail) and C(attempts).
      type: list
      elements: dict
      returned: success
    drafts:
      description: Files of the drafts that wait for a person.
      type: list
      elements: str
      returned: success
account:
  description: What the account on the terminal prints, a list of C(at), C(event) and C(text).
  returned: always
  type: list
  elements: dict
"""
