#!/usr/bin/python
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Give the application's database role the password that is recorded for it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: postgres_role_password
short_description: Give the application's database role the password that is recorded for it
version_added: 0.1.0
description:
  - Takes back an C(ALTER ROLE ... PASSWORD) that was made by hand. The role gets the password of the env file, or the one with which a
    container was created.
  - Nothing is changed where a login over TCP with that password works already. After a change, such a login has to work, else the module
    fails.
  - Works through C(psql) in the database's container, over its local socket. The server gets a SCRAM-SHA-256 verifier that is made inside
    the module, so that the password is neither in a command line nor in the server's log, whatever the server logs.
  - Refuses where a new password would not help, because the role's password has expired (C(VALID UNTIL)), the role may not log in, or the
    server failed the login for another reason. C(VALID UNTIL) is left as it is.
  - Touches neither the env file nor any container.
author: Circuit Sage contributors (@circuit-sage)
extends_documentation_fragment:
  - circuit_sage.incident_response.stack
  - circuit_sage.incident_response.postgres
attributes:
  check_mode:
    description: Looks whether the login works and whether a new password would help, changes nothing.
    support: full
  diff_mode:
    description: Shows a fingerprint, never the password or its verifier.
    support: full
options:
  source:
    description:
      - The place that has the password.
      - C(env_file) is the env file of the stack.
      - C(container:SERVICE) is the environment with which the container of a Compose service was created, running or not.
    type: str
    required: true
  source_variable:
    description:
      - The variable that holds the password there.
      - Default is C(POSTGRES_PASSWORD), and C(DB_PASSWORD) in the container of the backend.
    type: str
"""

EXAMPLES = r"""
- name: Give the role the password of the env file back
  circuit_sage.incident_response.postgres_role_password:
    project_src: /opt/circuit-sage
    project_name: circuit-sage
    source: env_file

- name: Give the role the password that the running backend uses
  circuit_sage.incident_response.postgres_role_password:
    project_src: /opt/circuit-sage
    project_name: circuit-sage
    source: container:backend
"""

RETURN = r"""
role:
  description: The role.
  returned: always
  type: str
  sample: circuit_sage_user
fingerprint:
  description: Fingerprint of the password under a random key.
  returned: success
  type: str
  sample: a1b2c3d4e5f6
proven:
  description: Whether a login over TCP with the password worked. In check mode a needed change is not proven.
  returned: success
  type: bool
  sample: true
"""

import typing as t
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import recorded_value, role_password
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.container_command import CommandRunner
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.container_psql import run_psql
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.fingerprint import Fingerprints
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.password_login import ACCEPTED, Server, log_in, server_of
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.scram import verifier
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.stack import group_by_service, name_of
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.stack_options import POSTGRES_OPTIONS, STACK_OPTIONS

SOURCES = (recorded_value.ENV_FILE, recorded_value.CONTAINER)
DATABASE_SERVICE = "postgres"
# It is there whatever happened to the application's own database, which may be what is mended next.
MAINTENANCE_DATABASE = "postgres"


def database_container(engine: CommandRunner, project: str) -> str:
    """The container of the database's service, by its name."""
    found = group_by_service(engine.containers(project), project).get(DATABASE_SERVICE)
    if not found:
        raise IncidentError(f"the project {project} has no container of the service {DATABASE_SERVICE}; start it, or correct project_name")
    return name_of(found[0])


def set_password(
    engine: CommandRunner, options: dict[str, t.Any], administrator: str, server: Server, password: str, check_mode: bool
) -> None:
    """Look at the role in the container's server, and set its password unless that cannot help."""
    container = database_container(engine, options["project_name"])

    def ask(sql: str) -> str:
        return run_psql(engine, container, administrator, MAINTENANCE_DATABASE, sql, options["docker_timeout"])

    role = role_password.role_of(server.user, ask(role_password.question(server.user)))
    role_password.refuse_hopeless(role, server, password)
    if not check_mode:
        ask(role_password.statement(server.user, verifier(password)))


def give(options: dict[str, t.Any], check_mode: bool, result: dict[str, t.Any]) -> None:
    """Do what the options say, and write down in the result what was done so far."""
    path = Path(options["project_src"]) / options["env_file"]
    source = recorded_value.source_of(options["source"], SOURCES)
    variables = recorded_value.variables_of(path)
    server = server_of(options, variables)
    result["role"] = server.user
    engine = CommandRunner(options["docker_host"], options["docker_timeout"])
    name = options["source_variable"] or recorded_value.name_at(source, "POSTGRES_PASSWORD")
    password = recorded_value.find_value(
        source, name, path, lambda service: recorded_value.environments_of(engine, options["project_name"], service)
    )
    mark = Fingerprints().of(password)
    login = log_in(server, password)
    result.update(fingerprint=mark, proven=login.outcome == ACCEPTED)
    if result["proven"]:
        return
    role_password.refuse_other_failure(login, server)
    # The role that the database was set up with is its superuser, whichever role the application uses.
    administrator = server_of({**options, "login_user": None}, variables).user
    set_password(engine, options, administrator, server, password, check_mode)
    result["changed"] = True
    result["diff"] = {"before": f"{server.user}: <another password>\n", "after": f"{server.user}: <{mark}>\n"}
    if check_mode:
        return
    login = log_in(server, password)
    if login.outcome != ACCEPTED:
        raise IncidentError(
            f"the role {server.user} has the password of {source} now, but the login at {server} still fails ({login.reason}); "
            "mend what that says, and log in again"
        )
    result["proven"] = True


def main() -> None:
    """Give the role its password back."""
    module = AnsibleModule(
        argument_spec={
            **STACK_OPTIONS,
            **POSTGRES_OPTIONS,
            "source": {"type": "str", "required": True},
            "source_variable": {"type": "str"},
        },
        supports_check_mode=True,
    )
    result: dict[str, t.Any] = {"changed": False}
    try:
        give(module.params, module.check_mode, result)
    except IncidentError as error:
        module.fail_json(msg=str(error), **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
