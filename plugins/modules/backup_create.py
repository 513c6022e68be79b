#!/usr/bin/python
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a backup of the application's database, and prove it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_create
short_description: Make a backup of the application's database, and prove it
version_added: 0.1.0
description:
  - Dumps the database in PostgreSQL's custom format with the C(pg_dump) of its own container, as a stream to the managed host. Beside the
    dump a manifest says how many rows each table has in the very snapshot of the dump, its cluster, version and checksum.
  - A routine backup is restored into a database of its own and compared with that, row by row, before it counts. That database is dropped.
  - The backup gets its name when all of it is on disk. What a killed run left is removed by the next.
  - Afterwards older backups are removed, by number and by age, but never the newest good one.
author: Circuit Sage contributors (@circuit-sage)
extends_documentation_fragment:
  - circuit_sage.incident_response.stack
  - circuit_sage.incident_response.postgres
  - circuit_sage.incident_response.backups
attributes:
  check_mode:
    description: Says how much room is needed and what would be removed.
    support: full
  diff_mode:
    description: There is none.
    support: none
options:
  purpose:
    description:
      - V(routine) is restored and compared. V(safety) is not, as before a restore, where time counts; it is never taken for the latest one.
    type: str
    default: routine
    choices: [routine, safety]
  recipient:
    description:
      - To whom it is encrypted, an age recipient or a file with an OpenPGP public key on the managed host. Without, it stays readable.
    type: str
  keep:
    description: How many good backups are kept.
    type: int
    default: 30
  keep_days:
    description: For how many days they are kept.
    type: int
    default: 30
"""

EXAMPLES = r"""
- name: Make a backup
  circuit_sage.incident_response.backup_create:
    project_src: /opt/circuit-sage
    project_name: circuit-sage
    folder: /var/backups/circuit-sage
  register: made
"""

RETURN = r"""
backup:
  description: The backup, null in check mode.
  returned: success
  type: dict
  sample:
    id: 20261130T020000123Z-circuit_sage_db
    path: /var/backups/circuit-sage/20261130T020000123Z-circuit_sage_db/database.dump
    purpose: routine
    database: circuit_sage_db
    snapshot_at: "2026-11-30T02:00:00.210+00:00"
    last_migration: 003_subscriptions_and_payments.sql
    system_identifier: "7446402385629331487"
    server_version: "15.18"
    dump_seconds: 0.31
    bytes: 48213
    sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
    encrypted: false
    verified_at: "2026-11-30T02:00:01.020+00:00"
    verified_seconds: 0.6
    rows: 500
    tables: {public.companies: 40}
database:
  description: The database.
  returned: success
  type: str
database_bytes:
  description: How many bytes it has.
  returned: success
  type: int
expected_bytes:
  description: How many bytes the dump was expected to have at most.
  returned: success
  type: int
removed:
  description: The backups that were removed, or in check mode would be.
  returned: success
  type: list
  elements: str
kept:
  description: How many backups there are afterwards.
  returned: success
  type: int
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.backup_creation import create
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.backup_manifest import ROUTINE, SAFETY
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.stack_options import (
    BACKUP_OPTIONS,
    POSTGRES_OPTIONS,
    STACK_OPTIONS,
)


def main() -> None:
    """Make a backup."""
    module = AnsibleModule(
        argument_spec={
            **STACK_OPTIONS,
            **POSTGRES_OPTIONS,
            **BACKUP_OPTIONS,
            "purpose": {"type": "str", "default": ROUTINE, "choices": [ROUTINE, SAFETY]},
            "recipient": {"type": "str"},
            "keep": {"type": "int", "default": 30},
            "keep_days": {"type": "int", "default": 30},
        },
        supports_check_mode=True,
    )
    try:
        result = create(module.params, module.check_mode)
    except IncidentError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
