# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""db_failure on the real stack: every test runs the playbook as a user would, and looks from outside at what it did.

The stack has to be up (`make stack`). The tests break it and leave it healthy; run them alone, not beside other tests of the same stack.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # pytest's importlib mode does not: for the modules beside this file

from playbook import Player
from sandbox import TABLES, Sandbox


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """The stack, healthy before and after."""
    found = Sandbox()
    assert found.is_healthy(), "the stack is not healthy; start it with `make stack`"
    yield found
    assert found.is_healthy()


@pytest.fixture(scope="session", autouse=True)
def seeded_rows(sandbox: Sandbox) -> Iterator[str]:
    """The seeded rows, which are the same after all tests."""
    rows = sandbox.rows()
    assert rows.count("|") == 2 * len(TABLES), rows
    yield rows
    assert sandbox.rows() == rows


@pytest.fixture
def player(tmp_path: Path) -> Player:
    """Runs the playbook with its records in the test's own folder."""
    return Player(tmp_path / "records")
