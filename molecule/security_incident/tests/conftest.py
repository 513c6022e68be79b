# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""security_incident on the real stack: every test runs the playbook as a user would, and looks from outside at what it did."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "harness"))
# What a rotation has changed is put back as its own tests do it.
sys.path.insert(0, str(Path(__file__).parents[2] / "security_rotation" / "tests"))

# Else a failed assertion in one of these would not say what it compared.
pytest.register_assert_rewrite("causes", "evidence_key", "fixtures", "leaks", "playbook", "sandbox", "stack_secrets")

from evidence_key import key  # noqa: E402
from fixtures import player, pytest_generate_tests, sandbox, seeded_rows  # noqa: E402
from sandbox import Sandbox  # noqa: E402
from stack_secrets import StackSecrets  # noqa: E402

__all__ = ["key", "player", "pytest_generate_tests", "sandbox", "seeded_rows"]


@pytest.fixture(scope="module")
def secrets_of_the_stack(sandbox: Sandbox) -> Iterator[StackSecrets]:
    """The stack's own secrets, which are put back after the tests that rotate some: all others know the first ones."""
    kept = StackSecrets(sandbox)
    yield kept
    kept.put_back()
