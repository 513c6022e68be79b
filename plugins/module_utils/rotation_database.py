# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The database's side of a rotation: roles through the container's local socket, proofs over TCP, as the application comes."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from . import database_login, postgres_errors, rotation_role
from .container_command import CommandRunner
from .container_psql import reason_of, run_psql
from .errors import IncidentError
from .password_login import ACCEPTED, Server, log_in
from .rotation_journal import Role
from .scram import verifier
from .stack import environment_of, group_by_service, name_of

DATABASE_SERVICE, BACKEND_SERVICE = "postgres", "backend"
# It is there whatever happened to the application's own database.
MAINTENANCE_DATABASE = "postgres"
WRITE_SECONDS = 5

# The password is typed: a command line, and the environment that it is given, can be read by everybody on the host.
_FROM_THE_NETWORK = (
    'IFS= read -r PGPASSWORD && export PGPASSWORD && exec psql -X -q -A -t -w -h "$(hostname)" -U "$1" -d "$2" -c "SELECT 1" </dev/null'
)


class Containers:
    """The containers of the stack that a rotation has to do with."""

    def __init__(self, options: t.Mapping[str, t.Any]) -> None:
        self.engine = CommandRunner(options["docker_host"], options["docker_timeout"])
        self._project = options["project_name"]
        self.seconds: int = options["docker_timeout"]

    def _found(self, service: str) -> t.Mapping[str, t.Any]:
        found = group_by_service(self.engine.containers(self._project), self._project).get(service)
        if not found:
            raise IncidentError(
                f"the project {self._project} has no container of the service {service}; start it, or correct circuit_sage_project_name"
            )
        return found[0]

    def name(self, service: str) -> str:
        """The name of a service's container."""
        return name_of(self._found(service))

    def backend(self) -> tuple[dict[str, str], str]:
        """The environment that the backend was created with, and when it was started."""
        inspected = self.engine.inspect(self._found(BACKEND_SERVICE)["Id"])
        return environment_of(inspected), inspected["State"]["StartedAt"]


class RotationDatabase:
    """The roles of the stack's server, and whether they get in."""

    def __init__(self, containers: Containers, server: Server) -> None:
        self._containers = containers
        self._server = server

    def _ask(self, user: str, sql: str) -> str:
        containers = self._containers
        name = containers.name(DATABASE_SERVICE)
        return run_psql(containers.engine, name, user, MAINTENANCE_DATABASE, sql, containers.seconds).strip()

    def next_role(self, user: str) -> Role:
        """Whose turn is next after the application's role of now."""
        return rotation_role.next_role(user, self._ask(user, rotation_role.question(user)))

    def gets_in(self, user: str, password: str) -> bool:
        """Whether the server takes the password over TCP."""
        return log_in(replace(self._server, user=user), password).outcome == ACCEPTED

    def set_role(self, role: Role, password: str) -> None:
        """Create the pending role or reset it."""
        self._ask(role.current, rotation_role.set_statement(role, verifier(password)))

    def set_password(self, user: str, password: str) -> None:
        """Give the one role another password, unless it has it already."""
        if not self.gets_in(user, password):
            self._ask(user, rotation_role.password_statement(user, verifier(password)))

    def prove(self, user: str, password: str) -> None:
        """Log in over TCP, through the published port and from the containers' own network."""
        login = log_in(replace(self._server, user=user), password)
        if login.outcome != ACCEPTED:
            raise IncidentError(f"the login of {user} at {self._server} failed ({login.reason}); look into pg_hba.conf")
        containers = self._containers
        command = ["sh", "-c", _FROM_THE_NETWORK, "sh", user, self._server.database]
        typed = f"{password}\n".encode()
        done = containers.engine.run(containers.name(DATABASE_SERVICE), command, typed=typed, seconds=containers.seconds)
        if done.status != 0:
            reason = reason_of(done.errors.decode("utf-8", "replace"))
            raise IncidentError(f"the login of {user} from the containers' network failed ({reason}); look into pg_hba.conf")

    def prove_write(self, user: str, password: str) -> None:
        """Write a row as the application would, and take it back."""
        login = database_login.Login(self._server.host, self._server.port, user, self._server.database, password)
        session = database_login.Session(login, WRITE_SECONDS)
        try:
            if session.answer.kind != postgres_errors.OK:
                raise IncidentError(f"the login of {user} at {self._server} failed ({session.answer.message}); look into pg_hba.conf")
            write = session.write()
        finally:
            session.close()
        if write.kind != postgres_errors.OK:
            raise IncidentError(f"a write as {user} failed ({write.message}); mend that first (db_failure), then run again")

    def retire(self, administrator: str, role: str) -> dict[str, t.Any]:
        """Take login and password from a role, and end its sessions."""
        self._ask(administrator, rotation_role.retire_statement(role))
        return rotation_role.ended(self._ask(administrator, rotation_role.end_statement(role)), role)

    def end_older(self, role: str, began_before: str) -> dict[str, t.Any]:
        """End the sessions that came in with the password before."""
        return rotation_role.ended(self._ask(role, rotation_role.end_statement(role, began_before)), role)
