#!/usr/bin/python
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep evidence in the open incident. The work is done by the action plugin of the same name and the module evidence_info."""

from __future__ import annotations

DOCUMENTATION = r"""
module: incident_evidence
short_description: Keep evidence before anything is touched
version_added: 0.1.0
description:
  - Reads with M(circuit_sage.incident_response.evidence_info) what a remedy may destroy, and writes it into C(evidence/) of the open
    incident with its checksums. The texts never pass through the task's result.
  - Refuses a disk of the controller that is too full for it, before anything is read.
author: Circuit Sage contributors (@circuit-sage)
attributes:
  action:
    description: Runs the module on the managed host and writes on the controller.
    support: full
  check_mode:
    description: Reads only; the record is no part of the managed system.
    support: full
extends_documentation_fragment:
  - circuit_sage.incident_response.stack
options:
  services:
    description: Compose services whose containers are read.
    type: list
    elements: str
    required: true
  parts:
    description:
      - What to read for a security incident, as for M(circuit_sage.incident_response.evidence_info). None means the containers alone.
    type: list
    elements: str
    choices: [containers, database, host, nginx]
    default: []
  recipient:
    description: To whom M(circuit_sage.incident_response.evidence_encrypt) is to encrypt it later; one that cannot be used is refused now.
    type: str
"""

EXAMPLES = r"""
- name: Keep the evidence
  circuit_sage.incident_response.incident_evidence:
    project_src: /opt/circuit-sage
    project_name: circuit-sage
    services: [postgres, backend]
"""

RETURN = r"""
evidence:
  description: Names of the files of evidence that were written.
  returned: success
  type: list
  elements: str
account:
  description: What the account on the terminal prints, a list of C(at), C(event) and C(text).
  returned: success
  type: list
  elements: dict
"""
