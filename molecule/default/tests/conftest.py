# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The conformance suite: what an operator may rely on about Circuit Sage, each statement a test.

It breaks the system it is pointed at and puts it back. It reads nothing but these variables, so that it can be pointed at the real
application on a host that may be broken; `-m 'not sandbox_only'` leaves out what only the sandbox can show. Where a variable is not
set, the sandbox's own SANDBOX_* variables decide, and then these defaults (`P` is the project's name):

| variable                        | default                                            | what it is                                       |
|---------------------------------|----------------------------------------------------|--------------------------------------------------|
| CIRCUIT_SAGE_PROJECT            | circuit-sage-sandbox                               | name of the compose project                      |
| CIRCUIT_SAGE_PROJECT_SRC        | molecule/stack                                     | application directory, with the compose files    |
| CIRCUIT_SAGE_COMPOSE_FILES      | docker-compose.prod.yml:docker-compose.sandbox.yml | compose files, separated by colons               |
| CIRCUIT_SAGE_ENV_FILE           | .env.production                                    | env file: database, user, password, secrets      |
| CIRCUIT_SAGE_POSTGRES_CONTAINER | P-db                                               | container names                                  |
| CIRCUIT_SAGE_BACKEND_CONTAINER  | P-api                                              |                                                  |
| CIRCUIT_SAGE_FRONTEND_CONTAINER | P-frontend                                         |                                                  |
| CIRCUIT_SAGE_NETWORK            | P_circuit-sage-network                             | Docker network                                   |
| CIRCUIT_SAGE_VOLUME             | P_postgres_data                                    | Docker volume of the data                        |
| CIRCUIT_SAGE_EDGE_HOST          | docker://P-edge                                    | where nginx runs, for testinfra (or local://)    |
| CIRCUIT_SAGE_EDGE_URL           | http://127.0.0.1:18080                             | nginx                                            |
| CIRCUIT_SAGE_EDGE_TLS_URL       | https://127.0.0.1:18443                            | nginx, encrypted                                 |
| CIRCUIT_SAGE_EDGE_ADDRESS       | 172.30.83.40                                       | nginx as another container reaches it            |
| CIRCUIT_SAGE_BACKEND_URL        | http://127.0.0.1:14000                             | published address of the backend                 |
| CIRCUIT_SAGE_FRONTEND_URL       | http://127.0.0.1:13000                             | published address of the frontend                |
| CIRCUIT_SAGE_POSTGRES_HOST      | 127.0.0.1                                          | published address of PostgreSQL                  |
| CIRCUIT_SAGE_POSTGRES_PORT      | 15432                                              |                                                  |
| CIRCUIT_SAGE_ACCESS_LOG         | /var/log/nginx/circuit-sage-access.log             | nginx's logs                                     |
| CIRCUIT_SAGE_ERROR_LOG          | /var/log/nginx/circuit-sage-error.log              |                                                  |
| CIRCUIT_SAGE_CLIENT_IMAGE       | circuit-sage-sandbox/edge:1                        | an image with curl, for other clients            |
| CIRCUIT_SAGE_CREDENTIALS_PATH   | /api/subscriptions                                 | a GET that reads Square credentials              |
| CIRCUIT_SAGE_API_HEALTH         | false                                              | whether this release answers /api/health         |
| CIRCUIT_SAGE_MAY_BREAK          | (not set)                                          | `yes` lets the suite break what is no sandbox    |

Order and time: nginx gives up after 60 s, and the backend's pool is empty only after 30 s without a request. So one request is made
to hang at the beginning; beside it run first the modules that use the backend without restarting it or ending its sessions, then
those that leave it alone. Then comes the fault that needs an empty pool, and then what breaks the backend.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
import testinfra

sys.path.insert(0, str(Path(__file__).parents[2] / "harness"))
sys.path.insert(0, str(Path(__file__).parent))  # pytest's importlib mode does not: for the modules beside this file

from circuit_sage import CircuitSage, Reply, Settings
from made_company import PASSWORD, Company, company_made
from occupied_pool import Occupants, pool_occupied

# See "Order and time" above.
BESIDE_THE_HANGING_REQUEST = (
    "test_health_and_edge",
    "test_logs",
    "test_accounts",
    "test_maintenance",
    "test_billing",
    "test_credentials",
    "test_refused_logins",
    "test_postgres_paused",
    "test_green_but_broken",
    "test_pool_used_up",
    # From here on nobody asks the backend.
    "test_shape",
    "test_schema",
    "test_postgres_access",
    "test_compose_commands",
    "test_square",
    "test_gateway_timeout",
)
AFTERWARDS = (
    "test_postgres_stopped_pool_empty",
    "test_crash",
    "test_stop_signal",
    "test_rate_limits",
    "test_restart_does_not_help",
    "test_network",
    "test_changed_settings",
)
ORDER = BESIDE_THE_HANGING_REQUEST + AFTERWARDS

