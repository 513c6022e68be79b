#!/usr/bin/python
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""End sessions of PostgreSQL that the caller names, and no others."""

from __future__ import annotations

DOCUMENTATION = r"""
module: postgres_session
short_description: End named sessions of PostgreSQL
version_added: 0.1.0
description:
  - Ends the sessions that are named by their process numbers, or cancels what they do, after looking once more that each still is the one
    that is meant and in a state in which it may be ended.
  - Works from inside the database's container. By SQL through its local socket; where the server lets nobody in because its slots are
    full or the only superuser may not log in, by the signal that C(pg_terminate_backend) would send (C(pg_ctl kill TERM)), never by
    C(kill -9), which would make the server end every session.
  - Only sessions of clients are ended, never the server's own processes.
  - SQL is run as the env file's C(POSTGRES_USER), the superuser with which the database was set up. The connection options are accepted, so
    that they can be given once for all modules, and not used.
author: Circuit Sage contributors (@circuit-sage)
extends_documentation_fragment:
  - circuit_sage.incident_response.stack
  - circuit_sage.incident_response.postgres
attributes:
  check_mode:
    description: Looks at the sessions and says which would be ended.
    support: full
  diff_mode:
    description: Shows the sessions that are ended.
    support: full
options:
  sessions:
    description:
      - The sessions, each with its C(pid), and as far as given C(backend_start), C(user), C(database), C(client) and C(client_port),
        which then have to agree. What M(circuit_sage.incident_response.postgres_info) returns as C(blockers), or as C(sessions) of one
        of the C(holders), can be given as it is; other keys are left aside.
      - Without C(backend_start) a later session that got the same number cannot be told from the one that is meant.
    type: list
    elements: dict
    required: true
  state:
    description:
      - V(terminated) ends the session, and its open transaction is rolled back.
      - V(cancelled) ends only the statement at work; the session stays.
      - Either is waited for, five seconds at most, after which the module fails.
    type: str
    choices: [terminated, cancelled]
    default: terminated
  only_states:
    description:
      - The states in which a session may be ended.
      - Default is V(active) for O(state=cancelled), and for O(state=terminated) the idle ones, that is all others.
    type: list
    elements: str
    choices:
      - active
      - idle
      - idle in transaction
      - idle in transaction (aborted)
  min_idle_seconds:
    description:
      - How many seconds a session must have been in its state. Where only processes can be seen this is unknown, and with a value above 0
        nothing is ended.
    type: float
    default: 0
  postgres_service:
    description: The Compose service of the database.
    type: str
    default: postgres
"""

EXAMPLES = r"""
- name: End the idle transaction that blocks others
  circuit_sage.incident_response.postgres_session:
    project_src: /opt/circuit-sage
    project_name: circuit-sage
    sessions: "{{ database.postgres.blockers }}"
    only_states: [idle in transaction]
    min_idle_seconds: 30

- name: End one session
  circuit_sage.incident_response.postgres_session:
    project_src: /opt/circuit-sage
    project_name: circuit-sage
    sessions:
      - pid: 4711
        backend_start: "2026-11-23T07:56:07.123456Z"
"""

RETURN = r"""
ended:
  description: The sessions that were ended, or in check mode would be.
  returned: always
  type: list
  elements: dict
  sample:
    - pid: 4711
      backend_start: "2026-11-23T07:56:07.123456Z"
      user: circuit_sage_user
      database: circuit_sage_db
      client: 172.30.83.1
      client_port: 58844
      state: idle in transaction
gone:
  description: The numbers that no session has any more.
  returned: always
  type: list
  elements: int
refused:
  description: The C(pid) of each session that was left alone, and the C(reason).
  returned: always
  type: list
  elements: dict
  sample:
    - pid: 4712
      reason: its state is active, and only idle in transaction may be ended
via:
  description: V(sql) or V(signals); null when no session was named.
  returned: always
  type: str
  sample: sql
sql_refused:
  description: Why SQL could not be had, where signals were used; else null.
  returned: always
  type: str
"""

import typing as t
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import session_ender, session_ending, sessions
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.container_command import CommandRunner
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.database_container import DatabaseContainer
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.password_login import server_of
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.recorded_value import variables_of
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.stack import group_by_service, name_of
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.stack_options import POSTGRES_OPTIONS, STACK_OPTIONS


def rules_of(options: dict[str, t.Any]) -> session_ending.Rules:
    """In which states, and how long in it, a session may be ended."""
    default = ("active",) if options["state"] == session_ending.CANCELLED else sessions.IDLE_STATES
    if options["min_idle_seconds"] < 0:
        raise IncidentError("min_idle_seconds is below 0; give the number of seconds, or 0")
    return session_ending.Rules(options["only_states"] or default, options["min_idle_seconds"])


def running_container(engine: CommandRunner, options: dict[str, t.Any]) -> str:
    """The database's container, which has to run."""
    service = options["postgres_service"]
    found = group_by_service(engine.containers(options["project_name"]), options["project_name"]).get(service)
    if not found:
        raise IncidentError(f"the project {options['project_name']} has no container of the service {service}; correct project_name")
    if found[0]["State"] != "running":
        state = found[0]["State"]
        raise IncidentError(f"the container of the service {service} is {state}, so no session of it can be ended; bring it up first")
    return name_of(found[0])


def end(options: dict[str, t.Any], check_mode: bool, result: dict[str, t.Any]) -> None:
    """Do what the options say, and write down in the result what was done so far."""
    wanted = session_ending.named(options["sessions"])
    rules = rules_of(options)
    if not wanted:
        return
    # The role that the database was set up with is its superuser, whichever role the application uses.
    user = server_of({**options, "login_user": None}, variables_of(Path(options["project_src"]) / options["env_file"])).user
    engine = CommandRunner(options["docker_host"], options["docker_timeout"])
    container = DatabaseContainer(engine, running_container(engine, options))
    ways = (session_ender.BySql(container, user), session_ender.BySignal(container))
    session_ender.end_sessions(ways, wanted, options["state"], rules, check_mode, result)


def main() -> None:
    """End the sessions."""
    module = AnsibleModule(
        argument_spec={
            **STACK_OPTIONS,
            **POSTGRES_OPTIONS,
            "sessions": {"type": "list", "elements": "dict", "required": True},
            "state": {"type": "str", "choices": ["terminated", "cancelled"], "default": "terminated"},
            "only_states": {"type": "list", "elements": "str", "choices": ["active", *sessions.IDLE_STATES]},
            "min_idle_seconds": {"type": "float", "default": 0},
            "postgres_service": {"type": "str", "default": "postgres"},
        },
        supports_check_mode=True,
    )
    result: dict[str, t.Any] = {"ended": [], "gone": [], "refused": [], "via": None, "sql_refused": None}
    failure = None
    try:
        end(module.params, module.check_mode, result)
    except IncidentError as error:
        failure = str(error)
    lines = [(f"{one['pid']} {one['user']}@{one['client']}", one["state"]) for one in result["ended"]]
    result["changed"] = bool(lines)
    result["diff"] = {
        "before": "".join(f"{line} {state}\n" for line, state in lines),
        "after": "".join(f"{line} {module.params['state']}\n" for line, _state in lines),
    }
    if failure:
        module.fail_json(msg=failure, **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
