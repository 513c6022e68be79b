#!/usr/bin/python
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring services of the stack to run by the least that does it, or restart them; `module_utils/container_starter.py` does the work."""

from __future__ import annotations

DOCUMENTATION = r"""
module: service_start
short_description: Bring services to run, each by the least that does it, or restart them
version_added: 0.1.0
description:
  - Starts a container that is stopped, unpauses one that is paused, and ends the back-off of one that Docker would restart later. One that
    runs is left alone, so that a second run changes nothing.
  - With O(state=restarted) the services get a new life, whatever they do. That is for a process whose memory is what is wrong.
  - Never creates or recreates a container, whatever the compose files say.
  - M(community.docker.docker_container) cannot tell a container in its back-off from one that runs, and returns the environment of the
    container, with its passwords.
author: Circuit Sage contributors (@circuit-sage)
extends_documentation_fragment:
  - circuit_sage.incident_response.stack
attributes:
  check_mode:
    description: Says what would be done.
    support: full
  diff_mode:
    description: Shows the states before and after.
    support: full
options:
  services:
    description: The Compose services to bring to run, in this order.
    type: list
    elements: str
    required: true
  in_back_off:
    description:
      - Services that are looked at once O(services) are healthy, because they failed for want of them. Only one that sits out a back-off
        at that moment is started; one that runs, and one that somebody stopped, is left alone.
    type: list
    elements: str
    default: []
  healthy_within:
    description:
      - How many seconds O(services) may take to pass the health checks of their containers, when services O(in_back_off) wait for them.
        The checks are carried out at once, and not at the engine's next interval. A container without one counts as healthy.
      - When the time is over, services O(in_back_off) are left alone.
    type: int
    default: 30
  state:
    description:
      - V(started) leaves alone what runs.
      - V(restarted) ends what runs and starts it again, and refuses a container that is paused.
    type: str
    choices: [started, restarted]
    default: started
  stop_timeout:
    description: How many seconds a process may take to end by itself before the engine kills it, with O(state=restarted).
    type: int
    default: 10
"""

EXAMPLES = r"""
- name: Start PostgreSQL, and the backend when it waits to be restarted
  circuit_sage.incident_response.service_start:
    project_src: /opt/circuit-sage
    project_name: circuit-sage
    services:
      - postgres
    in_back_off:
      - backend
"""

RETURN = r"""
services:
  description:
    - What was done for each service. C(container), its C(state) before, and the C(action), one of V(start), V(unpause), V(restart), null
      when nothing was.
    - C(healthy) says whether its health check passed, null when it was not waited for or has none.
  returned: success
  type: dict
  sample:
    postgres: {container: circuit-sage-db, state: exited, action: start, healthy: true}
    backend: {container: circuit-sage-api, state: restarting, action: restart, healthy: null}
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.container_starter import bring_to_run
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.stack_options import START_OPTIONS


def main() -> None:
    """Start what does not run, and return what was done."""
    module = AnsibleModule(argument_spec=START_OPTIONS, supports_check_mode=True)
    try:
        result = bring_to_run(module.params, module.check_mode)
    except IncidentError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
