# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Other values in the env file, applied by `up -d`: other secrets, no JWT_SECRET, another database password."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from circuit_sage import CircuitSage, eventually, now, plain
from credential_format import COMPLAINT, company_settings, encrypt
from made_company import PASSWORD, Company

OTHER = "conformance-other-value-0123456789abcdef"


@pytest.fixture(scope="module")
def apply(system: CircuitSage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., datetime]]:
    """Brings services up with changed values, from a copy of the env file; at the end everything is as the real one says."""
    copy: Path = tmp_path_factory.mktemp("changed") / "env"

    def changed(*services: str, **values: str) -> datetime:
        copy.touch(mode=0o600)
        copy.write_text("".join(f"{name}={value}\n" for name, value in {**system.env, **values}.items()), encoding="utf-8")
        mark = now()
        system.up(*services, env_file=copy)
        return mark

    yield changed
    system.up("postgres", "backend", alone=False)
    system.prove_health()


class TestOtherSecrets:
    """Another JWT_SECRET and another ENCRYPTION_KEY."""

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def changed(cls, system: CircuitSage, company: Company, apply: Callable[..., datetime]) -> Iterator[datetime]:
        """With credentials of the company that were encrypted before."""
        settings = company_settings(accessToken=encrypt("conformance-token", system.env["ENCRYPTION_KEY"]))
        system.sql("UPDATE companies SET settings = %s::jsonb WHERE id = %s", json.dumps(settings), company.id)
        mark = apply("backend", JWT_SECRET=OTHER, ENCRYPTION_KEY=OTHER)
        eventually(lambda: system.status(f"{system.settings.backend_url}/health") == 200, 30, "the backend is healthy")
        yield mark
        system.sql("UPDATE companies SET settings = '{}' WHERE id = %s", company.id)

    def test_sessions_have_ended(self, system: CircuitSage, token: str) -> None:
        """Every token from before is refused."""
        assert system.backend("GET", "/api/subscriptions", token=token).status == 403

    def test_credentials_are_lost_silently(self, system: CircuitSage, company: Company, changed: datetime) -> None:
        """Health and the API are 200; the log has this line."""
        fresh = system.sign_in(company.email, PASSWORD).json["data"]["accessToken"]
        assert system.backend("GET", system.settings.credentials_path, token=fresh).status == 200
        assert system.health().status == 200
        eventually(lambda: COMPLAINT in plain(system.log("backend", changed)), 10, "the backend logs it")


class TestNoJwtSecret:
    """JWT_SECRET taken out."""

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def changed(cls, system: CircuitSage, apply: Callable[..., datetime]) -> datetime:
        """Empty, which is the same."""
        mark = apply("backend", JWT_SECRET="")
        eventually(lambda: system.status(f"{system.settings.backend_url}/health") == 200, 30, "the backend is healthy")
        return mark

    def test_runs_and_nobody_can_use_it(self, system: CircuitSage, company: Company, token: str, changed: datetime) -> None:
        """Health 200; calls 403 `Unauthorized`, nobody can sign in, and the log says why."""
        reply = system.backend("GET", "/api/subscriptions", token=token)
        assert reply.status == 403
        assert "Unauthorized" in reply.text
        assert system.sign_in(company.email, PASSWORD).status >= 400
        assert system.health().status == 200
        eventually(lambda: "secret or public key must be provided" in plain(system.log("backend", changed)), 10, "the backend logs it")
        assert system.restarts("backend") == 0


class TestOtherDatabasePassword:
    """POSTGRES_PASSWORD changed in the env file only."""

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def changed(cls, system: CircuitSage, apply: Callable[..., datetime]) -> dict[str, Any]:
        """Both services take it; the data directory does not."""
        before = {service: system.inspect(service)["Id"] for service in ("postgres", "backend")}
        mark = apply("postgres", "backend", POSTGRES_PASSWORD=OTHER)
        return {"before": before, "mark": mark}

    def test_both_are_recreated(self, system: CircuitSage, changed: dict[str, Any]) -> None:
        """So both logs are gone."""
        assert all(system.inspect(service)["Id"] != identity for service, identity in changed["before"].items())

    def test_backend_crash_loops(self, system: CircuitSage, changed: dict[str, Any]) -> None:
        """28P01 in the server's words, at every start."""
        wanted = f'password authentication failed for user "{system.user}"'
        eventually(lambda: f"Migration failed: error: {wanted}" in plain(system.log("backend", changed["mark"])), 15, "the backend logs it")
        eventually(lambda: f"Database connection failed: {wanted}" in plain(system.log("backend", changed["mark"])), 10, "and once more")
        eventually(lambda: system.restarts("backend") >= 2, 20, "Docker restarts it again and again")
        assert system.edge("GET", "/api/health", timeout=10).status == 502

    def test_postgres_is_healthy_and_keeps_its_old_password(self, system: CircuitSage) -> None:
        """Docker calls it healthy, the recorded password is right, the new one is not."""
        eventually(lambda: system.container_health("postgres") == "healthy", 15, "PostgreSQL is healthy")
        assert system.sql("SELECT 1 AS one") == [{"one": 1}]
        with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
            system.connect(password=OTHER)

    def test_servers_log_names_the_user(self, system: CircuitSage) -> None:
        """And no address."""
        assert f'FATAL:  password authentication failed for user "{system.user}"' in system.log("postgres")

    def test_exec_psql_proves_nothing(self, system: CircuitSage, postgres_host: Any) -> None:
        """It still gets in: the local socket trusts."""
        assert postgres_host.run(f"psql -XAtqw -U {system.user} -d {system.database} -c 'SELECT 1'").stdout.strip() == "1"
