#!/usr/bin/python
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look at nginx from inside, on its own host. The work is done by `module_utils/nginx_observer.py`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nginx_info
short_description: Look at nginx, its configuration and its certificates on its own host
version_added: 0.1.0
description:
  - Says whether nginx runs, what its own test says of its configuration, and whether its certificates are right for the name.
  - Where the configuration or a certificate is not, it looks for what could be put back, and tries that without touching what nginx uses -
    a copy of the file in a tree of its own, a pair of certificate and key in a handshake in memory.
  - Changes nothing. No key leaves the module.
author: Circuit Sage contributors (@circuit-sage)
attributes:
  check_mode:
    description: Looks at the same in check mode.
    support: full
options:
  name:
    description: The host name that the certificates have to be for.
    type: str
    required: true
  folder:
    description: The folder of C(nginx.conf).
    type: path
    default: /etc/nginx
  archive:
    description: The folder where certbot keeps the former certificates.
    type: path
    default: /etc/letsencrypt/archive
  program:
    description: The program.
    type: str
    default: nginx
"""

EXAMPLES = r"""
- name: Look at nginx
  circuit_sage.incident_response.nginx_info:
    name: app.example.com
  register: looked
"""

RETURN = r"""
nginx:
  description: What was observed.
  returned: success
  type: dict
  contains:
    running: {description: Whether the process of the pid file runs., type: bool}
    test:
      description: What C(nginx -t) said.
      type: dict
      contains:
        class:
          description:
            - V(ok), V(file) (something in a file that it names), V(certificate) (a certificate or key cannot be used) or V(other).
          type: str
        message: {description: Its words., type: str}
        file: {description: The file that it names., type: str}
        path: {description: The same with symbolic links followed., type: str}
        line: {description: The line., type: int}
        restorable: {description: "The newest copy beside that file with which the test passes, null when there is none.", type: str}
    certificates:
      description: The pairs that the configuration names.
      type: list
      elements: dict
      contains:
        certificate: {description: The file., type: str}
        keyfile: {description: The file of the key., type: str}
        class:
          description: V(ok), V(expired), V(not_yet_valid), V(other_name), V(key_mismatch) or V(unreadable).
          type: str
        not_after: {description: When it ends., type: str}
        error: {description: What is wrong with it., type: str}
        restorable:
          description:
            - C(certificate) and C(keyfile) of the pair that could take its place, of certbot's archive or beside it. Null when there is
              none.
          type: dict
    maintenance:
      description:
        - Maintenance mode at the edge, as M(circuit_sage.incident_response.edge_maintenance) made it, with C(present), C(enabled) (whether
          nginx obeys it now), C(owned), C(owner), C(incident), C(since), C(expires_at), C(reason) and the whole C(claim). Null when there
          is nothing of it.
      type: dict
    certbot: {description: "Where certbot is, null when it is not installed.", type: str}
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.nginx_observer import Nginx, observe


def main() -> None:
    """Look, and return what was seen."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "folder": {"type": "path", "default": "/etc/nginx"},
            "archive": {"type": "path", "default": "/etc/letsencrypt/archive"},
            "program": {"type": "str", "default": "nginx"},
        },
        supports_check_mode=True,
    )
    given = module.params
    # Not in the PATH of a user who is not root, while it is installed.
    program = module.get_bin_path(given["program"], opt_dirs=["/usr/sbin", "/usr/local/sbin"]) or given["program"]
    try:
        nginx = observe(Nginx(program, Path(given["folder"]), Path(given["archive"]), given["name"]))
    except IncidentError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, nginx=nginx)


if __name__ == "__main__":
    main()
