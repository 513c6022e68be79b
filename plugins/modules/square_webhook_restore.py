#!/usr/bin/python
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Put the webhook's address and signature key in the env file back to what Square has."""

from __future__ import annotations

DOCUMENTATION = r"""
module: square_webhook_restore
short_description: Put the webhook's address and key in the env file back to what Square has
version_added: 0.1.0
description:
  - Reads the webhook subscription at Square that the env file is for, and writes of its address and key what is wrong into
    C(SQUARE_WEBHOOK_NOTIFICATION_URL) and C(SQUARE_WEBHOOK_SIGNATURE_KEY). What is right stays as it is.
  - The key never passes through Ansible; results and diff hold a fingerprint under a random key.
  - The file is replaced in one step and keeps its owner, group, mode, comments and order. All other bytes stay as they are.
  - No container is touched. A container takes a changed env file only when it is created again.
  - Where several subscriptions are as near, or none tells of payments, nothing is written.
author: Circuit Sage contributors (@circuit-sage)
extends_documentation_fragment:
  - circuit_sage.incident_response.stack
  - circuit_sage.incident_response.postgres
  - circuit_sage.incident_response.square
attributes:
  check_mode:
    description: Asks Square, writes nothing.
    support: full
  diff_mode:
    description: Shows the address, and of the key a fingerprint.
    support: full
options:
  backend_service:
    description: The Compose service of the application.
    type: str
    default: backend
  backup_name:
    description:
      - Name of a copy of the file as it was, written beside the env file with mode 0600 before the change.
      - A file of that name with another content is never overwritten; the module fails before it changes anything.
      - Without it, no copy is kept.
    type: str
  statement_timeout:
    description: How many seconds one statement may take in the database.
    type: int
    default: 60
"""

EXAMPLES = r"""
- name: Put the webhook's settings right
  circuit_sage.incident_response.square_webhook_restore:
    project_src: /opt/circuit-sage
    project_name: circuit-sage
    backup_name: .env.production.before-webhook
"""

RETURN = r"""
variables:
  description: The variables that were wrong.
  returned: success
  type: list
  elements: str
  sample: [SQUARE_WEBHOOK_NOTIFICATION_URL]
subscription:
  description: The id of the subscription at Square.
  returned: success
  type: str
  sample: wbhk_b35f6b3145074cf9ad513610786c19d5
backup:
  description: The copy of the file as it was, in check mode the one that would be written; none without O(backup_name) or a change.
  returned: success
  type: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.webhook_restore import RESTORE_OPTIONS, restore


def main() -> None:
    """Put the settings back."""
    module = AnsibleModule(argument_spec=RESTORE_OPTIONS, supports_check_mode=True)
    try:
        result = restore(module.params, module.check_mode)
    except IncidentError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
