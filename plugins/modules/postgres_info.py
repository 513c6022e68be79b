#!/usr/bin/python
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Observe the database of Circuit Sage from the application's login inwards, whatever is broken."""

from __future__ import annotations

DOCUMENTATION = r"""
module: postgres_info
short_description: Observe the database of Circuit Sage, whatever is broken
version_added: 0.1.0
description:
  - Logs in over TCP as the application does, with the password that the backend's container really has, then with the other passwords
    that are recorded, each distinct one once. Reads the catalogue, finds who holds the slots and who blocks whom, and writes a row that
    it takes back.
  - Where no login over TCP works, SQL goes through the local socket of the database's container, and where that is refused too, the
    titles of its processes and its control file tell what they can.
  - What could not be found out is null, and RV(postgres.unknown) says why. A database that is down does not fail the module.
  - Everything has its own time limit; the whole takes at most O(connect_timeout) and 3 seconds more, and O(wait).
  - No password is returned, only fingerprints under a key that is new in each run.
author: Circuit Sage contributors (@circuit-sage)
extends_documentation_fragment:
  - circuit_sage.incident_response.stack
  - circuit_sage.incident_response.postgres
attributes:
  check_mode:
    description: Changes nothing. The row of the write probe is rolled back.
    support: full
options:
  postgres_service:
    description: The Compose service of the database.
    type: str
    default: postgres
  backend_service:
    description: The Compose service of the application.
    type: str
    default: backend
  connected_pattern:
    description: A regular expression of Python for what the backend logs when it has connected to the database.
    type: str
    default: Database connection established|Server running on port
  wait:
    description:
      - How many seconds to wait for a server that is on its way up, before it is observed.
      - There is no waiting for a container that is stopped or paused.
    type: int
    default: 0
notes:
  - The file O(env_file) and the copies beside it (the files whose names begin with its name) are read for their C(POSTGRES_PASSWORD)
    only. A copy's password is tried only where the backend's own is not accepted.
"""

EXAMPLES = r"""
- name: Observe the database
  circuit_sage.incident_response.postgres_info:
    project_src: /opt/circuit-sage
    project_name: circuit-sage
  register: database

- name: Observe it when it has come up
  circuit_sage.incident_response.postgres_info:
    project_src: /opt/circuit-sage
    project_name: circuit-sage
    login_port: 15432
    wait: 20
  register: database
"""

