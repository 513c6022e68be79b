#!/usr/bin/python
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Observe the stack, the database and the service in one pass. The work is done by `module_utils/observation.py`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: observation_info
short_description: Observe the host, the stack, the database and the service in one pass
version_added: 0.1.0
description:
  - Does what M(circuit_sage.incident_response.stack_info), M(circuit_sage.incident_response.postgres_info),
    M(circuit_sage.incident_response.edge_info) and M(circuit_sage.incident_response.host_info) do, all at the same time. Four modules would
    take four times as long to be carried to the host and loaded there, which is most of what each of them takes.
  - Changes nothing. With O(evidence_of), and where something is broken, evidence is read at the same time and written into the open
    incident on the controller, as M(circuit_sage.incident_response.incident_evidence) does.
author: Circuit Sage contributors (@circuit-sage)
extends_documentation_fragment:
  - circuit_sage.incident_response.stack
  - circuit_sage.incident_response.postgres
  - circuit_sage.incident_response.edge
attributes:
  action:
    description: Runs the module on the managed host; compares with the baseline and writes evidence on the controller.
    support: full
  check_mode:
    description: Changes nothing. The row of the write probe is rolled back.
    support: full
options:
  log_lines:
    description: As of M(circuit_sage.incident_response.stack_info).
    type: int
    default: 1000
  patterns:
    description: As of M(circuit_sage.incident_response.stack_info).
    type: dict
    default: {}
  require_variables:
    description: As of M(circuit_sage.incident_response.stack_info).
    type: bool
    default: true
  postgres_service:
    description: The Compose service of the database.
    type: str
    default: postgres
  backend_service:
    description: The Compose service of the application.
    type: str
    default: backend
  connected_pattern:
    description: As of M(circuit_sage.incident_response.postgres_info).
    type: str
    default: Database connection established|Server running on port
  urls:
    description: The health addresses, as of M(circuit_sage.incident_response.edge_info).
    type: list
    elements: str
    required: true
  timeout:
    description: How many seconds one answer of a health address may take.
    type: float
    default: 3
  validate_certs:
    description: Whether a certificate of a health address has to be valid.
    type: bool
    default: true
  wait:
    description:
      - How many seconds to wait for a server that is on its way up, before anything is observed, and then for the service to answer when
        its backend runs.
      - There is no waiting for a container that is stopped or paused.
    type: int
    default: 0
  baseline:
    description: File of the baseline on the controller; what differs from it is returned as RV(drift).
    type: path
  fingerprint_key:
    description: Key of the fingerprints of secrets that are compared with the baseline. Read from the file beside it, not given by hand.
    type: str
  release_archives:
    description: Folder of archives by C(docker save), in which an image to go back to is looked for where none is left.
    type: path
  roll_back_to:
    description:
      - The image of the backend that somebody wants to go back to, by its name, its tag or its id.
      - V(previous) is the one before the one that runs.
      - Empty means that nobody wants to.
    type: str
    default: ""
  ballast:
    description: Files that are kept to be deleted when their file system is full.
    type: list
    elements: path
    default: []
  memory_limits:
    description: Memory limits by service, as Compose writes sizes, that are to be higher than the compose files say.
    type: dict
    default: {}
  pool_environment:
    description: Variables of the backend that size its connection pool, with their values, that the compose files do not set so.
    type: dict
    default: {}
  evidence_of:
    description:
      - The Compose services of which evidence is kept when something is broken. An incident has to be open then.
      - The texts do not pass through the task's result.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Observe everything
  circuit_sage.incident_response.observation_info:
    project_src: /opt/circuit-sage
    project_name: circuit-sage
    urls:
      - https://app.example.com/api/health
      - http://127.0.0.1:4000/health
  register: observed
"""

RETURN = r"""
stack:
  description: As of M(circuit_sage.incident_response.stack_info).
  returned: success
  type: dict
postgres:
  description: As of M(circuit_sage.incident_response.postgres_info).
  returned: success
  type: dict
edge:
  description: As of M(circuit_sage.incident_response.edge_info).
  returned: success
  type: dict
host:
  description: As of M(circuit_sage.incident_response.host_info).
  returned: success
  type: dict
baseline:
  description: The observations that the baseline holds, null when there is none.
  returned: success
  type: dict
drift:
  description:
    - What differs from the baseline, null when there is none. Of each its C(path), C(layer), C(component), C(text), and the values C(was)
      and C(now), which are null for secrets.
  returned: success
  type: list
  elements: dict
unknown:
  description: Why there is no drift to tell.
  returned: success
  type: dict
release:
  description:
    - The release of the backend and what there is to go back to, only when O(api_url) answers with a server error, or with O(roll_back_to).
  returned: when the API fails, or somebody wants to go back
  type: dict
  contains:
    image: {description: The name of its image., type: str}
    repository: {description: The same without the tag., type: str}
    id: {description: The id of the image., type: str}
    made_at: {description: When its container was made., type: str}
    previous:
      description: C(id), C(names) and C(created_at) of the next older local image of the repository, null when there is none.
      type: dict
    archive:
      description: C(path), C(name), C(id) and C(saved_at) of the newest archived one, null where an image is left or none is archived.
      type: dict
    local_images: {description: The ids of all local images., type: list, elements: str}
    migrations_since:
      description: The migrations that were applied since the container was made, null when that is not known.
      type: list
      elements: str
    wanted:
      description:
        - With O(roll_back_to), what somebody wants to go back C(to), the C(target) (C(id), C(names), C(created_at); null where there is
          none), the C(newer) images than the one that runs, and the C(migrations_since), those applied since the image after the target
          was made, null when that is not known.
      type: dict
resolver:
  description: Whom the backend asks for names, only when the service does not answer or the backend's log complains of a name.
  returned: when there is a reason to look
  type: dict
  contains:
    nameservers: {description: The name servers of its C(/etc/resolv.conf)., type: list, elements: str}
    embedded: {description: "Whether the engine's own comes first, which knows the services.", type: bool}
    failed_services: {description: Services that the end of its log could not find., type: list, elements: str}
    failed_outside: {description: Other names that the end of its log could not find., type: list, elements: str}
kept:
  description: Names of the files of evidence that were written.
  returned: success
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.observation import observe
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.stack_options import OBSERVATION_OPTIONS


def main() -> None:
    """Observe, and return the observations."""
    module = AnsibleModule(argument_spec=OBSERVATION_OPTIONS, supports_check_mode=True)
    try:
        observations = observe(module.params)
    except IncidentError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, **observations)


if __name__ == "__main__":
    main()
