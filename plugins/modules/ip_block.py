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
  addresses:
    description: Addresses and networks, IPv4 and IPv6.
    type: list
    elements: str
    default: []
  incident:
    description: The incident that the bans belong to. With O(state=absent) all bans of that incident are lifted.
    type: str
  reason:
    description: Why they are blocked.
    type: str
    default: blocked by hand
  reasons:
    description: Why, by address, where it is not O(reason).
    type: dict
    default: {}
  hours:
    description: How long the first ban of an address lasts.
    type: float
    default: 24
  allow:
    description: Addresses and networks that are never blocked, such as those of an office or a monitor.
    type: list
    elements: str
    default: []
  wide:
    description: Networks that may be blocked although they are wider than /16, or /32 of IPv6.
    type: list
    elements: str
    default: []
  gather_at:
    description:
      - So many addresses of one /24, or /64 of IPv6, are blocked as that network, unless it holds one that is never blocked.
      - V(0) means that none are.
    type: int
    default: 0
  strict:
    description: Whether one address that is never blocked refuses the whole list. Else the others are blocked, and C(refused) tells it.
    type: bool
    default: true
  run:
    description: With O(state=confirmed), the C(run) that was returned by O(state=present).
    type: int
  confirm_seconds:
    description: How many seconds there are for O(state=confirmed), 10 to 600. V(0) for bans that need no confirmation.
    type: int
    default: 60
  responder:
    description: A further address that the run comes from; those of SSH are found out.
    type: str
  ledger:
    description: The file of the ledger.
    type: path
    default: /var/lib/circuit-sage/ip_block.json
  table:
    description: The name of the table.
    type: str
    default: circuit_sage_block
  docker_host:
    description: The Docker engine, which is asked for its networks where there is one.
    type: str
    default: unix:///var/run/docker.sock
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
active_count: {description: How many bans there are., returned: O(state=present) or O(state=absent) or O(state=reloaded), type: int}
"""

import getpass
import re
import typing as t
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import ip_block
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.ip_networks import Protected
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.protected_networks import protected_networks


def refuse_bad(options: dict[str, t.Any]) -> None:
    """Raise for an option that could do nobody good, in one sentence."""
    if not 0 < options["hours"] <= 720:
        raise IncidentError(f"hours is {options['hours']:g}; give more than 0 and at most 720, the 30 days that a ban may last")
    if options["confirm_seconds"] and not 10 <= options["confirm_seconds"] <= 600:
        raise IncidentError(f"confirm_seconds is {options['confirm_seconds']}; give 10 to 600, or 0 for no confirmation")
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,60}", options["table"]):
        raise IncidentError(f"table is {options['table']!r}; give a name of small letters, digits and _")


def carry_out(options: dict[str, t.Any], check: bool) -> dict[str, t.Any]:
    """Do what the state asks for."""
    refuse_bad(options)
    place = ip_block.Place(Path(options["ledger"]), options["table"])
    if options["state"] == "reloaded":
        return ip_block.reload(place, check)
    if options["state"] == "confirmed":
        return ip_block.confirm(place, options["run"], check)
    if options["state"] == "absent":
        return ip_block.unblock(place, options["addresses"], options["incident"], check)
    own = protected_networks(options["docker_host"], options["responder"], options["allow"])
    protected = Protected(own, options["wide"])
    run = {"by": getpass.getuser(), "why": options["reason"], "incident": options["incident"]}
    wanted = ip_block.Wanted(options["addresses"], options["reasons"], run, options["hours"], options["gather_at"])
    return ip_block.block(place, wanted, protected, options["confirm_seconds"], strict=options["strict"], check=check)


def main() -> None:
    """Block, lift, confirm or reload."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "absent", "confirmed", "reloaded"], "default": "present"},
            "addresses": {"type": "list", "elements": "str", "default": []},
            "incident": {"type": "str"},
            "reason": {"type": "str", "default": "blocked by hand"},
            "reasons": {"type": "dict", "default": {}},
            "hours": {"type": "float", "default": 24},
            "allow": {"type": "list", "elements": "str", "default": []},
            "wide": {"type": "list", "elements": "str", "default": []},
            "gather_at": {"type": "int", "default": 0},
            "strict": {"type": "bool", "default": True},
            "run": {"type": "int"},
            "confirm_seconds": {"type": "int", "default": 60},
            "responder": {"type": "str"},
            "ledger": {"type": "path", "default": "/var/lib/circuit-sage/ip_block.json"},
            "table": {"type": "str", "default": "circuit_sage_block"},
            "docker_host": {"type": "str", "default": "unix:///var/run/docker.sock"},
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
