# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of every incident share. A scenario's conftest.py imports it; its tests run the playbook that is named as the scenario.

The stack has to be up (`make stack`). The tests break it and leave it healthy; run them alone, not beside other tests of the same stack.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playbook import Player
from sandbox import TABLES, Sandbox, known_faults

# What every stack on the machine suffers from; the scenario `whole_host` has it to itself.
FAULTS_OF_THE_HOST = ("host_hog",)


def incident_of(path: Path) -> str:
    """The incident that the tests in this file are about: the scenario's name."""
    return path.parents[1].name


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The tests of causes.py run for each fault of the incident, or for those that the module names in FAULTS."""
    if "story" in metafunc.fixturenames:
        known = known_faults(incident_of(Path(str(metafunc.module.__file__))))
        faults = getattr(metafunc.module, "FAULTS", None) or [fault for fault in known if fault not in FAULTS_OF_THE_HOST]
        metafunc.parametrize("story", faults, indirect=True, scope="module")


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
def player(request: pytest.FixtureRequest, tmp_path: Path) -> Player:
    """Runs the incident's playbook with its records in the test's own folder."""
    return Player(tmp_path / "records", incident_of(request.path))
