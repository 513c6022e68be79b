#!/usr/bin/python
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Block addresses before Docker's DNAT. The work is done by `module_utils/ip_block.py`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ip_block
short_description: Block addresses so that neither nginx nor a port that Docker publishes is reached
version_added: 0.1.0
description:
  - Keeps one nftables table of its own, with sets of IPv4 and IPv6 addresses and networks, that drops packets before connection tracking
    and so before Docker's DNAT. Connections that are open already end too. No other table is read or touched.
  - Any number of addresses is one transaction, which the kernel takes as a whole or not at all.
  - A ledger on disk says who is blocked, why, for which incident and until when. What the kernel holds is made from it.
  - Each ban runs out. Who is blocked again gets twice as long as the last time, 30 days at most. Who is blocked already stays as he is.
  - Never blocked are loopback, private, link-local and multicast addresses, those of the host, Docker's networks, the addresses that the
    run comes from, and those of O(allow). Nor are networks wider than /16 (/32 of IPv6) that O(wide) does not name.
author: Circuit Sage contributors (@circuit-sage)
extends_documentation_fragment:
  - circuit_sage.incident_response.bans
attributes:
  check_mode:
    description: Says what would be blocked, lifted or restored, and refuses the same.
    support: full
  diff_mode:
    description: Shows the bans that begin or end, the first thousand.
    support: full
options:
  state:
    description:
      - V(present) blocks, V(absent) lifts bans.
      - V(confirmed) says that the host can still be reached, which a run does in a new connection after V(present). Until then its bans are
        on trial and end with O(confirm_seconds) by the kernel's own timer, whatever became of the run.
      - V(reloaded) makes the kernel hold what the ledger says, as after a boot or after somebody flushed the rules.
    type: str
    choices: [present, absent, confirmed, reloaded]
    default: present
  reasons:
    description: Why, by address, where it is not O(reason).
    type: dict
    default: {}
  run:
    description: With O(state=confirmed), the C(run) that was returned by O(state=present).
    type: int
"""

EXAMPLES = r"""
- name: Block an address and a network
  circuit_sage.incident_response.ip_block:
    addresses: [203.0.113.9, "2001:db8:bad::/64"]
    incident: 20261123-221704-block_ips-8e8f
  register: blocked

- name: Take a new connection
  ansible.builtin.meta: reset_connection

- name: Confirm that the host can still be reached
  circuit_sage.incident_response.ip_block:
    state: confirmed
    run: "{{ blocked.run }}"
  when: blocked.confirm_until is not none
"""

RETURN = r"""
blocked:
  description:
    - The new bans, the first thousand, each with C(address), C(until), C(since), C(times), C(why), C(by), C(incident).
    - In check mode those that would be.
  returned: O(state=present)
  type: list
  elements: dict
blocked_count: {description: How many there are., returned: O(state=present), type: int}
already_count: {description: How many were blocked already., returned: O(state=present), type: int}
refused: {description: "What is never blocked, C(address) and C(why).", returned: O(state=present), type: list, elements: dict}
run: {description: What to confirm., returned: O(state=present), type: int}
confirm_until: {description: Until when; null where nothing has to be confirmed., returned: O(state=present), type: str}
restored: {description: Whether bans were lost and were put back., returned: O(state=present) or O(state=reloaded), type: bool}
unblocked: {description: "The bans that were lifted, the first thousand.", returned: O(state=absent), type: list, elements: dict}
unblocked_count: {description: How many there are., returned: O(state=absent), type: int}
corrected:
  description: Whether the kernel held other bans than the ledger, as after the ledger was moved away, and was made to follow it.
  returned: O(state=absent)
  type: bool
active_count: {description: How many bans there are., returned: O(state=present) or O(state=absent) or O(state=reloaded), type: int}
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import ip_block
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.ban_options import (
    BAN_OPTIONS,
    place_of,
    protected_of,
    refuse_bad,
    wanted_of,
)
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError


def carry_out(options: dict[str, t.Any], check: bool) -> dict[str, t.Any]:
    """Do what the state asks for."""
    refuse_bad(options)
    place = place_of(options)
    if options["state"] == "reloaded":
        return ip_block.reload(place, check)
    if options["state"] == "confirmed":
        return ip_block.confirm(place, options["run"], check)
    if options["state"] == "absent":
        return ip_block.unblock(place, options["addresses"], options["incident"], check)
    wanted = wanted_of(options, options["addresses"], options["reasons"])
    return ip_block.block(place, wanted, protected_of(options), options["confirm_seconds"], strict=options["strict"], check=check)


def main() -> None:
    """Block, lift, confirm or reload."""
    module = AnsibleModule(
        argument_spec={
            **BAN_OPTIONS,
            "state": {"type": "str", "choices": ["present", "absent", "confirmed", "reloaded"], "default": "present"},
            "reasons": {"type": "dict", "default": {}},
            "run": {"type": "int"},
        },
        required_if=[("state", "confirmed", ["run"])],
        supports_check_mode=True,
    )
    try:
        result = carry_out(module.params, module.check_mode)
    except IncidentError as error:
        module.fail_json(msg=str(error))
    module.exit_json(diff=ip_block.diff_of(result), **result)


if __name__ == "__main__":
    main()
