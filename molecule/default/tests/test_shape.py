# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shape of the compose project: names, published ports, restart policy, limits, health checks, volume, logs, env file."""

from __future__ import annotations

import json
import stat

import pytest
from circuit_sage import CircuitSage

SERVICES = ("postgres", "backend", "frontend")
PORTS = {"postgres": "5432/tcp", "backend": "4000/tcp", "frontend": "3000/tcp"}


@pytest.mark.parametrize("service", SERVICES)
def test_container_belongs_to_the_project_and_runs(system: CircuitSage, service: str) -> None:
    """The container that carries the known name is the compose project's service of that name."""
    found = system.inspect(service)
    assert found["State"]["Status"] == "running"
    assert found["Config"]["Labels"]["com.docker.compose.project"] == system.settings.project
    assert found["Config"]["Labels"]["com.docker.compose.service"] == service
    assert found["Config"]["Labels"]["com.docker.compose.project.working_dir"] == str(system.settings.project_src)


@pytest.mark.sandbox_only(reason="the real application keeps postgres unpublished in some releases; the sandbox always publishes it")
def test_postgres_is_published(system: CircuitSage) -> None:
    """PostgreSQL is reached from the host at the address of the settings."""
    published = system.inspect("postgres")["HostConfig"]["PortBindings"]["5432/tcp"]
    assert [binding["HostPort"] for binding in published] == [str(system.settings.postgres_port)]


@pytest.mark.parametrize("service", SERVICES)
def test_published_on_loopback_only(system: CircuitSage, service: str) -> None:
    """One port of each service, on 127.0.0.1 and nowhere else."""
    published = system.inspect(service)["HostConfig"]["PortBindings"]
    assert set(published) == {PORTS[service]}
    assert {binding["HostIp"] for bindings in published.values() for binding in bindings} == {"127.0.0.1"}


@pytest.mark.parametrize("service", SERVICES)
def test_restart_policy(system: CircuitSage, service: str) -> None:
    """`restart: always`."""
    assert system.inspect(service)["HostConfig"]["RestartPolicy"]["Name"] == "always"


@pytest.mark.parametrize("service", SERVICES)
def test_no_limits(system: CircuitSage, service: str) -> None:
    """No limit of memory, processors or processes."""
    limits = system.inspect(service)["HostConfig"]
    assert {limits[name] or 0 for name in ("Memory", "NanoCpus", "CpuQuota", "PidsLimit")} == {0}


def test_health_check_of_postgres(system: CircuitSage) -> None:
    """pg_isready, for the application's user and database."""
    found = system.inspect("postgres")
    assert found["Config"]["Healthcheck"]["Test"] == ["CMD-SHELL", f"pg_isready -U {system.user} -d {system.database}"]
    assert found["State"]["Health"]["Status"] == "healthy"


@pytest.mark.parametrize("service", ["backend", "frontend"])
def test_no_health_check(system: CircuitSage, service: str) -> None:
    """Docker knows nothing about the health of backend and frontend."""
    found = system.inspect(service)
    assert "Healthcheck" not in found["Config"]
    assert "Health" not in found["State"]


@pytest.mark.parametrize("service", SERVICES)
def test_log_options(system: CircuitSage, service: str) -> None:
    """json-file, three files of 10 MB."""
    assert system.inspect(service)["HostConfig"]["LogConfig"] == {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}}


def test_one_bridge_network(system: CircuitSage) -> None:
    """All three on one bridge network, found there under the names of their services."""
    assert system.docker.api.inspect_network(system.settings.network)["Driver"] == "bridge"
    for service in SERVICES:
        networks = system.inspect(service)["NetworkSettings"]["Networks"]
        assert set(networks) == {system.settings.network}
        assert service in networks[system.settings.network]["Aliases"]


def test_data_volume(system: CircuitSage) -> None:
    """The data directory is a named volume of the project."""
    data = [mount for mount in system.inspect("postgres")["Mounts"] if mount["Destination"] == "/var/lib/postgresql/data"]
    assert [(mount["Type"], mount["Name"], mount["RW"]) for mount in data] == [("volume", system.settings.volume, True)]
    labels = system.docker.api.inspect_volume(system.settings.volume)["Labels"]
    assert labels["com.docker.compose.project"] == system.settings.project
    assert labels["com.docker.compose.volume"] == "postgres_data"


def test_env_file_is_private(system: CircuitSage) -> None:
    """Mode 0600."""
    assert stat.S_IMODE(system.settings.env_file.stat().st_mode) == 0o600


def test_env_file_has_productions_variables(system: CircuitSage) -> None:
    """The variables that an operator finds in production, none of the secrets empty."""
    needed = {
        "POSTGRES_PASSWORD",
        "JWT_SECRET",
        "ENCRYPTION_KEY",
        "ALLOWED_ORIGINS",
        "FRONTEND_URL",
        "SENDGRID_API_KEY",
        "SENDGRID_FROM_EMAIL",
    }
    needed |= {"NEXT_PUBLIC_API_URL", "DOMAIN_NAME"}
    assert {name for name in needed if not system.env.get(name)} == set()


def test_backend_is_told_the_database(system: CircuitSage) -> None:
    """DB_* of the backend come from POSTGRES_*, and the secrets are passed on."""
    told = system.container_env("backend")
    assert (told["DB_HOST"], told["DB_USER"], told["DB_NAME"]) == ("postgres", system.user, system.database)
    # Compared here, so that a failure shows no secret.
    assert [told[name] == system.env[source] for name, source in (("DB_PASSWORD", "POSTGRES_PASSWORD"), ("JWT_SECRET", "JWT_SECRET"))] == [
        True,
        True,
    ]
    assert (told["ENCRYPTION_KEY"] == system.env["ENCRYPTION_KEY"]) is True


def test_defaults_of_the_optional_variables(system: CircuitSage) -> None:
    """Without them in the env file: user, database, price and billing day as documented."""
    done = system.compose("config", "--format", "json", options=["--env-file", "/dev/null"])
    assert done.returncode == 0, done.stderr
    services = json.loads(done.stdout)["services"]
    assert services["postgres"]["environment"]["POSTGRES_USER"] == "circuit_sage_user"
    assert services["postgres"]["environment"]["POSTGRES_DB"] == "circuit_sage_db"
    assert services["backend"]["environment"].get("BILLING_AMOUNT_PER_LOCATION", "50") == "50"
    assert services["backend"]["environment"].get("BILLING_DAY_OF_MONTH", "1") == "1"
