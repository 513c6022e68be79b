# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups of the stack's database, restores of them, and what is looked for in its data."""

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
pytest.register_assert_rewrite("books", "copies", "customer", "fixtures", "leaks", "playbook", "sandbox")

from books import Books, Server  # noqa: E402
from copies import Copies  # noqa: E402
from fixtures import player, sandbox, seeded_rows  # noqa: E402
from sandbox import Sandbox  # noqa: E402

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


@pytest.fixture(scope="session")
def proven(sandbox: Sandbox, seeded_rows: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one backup of the seeded rows, which tests copy: making it takes a second."""
    return Path(Copies(sandbox, tmp_path_factory.mktemp("proven")).create()["backup"]["path"]).parent


@pytest.fixture
def copies(sandbox: Sandbox, tmp_path: Path) -> Iterator[Copies]:
    """Backups in a folder of the test's own; what a test leaves of databases is dropped."""
    made = Copies(sandbox, tmp_path / "backups")
    yield made
    made.drop_all()
