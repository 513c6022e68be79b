# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rotations of the stack's own secrets, and of systems that are made for a test on the stack's PostgreSQL."""

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
pytest.register_assert_rewrite("books", "fixtures", "leaks", "made_system", "playbook", "sandbox", "stack_secrets")

from books import Books, Server  # noqa: E402
from fixtures import player, sandbox, seeded_rows  # noqa: E402
from made_system import MadeSystem  # noqa: E402
from sandbox import Sandbox  # noqa: E402
from stack_secrets import StackSecrets  # noqa: E402

__all__ = ["player", "sandbox", "seeded_rows"]


@pytest.fixture(scope="module")
def server(sandbox: Sandbox) -> Iterator[Server]:
    """The stack's server, with a template of a healthy database while the tests run."""
    found = Server(sandbox)
    found.make_template()
    yield found
    found.drop_all()


@pytest.fixture
def books(server: Server) -> Iterator[Books]:
    """A database of the test's own."""
    with server.database() as made:
        yield made


@pytest.fixture
def system(books: Books, tmp_path: Path) -> Iterator[MadeSystem]:
    """A system of the test's own: an env file, a role, a database with credentials, and what stands for the backend."""
    made = MadeSystem(books, tmp_path)
    yield made
    made.drop()


@pytest.fixture(scope="session")
def secrets_of_the_stack(sandbox: Sandbox, seeded_rows: str) -> Iterator[StackSecrets]:
    """The stack's own secrets, which are put back at the end: its other tests know the first ones."""
    kept = StackSecrets(sandbox)
    yield kept
    kept.put_back()
