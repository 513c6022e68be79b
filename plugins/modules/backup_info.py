#!/usr/bin/python
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look whether a backup can be restored here."""

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_info
short_description: Look whether a backup can be restored here
version_added: 0.1.0
description:
  - Finds a backup, and fails in one sentence for one that is not whole, not of this database or cluster, newer than the server, or for
    which the disk of the database has no room. Changes nothing.
author: Circuit Sage contributors (@circuit-sage)
extends_documentation_fragment:
  - circuit_sage.incident_response.stack
  - circuit_sage.incident_response.postgres
  - circuit_sage.incident_response.backups
  - circuit_sage.incident_response.restoring
attributes:
  check_mode:
    description: Changes nothing.
    support: full
  diff_mode:
    description: There is none.
    support: none
"""

EXAMPLES = r"""
- name: Look at the newest verified backup
  circuit_sage.incident_response.backup_info:
    project_src: /opt/circuit-sage
    project_name: circuit-sage
    folder: /var/backups/circuit-sage
"""

RETURN = r"""
backup:
  description: The backup, as RV(circuit_sage.incident_response.backup_create#module:backup).
  returned: success
  type: dict
age_seconds:
  description: How many seconds ago it was as the backup has it. What was written since is not in it.
  returned: success
  type: float
target:
  description: The database into which it would be restored, with C(database_bytes), C(system_identifier) and C(server_version).
  returned: success
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.backup_restoration import Restoration
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.stack_options import (
    BACKUP_OPTIONS,
    POSTGRES_OPTIONS,
    RESTORE_OPTIONS,
    STACK_OPTIONS,
)


def main() -> None:
    """Look."""
    spec = {**STACK_OPTIONS, **POSTGRES_OPTIONS, **BACKUP_OPTIONS, **RESTORE_OPTIONS}
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)
    try:
        result = Restoration(module.params).look()
    except IncidentError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
