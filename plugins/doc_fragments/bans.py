# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options by which the modules of the bans are told what to block, what never, and where the bans are."""

from __future__ import annotations


class ModuleDocFragment:
    """Options shared by the modules of the bans."""

    DOCUMENTATION = r"""
options:
  addresses:
    description: Addresses and networks, IPv4 and IPv6.
    type: list
    elements: str
    default: []
  incident:
    description: The incident that the bans belong to. To lift bans it stands for all of that incident.
    type: str
  reason:
    description: Why they are blocked.
    type: str
    default: blocked by hand
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
  confirm_seconds:
    description:
      - How many seconds there are to confirm that the host can still be reached, 10 to 600. V(0) for bans that need no confirmation.
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
