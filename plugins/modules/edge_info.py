#!/usr/bin/python
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask the health addresses of the service. The work is done by `module_utils/http_probe.py`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: edge_info
short_description: Ask the health addresses of the service
version_added: 0.1.0
description:
  - Asks all the addresses at the same time, each with a time-out, and says what kind of answer came.
  - Whether the service answers is decided by the first address, in the given order, that exists. An address that answers 404 does not
    exist in this release of Circuit Sage, which is not an outage.
  - Only a health report counts as health. A page with status 200 does not.
  - Where addresses are given for it, it also asks for what a visitor meets - the certificate, the page through the edge, the page of the
    frontend itself, an answer of the API.
  - Changes nothing. No answer is an observation, not a failure. Proxies of the environment are not used.
author: Circuit Sage contributors (@circuit-sage)
extends_documentation_fragment:
  - circuit_sage.incident_response.edge
attributes:
  check_mode:
    description: Asks the same in check mode.
    support: full
options:
  urls:
    description:
      - The health addresses, the one that counts most first.
    type: list
    elements: str
    required: true
  timeout:
    description:
      - How many seconds one answer may take.
    type: float
    default: 3
  validate_certs:
    description:
      - Whether a certificate has to be valid.
    type: bool
    default: true
  wait:
    description:
      - Ask again until the service answers, for so many seconds at most. V(0) asks once.
    type: float
    default: 0
"""

EXAMPLES = r"""
- name: Ask nginx, then the backend
  circuit_sage.incident_response.edge_info:
    urls:
      - https://app.example.com/api/health
      - http://127.0.0.1:4000/health
  register: probed

- name: Wait until the service answers
  circuit_sage.incident_response.edge_info:
    urls: [http://127.0.0.1:4000/health]
    wait: 30
  register: probed
  failed_when: not probed.edge.answers
"""

RETURN = r"""
edge:
  description: What was observed.
  returned: success
  type: dict
  contains:
    answers:
      description: Whether the service answers and says that it is healthy. Null when none of the addresses exists.
      type: bool
    probes:
      description: One entry for each address, in the given order.
      type: list
      elements: dict
      contains:
        url: {description: The address., type: str}
        status: {description: "The HTTP status, null when there was no answer.", type: int}
        class:
          description:
            - V(ok), V(unhealthy), V(not_found), V(bad_gateway), V(gateway_timeout), V(maintenance), V(refused), V(closed),
              V(timeout), V(tls) or V(other).
          type: str
        milliseconds: {description: How long it took., type: int}
        database: {description: "What the health report says of the database, such as V(connected).", type: str}
        body: {description: "The first 200 characters of the answer, redacted.", type: str}
        error: {description: Why there was no answer., type: str}
      sample:
        - url: http://127.0.0.1:4000/health
          status: 503
          class: unhealthy
          milliseconds: 21
          database: disconnected
          body: '{"status":"unhealthy","database":"disconnected"}'
          error: null
    tls:
      description: The certificate that the edge shows; null when it is not asked over HTTPS.
      type: dict
      contains:
        host: {description: Whom the certificate has to be for., type: str}
        port: {description: The port., type: int}
        class:
          description:
            - V(ok), V(expired), V(not_yet_valid), V(other_name), V(untrusted), V(refused), V(closed), V(timeout), V(no_tls) or V(other).
          type: str
        not_after: {description: When it ends., type: str}
        days_left: {description: Whole days until then., type: int}
        error: {description: What is wrong with it., type: str}
        milliseconds: {description: How long it took., type: int}
    page:
      description:
        - The answer to O(edge_url), null when it is not asked. C(url), C(status), C(class), C(body), C(error), C(milliseconds) as in
          RV(edge.probes).
        - C(class) is V(ok), V(bad_gateway), V(unavailable), V(gateway_timeout), V(error) (another 5xx), V(refused), V(closed), V(timeout),
          V(tls) (no page is asked for without a valid certificate) or V(other).
      type: dict
    frontend:
      description: The answer to O(frontend_url), in the same form.
      type: dict
    api:
      description:
        - The answer to O(api_url), in the same form. C(class) is V(ok) for every answer that the application gave on purpose, V(error) for
          another 5xx, V(limited), V(not_found) or V(maintenance).
      type: dict
    suspect:
      description: Whether the outside shows trouble at the edge itself, so that nginx is worth looking at.
      type: bool
    unknown:
      description: The observations that could not be made, each with the reason.
      type: dict
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import edge_probe
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.observation import observe_edge
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.stack_options import EDGE_INFO_OPTIONS


def main() -> None:
    """Ask, and return the answers."""
    module = AnsibleModule(
        argument_spec={**EDGE_INFO_OPTIONS, "wait": {"type": "float", "default": 0}},
        supports_check_mode=True,
    )
    given = module.params
    try:
        edge_probe.check_urls(given)
        edge = observe_edge(given, wait=given["wait"])
    except IncidentError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, edge=edge)


if __name__ == "__main__":
    main()
