# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options by which the modules that judge nginx's logs are told which logs, and what is an attack."""

from __future__ import annotations


class ModuleDocFragment:
    """Options shared by the modules that judge nginx's logs."""

    DOCUMENTATION = r"""
options:
  access_logs:
    description: Logs in nginx's format C(combined).
    type: list
    elements: path
    default: []
  error_logs:
    description: Error logs of nginx. Their times are the host's own.
    type: list
    elements: path
    default: []
  rules:
    description: What is an attack.
    type: list
    elements: dict
    required: true
    suboptions:
      id:
        description: Its name.
        type: str
        required: true
      title:
        description: What it is, in words.
        type: str
        required: true
      count:
        description: How many lines within O(rules[].seconds) are an attack. The seconds begin with the first line that counts.
        type: int
        required: true
      seconds:
        description: How long it is counted.
        type: int
        required: true
      per:
        description: Whose lines are counted together, those of one V(address), of a V(network) (/24, or /64 of IPv6) or of V(everyone).
        type: str
        choices: [address, network, everyone]
        default: address
      method:
        description: Only requests with this method.
        type: str
      path:
        description: Only requests whose path, without what follows the question mark, matches this regular expression.
        type: str
      statuses:
        description: Only those that got one of these answers. Those with an answer below 400 instead went well.
        type: list
        elements: int
      words:
        description: Lines of the error log whose words match this regular expression, instead of lines of the access log.
        type: str
      addresses:
        description: From how many addresses they have to come.
        type: int
      paths:
        description: How many different paths they have to be for.
        type: int
      each:
        description: How many lines of its own make an address one of the attackers, where O(rules[].per) is not V(address).
        type: int
      failure_share:
        description: Which share of what an address asked for there has to have failed, 0 to 1. An office behind one address signs in.
        type: float
  since:
    description: Seconds since 1970. Lines before are left out.
    type: float
    default: 0
"""
