#!/usr/bin/python
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Observe the host and what runs in the containers. The work is done by `module_utils/host_observer.py`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_info
short_description: Observe the host and what runs in the containers
version_added: 0.1.0
description:
  - Reads memory, processors, file systems, the greatest processes, who listens at the published ports of the project, and for each of its
    containers what its control group and its processes use. Control groups of version 1 and 2 are understood.
  - The processes are looked at twice, a quarter of a second apart, so that what they use and how they grow can be told.
  - Changes nothing. What this user may not read is null, and C(unknown) says why.
author: Circuit Sage contributors (@circuit-sage)
extends_documentation_fragment:
  - circuit_sage.incident_response.stack
attributes:
  check_mode:
    description: Changes nothing.
    support: full
"""

EXAMPLES = r"""
- name: Observe the host
  circuit_sage.incident_response.host_info:
    project_src: /opt/circuit-sage
    project_name: circuit-sage
  register: observed

- name: Say what the backend holds
  ansible.builtin.debug:
    msg: "{{ observed.host.containers.backend.own_private_bytes | human_readable }}"
"""

RETURN = r"""
host:
  description: The observation. Sizes are in bytes, shares from 0 to 1.
  returned: success
  type: dict
  contains:
    memory:
      description:
        - C(total_bytes), C(available_bytes), C(available_share), C(cache_bytes), C(swap_total_bytes), C(swap_free_bytes), and C(pressure),
          the percentage of time in which some or all processes waited for memory; null where the kernel does not tell.
      type: dict
    cpu: {description: "C(cores), the C(load) of the last 1, 5 and 15 minutes, and C(load_per_core) of the last minute.", type: dict}
    disks:
      description:
        - The file systems that hold the root, Docker's folder and the project, each once, C(holds) says which; C(total_bytes),
          C(free_bytes), C(free_share), C(inodes_total), C(inodes_free), C(inodes_free_share), and the C(ballast) on it (C(path), C(bytes)).
      type: list
      elements: dict
    processes:
      description:
        - The greatest users of memory, and those of the processors that are not among them. C(private_bytes) is what a process has for
          itself, C(cores) and C(growth_bytes_per_second) are between the two looks, C(own) is false for what does not belong to the
          command of its container. C(pid) and C(start_ticks) name a process for M(circuit_sage.incident_response.host_process).
      type: list
      elements: dict
    ports:
      description:
        - The published ports of the project. C(listens) says whether anybody listens there, C(docker) whether that is for this project's
          own container, and C(holder) who it is otherwise.
      type: list
      elements: dict
    containers:
      description:
        - By service. C(memory) has C(usage_bytes), C(anon_bytes), C(cache_bytes) (files, which the kernel gives back by itself),
          C(swap_bytes), C(limit_bytes) (0 is none), C(oom_kills), C(limit_share), C(cache_share); C(own_private_bytes),
          C(own_growth_bytes_per_second) and C(own_cores) are those of the processes of its own command; C(open_files) and
          C(open_files_limit) those of the process with the most; C(processes) as above. Null for a container that does not run.
      type: dict
    schedules:
      description: The crontabs and the systemd timers of the administrator by path, each with a digest of its text.
      type: dict
    sample_seconds: {description: How far apart the two looks were., type: float}
    unknown: {description: "What could not be observed, and why.", type: dict}
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.host_observer import observe
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.stack_options import STACK_OPTIONS


def main() -> None:
    """Observe, and return the observation."""
    module = AnsibleModule(argument_spec=dict(STACK_OPTIONS), supports_check_mode=True)
    try:
        observed = observe(module.params)
    except IncidentError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, host=observed)


if __name__ == "__main__":
    main()
