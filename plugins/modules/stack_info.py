#!/usr/bin/python
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the Docker side of the stack in one pass. The work is done by `module_utils/stack_observer.py`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: stack_info
short_description: Read the state of a Compose project in one pass
version_added: 0.1.0
description:
  - Reads every service of a Docker Compose project - state, health, restarts, image, networks, ports, mounts, limits, the end of the log -
    and where it differs from what the compose files and the env file would make of it now.
  - Changes nothing. A Docker engine that does not answer is an observation (RV(stack.engine.reachable) is V(false)), not a failure.
  - The values of environment variables do not leave the module. They are compared by fingerprints under a key that is new at each call, so
    that fingerprints of one call can be compared with each other and with nothing else. Log lines and commands are redacted.
  - An observation that cannot be made is null, and RV(stack.unknown) says why.
notes:
  - Without Docker Compose on the host, what only it can tell is null (RV(stack.services) lists the services that have a container).
  - Compose is given the env file and not the environment of the caller, so that the answer does not depend on who asks.
author: Circuit Sage contributors (@circuit-sage)
extends_documentation_fragment:
  - circuit_sage.incident_response.stack
attributes:
  check_mode:
    description: Reads the same in check mode.
    support: full
options:
  log_lines:
    description:
      - How many lines of each service's log are read, from its end. 4 MiB are read at most; when the lines hold more, the last 100
        are read.
    type: int
    default: 1000
  patterns:
    description:
      - Regular expressions of Python to look for in the log lines, by name. They are added to the built-in ones, which know the texts that
        Circuit Sage and PostgreSQL write for each kind of fault; one of the same name replaces the built-in.
    type: dict
    default: {}
  require_variables:
    description:
      - Fail when the env file lacks a variable that a compose file uses without a default. With V(false) they are only
        listed, in RV(stack.env_file.missing).
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Read the stack
  circuit_sage.incident_response.stack_info:
    project_src: /opt/circuit-sage
    project_name: circuit-sage
  register: observed

- name: Say which services do not run
  ansible.builtin.debug:
    msg: "{{ observed.stack.services | dict2items | rejectattr('value.state', 'eq', 'running') | map(attribute='key') }}"

- name: Look for one more text in the logs
  circuit_sage.incident_response.stack_info:
    project_src: /opt/circuit-sage
    project_name: circuit-sage
    patterns:
      heap_limit: JavaScript heap out of memory
