#!/usr/bin/python
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say whether a rotation is open, and under which keys the credentials are. The work is done by `module_utils/rotation_observer.py`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: secret_rotation_info
short_description: Say whether a rotation of secrets is open, and under which keys the stored credentials are
version_added: 0.1.0
description:
  - Reads the journal of M(circuit_sage.incident_response.secret_rotation), and tries each stored credential of the companies with the key
    of the env file, and with those of the journal where that one does not open it.
  - No secret is returned, only names and numbers. What could not be looked at is null, and C(unknown) says why.
author: Circuit Sage contributors (@circuit-sage)
extends_documentation_fragment:
  - circuit_sage.incident_response.stack
  - circuit_sage.incident_response.postgres
  - circuit_sage.incident_response.rotation
attributes:
  action:
    description: Does the module's work in its own process where that is the managed host, the same user and Python.
    support: full
  check_mode:
    description: Reads only.
    support: full
requirements:
  - cryptography, version 38 or later
"""

EXAMPLES = r"""
- name: Look whether a rotation broke off
  circuit_sage.incident_response.secret_rotation_info:
    project_src: /opt/circuit-sage
    project_name: circuit-sage
  register: seen
"""

RETURN = r"""
rotation:
  description:
    - Of the last rotation, whether it is C(open), its C(direction), the steps that are C(done), the C(secrets), the C(role), how it
      C(ended), and its C(incident).
  returned: success
  type: dict
credentials:
  description:
    - How many C(companies) have integrations, and how many credentials are C(under_key) of the env file, C(under_other_key) of the
      journal, C(unreadable) by any, and in C(plaintext).
  returned: success
  type: dict
  sample: {companies: 40, under_key: 80, under_other_key: 0, unreadable: 0, plaintext: 0}
unknown:
  description: What could not be looked at, each with the reason.
  returned: success
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.rotation_observer import ROTATION_INFO_OPTIONS, look


def main() -> None:
    """Look."""
    module = AnsibleModule(argument_spec=ROTATION_INFO_OPTIONS, supports_check_mode=True)
    module.exit_json(**look(module.params))


if __name__ == "__main__":
    main()
