#!/usr/bin/python
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Encrypt the evidence of an incident. The work is done by the action plugin of the same name, on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: evidence_encrypt
short_description: Encrypt the evidence of an incident
version_added: 0.1.0
description:
  - Encrypts each file in C(evidence/) of the record to one recipient, removes the readable one once the encrypted one is whole, and brings
    C(SHA256SUMS) up to date. Files that are encrypted already are left.
author: Circuit Sage contributors (@circuit-sage)
attributes:
  action:
    description: Runs on the controller.
    support: full
  check_mode:
    description: Encrypts in check mode too; the record is no part of the managed system.
    support: full
options:
  recipient:
    description:
      - An age recipient (C(age1...), or an SSH public key), or the path of a file with an OpenPGP public key, on the controller.
      - The controller needs C(age) or C(gpg) for it.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Encrypt the evidence
  circuit_sage.incident_response.evidence_encrypt:
    recipient: /etc/circuit-sage/forensics.asc
"""

RETURN = r"""
files:
  description: Names of the encrypted files.
  returned: success
  type: list
  elements: str
account:
  description: What the account on the terminal prints, a list of C(at), C(event) and C(text).
  returned: success
  type: list
  elements: dict
"""