RETURN = r"""
postgres:
  description: The observation.
  returned: success
  type: dict
  contains:
    via:
      description:
        - How SQL could be had.
        - V(tcp), with a password that was accepted; V(container), through the local socket; V(none).
      type: str
      sample: tcp
    error:
      description: What the application's own login meets, as RV(postgres.attempts); null when it works.
      type: dict
      sample: {class: password_rejected, sqlstate: 28P01, message: password authentication failed for user "circuit_sage_user"}
    attempts:
      description:
        - The logins, the application's own first. The same password shares one login, and where the server is not reached no other is
          tried.
        - RV(postgres.attempts[].class) is one of V(ok), V(refused), V(timeout), V(unreachable), V(password_rejected),
          V(role_not_permitted), V(role_missing), V(too_many_connections), V(database_not_accepting), V(database_missing),
          V(hba_rejected), V(starting_up), V(shutting_down), V(other).
      type: list
      elements: dict
      contains:
        source:
          description: V(backend), V(env_file), V(postgres_container), or the name of a copy of the env file.
          type: str
        user:
          description: The role.
          type: str
        database:
          description: The database.
          type: str
        class:
          description: What the login met.
          type: str
        sqlstate:
          description: The SQLSTATE that belongs to it.
          type: str
        message:
          description: The server's words.
          type: str
        milliseconds:
          description: How long it took; null when it was not made.
          type: int
        fingerprint:
          description: Fingerprint of the password.
          type: str
    application:
      description: The C(host), C(port), C(user) and C(database) with which the backend's container was created.
      type: dict
      sample: {host: postgres, port: "5432", user: circuit_sage_user, database: circuit_sage_db}
    password:
      description:
        - C(backend_accepted), whether the server takes the backend's password. It may still refuse the role or the database then.
        - C(accepted_sources), the sources whose password it takes.
        - C(backend_connected_before), whether the log of the backend's container shows a connection that worked, so that this very
          password did.
        - C(initialised_with_recorded), whether the database's container initialised this data directory, so that its password was the
          first.
      type: dict
      sample:
        backend_accepted: true
        accepted_sources: [backend, env_file]
        backend_connected_before: true
        initialised_with_recorded: true
    server:
      description:
        - C(version), C(system_identifier), C(initialised_at), C(started_at), C(max_connections), C(superuser_reserved_connections),
          C(in_recovery), and C(settings_of_all_roles), what C(ALTER ROLE ALL SET) has stored.
        - The identifier is known when PostgreSQL is stopped or paused, too.
      type: dict
    role:
      description:
        - The application's role. C(name), C(exists), C(can_login), C(superuser), C(connection_limit), C(valid_until), C(expired),
          C(settings).
      type: dict
    database:
      description:
        - The application's database. C(name), C(exists), C(allow_connections), C(connection_limit), C(grants), C(size_bytes), C(settings),
          C(role_settings) of the role in it, and its C(neighbours), each with C(name), C(size_bytes), C(allow_connections), and, where the
          application's database is missing, C(application_tables), how many of the application's tables it has.
      type: dict
    activity:
      description: How many sessions of clients there are (C(total)), how many more there may be (C(slots_left)), and who holds them.
      type: dict
      contains:
        holders:
          description:
            - The sessions by C(user), C(database), C(client), C(application) and C(state), with C(count), C(oldest_seconds) in that
              state, C(pids), C(service) and C(container) whose address it is, and C(sessions), which
              M(circuit_sage.incident_response.postgres_session) takes.
            - The sessions of this collection are left out.
            - C(resident_bytes) is the resident memory of their processes, shared buffers included; it is looked at only where many are open
              or a statement is long.
          type: list
          elements: dict
    active:
      description:
        - The statements at work for longer than a second, longest first. C(pid), C(backend_type), C(backend_start), C(user), C(database),
          C(client), C(client_port), C(service), C(container), C(application), C(seconds), C(wait) (what kind of event it waits for),
          C(cpu_seconds) of its process, C(computes), whether it waits for nothing and has a share of a processor, C(large_tables) that it
          names, and C(query) with C(?) for each literal.
        - C(kind) is V(read), V(write) (or it has written something), V(kept) (a backup, a restore, a migration) or V(server) (the server's
          own process).
      type: list
      elements: dict
    cores:
      description: How many processors the host has.
      type: int
    superusers:
      description: The roles that are superusers.
      type: list
      elements: str
    hba:
      description:
        - The C(file) of the rules of entry and its C(rules) as they stand in it, each with C(type), C(database), C(user), C(address),
          C(netmask), C(method), C(error) and the whole C(text).
      type: dict
    tables:
      description:
        - The tables of the schema C(public) by name, each with C(key), the name of its primary key, and whether the application's role
          C(may_read) and C(may_write), its C(owner) and the C(grants) on it.
      type: dict
    table_use:
      description: The same tables with C(name), estimated C(rows), C(seq_scans) and C(idx_scans) since the statistics were reset.
      type: list
      elements: dict
    missing_tables:
      description: The tables without which the application cannot work and that are not there, each with C(name) and C(renamed_to).
      type: list
      elements: dict
    network:
      description:
        - C(round_trip_ms) of a question that costs nothing, C(server_ms) that the server took for it itself.
        - Where the way to a running server is slow or leads nowhere, C(shaping), the rules of traffic control in the container's network,
          and the C(pid) to reach it.
      type: dict
    data_directory:
      description:
        - Where SQL cannot be had, from outside. C(path), C(mode), C(uid), C(files_uid) of a file in it, C(version) of PostgreSQL that
          made it, and C(image_version). Where these differ, C(image), the local image of the same repository that has the version.
      type: dict
    data_space:
      description: The file system of the data directory, C(path), C(size_bytes), C(free_bytes), and the C(ballast) on it.
      type: dict
    blockers:
      description:
        - The roots of the blocking chains. C(pid), C(backend_type), C(backend_start), C(user), C(database), C(client), C(client_port),
          C(service), C(container), C(application), C(state), C(transaction_seconds), C(idle_seconds), C(waiting) (how many wait because
          of it), C(relations) for which they wait, and C(query) with C(?) for each literal.
        - A prepared transaction has C(pid) 0 and the state V(prepared transaction).
      type: list
      elements: dict
    write:
      description:
        - An C(INSERT) into C(system_settings) and a C(ROLLBACK), as the application. C(ok), C(class), C(sqlstate), C(message),
          C(milliseconds).
        - C(class) is V(ok), V(read_only), V(lock_timeout), V(statement_timeout), V(cancelled), V(disk_full), V(undefined_table),
          V(permission_denied), V(constraint), V(terminated), V(shutting_down), V(out_of_memory), V(io_error), V(data_corrupted),
          V(index_corrupted), or one of the classes of a login.
      type: dict
      sample: {ok: false, class: read_only, sqlstate: "25006", message: cannot execute INSERT in a read-only transaction, milliseconds: 2}
    migrations:
      description:
        - The newest migrations that were applied, each with C(filename) and C(applied_at), the newest first; null when they could not be
          read.
      type: list
      elements: dict
    maintenance:
      description: Maintenance mode as the application reads it; null when its row could not be read over TCP.
      type: dict
      contains:
        enabled: {description: Whether it is on., type: bool}
        owned:
          description:
            - Whether somebody may still be at work - its C(expires_at) lies ahead, or a user of the application switched it on less than
              four hours ago. What SQL switched on without either has no owner, and what a run switched on for itself has none once that
              has ended.
          type: bool
        owner: {description: "Who says to own it, else the id of the user who switched it on.", type: str}
        incident: {description: The incident that switched it on., type: str}
        since: {description: When that was., type: str}
        expires_at: {description: Until when it lasts., type: str}
        minutes: {description: For how many minutes it was switched on., type: int}
        reason: {description: Why., type: str}
        for_a_run: {description: Whether it ends with the run that switched it on., type: bool}
        overdue: {description: Whether it has passed its time., type: bool}
        run_ended: {description: Whether that run is known to have ended., type: bool}
        changed_at: {description: When it was changed., type: str}
        seconds: {description: How long ago., type: int}
    content:
      description: Exact numbers of rows of C(companies), C(locations), C(subscriptions), C(subscription_payments) and C(users).
      type: dict
    unknown:
      description: Why a field is null, by the field's path.
      type: dict
      sample: {write: no login over TCP as the application works}
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import postgres_observer
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.stack_options import (
    POSTGRES_INFO_OPTIONS,
    POSTGRES_OPTIONS,
    STACK_OPTIONS,
)


def main() -> None:
    """Observe, and return the observation."""
    module = AnsibleModule(
        argument_spec={**STACK_OPTIONS, **POSTGRES_OPTIONS, **POSTGRES_INFO_OPTIONS},
        supports_check_mode=True,
    )
    try:
        postgres = postgres_observer.observe(module.params)
    except IncidentError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, postgres=postgres)


if __name__ == "__main__":
    main()
