#!/usr/bin/python
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Count the requests that failed lately, on nginx's own host. The work is done by `module_utils/edge_traffic.py`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: edge_traffic_info
short_description: Count the requests that failed lately, from nginx's access log
version_added: 0.1.0
description:
  - Reads the end of an access log in nginx's combined format, 8 MiB at most, and counts the requests of the last minutes and those of them
    that failed - an answer of 500 or more, or a client that gave up waiting (499).
  - Changes nothing.
author: Circuit Sage contributors (@circuit-sage)
attributes:
  check_mode:
    description: Reads the same in check mode.
    support: full
options:
  path:
    description: The access log.
    type: path
    default: /var/log/nginx/circuit-sage-access.log
  minutes:
    description: So many minutes back.
    type: int
    default: 15
"""

EXAMPLES = r"""
- name: Count what failed in the last quarter of an hour
  circuit_sage.incident_response.edge_traffic_info:
  register: counted
"""

RETURN = r"""
traffic:
  description: What was counted.
  returned: success
  type: dict
  contains:
    minutes: {description: The minutes that were asked for., type: int}
    requests: {description: The requests., type: int}
    failed: {description: Those that failed., type: int}
    features:
      description: C(requests) and C(failed) by part of the API (C(/api/NAME)) and for the pages, what failed most first.
      type: dict
    truncated: {description: Whether the log holds more lines of these minutes than were read., type: bool}
"""

import time
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.edge_traffic import observe
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError


def main() -> None:
    """Run the module."""
    spec = {"path": {"type": "path", "default": "/var/log/nginx/circuit-sage-access.log"}, "minutes": {"type": "int", "default": 15}}
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)
    if module.params["minutes"] < 1:
        module.fail_json(msg=f"minutes is {module.params['minutes']}; give 1 or more")
    try:
        module.exit_json(changed=False, traffic=observe(Path(module.params["path"]), module.params["minutes"], time.time()))
    except IncidentError as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
