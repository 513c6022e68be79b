#!/usr/bin/python
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring every stored credential from one ENCRYPTION_KEY to another."""

from __future__ import annotations

DOCUMENTATION = r"""
module: credentials_reencrypt
short_description: Bring every stored credential from one ENCRYPTION_KEY to another
version_added: 0.1.0
description:
  - Decrypts every credential of C(companies.settings) under the old key and encrypts it under the new one, in pages within one
    transaction. A credential is any text below C(integrations.*.credentials), Square's and SendGrid's alike.
  - Each value is read back as it was stored and decrypted under the new key before the transaction is committed.
  - A value that neither key opens stops it; nothing is changed then, and the companies are named.
  - Values that are under the new key already are left as they are, so that a change of keys that broke off is resumed.
  - The keys' fingerprints and the numbers are recorded in C(circuit_sage_ops.credential_key), in the same transaction.
  - While it lasts, nobody can store a setting of a company; reading goes on.
  - Keys and values are in memory only, and never returned or logged.
author: Circuit Sage contributors (@circuit-sage)
extends_documentation_fragment:
  - circuit_sage.incident_response.stack
  - circuit_sage.incident_response.postgres
  - circuit_sage.incident_response.rotation
attributes:
  check_mode:
    description: Reads and counts, writes nothing.
    support: full
  diff_mode:
    description: Secrets are not shown.
    support: none
options:
  incident:
    description: The id of the incident, which is recorded with the keys' fingerprints.
    type: str
    required: true
  old_key:
    description:
      - The C(ENCRYPTION_KEY) under which the credentials are.
      - Without it and O(new_key), both keys are those of the open rotation in O(journal), in the direction in which it goes.
    type: str
  new_key:
    description: The C(ENCRYPTION_KEY) under which they are to be.
    type: str
  from_previous:
    description:
      - Without given keys and while no rotation is open, bring values that are still under the key before the last rotation, which
        O(journal) keeps, to the one of the env file, as after rows were restored from an older backup.
    type: bool
    default: false
  plaintext:
    description: What to do with values from before encryption. V(keep) leaves them, V(encrypt) encrypts them under the new key.
    type: str
    default: keep
    choices: [keep, encrypt]
  lock_timeout:
    description: How many seconds to wait for somebody who is storing a setting.
    type: int
    default: 5
  statement_timeout:
    description: How many seconds one statement may take.
    type: int
    default: 60
requirements:
  - cryptography, version 38 or later
"""

EXAMPLES = r"""
- name: Finish a change of keys that broke off
  circuit_sage.incident_response.credentials_reencrypt:
    project_src: /opt/circuit-sage
    project_name: circuit-sage
    incident: 20261129T020000Z-security_rotation
    old_key: "{{ vaulted_old_key }}"
    new_key: "{{ vaulted_new_key }}"
"""

RETURN = r"""
companies:
  description: How many companies have integrations.
  returned: success
  type: int
under_old_key:
  description: How many credentials were under the old key, and were encrypted anew.
  returned: success
  type: int
under_new_key:
  description: How many were under the new key already.
  returned: success
  type: int
plaintext:
  description: How many are from before encryption.
  returned: success
  type: int
unreadable_count:
  description: How many neither key opens; always 0 where the module succeeds.
  returned: success
  type: int
unreadable:
  description: The first of those, C(company_id) and C(credential).
  returned: success
  type: list
  elements: dict
key_before:
  description: Fingerprint of the old key.
  returned: success
  type: str
  sample: 0f1e2d3c4b5a6978
key_after:
  description: Fingerprint of the new key.
  returned: success
  type: str
  sample: 8796a5b4c3d2e1f0
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.credential_change import change
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.credential_walk import ENCRYPT, KEEP
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.stack_options import (
    JOURNAL_OPTIONS,
    POSTGRES_OPTIONS,
    STACK_OPTIONS,
)


def main() -> None:
    """Bring the credentials under the new key."""
    module = AnsibleModule(
        argument_spec={
            **STACK_OPTIONS,
            **POSTGRES_OPTIONS,
            **JOURNAL_OPTIONS,
            "incident": {"type": "str", "required": True},
            "old_key": {"type": "str", "no_log": True},
            "new_key": {"type": "str", "no_log": True},
            "from_previous": {"type": "bool", "default": False},
            "plaintext": {"type": "str", "default": KEEP, "choices": [KEEP, ENCRYPT]},
            "lock_timeout": {"type": "int", "default": 5},
            "statement_timeout": {"type": "int", "default": 60},
        },
        required_together=[["old_key", "new_key"]],
        supports_check_mode=True,
    )
    options: dict[str, t.Any] = module.params
    try:
        result = change(options, module.check_mode)
    except IncidentError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