NGINX_GIVES_UP = 60.0


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    config.addinivalue_line("markers", "sandbox_only(reason): cannot hold on the real application, or needs what only the sandbox has")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the modules into the order that the module's text explains; refuse a module that has no place in it."""
    unknown = {item.path.stem for item in items if item.path.parent == Path(__file__).parent} - set(ORDER)
    if unknown:
        raise pytest.UsageError(f"give {', '.join(sorted(unknown))} a place in ORDER in conftest.py")
    items.sort(key=lambda item: ORDER.index(item.path.stem) if item.path.stem in ORDER else len(ORDER))


@pytest.fixture(scope="session")
def settings() -> Settings:
    """Where the system is."""
    return Settings.from_environment(os.environ)


@pytest.fixture(scope="session")
def untouched(settings: Settings) -> Iterator[CircuitSage]:
    """The system, healthy and with fresh rate limits; healthy again when everything is over."""
    if not settings.env_file.exists():
        pytest.exit(f"there is no {settings.env_file}; start the sandbox (make stack) or set CIRCUIT_SAGE_PROJECT_SRC", returncode=2)
    system = CircuitSage(settings)
    if "SANDBOX_ID" not in system.env and os.environ.get("CIRCUIT_SAGE_MAY_BREAK") != "yes":
        pytest.exit("this suite breaks the system it is pointed at; set CIRCUIT_SAGE_MAY_BREAK=yes if this one may be broken", returncode=2)
    system.prove_health()
    system.restart_backend()
    yield system
    system.prove_health()


@pytest.fixture(scope="session")
def company(untouched: CircuitSage) -> Iterator[Company]:
    """A company for whoever needs an account or a row to hold; its billing is of no interest."""
    with company_made(untouched) as made:
        yield made


@pytest.fixture(scope="module")
def billed_company(system: CircuitSage) -> Iterator[Company]:
    """A company whose billing a module changes."""
    with company_made(system) as made:
        yield made


@pytest.fixture(scope="session")
def tokens(untouched: CircuitSage) -> Callable[[Company], str]:
    """Signs a company's administrator in, once: sign-ins are counted."""
    known: dict[str, str] = {}

    def token_of(company: Company) -> str:
        if company.id not in known:
            reply = untouched.sign_in(company.email, PASSWORD)
            assert reply.status == 200, reply.text
            known[company.id] = reply.json["data"]["accessToken"]
        return known[company.id]

    return token_of


@pytest.fixture(scope="session")
def token(tokens: Callable[[Company], str], company: Company) -> str:
    """A token of the company's administrator."""
    return tokens(company)


@pytest.fixture(scope="session")
def hanging_request(untouched: CircuitSage, company: Company, token: str) -> Iterator[Future[Reply]]:
    """A request through nginx that PostgreSQL never answers, begun before the tests that run beside it."""
    place = company.locations[-1]
    with untouched.row_locked("locations", place):
        path = f"/api/locations/{place}/free"
        yield untouched.later(untouched.edge, "PATCH", path, token=token, body={"isFree": False}, timeout=NGINX_GIVES_UP + 15)


@pytest.fixture(scope="module")
def system(request: pytest.FixtureRequest, untouched: CircuitSage, token: str) -> CircuitSage:
    """The system under test; beside the hanging request where the module's place says so. The token was got when that was harmless."""
    if request.path.stem in BESIDE_THE_HANGING_REQUEST:
        request.getfixturevalue("hanging_request")
    return untouched


@pytest.fixture(scope="module")
def occupants(system: CircuitSage, company: Company, token: str) -> Iterator[Occupants]:
    """The pool without an idle connection for a whole module; the service is healthy again afterwards."""
    with pool_occupied(system, company, token) as made:
        made.take_idle()
        yield made
    system.prove_health()


@pytest.fixture(scope="session")
def edge_host(settings: Settings) -> Any:
    """The host of nginx, for testinfra."""
    return testinfra.get_host(settings.edge_host)


@pytest.fixture(scope="session")
def postgres_host(settings: Settings) -> Any:
    """The inside of PostgreSQL's container, for testinfra."""
    return testinfra.get_host(f"docker://{settings.containers['postgres']}")
