#!/usr/bin/python
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say whether the environment and the webhook are what Square and the inventory say."""

from __future__ import annotations

DOCUMENTATION = r"""
module: square_setting_info
short_description: Say whether the environment and the webhook of Square are set right
version_added: 0.1.0
description:
  - Looks where the money of each company goes, by O(square_base_url) and the test mode of the company, and compares that with
    O(square_environment). Of companies that pay in the wrong place the payments of the last 60 days are listed.
  - Asks Square for its webhook subscriptions, under the access tokens of at most 64 companies, and compares their address and signature key
    with C(SQUARE_WEBHOOK_NOTIFICATION_URL) and C(SQUARE_WEBHOOK_SIGNATURE_KEY) of the env file and of the backend's container. Each
    signature fails when the one is wrong, and when the other is; the comparison tells which.
  - Counts in the log of the backend how it answered Square.
  - Keys are compared in memory, and returned as fingerprints under a random key. Nothing is written anywhere. Where the environment is
    wrong no token is sent.
  - It is the first look at payments. So it also takes the options of M(circuit_sage.incident_response.payment_audit_info) and
    M(circuit_sage.incident_response.payment_retry) that say how payments are judged and charged, and refuses what makes no sense in them
    before anybody is asked, and also where nothing is due.
author: Circuit Sage contributors (@circuit-sage)
extends_documentation_fragment:
  - circuit_sage.incident_response.stack
  - circuit_sage.incident_response.postgres
  - circuit_sage.incident_response.square
  - circuit_sage.incident_response.payments
  - circuit_sage.incident_response.charging
attributes:
  check_mode:
    description: Reads only, in check mode and without.
    support: full
  diff_mode:
    description: Changes nothing.
    support: none
options:
  backend_service:
    description: The Compose service of the application.
    type: str
    default: backend
"""

EXAMPLES = r"""
- name: Look at what Square and the system are told of each other
  circuit_sage.incident_response.square_setting_info:
    project_src: /opt/circuit-sage
    project_name: circuit-sage
  register: settings
"""

RETURN = r"""
environment:
  description: Where the money goes.
  returned: success
  type: dict
  contains:
    expected: {description: What the system is., type: str}
    base_url: {description: The address of Square that was set; null for Square's own., type: str}
    leads_to: {description: Where that leads in words., type: str}
    wrong: {description: "What is wrong, in sentences.", type: list, elements: str}
    companies: {description: For how many companies., type: int}
    first_companies: {description: The names of the first five., type: list, elements: str}
    affected:
      description:
        - The payments of the last 60 days that were made there. Of each C(company_id), C(company), C(payment_id), C(period), C(amount),
          C(square_payment_id).
      type: list
      elements: dict
    affected_count: {description: How many they are., type: int}
    affected_total: {description: What they come to., type: str}
webhook:
  description: Whether the application can tell that an event is Square's.
  returned: success
  type: dict
  contains:
    checks_signatures:
      description:
        - Whether the env file has a key. The released application has none, and wants a token of Square, which Square does not send.
      type: bool
    subscriptions:
      description:
        - Those that Square has. Of each C(id), C(name), C(enabled), C(url), and C(signature), the fingerprint of its key.
      type: list
      elements: dict
    subscription: {description: The id of the one that the env file is for; null where that is not clear., type: str}
    company_id: {description: A company under whose token it was found., type: str}
    env_file: {description: The C(url) and the fingerprint C(signature) of the env file., type: dict}
    container: {description: The same of the backend's container., type: dict}
    wrong:
      description: What of the env file is not as Square has it, C(url) or C(signature) or both.
      type: list
      elements: str
    wrong_variables: {description: The variables of these., type: list, elements: str}
    stale: {description: "What of a container is not as in the env file, which is right.", type: list, elements: str}
    answers:
      description: By status how the backend answered Square, C(count), C(first_at) and C(last_at), as far as its log goes back.
      type: dict
    refused: {description: How many answers were none of 2xx., type: int}
    refused_since: {description: Since when., type: str}
    accepted: {description: How many were., type: int}
unknown:
  description: One sentence why Square was not asked for its webhook subscriptions; null when it was.
  returned: success
  type: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.square_setting import SETTING_OPTIONS, look


def main() -> None:
    """Look at the settings."""
    module = AnsibleModule(argument_spec=SETTING_OPTIONS, supports_check_mode=True)
    try:
        result = look(module.params)
    except IncidentError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
