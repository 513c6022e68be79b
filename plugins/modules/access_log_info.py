#!/usr/bin/python
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find attacks in nginx's logs. The work is done by `module_utils/access_log.py` and `access_attacks.py`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: access_log_info
short_description: Find attacks in nginx's access and error logs
version_added: 0.1.0
description:
  - Reads the logs once, from the oldest that was rotated away to the one that nginx writes, compressed ones too, and judges them by rules.
  - A rule is data - which lines count, and how many of them within how many seconds, by address, by network or by everyone, are an attack.
  - A line that cannot be read, or is longer than nginx writes one, is counted and left. The memory is bounded, however long the logs are;
    where there are more addresses than fit, those that counted least are forgotten, which C(forgotten) says.
  - What follows the question mark of a request is never kept, since secrets may stand there.
  - Changes nothing but O(state_file), and that not in check mode.
author: Circuit Sage contributors (@circuit-sage)
extends_documentation_fragment:
  - circuit_sage.incident_response.attacks
attributes:
  check_mode:
    description: Finds the same, and does not move on in O(state_file).
    support: full
options:
  state_file:
    description:
      - Where it is kept how far the logs were read, so that the next run goes on there. A log that was rotated meanwhile is finished first.
      - Without it the logs are read from their beginning.
    type: path
"""

EXAMPLES = r"""
- name: Find who tries passwords
  circuit_sage.incident_response.access_log_info:
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
  register: found
"""

RETURN = r"""
attacks:
  description: The attacks in the order of the rules.
  returned: success
  type: list
  elements: dict
  contains:
    id: {description: The rule., type: str}
    title: {description: What it is., type: str}
    addresses: {description: All attackers., type: list, elements: str}
    counted: {description: How many of their lines counted., type: int}
    first: {description: When the first of them came first., type: str}
    last: {description: When the last of them was there last., type: str}
    networks: {description: "Their networks, with how many of them came from each; the first twenty.", type: list, elements: dict}
    network_count: {description: How many networks there are., type: int}
    accounts: {description: "The accounts that were tried, where the log has them.", type: list, elements: str}
    success_after_failures: {description: Those that got in after they had failed., type: list, elements: str}
    attackers:
      description:
        - The first twenty of them, each with C(address), C(network), C(requests), C(counted), C(most_in_window), C(first), C(last),
          C(paths), C(user_agents), C(accounts), C(success_after_failures).
      type: list
      elements: dict
    spared: {description: "Addresses that came as often and are no attackers, and C(why).", type: list, elements: dict}
reasons:
  description: Each attacker with the rules that it broke.
  returned: success
  type: dict
  sample: {203.0.113.9: "scanner, flood"}
spared:
  description: The addresses that came as often as attackers and are none, with C(rule) and C(why).
  returned: success
  type: list
  elements: dict
lines: {description: How many lines were read., returned: success, type: int}
older: {description: How many of them were before O(since)., returned: success, type: int}
malformed: {description: How many of them could not be read., returned: success, type: int}
too_long: {description: How many more were longer than nginx writes a line., returned: success, type: int}
clients: {description: How many addresses there were., returned: success, type: int}
forgotten: {description: How many addresses were forgotten for want of room., returned: success, type: int}
first: {description: The time of the first line., returned: success, type: str}
last: {description: The time of the last line., returned: success, type: str}
files: {description: The files that were read., returned: success, type: list, elements: str}
broken_files: {description: Compressed files that could not be read to their end., returned: success, type: list, elements: str}
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.access_attacks import judge
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.access_rules import ATTACK_OPTIONS, RULE_OPTIONS, rules_of
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.log_lines import read_marks, write_marks


def main() -> None:
    """Read, and return what was found."""
    module = AnsibleModule(
        argument_spec={
            **ATTACK_OPTIONS,
            "rules": {"type": "list", "elements": "dict", "required": True, "options": RULE_OPTIONS},
            "state_file": {"type": "path"},
        },
        supports_check_mode=True,
    )
    given = module.params
    state = Path(given["state_file"]) if given["state_file"] else None
    try:
        marks = read_marks(state) if state else {}
        logs = [Path(path) for path in given["access_logs"]], [Path(path) for path in given["error_logs"]]
        found, reached = judge(*logs, rules_of(given["rules"]), given["since"], marks)
        if state and not module.check_mode:
            write_marks(state, {**marks, **reached})
    except IncidentError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, **found)


if __name__ == "__main__":
    main()
