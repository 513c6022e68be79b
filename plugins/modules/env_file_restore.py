#!/usr/bin/python
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Put one variable of the env file back to the value that another place still has."""

from __future__ import annotations

DOCUMENTATION = r"""
module: env_file_restore
short_description: Put one variable of the env file back to the value that another place still has
version_added: 0.1.0
description:
  - Reads the value in a container's environment or in another env file, and writes it into the env file of the stack.
  - The value never passes through Ansible. It is read, compared and written inside the module; results and diff hold fingerprints under a
    random key, which tell equal from different within one result and nothing else.
  - The last definition of the variable is changed, the one that Docker Compose takes; where there is none, one is added at the end.
    All other bytes stay as they are. The value is quoted so that Docker Compose reads exactly this value.
  - The file is replaced in one step and keeps its owner, group and mode. Where it is a symbolic link, the file behind it is replaced.
  - No container is touched. A container takes a changed env file only when it is created again.
author: Circuit Sage contributors (@circuit-sage)
extends_documentation_fragment:
  - circuit_sage.incident_response.stack
  - circuit_sage.incident_response.postgres
attributes:
  check_mode:
    description: Reads the value and proves it, writes nothing.
    support: full
  diff_mode:
    description: Shows fingerprints, never values.
    support: full
options:
  variable:
    description: The variable of the env file.
    type: str
    required: true
  source:
    description:
      - The place that has the value.
      - C(container:SERVICE) is the environment with which the container of a Compose service was created, running or not.
      - C(copy:FILE) is another env file in the same folder.
      - C(env_file) is the env file itself, whose value is right already. Nothing is changed then.
    type: str
    required: true
  source_variable:
    description:
      - What the source calls the variable.
      - Default is O(variable), and in the container of the backend the name that the compose file gives it there, such as
        C(DB_PASSWORD) for C(POSTGRES_PASSWORD).
    type: str
  backup_name:
    description:
      - Name of a copy of the file as it was, written beside the env file with mode 0600 before the change.
      - A file of that name with another content is never overwritten; the module fails before it changes anything.
      - Without it, no copy is kept.
    type: str
  prove_login:
    description:
      - Log in to the database with the value before it is written, and refuse a value that the server does not accept.
      - Default is V(true) for C(POSTGRES_PASSWORD), C(DB_PASSWORD) and C(PGPASSWORD), else V(false).
    type: bool
"""

EXAMPLES = r"""
- name: Put the password that PostgreSQL was set up with back into the env file
  circuit_sage.incident_response.env_file_restore:
    project_src: /opt/circuit-sage
    project_name: circuit-sage
    variable: POSTGRES_PASSWORD
    source: container:postgres
    backup_name: .env.production.before-restore

- name: Take the key of the tokens from a copy of the env file
  circuit_sage.incident_response.env_file_restore:
    project_src: /opt/circuit-sage
    project_name: circuit-sage
    variable: JWT_SECRET
    source: copy:.env.production.good
"""

RETURN = r"""
variable:
  description: The variable.
  returned: success
  type: str
  sample: POSTGRES_PASSWORD
backup:
  description: The copy of the file as it was, in check mode the one that would be written; none without O(backup_name) or a change.
  returned: success
  type: str
  sample: /opt/circuit-sage/.env.production.before-restore
fingerprint_before:
  description: Fingerprint of the value that was there, none where there was no such variable.
  returned: success
  type: str
  sample: a1b2c3d4e5f6
fingerprint_after:
  description: Fingerprint of the value that is there now.
  returned: success
  type: str
  sample: 0f1e2d3c4b5a
"""

import typing as t
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import recorded_value
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.atomic_file import (
    has_other_content,
    keep_copy,
    replace_content,
)
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.docker_engine import DockerEngine
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.env_file import parse
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.env_file_edit import with_value
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.fingerprint import Fingerprints
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.password_login import ACCEPTED, log_in, server_of
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.stack_options import POSTGRES_OPTIONS, STACK_OPTIONS

DATABASE_PASSWORDS = ("POSTGRES_PASSWORD", "DB_PASSWORD", "PGPASSWORD")
SOURCES = (recorded_value.CONTAINER, recorded_value.COPY, recorded_value.ENV_FILE)


def find_value(options: dict[str, t.Any], source: recorded_value.Source, path: Path) -> str:
    """The value that the source has."""
    engine = DockerEngine(options["docker_host"], options["docker_timeout"])
    name = options["source_variable"] or recorded_value.name_at(source, options["variable"])
    return recorded_value.find_value(
        source, name, path, lambda service: recorded_value.environments_of(engine, options["project_name"], service)
    )


def refuse_unproven(options: dict[str, t.Any], source: recorded_value.Source, variables: dict[str, str], value: str) -> None:
    """A password that the server does not take must not get into the file."""
    server = server_of(options, variables)
    login = log_in(server, value)
    if login.outcome != ACCEPTED:
        raise IncidentError(
            f"the server at {server} did not prove the value of {source} as the password of {server.user} ({login.reason}), so the file "
            "was left as it is; name the source whose password the server accepts, or mend what keeps the login from working"
        )


def restore(options: dict[str, t.Any], check_mode: bool) -> dict[str, t.Any]:
    """Do what the options say, in check mode all but the writing."""
    variable, backup_name = options["variable"], options["backup_name"]
    path = Path(options["project_src"]) / options["env_file"]
    source = recorded_value.source_of(options["source"], SOURCES)
    if backup_name is not None:
        recorded_value.refuse_path(backup_name)
    text = recorded_value.read_text(path)
    variables = recorded_value.variables_of(path)
    before = variables.get(variable)
    value = find_value(options, source, path)

    fingerprints = Fingerprints()
    marks = {"before": None if before is None else fingerprints.of(before), "after": fingerprints.of(value)}
    result: dict[str, t.Any] = {"changed": before != value, "variable": variable, "backup": None}
    result.update({f"fingerprint_{time}": mark for time, mark in marks.items()})
    result["diff"] = {time: "" if mark is None else f"{variable}=<{mark}>\n" for time, mark in marks.items()}
    result["diff"].update(before_header=str(path), after_header=str(path))
    if not result["changed"]:
        return result

    if options["prove_login"] if options["prove_login"] is not None else variable in DATABASE_PASSWORDS:
        refuse_unproven(options, source, variables, value)
    changed = with_value(text, variable, value)
    if parse(changed).get(variable) != value:
        raise IncidentError(f"{path} would not give {variable} this value back; write its definition as NAME=value on one line first")
    copy, old = None if backup_name is None else path.parent / backup_name, text.encode("utf-8", "surrogateescape")
    if copy is not None and has_other_content(copy, old):
        raise IncidentError(f"{copy} exists with another content; give another backup_name, or move that file away")
    result["backup"] = None if copy is None else str(copy)
    if not check_mode:
        if copy is not None:
            keep_copy(path, copy, old)
        replace_content(path, changed.encode("utf-8", "surrogateescape"))
    return result


def main() -> None:
    """Put the value back."""
    module = AnsibleModule(
        argument_spec={
            **STACK_OPTIONS,
            **POSTGRES_OPTIONS,
            "variable": {"type": "str", "required": True},
            "source": {"type": "str", "required": True},
            "source_variable": {"type": "str"},
            "backup_name": {"type": "str"},
            "prove_login": {"type": "bool"},
        },
        supports_check_mode=True,
    )
    try:
        result = restore(module.params, module.check_mode)
    except IncidentError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
