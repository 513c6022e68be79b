# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The payment modules on the stack's PostgreSQL: each test has a database of its own, and a simulator of Square that knows nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "harness"))
# The databases of the billing's tests serve here too.
sys.path.insert(0, str(Path(__file__).parents[2] / "billing_errors" / "tests"))
sys.path.insert(0, str(Path(__file__).parent))

# Else a failed assertion in one of these would not say what it compared.
pytest.register_assert_rewrite("books", "causes", "charges", "fixtures", "leaks", "playbook", "sandbox", "stack_payments")

from books import Books, Server  # noqa: E402
from charges import copied, empty  # noqa: E402
from fixtures import player, pytest_generate_tests, sandbox, seeded_rows  # noqa: E402
from sandbox import Sandbox  # noqa: E402
from square_control import SquareControl, started  # noqa: E402
from stack_payments import StackPayments  # noqa: E402

__all__ = ["player", "pytest_generate_tests", "sandbox", "seeded_rows"]


@pytest.fixture(scope="session")
def server(sandbox: Sandbox) -> Server:
    """The stack's server."""
    return Server(sandbox)


@pytest.fixture(scope="session")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SquareControl]:
    """A simulator beside the stack's own one."""
    with started(tmp_path_factory.mktemp("square")) as control:
        yield control


@pytest.fixture
def square(simulator: SquareControl) -> SquareControl:
    """A simulator in which nothing has happened, which shows payments at once."""
    simulator.reset()
    simulator.listing(0)
    return simulator


@pytest.fixture(scope="session")
def schema(server: Server) -> Iterator[str]:
    """A database with the application's schema, from which those of the tests are copied."""
    with empty(server) as made:
        made.close()
        yield made.name


@pytest.fixture
def books(server: Server, schema: str) -> Iterator[Books]:
    """A database of the test's own, without rows."""
    with copied(server, schema) as made:
        yield made


@pytest.fixture(scope="session")
def payments(sandbox: Sandbox) -> StackPayments:
    """The payments of the stack itself."""
    return StackPayments(sandbox)
