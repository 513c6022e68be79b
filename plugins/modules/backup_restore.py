#!/usr/bin/python
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restore a backup beside the database in use, and exchange the two."""

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_restore
short_description: Restore a backup beside the database in use, and exchange the two
version_added: 0.1.0
description:
  - V(state=loaded) makes a database of the backup beside the one in use, named after it with C(_restore), and compares rows, constraints
    and indexes with what the backup says. What an earlier run left unfinished is dropped. Roles that the server
    has not are created without a login.
  - V(state=swapped) renames both in one transaction. Killed at any moment, the database in use is the old one or the new one. What is
    being done in it may end, for five seconds, then its sessions are ended. The old one stays, as C(_before_) and the incident.
  - Maintenance mode in the database stays as it is across the exchange. It is no part of what a backup brings back.
  - V(state=swapped_back) takes that back, and keeps what was restored as C(_undone_) and the incident.
  - No database is ever dropped but an unfinished copy that was made here.
author: Circuit Sage contributors (@circuit-sage)
extends_documentation_fragment:
  - circuit_sage.incident_response.stack
  - circuit_sage.incident_response.postgres
  - circuit_sage.incident_response.backups
  - circuit_sage.incident_response.restoring
attributes:
  check_mode:
    description: Looks whether the backup can be restored.
    support: full
  diff_mode:
    description: There is none.
    support: none
options:
  state:
    description: How far to go, or to go back.
    type: str
    required: true
    choices: [loaded, swapped, swapped_back]
"""

EXAMPLES = r"""
- name: Make a database of the newest backup
  circuit_sage.incident_response.backup_restore:
    project_src: /opt/circuit-sage
    project_name: circuit-sage
    folder: /var/backups/circuit-sage
    database: circuit_sage_db
    incident: 20261130-020000-restore-1a2b
    state: loaded

- name: Give it the name of the one in use
  circuit_sage.incident_response.backup_restore:
    project_src: /opt/circuit-sage
    project_name: circuit-sage
    folder: /var/backups/circuit-sage
    database: circuit_sage_db
    incident: 20261130-020000-restore-1a2b
    state: swapped
"""

RETURN = r"""
beside:
  description: The database that was made of the backup.
  returned: with the state loaded
  type: str
  sample: circuit_sage_db_restore
rows:
  description: How many rows it has.
  returned: with the state loaded
  type: int
objects:
  description: How many tables, indexes, constraints and other objects it has.
  returned: with the state loaded
  type: dict
roles_made:
  description: Roles that were created, without a login.
  returned: with the state loaded
  type: list
  elements: str
due:
  description: Whether there was something to exchange; in check mode, whether there is.
  returned: with the states swapped and swapped_back
  type: bool
database:
  description: The database that was exchanged.
  returned: with the states swapped and swapped_back
  type: str
before:
  description: What the database that was in use is called afterwards.
  returned: with the states swapped and swapped_back
  type: str
  sample: circuit_sage_db_before_20261130_020000_1a2b
undone:
  description: What the database that was restored is called when it was taken back.
  returned: with the states swapped and swapped_back
  type: str
sessions_ended:
  description: How many sessions were ended.
  returned: with the states swapped and swapped_back
  type: int
seconds:
  description: How long it took.
  returned: success
  type: float
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.backup_restoration import (
    LOADED,
    SWAPPED,
    SWAPPED_BACK,
    restore,
)
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.stack_options import (
    BACKUP_OPTIONS,
    POSTGRES_OPTIONS,
    RESTORE_OPTIONS,
    STACK_OPTIONS,
)


def main() -> None:
    """Restore."""
    module = AnsibleModule(
        argument_spec={
            **STACK_OPTIONS,
            **POSTGRES_OPTIONS,
            **BACKUP_OPTIONS,
            **RESTORE_OPTIONS,
            "state": {"type": "str", "required": True, "choices": [LOADED, SWAPPED, SWAPPED_BACK]},
        },
        supports_check_mode=True,
    )
    try:
        result = restore(module.params, module.check_mode)
    except IncidentError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
