# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The billing modules on the stack's PostgreSQL, each test in a database of its own with the application's schema and seeded rows."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "harness"))
sys.path.insert(0, str(Path(__file__).parent))

# Else a failed assertion in one of these would not say what it compared.
pytest.register_assert_rewrite("books", "causes", "fixtures", "leaks", "playbook", "sandbox")

from books import Books, Server  # noqa: E402
from fixtures import player, pytest_generate_tests, sandbox, seeded_rows  # noqa: E402
from sandbox import Sandbox  # noqa: E402

__all__ = ["player", "pytest_generate_tests", "sandbox", "seeded_rows"]


@pytest.fixture(scope="session")
def server(sandbox: Sandbox) -> Iterator[Server]:
    """The stack's server, with a template of a healthy database while the tests run."""
    found = Server(sandbox)
    found.make_template()
    yield found
    found.drop_all()


@pytest.fixture
def books(server: Server) -> Iterator[Books]:
    """A healthy database of the test's own."""
    with server.database() as made:
        yield made


@pytest.fixture(scope="module")
def empty_books(server: Server) -> Iterator[Books]:
    """A database for a whole module, which its tests fill anew."""
    with server.database() as made:
        yield made
