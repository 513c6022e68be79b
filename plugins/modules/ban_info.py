#!/usr/bin/python
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who attacks, what a ban would come to, which bans do not hold. The work is done by `module_utils/ban_observer.py`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ban_info
short_description: Find who attacks, and what a ban of them would come to
version_added: 0.1.0
description:
  - Judges nginx's logs as M(circuit_sage.incident_response.access_log_info) does, and says what
    M(circuit_sage.incident_response.ip_block) would do about the attackers, or about O(addresses) where there are some.
  - Says whether bans of the ledger were lost from the kernel, and who is banned in the chain INPUT alone. Such a ban does not hold for a
    port that Docker publishes, since its packets are redirected before they come to INPUT.
  - Changes nothing.
author: Circuit Sage contributors (@circuit-sage)
extends_documentation_fragment:
  - circuit_sage.incident_response.bans
  - circuit_sage.incident_response.attacks
options:
  traffic_minutes:
    description:
      - For how many minutes back to count the requests that failed as well, in the first of O(access_logs), as
        M(circuit_sage.incident_response.edge_traffic_info) does. It saves the way to the host. V(0) means not at all.
    type: int
    default: 0
attributes:
  check_mode:
    description: Reads only.
    support: full
"""

EXAMPLES = r"""
- name: Find who tries passwords, and what a ban of them would come to
  circuit_sage.incident_response.ban_info:
    access_logs: [/var/log/nginx/circuit-sage-access.log]
    rules:
      - id: brute_force
        title: One address tries passwords
        method: POST
        path: ^/api/auth/login$
        statuses: [401, 403, 429]
        count: 10
        seconds: 600
        failure_share: 0.8
    strict: false
  register: seen
"""

RETURN = r"""
found:
  description:
    - What M(circuit_sage.incident_response.access_log_info) returns. Each attack has those of its addresses that may be blocked and are not
      as C(waiting). Empty where O(addresses) were given.
  returned: success
  type: dict
planned:
  description: What M(circuit_sage.incident_response.ip_block) returns in check mode.
  returned: success
  type: dict
bypassed:
  description: Who is banned in the chain INPUT alone, on a host that redirects ports to containers, and could be blocked.
  returned: success
  type: list
  elements: str
traffic:
  description: What M(circuit_sage.incident_response.edge_traffic_info) returns as C(traffic). Null where it was not asked for.
  returned: success
  type: dict
unreadable:
  description: Whether it was a damaged ledger that stopped the look.
  returned: failure
  type: bool
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.ban_ledger import LedgerUnreadable
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.ban_observer import BAN_INFO_OPTIONS, look
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError


def main() -> None:
    """Look."""
    module = AnsibleModule(argument_spec=BAN_INFO_OPTIONS, supports_check_mode=True)
    try:
        result = look(module.params)
    except IncidentError as error:
        module.fail_json(msg=str(error), unreadable=isinstance(error, LedgerUnreadable))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
