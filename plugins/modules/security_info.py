#!/usr/bin/python
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look for what a break-in leaves. The work is done by `module_utils/security_observer.py` and `module_utils/security_judgement.py`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: security_info
short_description: Look for what a break-in leaves
version_added: 0.1.0
description:
  - Looks at the files and processes of the containers that are none of their images', at the roles of the database and the superusers of
    the application, at sessions from elsewhere, at published ports, at the modes of the files with secrets, and at updates that close
    known holes; and says which of it is not as it should be.
  - Measured by the baseline in O(observations) where there is one, else by the options and by what is usual.
  - Changes nothing. What could not be looked at is null, and C(unknown) says why.
author: Circuit Sage contributors (@circuit-sage)
extends_documentation_fragment:
  - circuit_sage.incident_response.stack
  - circuit_sage.incident_response.postgres
attributes:
  action:
    description: Does the module's work in its own process where that is the managed host, the same user and Python.
    support: full
  check_mode:
    description: Reads only.
    support: full
options:
  observations:
    description: What M(circuit_sage.incident_response.observation_info) returned just before.
    type: dict
    required: true
  administrators:
    description: E-mail addresses of the accounts that may be superusers of the application. None means those of the baseline.
    type: list
    elements: str
    default: []
  expected_changes:
    description:
      - By Compose service, or V(all), patterns of the paths in containers that change by themselves; C(*) stands for any characters.
    type: dict
    default: {}
  suspected:
    description:
      - Whether somebody has a reason to think of a break-in.
      - Without, nothing is told by which every installation differs that has no settings of its own, which are the superuser that the
        application's first SQL makes, while O(administrators) names nobody, and files of services of which O(expected_changes) has nothing.
        Nor are sessions from the project's own networks.
    type: bool
    default: true
  leaked:
    description: Names of the variables of the env file whose values are known to somebody, as a person found out.
    type: list
    elements: str
    default: []
  isolate:
    description: Compose services that a person wants to be cut off from their networks.
    type: list
    elements: str
    default: []
  updates:
    description: Whether to look for packages with known security updates, which takes a second or two. No server is asked.
    type: bool
    default: false
  baseline:
    description: The file of the baseline on the controller; the key beside it is a secret that nobody else may read.
    type: path
"""

EXAMPLES = r"""
- name: Observe
  circuit_sage.incident_response.observation_info:
    project_src: /opt/circuit-sage
    project_name: circuit-sage
    urls: [http://127.0.0.1:4000/health]
  register: observed

- name: Look for what a break-in leaves
  circuit_sage.incident_response.security_info:
    project_src: /opt/circuit-sage
    project_name: circuit-sage
    observations: "{{ observed }}"
    expected_changes:
      all: ["/tmp/*", "/run/*"]
"""

RETURN = r"""
changed_files:
  description: Files in containers that differ from the image and are not expected to; each C(service), C(container), C(path), C(change).
  returned: success
  type: list
  elements: dict
foreign_processes:
  description: Processes in containers that are none of the image's, each with the C(reason).
  returned: success
  type: list
  elements: dict
foreign_sessions:
  description: Sessions with the application's role that come neither from its containers nor from the host.
  returned: success
  type: list
  elements: dict
rogue_roles:
  description: Privileged roles of the database that should not be there and can still do something, each with the C(reason).
  returned: success
  type: list
  elements: dict
rogue_administrators:
  description: Superusers of the application that should not be there, each with the C(reason).
  returned: success
  type: list
  elements: dict
exposed_ports:
  description: Ports of containers that are published beyond the host itself.
  returned: success
  type: list
  elements: dict
database_ports:
  description: The database's ports as they should be published, at the loopback address.
  returned: success
  type: list
  elements: str
readable_secrets:
  description: Files with secrets that every user of the host may read or write, with the names of the secrets and since when.
  returned: success
  type: list
  elements: dict
leaked:
  description: O(leaked).
  returned: success
  type: list
  elements: str
isolate:
  description: The services of O(isolate) that are still attached to a network.
  returned: success
  type: list
  elements: dict
administrators:
  description: The e-mail addresses of all superusers of the application.
  returned: success
  type: list
  elements: str
roles:
  description: The names of all privileged roles of the database.
  returned: success
  type: list
  elements: str
facts:
  description:
    - What else was looked at, C(images), C(roles), C(accounts), C(reach) (which tables and how many companies a
      privileged role can read), C(secret_files), C(listeners), C(updates).
  returned: success
  type: dict
unknown:
  description: What could not be looked at, each with the reason.
  returned: success
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.security_observer import SECURITY_OPTIONS, observe


def main() -> None:
    """Look."""
    module = AnsibleModule(argument_spec=SECURITY_OPTIONS, supports_check_mode=True)
    try:
        result = observe(module.params)
    except IncidentError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