"""

RETURN = r"""
stack:
  description: What was observed.
  returned: success
  type: dict
  contains:
    files:
      description: The SHA-256 of each compose file, by its name.
      type: dict
    hold:
      description:
        - The hold marker, a file C(.incident-hold) in O(project_src). C(path), and C(text), its first line, which says why somebody keeps
          the system as it is. Null when there is none.
      type: dict
      sample: {path: /opt/circuit-sage/.incident-hold, text: null}
    engine:
      description: The Docker engine.
      type: dict
      contains:
        own_service: {description: Whether it is asked where the host's service C(docker) listens., type: bool}
        reachable: {description: Whether it answered., type: bool}
        version: {description: Its version., type: str}
        api_version: {description: The newest version of its API., type: str}
        error: {description: Why it is not reachable., type: str}
    project:
      description: The Compose project.
      type: dict
      contains:
        name: {description: Its name., type: str}
        src: {description: Its folder., type: str}
        files:
          description: The compose files in use, with C(docker-compose.incident.yml) as the last where an earlier incident left it.
          type: list
          elements: str
        override: {description: Where that override is or would be., type: str}
        containers: {description: How many containers its services have., type: int}
    services:
      description: The services of the compose files, and others that have a container, by name. Null when the engine does not answer.
      type: dict
      sample:
        backend:
          present: true
          container: circuit-sage-api
          id: 301a9e728a8fa62a9eb696777fd599ff4f7eac499fecae8f306f884e5e064692
          state: running
          exit_code: 0
          oom_killed: false
          error: null
          restart_count: 0
          restart_policy: always
          health: none
          created_at: "2026-11-23T11:34:57.379Z"
          started_at: "2026-11-23T11:34:58.603Z"
          started_seconds_ago: 81.4
          finished_at: null
          image: {name: "circuit-sage-backend", id: "sha256:f2f2b374f706"}
          command: docker-entrypoint.sh npm start
          networks: [{name: circuit-sage_circuit-sage-network, address: 172.18.0.3, aliases: [301a9e728a8f, backend, circuit-sage-api]}]
          networks_expected: [{name: circuit-sage_circuit-sage-network, aliases: [backend], address: null}]
          networks_missing: []
          aliases_missing: []
          ports: [{container_port: 4000/tcp, host_address: 127.0.0.1, host_port: 4000}]
          mounts: []
          limits: {memory_bytes: 0, nano_cpus: 0, pids: 0, nofile: 0}
          limits_expected: {memory_bytes: 0, nofile: 0}
          limits_lowered: []
          environment: {drift: [{name: DB_PASSWORD, container: 5f1c0f7e2ab4, expected: 90d2a7714c3e}], missing: [], checked: 14}
          compose_drift: true
          working_dir: /opt/circuit-sage
          log:
            lines: 412
            patterns:
              password_rejected:
                count: 3
                this_life: 1
                first_at: "2026-11-23T11:34:52.120Z"
                last_at: "2026-11-23T11:34:58.911Z"
                seconds_ago: 2.4
                last_line: 'error: password authentication failed for user "circuit_sage_user"'
            tail: ["Unable to connect to the database"]
      contains:
        SERVICE:
          description:
            - One service. A service without a container has C(state) V(missing), and null or nothing in what only a container has.
          type: dict
          contains:
            present: {description: Whether it has a container., type: bool}
            container: {description: The container's name; the newest container when there are several., type: str}
            id: {description: The container's id., type: str}
            state:
              description: V(running), V(exited), V(paused), V(restarting), V(created), V(dead), V(removing) or V(missing).
              type: str
            exit_code: {description: Of the last process that ended., type: int}
            oom_killed: {description: Whether the kernel killed it for its memory limit., type: bool}
            error: {description: Why the engine could not start it., type: str}
            restart_count: {description: How often the engine started it again by itself since somebody last did., type: int}
            restart_policy: {description: The restart policy., type: str}
            health: {description: "V(healthy), V(unhealthy), V(starting), or V(none) without a health check.", type: str}
            created_at: {description: When the container was made., type: str}
            started_at: {description: When it last started., type: str}
            started_seconds_ago: {description: The same in seconds before the look., type: float}
            finished_at: {description: When it last ended., type: str}
            override_since_end: {description: Whether C(docker-compose.incident.yml) was written since then., type: bool}
            image: {description: C(name) and C(id) of the image., type: dict}
            image_created_at: {description: When the image was built., type: str}
            command: {description: "What it runs, redacted.", type: str}
            networks: {description: Networks that it is attached to., type: list, elements: dict}
            networks_expected: {description: Networks that the compose files want., type: list, elements: dict}
            networks_missing: {description: Names of those that it is not attached to., type: list, elements: str}
            aliases_missing:
              description: Names by which others cannot find it though it is attached, by network.
              type: list
              elements: dict
            ports: {description: Published ports; of a stopped container those that it asks for., type: list, elements: dict}
            mounts: {description: Mounted volumes and folders., type: list, elements: dict}
            limits: {description: Limits; 0 is none., type: dict}
            limits_expected: {description: Limits that the compose files give; 0 is none., type: dict}
            limits_lowered: {description: Names of those that are lower in the container., type: list, elements: str}
            environment:
              description:
                - Where the container's environment is not what the compose files and the env file would give it now (C(drift), values
                  as fingerprints, null for a variable that is not there), which variables it needs and lacks or has empty
                  (C(missing)), and which the compose files do not set, those of the image among them (C(added)).
              type: dict
            compose_drift:
              description:
                - Whether the compose files and the env file would make another container now, by Compose's own hash. A container that was
                  made anew alone (C(up --no-deps)) is no drift, though Compose 2.26 gives it another hash and the next plain C(up) makes
                  it once more.
              type: bool
            working_dir: {description: The folder from which Compose made the container., type: str}
            log:
              description:
                - The end of the log. C(patterns) has an entry for each pattern that was found, with how often (C(count)), how often since
                  the container last started (C(this_life)), when, how many seconds ago the last time (C(seconds_ago)), and the last
                  such line.
              type: dict
    env_file:
      description: The env file.
      type: dict
      contains:
        path: {description: Where it is., type: str}
        present: {description: Always V(true)., type: bool}
        mode: {description: "Its permissions, in octal.", type: str}
        owner: {description: Who owns it., type: str}
        mtime: {description: When it was last written., type: str}
        variables: {description: The names of its variables., type: list, elements: str}
        missing: {description: The variables that the compose files need and it lacks., type: list, elements: str}
        restorable:
          description:
            - For each missing C(variable) whose value can still be found its C(source), as
              O(circuit_sage.incident_response.env_file_restore#module:source) names it - a container that was made with it, or the
              newest copy of the env file that has the same secrets.
          type: list
          elements: dict
        copies: {description: Other files beside it whose name begins with its name., type: list, elements: str}
    files_changed_at: {description: When each compose file was last written., type: dict}
    asked:
      description:
        - What O(circuit_sage.incident_response.observation_info#module:memory_limits) and
          O(circuit_sage.incident_response.observation_info#module:pool_environment) ask for and the compose files do not say
          (C(memory_limits), C(environment)), each with what an override has to say.
      type: dict
    volumes:
      description: The project's volumes by name, each with the containers of any project that use it (C(used_by)).
      type: dict
      sample: {circuit-sage_postgres_data: {used_by: [circuit-sage-db]}}
    unknown:
      description: The observations that could not be made, each with the reason.
      type: dict
      sample: {services.backend.log: "the log could not be read: configured logging driver does not support reading"}
"""


from ansible.module_utils.basic import AnsibleModule

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.stack_observer import observe, project_of
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.stack_options import STACK_INFO_OPTIONS, STACK_OPTIONS


def main() -> None:
    """Observe once, and return it."""
    module = AnsibleModule(
        argument_spec={**STACK_OPTIONS, **STACK_INFO_OPTIONS},
        supports_check_mode=True,
    )
    given = module.params
    try:
        stack = observe(project_of(given), given["log_lines"], given["patterns"], given["require_variables"])
    except IncidentError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, stack=stack)


if __name__ == "__main__":
    main()
