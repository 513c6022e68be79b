#!/usr/bin/python
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the history of all incidents. The work is done by the action plugin of the same name, on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: incident_history
short_description: Write the history of all incidents
version_added: 0.1.0
description:
  - Reads all records of a folder and writes one page over them, C(history.html), with C(history.md), C(history.json), and C(incidents.prom)
    for the textfile collector of Prometheus' node_exporter. Each is replaced as a whole.
  - A folder that is no record, or a damaged one, is counted and named.
author: Circuit Sage contributors (@circuit-sage)
attributes:
  action:
    description: Runs on the controller.
    support: full
  check_mode:
    description: Nothing is written; the counts are returned.
    support: full
options:
  record_dir:
    description: Folder of the incident records on the controller. Empty means C(incidents) in the checkout, else in the current folder.
    type: str
    default: ""
  folder:
    description: Where to write. Empty means C(history) beside the records.
    type: str
    default: ""
  prometheus_file:
    description: Where the metrics are written, readable for everybody. Empty means C(incidents.prom) in O(folder), readable for you.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Write the history, with metrics where node_exporter looks for them
  circuit_sage.incident_response.incident_history:
    prometheus_file: /var/lib/prometheus/node-exporter/incidents.prom
"""

RETURN = r"""
history:
  description: All that was counted, as C(history.json) has it.
  returned: success
  type: dict
folder:
  description: Where it was written.
  returned: success
  type: str
account:
  description: What the account on the terminal prints, a list of C(at), C(event) and C(text).
  returned: success
  type: list
  elements: dict
"""
