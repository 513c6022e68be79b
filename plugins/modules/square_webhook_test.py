#!/usr/bin/python
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prove that an event that Square signs is accepted."""

from __future__ import annotations

DOCUMENTATION = r"""
module: square_webhook_test
short_description: Prove that an event that Square signs is accepted
version_added: 0.1.0
description:
  - Lets Square tell a test event to the webhook subscription that the env file is for. It takes the same way as every other event, and is
    about no payment of anybody.
  - An answer other than 2xx is tried again for a while, since a backend may just be starting; then the module fails.
author: Circuit Sage contributors (@circuit-sage)
extends_documentation_fragment:
  - circuit_sage.incident_response.stack
  - circuit_sage.incident_response.postgres
  - circuit_sage.incident_response.square
attributes:
  check_mode:
    description: Does the same, since it changes nothing.
    support: full
  diff_mode:
    description: Changes nothing.
    support: none
options:
  backend_service:
    description: The Compose service of the application.
    type: str
    default: backend
  wait:
    description: How many seconds to go on until an event is accepted.
    type: int
    default: 30
  statement_timeout:
    description: How many seconds one statement may take in the database.
    type: int
    default: 60
"""

EXAMPLES = r"""
- name: Prove the webhook
  circuit_sage.incident_response.square_webhook_test:
    project_src: /opt/circuit-sage
    project_name: circuit-sage
"""

RETURN = r"""
subscription:
  description: The id of the subscription at Square.
  returned: success
  type: str
  sample: wbhk_b35f6b3145074cf9ad513610786c19d5
status:
  description: The status with which the event was answered.
  returned: success
  type: int
  sample: 200
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.webhook_restore import TEST_OPTIONS, prove


def main() -> None:
    """Prove it."""
    module = AnsibleModule(argument_spec=TEST_OPTIONS, supports_check_mode=True)
    try:
        result = prove(module.params)
    except IncidentError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
