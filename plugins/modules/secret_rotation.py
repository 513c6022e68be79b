#!/usr/bin/python
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One step of a rotation of the stack's secrets, after its journal."""

from __future__ import annotations

DOCUMENTATION = r"""
module: secret_rotation
short_description: One step of a rotation of the stack's secrets
version_added: 0.1.0
description:
  - Carries out one step of a rotation, create, set, test or finish, or of its way back. A step that is done already does nothing, so that
    a rotation that was killed anywhere is ended by taking all steps again.
  - New secrets are made inside the module and written into the journal before they are set anywhere. They never pass through Ansible.
  - The database has two roles that log in by turns, members of the owner of the tables. The new one is created or reset with the rights
    and settings of the old one, and proven over TCP. The old one keeps its login until everything is proven.
  - The env file is replaced in one step. It keeps its owner, comments and order, and gets the mode 0600. Where it is a symbolic link, the
    file behind it is replaced.
  - No container is touched. Between the steps V(write_file) and V(prove) the backend has to be made anew, and where C(ENCRYPTION_KEY) is
    rotated, M(circuit_sage.incident_response.credentials_reencrypt) has to run before V(write_file).
author: Circuit Sage contributors (@circuit-sage)
extends_documentation_fragment:
  - circuit_sage.incident_response.stack
  - circuit_sage.incident_response.postgres
  - circuit_sage.incident_response.rotation
attributes:
  check_mode:
    description: The step V(create) says what would be rotated, the others do nothing.
    support: full
  diff_mode:
    description: Secrets are not shown.
    support: none
options:
  step:
    description:
      - The step.
      - V(create) makes the new secrets, unless a rotation is open. Then that one is to be ended, whatever O(secrets) says.
      - V(set_role) lets the new password in beside the old one, V(write_file) writes the env file, V(recreated) notes that the backend was
        made anew, V(prove) proves the service, V(published) notes that the secrets are kept elsewhere too, V(finish) takes login from the
        old role and ends its sessions.
      - V(turn_back) begins the way back, V(restore_file) writes the env file as it was, V(recreated_again) and V(prove_back) are as above.
    type: str
    required: true
    choices:
      - create
      - set_role
      - write_file
      - recreated
      - prove
      - published
      - finish
      - turn_back
      - restore_file
      - recreated_again
      - prove_back
  incident:
    description: The id of the incident, for the step V(create).
    type: str
    default: ""
  secrets:
    description: The variables of the env file to rotate, for the step V(create).
    type: list
    elements: str
    default: [POSTGRES_PASSWORD, JWT_SECRET, ENCRYPTION_KEY]
  values:
    description: New values of variables that are not made here, for the step V(create).
    type: dict
    default: {}
  database_method:
    description: Two roles that log in by turns, or one whose password changes.
    type: str
    default: alternating
    choices: [alternating, single]
  urls:
    description: The addresses that say whether the backend is well, for the steps V(prove) and V(prove_back).
    type: list
    elements: str
    default: []
  settle_seconds:
    description: How many seconds the backend may take until it answers.
    type: int
    default: 30
"""

EXAMPLES = r"""
- name: Make a new secret for the sessions, and write it down
  circuit_sage.incident_response.secret_rotation:
    project_src: /opt/circuit-sage
    project_name: circuit-sage
    step: create
    incident: 20261129T020000Z-security_rotation
    secrets: [JWT_SECRET]

- name: Put it into the env file
  circuit_sage.incident_response.secret_rotation:
    project_src: /opt/circuit-sage
    project_name: circuit-sage
    step: write_file
"""

RETURN = r"""
open:
  description: Whether a rotation is open.
  returned: success
  type: bool
direction:
  description: V(forward) or V(back), null where there was no rotation yet.
  returned: success
  type: str
done:
  description: The steps that are done.
  returned: success
  type: list
  elements: str
secrets:
  description: The variables that are rotated.
  returned: success
  type: list
  elements: str
role:
  description: The C(current) role, the C(pending) one and the C(owner) of the tables; null where the role stays.
  returned: success
  type: dict
found_open:
  description: Whether a rotation was open before this step.
  returned: success
  type: bool
needs_recreation:
  description: Whether the backend has other values than the files, after the step V(restore_file).
  returned: success
  type: bool
sessions:
  description: How many sessions were C(ended) by the step V(finish), and from which C(clients) they came.
  returned: success
  type: dict
  sample: {ended: 1, clients: [172.18.0.1]}
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.rotation import ALTERNATING, OWN, SINGLE, STEPS, Rotation
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.stack_options import (
    JOURNAL_OPTIONS,
    POSTGRES_OPTIONS,
    STACK_OPTIONS,
)


def take(options: dict[str, t.Any], check_mode: bool) -> dict[str, t.Any]:
    """Take the step."""
    rotation = Rotation(options)
    step = options["step"]
    result: dict[str, t.Any] = {"found_open": rotation.told()["open"], "sessions": None, "needs_recreation": False, "changed": False}
    if step == "create":
        result["changed"] = rotation.create(check_mode)
    elif not check_mode:
        done = STEPS[step](rotation)
        result["changed"] = done is not False
        result["sessions"] = done if step == "finish" else None
        result["needs_recreation"] = step == "restore_file" and rotation.needs_recreation
    return {**result, **rotation.told()}


def main() -> None:
    """Take one step."""
    module = AnsibleModule(
        argument_spec={
            **STACK_OPTIONS,
            **POSTGRES_OPTIONS,
            **JOURNAL_OPTIONS,
            "step": {"type": "str", "required": True, "choices": ["create", *STEPS]},
            "incident": {"type": "str", "default": ""},
            "secrets": {"type": "list", "elements": "str", "default": list(OWN), "no_log": False},
            "values": {"type": "dict", "default": {}, "no_log": True},
            "database_method": {"type": "str", "default": ALTERNATING, "choices": [ALTERNATING, SINGLE]},
            "urls": {"type": "list", "elements": "str", "default": []},
            "settle_seconds": {"type": "int", "default": 30},
        },
        supports_check_mode=True,
    )
    try:
        result = take(module.params, module.check_mode)
    except IncidentError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
